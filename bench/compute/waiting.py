"""What lengthens a time beyond the work that it is for: the one rule, for all that shows a time.

A GPU may wait for its launches: a network of many small operations is as slow as the processor that
starts them, whatever the GPU, and its time says little of larger images, of other processors, and
of the same network as one graph. A processor may wait for memory: what a layer frees goes back to
the system, which hands it out anew page by page (`bench.core.allocator`). How often, hangs on what
else a process holds, so that such a time is one of a process that does nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import TYPE_CHECKING

from bench.records import Profile

if TYPE_CHECKING:
    from bench.compute.profile import Measurement

APART = 0.2
"""A wall clock that is longer than the GPU's own by more than this fraction waits for launches."""

MUCH = 10.0
"""% of a pass's processor time: from there on it is said that the system takes them."""

BUSY, SYSTEM = "gpu_busy_percent", "system_percent"
LIMITED = "limited by launches at this size"


def busy_percent(measured: Measurement) -> float | str:
    """Return how much of a pass, by the wall clock, the GPU worked, in %; or why that is unknown.

    By its record of kernels where that could be read, else by the events around each pass, which
    count the gaps inside a pass as work.
    """
    if measured.conditions.device == "cpu":
        return measured.reason("latency", "the model ran on the CPU, which launches nothing")
    timed = [r for r in measured.reports if r.latency is not None]
    without = "no network runs on the GPU"
    if not timed:
        return measured.reason("latency", without)
    if all(r.latency and r.latency.passes_ms == r.latency.wall_ms for r in timed):
        return measured.reason("busy", without)
    own = next((report for report in timed if report.busy_ms is not None), timed[0])
    assert own.latency
    worked = median(own.latency.passes_ms) if own.busy_ms is None else own.busy_ms
    return 100 * min(1.0, worked / median(own.latency.wall_ms))


def system_percent(measured: Measurement) -> float | str:
    """Return which share of the processor time of the timed passes the system takes, in %, or why
    that is unknown: the median of all processes."""
    if measured.conditions.device != "cpu":
        return measured.reason("latency", "the model ran on a GPU")
    timed = [report.latency for report in measured.reports if report.latency is not None]
    shares = [timing.system for timing in timed if timing.system is not None]
    if not shares:
        return measured.reason("latency", "the processor time was not counted")
    return 100 * median(shares)


def limited(figures: Mapping[str, Profile]) -> str:
    """Say that a time is one of launches, of a model's figures under one set of conditions.

    Nothing where it is not, or where that is not known.
    """
    share = figures.get(BUSY)
    if share is None or share.value is None or share.value * (1 + APART) >= 100:
        return ""
    return f"{LIMITED}: the GPU works {share.value:.0f} % of a pass"


def lengthened(figures: Mapping[str, Profile]) -> str:
    """Say what lengthens a time, launches or the system; nothing where none does, or none known."""
    share = figures.get(SYSTEM)
    if share is None or share.value is None or share.value < MUCH:
        return limited(figures)
    return (
        f"the system takes {share.value:.0f} % of the processor time, most often to hand out what "
        "layers gave back: @keep_memory keeps it"
    )


def union(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length of what intervals cover together, whether they overlap or not.

    >>> union([(5, 6), (0, 2), (1, 3)])
    4.0
    """
    covered, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered
