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
from typing import TYPE_CHECKING, Literal

from bench.records import Profile

if TYPE_CHECKING:
    from bench.compute.profile import Measurement

APART = 0.2
"""A wall clock that is longer than the GPU's own by more than this fraction waits for launches."""

PERCENT, MEGABYTES = 10.0, 1.0
"""From there on it is said what the system takes of a pass, and hands out in it."""

BUSY, SYSTEM, HANDED_OUT = "gpu_busy_percent", "system_percent", "handed_out_mb"
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
    found = _median(measured, "system")
    return found if isinstance(found, str) else 100 * found


def handed_out_mb(measured: Measurement) -> float | str:
    """Return the memory that the system hands out in a pass, in 10^6 bytes, or why that is unknown:
    the median of all processes."""
    found = _median(measured, "handed_out")
    return found if isinstance(found, str) else found / 1e6


def _median(measured: Measurement, name: Literal["system", "handed_out"]) -> float | str:
    if measured.conditions.device != "cpu":
        return measured.reason("latency", "the model ran on a GPU")
    timed = [report.latency for report in measured.reports if report.latency is not None]
    told = [one for timing in timed if (one := getattr(timing, name)) is not None]
    return median(told) if told else measured.reason("latency", "it is not counted there")


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
    found = [figures.get(name) for name in (SYSTEM, HANDED_OUT)]
    percent, megabytes = (row.value or 0.0 if row else 0.0 for row in found)
    if percent < PERCENT or megabytes < MEGABYTES:
        return limited(figures)
    return (
        f"the system takes {percent:.0f} % of the processor time, and hands out {megabytes:,.0f} "
        "MB of memory in each pass: @keep_memory keeps what layers give back"
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
