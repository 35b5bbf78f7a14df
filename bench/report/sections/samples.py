"""Which images the page shows: a spread from hard to easy, and every model's worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.names import counted
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.crops import (
    Overview,
    Tile,
    Window,
    overview,
    tile,
    where_it_is_wrong,
    where_to_look,
)
from bench.report.drawing.html import render
from bench.report.drawing.numbers import fixed, title
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.reading.analysis import Analysis
from bench.report.reading.context import Context
from bench.report.reading.gather import Shot

SAMPLES = 6
MODELS = 11
"""Models with a crop in each sample row, at most: the best by the first metric."""
WORST, LOSS, GAIN = "worst", "largest loss", "smallest gain"
"""Kinds of failure: the last one is none, of a model that makes no image worse."""
LEAD = 4
"""Models in the one row at the head of the page: with the degraded image and the reference they fit
the page's width."""
REFERENCE = "reference"
CASES = 12
"""Models whose worst images are shown, at most; the table has them all."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image: the whole of it with the window drawn, and the window in every version."""

    image: str
    about: str
    whole: Overview | None
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """An image, and in words which models it is the worst of, or made worse most by."""

    image: str
    summary: str
    tiles: tuple[Tile, ...]


def section(context: Context) -> Content:
    """Return rows of crops, and the worst images of all as a table that is not shown."""
    analysis = context.analysis
    kept = [worst_table(analysis, worst_images(analysis))]
    found = samples(analysis)
    if not found:
        text = "No samples: the run’s images cannot be read where they were."
        return Content([text], kept=kept)
    by = f", by {title(analysis.primary)} of the degraded image" if analysis.primary else ""
    row, why = _lead(analysis, found)
    return Content(
        lead=[render("sections/samples.html", samples=[row]), why],
        body=[
            f"From the hardest image to the easiest{by}. Each crop lies where the models’ outputs "
            "differ most, is the same for all, and shows every pixel as a 2×2 square.",
            render("sections/samples.html", samples=found),
        ],
        kept=kept,
    )


def failures(context: Context) -> Content | Missing:
    """Return crops of every model's worst images."""
    analysis = context.analysis
    found = cases(analysis, worst_images(analysis))
    if not found or analysis.primary is None:
        return Missing("the images of no model's worst score can be read")
    true = any(shot.reference for shot in analysis.data.shots)
    where = (
        "the error of the first model is largest"
        if true
        else "the first model’s output differs most from its input"
    )
    return Content(
        [
            f"The images with the worst {title(analysis.primary)} of each model, and those that it "
            f"made worse most or, where it made none worse, improved least against "
            f"{analysis.base_title}; each image once. The crop lies where {where}.",
            render(
                "sections/cases.html",
                cases=[(case.image, case.summary, case.tiles) for case in found],
            ),
        ]
    )


