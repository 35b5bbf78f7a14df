"""What a training costs: its own time, work, memory and energy, interruptions taken together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from bench.compute.energy import NoCounter, energy_counter, processor_energy_counter
from bench.compute.memory import peak_resident
from bench.compute.operations import count
from models.training.plan import Task
from models.weights import TrainingCost

PASSES = 3
"""A step counts as so many forward passes: the backward one takes about two."""


class Meter:
    """Reads the clock, the processor's or the GPU's time, and the energy counter of a training."""

    def __init__(self, device: str) -> None:
        self._cuda = torch.device(device).type == "cuda"
        self._device = device
        self._device_before = self._memory_before = 0.0
        self._joules_before: float | None = 0.0
        self._events: list[tuple[Any, Any]] = []
        self._on_gpu = 0.0
        self._began = time.process_time()
        self.energy_missing = ""
        self._joules: Callable[[], float] | None = None
        try:
            self._joules = self._counter()
            self._first = self._joules()
        except (NoCounter, OSError, ImportError) as reason:
            self.energy_missing = str(reason)

    def begin(self) -> None:
        """Take note that a step begins."""
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self._events.append((event, None))

    def end(self) -> None:
        """Take note that it has ended."""
        if self._cuda and self._events:
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self._events[-1] = (self._events[-1][0], event)
        elif self._joules is not None:
            self._joules()  # the processors' counters begin anew within minutes

    @property
    def device_seconds(self) -> float:
        """Seconds of the GPU's steps; on a CPU, of all threads together."""
        if not self._cuda:
            return self._device_before + time.process_time() - self._began
        torch.cuda.synchronize(self._device)
        whole = [(first, last) for first, last in self._events if last is not None]
        self._on_gpu += sum(first.elapsed_time(last) for first, last in whole) / 1000
        self._events.clear()
        return self._device_before + self._on_gpu

    @property
    def memory(self) -> float:
        """The most bytes so far: of the GPU's allocator, or resident in this process."""
        peak = torch.cuda.max_memory_allocated(self._device) if self._cuda else peak_resident()
        return max(self._memory_before, float(peak))

    @property
    def joules(self) -> float | None:
        """The energy so far; None where a part of it was not read."""
        if self._joules is None or self._joules_before is None:
            return None
        return self._joules_before + self._joules() - self._first

    def state(self) -> dict[str, Any]:
        """Return what a resumed training must know."""
        return {
            "device_seconds": self.device_seconds,
            "memory": self.memory,
            "joules": self.joules,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Undo `state`, in a new process."""
        self._device_before = state.get("device_seconds", 0.0)
        self._memory_before = state.get("memory", 0.0)
        self._joules_before = state.get("joules")
        if self._joules_before is None and not self.energy_missing:
            self.energy_missing = "a part of the training was not measured"

    def _counter(self) -> Callable[[], float]:
        if not self._cuda:
            return processor_energy_counter()
        uuid = str(torch.cuda.get_device_properties(self._device).uuid)
        return energy_counter(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")


def cost_of(
    task: Task, meter: Meter, *, seconds: float, steps: int, best_seconds: float
) -> TrainingCost:
    """Return what a training of so many steps took. Nothing is measured here any more."""
    samples, joules = steps * task.recipe.batch, meter.joules
    operations, why = forward_operations(task)
    return TrainingCost(
        seconds=seconds,
        device_seconds=meter.device_seconds,
        steps=steps,
        samples=samples,
        memory_mb=meter.memory / 1e6,
        energy_j=joules,
        energy_missing=(meter.energy_missing or "not read") if joules is None else None,
        flops=None if operations is None else 2.0 * PASSES * operations * samples,
        flops_missing=why,
        best_seconds=best_seconds,
    )


def forward_operations(task: Task) -> tuple[float | None, str | None]:
    """Return the multiply-accumulates of one crop's forward pass, or why they are not known."""
    side, channels = task.recipe.crop, 4 if task.told_noise else 3
    try:
        return float(count(task.network, (1, channels, side, side)).macs), None
    except Exception as error:  # noqa: BLE001  a network may do anything; its weights stand
        return None, f"its operations could not be counted: {type(error).__name__}: {error}"
