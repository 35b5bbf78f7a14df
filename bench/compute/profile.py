"""What a model costs: every measurement in a fresh process, models taking turns.

`measure` runs the processes and keeps all that they told; `Measurement.profiles` makes rows of it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.compute import copies
from bench.compute.messages import Peak, ProfileJob, ProfileReport, Timing
from bench.compute.noise import disagreement, with_noise
from bench.compute.processes import Child
from bench.compute.quantities import Quantity, quantities
from bench.core.errors import BenchError
from bench.core.limits import cores
from bench.core.plugins import load_object
from bench.core.progress import Update, unheard
from bench.records import Profile, Tile
from bench.statistics.intervals import quantile_with_interval
from models.variants import precision_of

DTYPES = ("float32", "bfloat16", "float16")
"""Precisions. All but the first are mixed: torch.autocast chooses operation by operation."""

Found = dict[str, tuple[float, float | None, float | None] | str]
"""Quantity -> value, low and high end of its interval, or the reason why there is none."""


Samples = tuple[tuple[float, ...], ...]
"""Single measurements, one tuple for each process."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What was asked for, the same for all models of a measurement."""

    height: int
    width: int
    batch: int = 1
    device: str = "cpu"
    threads: int | None = None
    dtype: str = "float32"
    processes: int = 3
    passes: int = 30
    seconds: float = 10.0
    tile: Tile = None
    """With ``auto`` every process chooses by the memory that is free then, and tells."""
    scale: int = 1
    """What a model without a scale of its own is asked to enlarge by."""
    limit: float = 600.0

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise BenchError(f"dtype '{self.dtype}': expected one of {', '.join(DTYPES)}")
        if self.device.partition(":")[0] not in ("cpu", "cuda"):
            raise BenchError(f"device '{self.device}': expected cpu, cuda or cuda:N")
        for name in ("height", "width", "batch", "processes", "passes", "threads", "tile", "scale"):
            if (value := getattr(self, name)) not in (None, "auto") and value < 1:
                raise BenchError(f"{name} {value}: expected at least 1")
        if self.seconds <= 0 or self.limit <= 0:
            raise BenchError("seconds and limit: expected more than 0")

    @property
    def megapixels(self) -> float:
        """Of one pass, all images of its batch together."""
        return self.batch * self.height * self.width / 1e6


