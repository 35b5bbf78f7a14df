"""The energy counter of an NVIDIA GPU, read through NVML (package nvidia-ml-py, optional)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec


class NoCounter(Exception):
    """There is no energy to be read; the text says why."""


def energy_counter(uuid: str) -> Callable[[], float]:
    """Return a function that reads the joules spent by the GPU ``uuid`` since its driver started.

    The counter covers the whole card and moves in steps of up to 0.1 s. Raises `NoCounter`.
    """
    if find_spec("pynvml") is None:
        raise NoCounter("NVML is not installed (package nvidia-ml-py)")
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
