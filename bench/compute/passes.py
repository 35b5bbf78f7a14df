"""Time passes of a model: warm up until stable, then measure. Runs in the fresh process."""

from __future__ import annotations

import gc
import mmap
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from statistics import quantiles

import psutil
import torch

from bench.compute.memory import page_faults
from bench.compute.messages import Timing
from bench.compute.waiting import union
from bench.core.errors import BenchError

Pass = Callable[[torch.Tensor], object]

STABLE = 0.05
"""Warm-up ends when three passes in a row lie within this fraction of each other."""
NOISY = 0.25
"""Passes whose middle half spreads over more than this fraction of their median are repeated."""
FEWEST = 3
"""Timed passes at least, however slow the model."""


class Unrecorded(BenchError):
    """Nothing is known of what ran on the GPU."""


def time_passes(
    run: Pass, inputs: Sequence[torch.Tensor], passes: int, seconds: float, events: bool
) -> Timing:
    """Time ``passes`` passes over ``inputs`` in rotation, fewer where they would take ``seconds``.

    ``events`` says that the pass works on the current CUDA device, whose own clock then counts.
    Noisy passes are measured once more, unless the model is very slow, and the calmer set is kept.
    """
    load = psutil.getloadavg()[0]
    warm = warm_up(run, inputs, max(seconds / 5, 0.2))
    number = max(FEWEST, min(passes, int(seconds / max(warm[-1], 1e-6))))
    process = psutil.Process()
    before = process.num_ctx_switches().involuntary
    begun, faults = os.times(), page_faults()
    measure = _event_passes if events else _wall_passes
    with _no_garbage_collection():
        times = measure(run, inputs, number)
        repeated = spread(times) > NOISY and sum(times) < 2000 * seconds
        if repeated:
            times = min(times, measure(run, inputs, number), key=spread)
        wall = _wall_passes(run, inputs, number) if events else times
    switches = process.num_ctx_switches().involuntary - before
    ended = os.times()
    user, system = ended.user - begun.user, ended.system - begun.system
    number *= (2 if repeated else 1) + (1 if events else 0)
    pages = None if faults is None else (page_faults() or 0) - faults
    return Timing(
        warm_up=len(warm),
        passes_ms=tuple(times),
        wall_ms=tuple(wall),
        repeated=repeated,
        switches=switches,
        load=load,
        system=system / (user + system) if user + system > 0 else None,
        handed_out=None if pages is None else pages * mmap.PAGESIZE / number,
    )


def warm_up(run: Pass, inputs: Sequence[torch.Tensor], seconds: float) -> list[float]:
    """Run until three passes in a row agree or the time is up; return the seconds of each."""
    times: list[float] = []
    begin = time.perf_counter()
    for image in cycle(inputs):
        times += (t / 1000 for t in _wall_passes(run, [image], 1))
        last = times[-3:]
        if len(last) == 3 and max(last) <= min(last) * (1 + STABLE):
            break
        if time.perf_counter() - begin >= seconds:
            break
    return times


def spread(times: Sequence[float]) -> float:
    """Return the interquartile range over the median: 0 for equal times."""
    low, middle, high = quantiles(times, n=4)
    return (high - low) / middle


def synchronise() -> None:
    """Wait for the current CUDA device, if one is in use."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()


def repeat_for(run: Pass, inputs: Sequence[torch.Tensor], seconds: float) -> tuple[int, float]:
    """Run for ``seconds``; return the number of passes and the seconds they took."""
    synchronise()
    begin = time.perf_counter()
    for number, image in enumerate(cycle(inputs), start=1):
        run(image)
        synchronise()
        elapsed = time.perf_counter() - begin
        if elapsed >= seconds:
            return number, elapsed
    raise ValueError("no inputs to run on")


def busy_ms(run: Pass, inputs: Sequence[torch.Tensor], passes: int = 3) -> float:
    """Return for how long the GPU works in a pass, in ms: where its kernels and copies cover time.

    Recorded by CUPTI through torch.profiler, which slows what is launched and not what runs. Raises
    `Unrecorded` where nothing was seen.
    """
    from torch.profiler import ProfilerActivity, profile, supported_activities

    if ProfilerActivity.CUDA not in supported_activities():  # type: ignore[no-untyped-call]
        raise Unrecorded("this torch keeps no record of a GPU's kernels (CUPTI)")
    synchronise()
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        for image in islice(cycle(inputs), passes):
            run(image)
        synchronise()
    on_gpu = (e for e in seen.events() or () if e.device_type.name == "CUDA")
    covered = union((e.time_range.start, e.time_range.end) for e in on_gpu)
    if not covered:
        raise Unrecorded("the GPU's record of kernels (CUPTI) cannot be read here")
    return covered / 1000 / passes


def _wall_passes(run: Pass, inputs: Sequence[torch.Tensor], number: int) -> list[float]:
    times = []
    synchronise()
    for image in islice(cycle(inputs), number):
        begin = time.perf_counter()
        run(image)
        synchronise()
        times.append(1000 * (time.perf_counter() - begin))
    return times


def _event_passes(run: Pass, inputs: Sequence[torch.Tensor], number: int) -> list[float]:
    """An event pair for each pass and one synchronisation at the end: no gaps between passes."""
    pairs = []
    synchronise()
    for image in islice(cycle(inputs), number):
        begin, end = _event(), _event()
        begin.record()
        run(image)
        end.record()
        pairs.append((begin, end))
    torch.cuda.synchronize()
    return [begin.elapsed_time(end) for begin, end in pairs]


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