@dataclass(frozen=True, slots=True)
class Measurement:
    """One model under `Conditions`: ``reports`` holds what each process told, in order.

    ``where`` says on what machine, if it was not that of the run.
    """

    model: str
    spec: str
    conditions: Conditions
    reports: tuple[ProfileReport, ...]
    where: str = ""
    weights: Path | None = None
    """The file of weights of a network of the catalogue."""
    peak: Peak | None = None
    """What its device can do at most, whichever process measured that."""

    @property
    def threads(self) -> int:
        """The threads really used; those asked for, or 0, where no process lived to tell."""
        measured = (report.threads for report in self.reports if report.threads is not None)
        return next(measured, self.conditions.threads or 0)

    def profiles(self) -> list[Profile]:
        """Return a row for every quantity of the table, in its order; noisy ones say so."""
        asked, samples = self.conditions, self._samples()
        rows = []
        for name, found in self._found().items():
            number = ((None, None, None), found) if isinstance(found, str) else (found, None)
            (value, low, high), missing = number
            alone = ((value,),) if quantities()[name].once and value is not None else ()
            rows.append(
                Profile(
                    model=self.model,
                    device=asked.device,
                    dtype=asked.dtype,
                    height=asked.height,
                    width=asked.width,
                    batch=asked.batch,
                    threads=self.threads,
                    quantity=name,
                    unit=quantities()[name].unit,
                    value=value,
                    low=low,
                    high=high,
                    missing=missing,
                    samples=samples.get(name, alone),
                    noisy=None,
                )
            )
        return with_noise(rows, {self.model: self.notes()})

    def notes(self) -> list[str]:
        """Return what a reader of the figures should know: noise, failures, what is not counted."""
        timings = self._timings()
        notes = [f"a process failed: {r.failed}" for r in self.reports if r.failed is not None]
        if self.where:
            notes.append(self.where)
        notes += self._tiles()
        if differ := disagreement([timing.passes_ms for timing in timings]):
            notes.append(f"noisy: {differ}")
        if repeated := sum(timing.repeated for timing in timings):
            notes.append(f"noisy: passes repeated in {repeated} of {len(timings)} processes")
        if timings:
            switches = sum(timing.switches for timing in timings)
            load = max(timing.load for timing in timings)
            notes.append(f"{switches} involuntary context switches while timing; load {load:.1f}")
        for report in self.reports:
            if report.counts and report.counts.uncovered:
                listed = ", ".join(f"{name} x{times}" for name, times in report.counts.uncovered)
                notes.append(f"macs do not cover {listed}")
        return list(dict.fromkeys(notes))

    def _found(self) -> Found:
        counts = next((report.counts for report in self.reports if report.counts), None)
        reason = self.reason("counts")
        found: Found = {}
        divisors = {
            "params": 1,
            "macs": self.conditions.batch,
            "activations": self.conditions.batch,
        }
        for name, divisor in divisors.items():
            found[name] = (getattr(counts, name) / divisor, None, None) if counts else reason
        found["weights_mb"] = (counts.weight_bytes / 1e6, None, None) if counts else reason
        found |= self._latency()
        memory = next((r.device_memory for r in self.reports if r.device_memory), None)
        found["device_memory_mb"] = (
            (memory.allocated / 1e6, None, None) if memory else self._no_device_memory()
        )
        samples = self._samples()
        found["process_memory_mb"] = self._sampled("process_memory", samples["process_memory_mb"])
        found["cold_start_s"] = self._sampled("cold_start", samples["cold_start_s"])
        found["energy_j"] = self._sampled("energy", samples["energy_j"])
        return {
            name: found[name] if name in found else self._by_row(row)
            for name, row in quantities().items()
        }

    def _by_row(self, row: Quantity) -> tuple[float, None, None] | str:
        """Return what a row's own measure says of the model."""
        if row.measure is None:
            return "nothing measures it: its row of the table has no measure"
        made = load_object(row.measure) if isinstance(row.measure, str) else row.measure
        measured = made(self)
        if isinstance(measured, str) and measured:
            return measured
        if isinstance(measured, int | float) and math.isfinite(measured):
            return float(measured), None, None
        raise BenchError(
            f"the measure of '{row.name}' returned {measured!r}; expected a finite number, or in "
            "words why there is none"
        )

    def _latency(self) -> Found:
        names = ("latency_ms", "latency_ms_p90", "throughput_mpix_s")
        samples = self._samples()["latency_ms"]
        if not samples:
            return dict.fromkeys(names, self.reason("latency"))
        middle = quantile_with_interval(samples, 0.5)
        pixels = self.conditions.batch * self.conditions.height * self.conditions.width
        value, high, low = (None if ms is None else pixels / 1000 / ms for ms in middle)
        assert value is not None
        late = quantile_with_interval(samples, 0.9)
        return dict(zip(names, (middle, late, (value, low, high)), strict=True))

    def _samples(self) -> dict[str, Samples]:
        """Return what processes measured each for themselves, one tuple for each process."""
        memory = [r.process_memory for r in self.reports if r.process_memory is not None]
        energy = [r.energy for r in self.reports if r.energy is not None]
        cold = [r.cold_start_s for r in self.reports if r.cold_start_s is not None]
        return {
            "latency_ms": tuple(timing.passes_ms for timing in self._timings()),
            "process_memory_mb": tuple((size / 1e6,) for size in memory),
            "cold_start_s": tuple((seconds,) for seconds in cold),
            "energy_j": tuple((one.joules / one.passes,) for one in energy),
        }

    def _tiles(self) -> list[str]:
        """Say in which tiles processes worked: in several where the free memory differed."""
        asked = self.conditions.tile
        if asked != "auto":
            return [f"in tiles of {asked} pixels"] if asked else []
        chose = Counter(r.chosen_tile for r in self.reports if r.chosen_tile is not None)
        return [
            f"in tiles of {side} pixels"
            + (f" in {times} of {chose.total()} processes" if len(chose) > 1 else "")
            + ", as the free memory asked"
            for side, times in chose.items()
            if side
        ]

    def _timings(self) -> list[Timing]:
        return [report.latency for report in self.reports if report.latency is not None]

    def _sampled(
        self, part: str, samples: Samples
    ) -> tuple[float, float | None, float | None] | str:
        return quantile_with_interval(samples, 0.5) if samples else self.reason(part)

    def _no_device_memory(self) -> str:
        """Why there is no figure that only a GPU has."""
        on_cpu = self.conditions.device == "cpu"
        without = "the model ran on the CPU" if on_cpu else "no network runs on the GPU"
        return self.reason("device_memory", without)

    def reason(self, part: str, unknown: str = "it was not measured") -> str:
        """Return why a part of the measurement is not there; ``unknown`` where nobody told."""
        for report in self.reports:
            if reason := report.missing.get(part) or report.failed:
                return reason
        return unknown


