"""What the models of a run cost: measured in fresh processes, kept in profiles.csv."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress

from bench.compute.noise import with_noise
from bench.compute.profile import Conditions
from bench.core.errors import BenchError
from bench.core.progress import Progress
from bench.records import Pair, Profile
from bench.runs.executors.workplace import Workplace
from bench.runs.planning import Entry
from bench.runs.store import RunFolder
from bench.suites import spread
from bench.suites.opening import open_pair

LOOKED_AT = 9
"""So many images, evenly spread, decide about the usual size."""

Size = tuple[int, int, int]
"""Images in a pass, height and width."""


def measure_costs(
    folder: RunFolder,
    entries: Sequence[Entry],
    sizes: Sequence[Size],
    *,
    place: Workplace,
    scale: int,
    notes: Mapping[str, tuple[str, ...]],
    progress: Progress,
) -> dict[str, tuple[str, ...]]:
    """Measure at each size what was not, and keep it at once; return what is said of the models.

    ``notes`` are those of figures that are there. Figures of other sizes are kept, and come last.
    """
    spec, said = folder.record().spec, dict[str, list[str]]()
    order = {entry.label: index for index, entry in enumerate(entries)}
    for batch, height, width in sizes:
        old = with_noise(folder.read_profiles(), notes)
        known = {row.model for row in old if _size(row) == (batch, height, width)}
        missing = [entry for entry in entries if entry.label not in known]
        if not missing:
            continue
        found = place.measure(
            [(entry.label, entry.spec, entry.weights if entry.card else None) for entry in missing],
            Conditions(
                height,
                width,
                batch=batch,
                device=spec.device,
                processes=2,
                passes=10,
                seconds=2.0,
                tile=spec.tile,
                scale=scale,
            ),
            progress,
        )
        for one in found:
            said.setdefault(one.model, []).extend(one.notes())
        rows = [*old, *(row for one in found for row in one.profiles())]
        folder.write_profiles(sorted(rows, key=lambda row: order.get(row.model, len(order))))
    if said:
        asked_first = sorted(
            folder.read_profiles(),
            key=lambda row: sizes.index(_size(row)) if _size(row) in sizes else len(sizes),
        )
        folder.write_profiles(asked_first)
    return {model: tuple(dict.fromkeys(notes)) for model, notes in said.items()}


def usual_size(pairs: Sequence[Pair]) -> tuple[int, int]:
    """Return the (height, width) of most degraded images; of several such, the first's."""
    sizes: Counter[tuple[int, int]] = Counter()
    for pair in spread(pairs, LOOKED_AT):
        with suppress(BenchError, OSError):  # whoever restores it says so
            height, width, _ = open_pair(pair).degraded.shape
            sizes[height, width] += 1
    return max(sizes, key=lambda size: sizes[size], default=(256, 256))


def _size(row: Profile) -> Size:
    return row.batch, row.height, row.width
