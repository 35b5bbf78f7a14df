"""Counters of energy: a GPU's through NVML, a processor's through Linux's powercap (RAPL)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.core.errors import BenchError

POWERCAP = Path("/sys/class/powercap")


class NoCounter(BenchError):
    """There is no energy to be read; the text says why."""


def energy_counter(uuid: str) -> Callable[[], float]:
    """Return a function that reads the joules spent by the GPU ``uuid`` since its driver started.

    The counter covers the whole card and moves in steps of up to 0.1 s. Raises `NoCounter`.
    """
    import pynvml

    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError as error:
        raise NoCounter(f"NVML gives no energy: {error}") from error

    def joules() -> float:
        return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000

    return joules


def processor_energy_counter(folder: Path = POWERCAP) -> Callable[[], float]:
    """Return a function that reads the joules spent by all processor packages since it was made.

    The counters cover whole packages, with whatever else works on them. They move each millisecond
    and begin anew at their highest value, which is seen if they are read at least once in between:
    about a minute at full load. Raises `NoCounter`.
    """
    zones = sorted(folder.glob("intel-rapl:*"))  # of AMD, too; their parts have a second colon
    zones = [zone for zone in zones if zone.name.count(":") == 1]
    if not zones:
        raise NoCounter("the CPU has no energy counter here (Linux's powercap, RAPL)")
    try:
        last = [int((zone / "energy_uj").read_text()) for zone in zones]
        ranges = [int((zone / "max_energy_range_uj").read_text()) for zone in zones]
    except OSError as error:
        raise NoCounter(
            f"the CPU's energy counter cannot be read ({error.strerror}): root reads it, or whom "
            f"root lets read {zones[0] / 'energy_uj'}"
        ) from error
    total = 0

    def joules() -> float:
        nonlocal total
        for index, zone in enumerate(zones):
            now = int((zone / "energy_uj").read_text())
            total += (now - last[index]) % (ranges[index] + 1)
            last[index] = now
        return total / 1e6

    return joules