def measure(
    models: Sequence[tuple[str, str, Path | None]],
    conditions: Conditions,
    update: Update = unheard,
) -> list[Measurement]:
    """Measure ``models``, each (label, model spec, weights or None for random ones).

    Each of ``conditions.processes`` rounds has one fresh process for each model, so that a slow
    minute of the machine meets all of them: A B A B. One at a time measures. Where copies can
    stand for fresh processes (`bench.compute.copies`) those of the first round alone are started,
    one by one, and tell a model's cold start; elsewhere as many as there are CPUs start together.
    A process that crashes, is killed or exceeds ``conditions.limit`` seconds is a missing figure
    with that reason, and no error.
    """
    reports: list[list[ProfileReport]] = [[] for _ in models]
    turns = [(turn, index) for turn in range(conditions.processes) for index in range(len(models))]
    runnable = [(t, i) for t, i in turns if not models[i][1].startswith("outputs:")]
    for index, (_, spec, _) in enumerate(models):
        if spec.startswith("outputs:"):
            reports[index].append(ProfileReport(failed="outputs only: nothing is run"))
    copying = copies.possible(conditions.device)
    together = 1 if copying else max(1, min(4, cores()))
    done = 0
    with copies.Stock() as stock:
        for start in range(0, len(runnable), together):
            children: list[tuple[int, Child]] = []
            asking: set[Precision] = set()
            try:
                for turn, index in runnable[start : start + together]:
                    asked_for = _precision(models[index][1], conditions)
                    job = _job(models[index], conditions, first=turn == 0)
                    job = replace(job, peak=asked_for not in _PEAKS and asked_for not in asking)
                    asking.add(asked_for)
                    splits = stock if copying and start == 0 else None
                    copied = stock if copying and turn else None
                    children.append((index, Child(job, conditions.limit, splits, copied)))
                for _, child in children:
                    child.prepare()
                for index, child in children:
                    update("profile", done, len(runnable), models[index][0])
                    child.measure()
                    reports[index].append(child.report)
                    if child.report.peak:
                        _PEAKS[_precision(models[index][1], conditions)] = child.report.peak
                    done += 1
            finally:
                for _, child in children:
                    child.close()
    if runnable:
        update("profile", done, len(runnable), "")
    return [
        Measurement(
            label,
            spec,
            conditions,
            tuple(measured),
            weights=weights,
            peak=_peak_of(spec, conditions, measured),
        )
        for (label, spec, weights), measured in zip(models, reports, strict=True)
    ]


Precision = tuple[str, str, int | None]
"""Device, precision and threads: what a device can do at most depends on."""

_PEAKS: dict[Precision, Peak] = {}
"""Of the devices, once for each in this process."""


def _peak_of(spec: str, asked: Conditions, measured: Sequence[ProfileReport]) -> Peak | None:
    """Return what the device of a model that ran can do at most."""
    ran = any(report.latency is not None for report in measured)
    return _PEAKS.get(_precision(spec, asked)) if ran else None


def _precision(spec: str, asked: Conditions) -> Precision:
    return asked.device, precision_of(spec) or asked.dtype, asked.threads


def _job(model: tuple[str, str, Path | None], asked: Conditions, first: bool) -> ProfileJob:
    _, spec, weights = model
    return ProfileJob(
        spec=spec,
        weights=str(weights) if weights else None,
        height=asked.height,
        width=asked.width,
        batch=asked.batch,
        device=asked.device,
        threads=asked.threads,
        dtype=asked.dtype,
        passes=asked.passes,
        seconds=asked.seconds,
        tile=asked.tile,
        scale=asked.scale,
        count=first,
    )