def _lead(analysis: Analysis, found: Sequence[Sample]) -> tuple[Sample, str]:
    """Return one row for the head of the page: the middle image, in the best models' versions."""
    middle = found[len(found) // 2]
    ends = [one for one in middle.tiles if one.mark == REFERENCE]
    degraded, *models = [one for one in middle.tiles if one.mark != REFERENCE]
    row = replace(middle, whole=None, tiles=(degraded, *models[:LEAD], *ends))
    of = "The image in the middle between hardest and easiest" if len(found) > 2 else "An image"
    if not models:
        return row, f"{of}, every pixel a 2×2 square."
    best = f"the first {LEAD} of {len(models)} models"
    best = counted(len(models), "model") if len(models) <= LEAD else best
    about = f"{of}, where the outputs differ most, as {best} restored it, every pixel a 2×2 square."
    return row, about


def samples(analysis: Analysis) -> list[Sample]:
    """Return rows of crops, taken where the models' outputs differ most."""
    found = (_sample(analysis, shot) for shot in _spread_by_difficulty(analysis))
    return [sample for sample in found if sample]


def _spread_by_difficulty(analysis: Analysis) -> list[Shot]:
    """Return a few images from hardest to easiest, of different scenes as far as there are."""
    metric, shots = analysis.primary, analysis.data.shots
    if metric is None:
        return list(shots[:SAMPLES])
    table = analysis.data.table
    name = analysis.base if analysis.has_base else analysis.order[0]
    scores = table.column(metric, name) * (1 if table.higher_is_better[metric] else -1)
    ranked = [shots[i] for i in np.argsort(scores, kind="stable")]  # NaN and infinity at the end
    chosen: list[Shot] = []
    for part in np.array_split(np.arange(len(ranked)), min(SAMPLES, len(ranked))):
        seen = {shot.cluster for shot in chosen}
        middle = sorted(part, key=lambda i: abs(i - part.mean()))
        fresh = [i for i in middle if ranked[i].cluster not in seen]
        chosen.append(ranked[(fresh or middle)[0]])
    return chosen


def _sample(analysis: Analysis, shot: Shot) -> Sample | None:
    data = analysis.data
    names = [name for name in analysis.order if name != analysis.base]
    paths = {n: path for n in names if (path := data.restored(n, shot.image)).is_file()}
    paths = dict(list(paths.items())[:MODELS])
    found = where_to_look([*paths.values(), shot.degraded], shot.reference)
    if found is None:
        return None
    window, full = found
    tiles = [
        _tile(
            analysis, analysis.base, shot.degraded, shot, window=window, full=full, shown="Degraded"
        )
    ]
    tiles += [
        _tile(analysis, name, path, shot, window=window, full=full) for name, path in paths.items()
    ]
    tiles += _reference(shot, window, full)
    strata = ", ".join(f"{key}: {value}" for key, value in shot.strata.items())
    scene = f"scene {shot.cluster}" if shot.cluster != shot.image else ""
    whole = overview(
        shot.degraded,
        window,
        full,
        f"{shot.image}, degraded, whole; a box marks the {window.width} by {window.height} pixels "
        f"at column {window.left}, row {window.top}",
    )
    return Sample(shot.image, "; ".join(filter(None, (scene, strata))), whole, tuple(tiles))


def _reference(shot: Shot, window: Window, full: tuple[int, int]) -> list[Tile]:
    """Return the reference's tile, which has its own place in a row; none where there is none."""
    if shot.reference is None:
        return []
    alt = f"{shot.image}: reference"
    return [tile("Reference", shot.reference, window=window, full=full, alt=alt, mark=REFERENCE)]


def _tile(
    analysis: Analysis,
    name: str,
    path: Path,
    shot: Shot,
    *,
    window: Window,
    full: tuple[int, int],
    shown: str | None = None,
) -> Tile:
    lines = [
        text
        for metric in analysis.shown[:2]
        if name in analysis.data.table.models
        and (text := score_text(analysis, metric, name, shot.image))
    ]
    if why := analysis.data.table.apart.get(name):
        lines.append(why)  # a picture must not be held against others without that
    mark = "best" if analysis.primary and name == _best_on(analysis, shot.image) else ""
    return tile(
        shown or name,
        path,
        window=window,
        full=full,
        alt=f"{shot.image}: {shown or name}",
        lines=lines,
        mark=mark,
    )


def score_text(analysis: Analysis, metric: str, name: str, image: str) -> str:
    """Return a score with its unit, or the metric's name where it has none; "" where missing."""
    value = analysis.score(metric, name, image)
    if np.isnan(value):
        return ""
    unit = analysis.data.table.units[metric] or title(metric)
    return f"{fixed(value, analysis.places[metric])} {unit}"


def _best_on(analysis: Analysis, image: str) -> str | None:
    metric, table = analysis.primary, analysis.data.table
    if metric is None:
        return None
    blind = [name not in table.apart for name in table.models]
    scores = np.where(blind, table.values[metric][table.images.index(image)], np.nan)
    scores = scores * (1 if table.higher_is_better[metric] else -1)
    return None if np.isnan(scores).all() else table.models[int(np.nanargmax(scores))]


# --- the worst of each model --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """``score`` is the model's and ``base`` the base's (NaN without one) on ``image``."""

    model: str
    metric: str
    kind: str
    image: str
    score: float
    base: float


def worst_images(analysis: Analysis) -> list[Worst]:
    """Return for every model and metric its worst image and its largest loss against the base, or
    its smallest gain where it lost on no image; of the images on which there was something to
    restore."""
    table, found = analysis.data.table, []
    for name in analysis.order:
        for metric in analysis.measured:
            sign = 1 if table.higher_is_better[metric] else -1
            restored = table.restored(metric)
            scores, base = restored[:, table.models.index(name)], np.full(len(restored), np.nan)
            if analysis.has_base:
                base = restored[:, table.models.index(analysis.base)]
            for kind, column in ((WORST, scores), (LOSS, scores - base)):
                if np.isnan(column).all() or (kind == LOSS and name == analysis.base):
                    continue
                at = int(np.nanargmin(sign * column))
                lost = kind == WORST or sign * column[at] < 0
                found.append(
                    Worst(
                        model=name,
                        metric=metric,
                        kind=kind if lost else GAIN,
                        image=table.images[at],
                        score=float(scores[at]),
                        base=float(base[at]),
                    )
                )
    return found


def worst_table(analysis: Analysis, found: Sequence[Worst]) -> Table:
    """Return the worst images as a table."""
    rows: list[list[TableCell]] = []
    records: list[dict[str, Any]] = []
    for worst in found:
        places = analysis.places[worst.metric]
        alone = np.isnan(worst.base)
        rows.append(
            [
                TableCell(worst.model),
                TableCell(title(worst.metric)),
                TableCell(worst.kind),
                TableCell(worst.image),
                TableCell(fixed(worst.score, places), sort=worst.score),
                TableCell.missing(f"no finite score of {analysis.base_title}")
                if alone
                else TableCell(fixed(worst.score - worst.base, places, sign=True)),
            ]
        )
        records.append(
            {
                "model": worst.model,
                "metric": worst.metric,
                "kind": worst.kind,
                "image": worst.image,
                "score": worst.score,
                "base": None if alone else worst.base,
            }
        )
    columns = [Column(h, numeric=False) for h in ("Model", "Metric", "Kind", "Image")]
    columns += [Column("Score"), Column(f"Against {analysis.base_title}")]
    return Table("worst", "The worst image of each model", columns, rows=rows, records=records)


def cases(analysis: Analysis, found: Sequence[Worst]) -> list[Case]:
    """Return the worst images of all models by the first metric, each image once.

    The crop lies where the first of its models errs most, or changes most without a reference.
    """
    shots = {shot.image: shot for shot in analysis.data.shots}
    chosen = [w for w in found if w.metric == analysis.primary and w.model != analysis.base]
    models = list(dict.fromkeys(w.model for w in chosen))[:CASES]
    by_image: dict[str, list[Worst]] = {}
    for worst in chosen:
        if worst.model in models:
            by_image.setdefault(worst.image, []).append(worst)
    made = (_case(analysis, of, shots[image]) for image, of in by_image.items())
    return [case for case in made if case]


def _case(analysis: Analysis, found: Sequence[Worst], shot: Shot) -> Case | None:
    paths = {w.model: analysis.data.restored(w.model, shot.image) for w in found}
    first = next(iter(paths.values()))
    where = where_it_is_wrong(first, shot.reference) if shot.reference else None
    where = where or where_to_look([first, shot.degraded], None)
    if where is None:
        return None
    window, full = where
    tiles = [
        _tile(
            analysis, analysis.base, shot.degraded, shot, window=window, full=full, shown="Degraded"
        ),
        *(
            _tile(analysis, name, path, shot, window=window, full=full)
            for name, path in paths.items()
            if path.is_file()
        ),
    ]
    tiles += _reference(shot, window, full)
    kinds = {kind: [w for w in found if w.kind == kind] for kind in (WORST, LOSS, GAIN)}
    kinds_said = [
        f"{kind} of {', '.join(_described(analysis, w) for w in of)}"
        for kind, of in kinds.items()
        if of
    ]
    return Case(shot.image, "; ".join(kinds_said), tuple(tiles))


def _described(analysis: Analysis, worst: Worst) -> str:
    """Return a model with its score, or with what it did to the image."""
    places, unit = analysis.places[worst.metric], analysis.data.table.units[worst.metric]
    value = worst.score if worst.kind == WORST else worst.score - worst.base
    return f"{worst.model} ({fixed(value, places, sign=worst.kind != WORST)} {unit}".rstrip() + ")"
