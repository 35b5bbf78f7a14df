"""When a cost is noisy: the one rule, for what measures anew and for all that shows or compares.

A cost is noisy where the medians of the processes that it was measured in differ by more than
`DISAGREE`. What takes time (`bench.compute.quantities.Quantity.timed`) is noisy, too, where the
latency under the same conditions is: where its medians differ, passes had to be repeated, or the
load was above `BUSY` for each thread that was measured. Counts are never noisy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from bench.compute.quantities import row_of
from bench.records import Profile

DISAGREE = 0.2
"""Processes whose medians differ by more than this fraction of the smallest are called noisy."""
BUSY = 2.0
"""Processes that want to run for each thread that is measured, above which a machine is busy."""

MARK = "≈"
"""What stands beside a noisy figure, in every table and plot."""
_TOLD = 2
"""So many models are named in a line on noisy costs."""

At = tuple[str, str, str, int, int, int, int]
"""Model, device, dtype, height, width, batch and threads."""

_LOAD = re.compile(r"; load (\d+(?:\.\d+)?)$")


def at(row: Profile) -> At:
    """Return what was measured, and under which conditions."""
    return row.model, row.device, row.dtype, row.height, row.width, row.batch, row.threads


def is_load(note: str) -> bool:
    """Say whether a note of `bench.compute.profile.Measurement.notes` is of the machine's load."""
    return _LOAD.search(note) is not None


def disagreement(samples: Sequence[Sequence[float]]) -> str:
    """Say by how much the medians of processes differ where that is too much; else nothing."""
    medians = [median(passes) for passes in samples if passes]
    if not medians or not 0 < min(medians) * (1 + DISAGREE) < max(medians):
        return ""
    apart = max(medians) / min(medians) - 1
    return f"medians of the processes differ by {100 * apart:.0f} %"


def noisy(rows: Sequence[Profile], notes: Mapping[str, Sequence[str]]) -> dict[At, str]:
    """Return the models and conditions whose latency is noisy, and why.

    ``notes`` are those of `bench.compute.profile.Measurement.notes`, by model.
    """
    found: dict[At, str] = {}
    for row in rows:
        if row.quantity != "latency_ms" or row.value is None:
            continue
        own = notes.get(row.model, ())
        seen = [disagreement(row.samples)]
        seen += [n.removeprefix("noisy: ") for n in own if n.startswith("noisy: passes")]
        load = max((float(m[1]) for n in own if (m := _LOAD.search(n))), default=0.0)
        if load > BUSY * max(1, row.threads):
            seen.append(f"load {load:.1f} on {row.threads} thread{'s' * (row.threads != 1)}")
        if why := "; ".join(filter(None, seen)):
            found[at(row)] = why
    return found


def with_noise(rows: Sequence[Profile], notes: Mapping[str, Sequence[str]]) -> list[Profile]:
    """Return the rows, each that is noisy with the reason in ``noisy``.

    What a row tells of itself is kept. ``notes`` count for rows that tell nothing
    (`bench.records.Profile.noisy` is None), as those of earlier versions.
    """
    untold = [row for row in rows if row.noisy is None]
    why = noisy([row for row in rows if row.noisy is not None], {}) | noisy(untold, notes)
    return [replace(row, noisy=row.noisy or _why(row, why)) for row in rows]


def seen(rows: Iterable[Profile]) -> str:
    """Say what was seen of the noisy rows of one model, each reason once; "" where none is noisy.

    Reasons that are not those of all that takes time are told with their quantity.
    """
    why: dict[str, list[str]] = {}
    for row in rows:
        if row.noisy:
            why.setdefault(row.noisy, []).append(row.quantity)
    return "; ".join(
        reason if "latency_ms" in of else f"{row_of(of[0]).word}: {reason}"
        for reason, of in why.items()
    )


FOOTNOTE = (
    f"{MARK} Noisy: known only to lie in the range in brackets, dashed in plots. Where ranges "
    "meet, neither is said to cost less."
)
"""What `MARK` stands for, under every table and plot that has it."""


def summary(noisy: Mapping[str, str]) -> str:
    """Say once, above all figures, which models' costs are noisy; ``noisy``: model -> why."""
    named = [f"{model} ({why})" for model, why in list(noisy.items())[:_TOLD]]
    more = [f"and {len(noisy) - _TOLD} more"] if len(noisy) > _TOLD else []
    return (
        f"Costs marked {MARK} are noisy, known only to lie in the range in brackets: "
        f"{', '.join([*named, *more])}."
    )


def _why(row: Profile, latency: Mapping[At, str]) -> str:
    if row.value is None:
        return ""
    seen = latency.get(at(row), "") if row_of(row.quantity).timed else ""
    return seen or disagreement(row.samples)
