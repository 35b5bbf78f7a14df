"""Which runs may share a table: one suite, one set of images, one preparation, one convention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.core.errors import BenchError
from bench.framework.scores import ScoreTable, read_scores
from bench.image import Pixels, read
from bench.runs.record import RunRecord
from bench.runs.store import RunFolder

PROBED = 6
"""So many images, spread over the suite, are compared pixel by pixel where file names differ."""


@dataclass(frozen=True)
class Part:
    """One run of a report, as it was read."""

    run: RunFolder
    record: RunRecord
    table: ScoreTable


def read_part(run: RunFolder) -> Part:
    """Return a run with its scores. Raises `BenchError` for a damaged one."""
    return Part(run, run.record(), read_scores(run))


def mismatch(kept: Sequence[Part], other: Part) -> str | None:
    """Return why ``other`` cannot share tables with the runs ``kept``, or None where it can."""
    if other.run.path.resolve() in [part.run.path.resolve() for part in kept]:
        return "named twice"
    why = _suites(kept[0], other) or _images(kept[0], other)
    if why is None and not other.record.metrics.keys() & kept[0].record.metrics.keys():
        why = "no metric in common"
    why = why or next(filter(None, (_conventions(part, other) for part in kept)), None)
    return why or _pixels(kept[0], other)


def _suites(first: Part, other: Part) -> str | None:
    specs = first.record.spec, other.record.spec
    if specs[0].suite != specs[1].suite:
        return f"another suite: {specs[1].suite}, not {specs[0].suite}"
    steps = [", ".join(spec.prepare) or "none" for spec in specs]
    if steps[0] != steps[1]:
        return f"other steps before every model (--prepare): {steps[1]}, not {steps[0]}"
    border = other.record.suite.border
    if first.record.suite.border != border:
        return f"another border is cut before scoring: {border} pixels"
    return None


def _images(first: Part, other: Part) -> str | None:
    mine, theirs = (
        dict(zip(part.table.images, part.table.clusters, strict=True)) for part in (first, other)
    )
    if mine == theirs:
        return None
    both = len(mine.keys() & theirs.keys())
    if both == len(mine) == len(theirs):
        return "other images: the same names belong to other scenes"
    return f"other images: {both} of its {len(theirs)} are among these {len(mine)}"


def _conventions(first: Part, other: Part) -> str | None:
    mine, theirs = first.record.metrics, other.record.metrics
    for name in theirs:
        if name in mine and theirs[name].convention != mine[name].convention:
            return f"another convention of {name}: {theirs[name].convention}"
    return None


def _pixels(first: Part, other: Part) -> str | None:
    """Compare some images themselves, unless both runs read the very same files.

    Images that are gone from either place cannot tell; names and scenes were compared before.
    """
    mine, theirs = (part.run.images().set_index("image") for part in (first, other))
    names = list(mine.index)
    step = max(1, len(names) // PROBED)
    for name in names[::step][:PROBED]:
        for kind in ("degraded", "reference"):
            paths = str(mine.at[name, kind]), str(theirs.at[name, kind])
            if paths[0] == paths[1]:
                continue
            if all(paths):
                one, two = (_read(Path(path)) for path in paths)
                if one is None or two is None or np.array_equal(one, two):
                    continue
            return f"other images: the {kind} {name} is not the same picture"
    return None


def _read(path: Path) -> Pixels | None:
    try:
        return read(path)
    except BenchError:
        return None
