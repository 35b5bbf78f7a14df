"""Metrics against people, as tables, scatter plots and pairs of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.core.names import counted
from bench.framework.judged import Judged, centred, halves, judged
from bench.framework.people import HumanScale
from bench.framework.scores import ScoreTable
from bench.framework.trust import (
    Disagreement,
    StratumTrust,
    Trust,
    by_stratum,
    ceiling,
    disagreements,
    trust,
)
from bench.metrics.published import published
from bench.report.drawing.axes import explain
from bench.report.drawing.content import Block, Content, Missing
from bench.report.drawing.crops import Tile, Window, tile, where_they_differ
from bench.report.drawing.html import render
from bench.report.drawing.labels import Box, place
from bench.report.drawing.numbers import fixed, interval, significant, title
from bench.report.drawing.points import written
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.drawing.theme import INK, MUTED, PAPER, WIDTH, Look, Plot, drawing, finish, settle
from bench.report.reading.context import Context
from bench.statistics.correlation import Coefficient, fit_logistic

Floats = NDArray[np.float64]

PLACES = 2
DOTS = 1500
"""Points of a scatter plot, at most: every n-th is drawn where there are more."""
HALF = "the other half of the raters"

STATISTICS = (
    ("srocc", "SROCC", "ranks"),
    ("krcc", "KRCC", "pairs of ranks"),
    ("plcc_fitted", "PLCC", "after a logistic fit"),
    ("better_worse", "Better or worse", "AUC"),
    ("different_similar", "Different or similar", "AUC"),
    ("correct", "Right", "share of pairs"),
)


@dataclass(frozen=True)
class ContradictedPair:
    """A pair on which a metric contradicts people, as the page shows it."""

    metric: str
    summary: str
    tiles: tuple[Tile, ...]


def section(context: Context) -> Content | Missing:
    """Hold every metric against people; the first metrics get plots and pairs of images.

    Without a study, say what others published of these metrics.
    """
    scale, analysis = context.people, context.analysis
    if scale is None:
        return _elsewhere(analysis.measured)
    heading = "Which metric to trust here"
    try:
        found = judged(scale, _scores_of(context), analysis.measured)
    except BenchError as error:
        return Content([f"Metrics cannot be held against people here: {error}."], heading=heading)
    rows = trust(found)
    one, other = halves(scale.answers, scale.models)
    shown = [metric for metric in analysis.shown if metric in found.scores]
    strata = _strata_table(found, by_stratum(found))
    cases = [
        made
        for metric in shown
        for one_of in disagreements(found, metric)
        if (made := _case(scale, found, one_of)) is not None
    ]
    contradictions: Block = "No metric contradicts a preference that people clearly have."
    if cases:
        contradictions = render(
            "sections/contradictions.html",
            cases=[(case.metric, case.summary, case.tiles) for case in cases],
        )
    return Content(
        [
            _trust_table(found, rows, ceiling(one, other, found)),
            [_scatter(found, metric, context.judged_looks) for metric in shown],
            *([strata] if strata else []),
            contradictions,
        ],
        findings=_best(rows),
        heading=heading,
    )


def _elsewhere(metrics: Sequence[str]) -> Content | Missing:
    """Return a table of published correlations with people, labelled as such."""
    found = [one for metric in metrics for one in published(metric)]
    if not found:
        return Missing("no study was given, and nothing that was published is known of them here")
    table = Table(
        "published-trust",
        "Metrics and people elsewhere: published, not measured here",
        [
            Column("Metric", numeric=False),
            Column("Opinions", numeric=False),
            *(Column(head, unit) for _, head, unit in STATISTICS[:2]),
            Column("PLCC"),
            Column("Convention", numeric=False),
            Column("Source", numeric=False),
        ],
        rows=[
            [
                TableCell(title(one.metric)),
                TableCell(one.opinions),
                *(
                    TableCell.missing("not told") if value is None else TableCell(f"{value:g}")
                    for value in (one.srocc, one.krcc, one.plcc)
                ),
                TableCell(one.convention),
                TableCell(one.source),
            ]
            for one in found
        ],
        records=[asdict(one) for one in found],
        legend=[
            "Sizes of rank and linear correlations with people, over sets of distorted images: "
            "compression, noise, blur and many others at once. On restored images, and on these, "
            "they may be otherwise; a study tells (bench rate new)."
        ],
    )
    return Content(
        ["No study was given, so no metric was held against people here.", table],
        heading="Which metric agreed with people elsewhere",
    )


def _scores_of(context: Context) -> ScoreTable:
    """Return the report's scores with the study's names of its models."""
    table = context.analysis.data.table
    labels = {name: label for label, name in context.names.items()}
    return replace(table, models=tuple(labels.get(name, f"({name})") for name in table.models))


def _best(rows: Sequence[Trust]) -> list[str]:
    """Say which metric says best what people say, for the head of the page."""
    best = next((row for row in rows if row.mark == "best"), None)
    if best is None or best.srocc.value is None:
        return []
    around = interval(best.srocc.low, best.srocc.high, PLACES)
    tied = [title(row.metric) for row in rows if row.mark == "tied"]
    text = f"{title(best.metric)} says best what people say: rank correlation "
    text += f"{fixed(best.srocc.value, PLACES)} {around}".rstrip()
    return [f"{text}. Not significantly worse: {', '.join(tied)}." if tied else f"{text}."]


def _trust_table(found: Judged, rows: Sequence[Trust], top: Coefficient) -> Table:
    columns = [Column("Metric", numeric=False)]
    columns += [Column(head, unit) for _, head, unit in STATISTICS]
    body = [
        [
            TableCell(title(row.metric)),
            *(
                _cell(getattr(row, key), (row.mark or "") if key == "srocc" else "")
                for key, _, _ in STATISTICS
            ),
        ]
        for row in rows
    ]
    body.append([TableCell(HALF), _cell(top), *(TableCell("") for _ in STATISTICS[1:])])
    body += [
        [TableCell(title(name)), *(TableCell.missing(why) for _ in STATISTICS)]
        for name, why in found.missing.items()
    ]
    judged_of = counted(len(found.crops), "image")
    n = next((row.srocc.n for row in rows), 0)
    legend = [
        f"Over {n} outputs ({len(found.models)} models on {judged_of}), each metric and people "
        "taken off their mean on the image: what counts is what tells models apart. Signs are "
        "turned so that 1 is full agreement. {best}: highest rank correlation. {tied}: not "
        "significantly lower (same resamples, Holm).",
        "Better or worse: of pairs that people separate with a probability above 97.5 %, which is "
        "better; different or similar: which pairs they separate; both are areas under ROC curves, "
        "0.5 is chance (Krasula et al. 2016). Right: the metric prefers what people prefer.",
        f"As people agree with one another: one half of the raters against {HALF}.",
    ]
    if found.anew:
        legend.append("People judged pieces of the images: the same pieces were scored anew.")
    return Table(
        "trust",
        "Which metric to trust here: metrics against people",
        columns,
        rows=body,
        records=[_record(row) for row in rows],
        legend=legend,
    )


def _cell(one: Coefficient, mark: str = "") -> TableCell:
    if one.value is None:
        return TableCell.missing(one.note or "not defined")
    notes = (one.note,) if one.note else ()
    return TableCell(
        fixed(one.value, PLACES),
        interval(one.low, one.high, PLACES),
        mark if mark in ("best", "tied") else "",
        notes,
        one.value,
    )


def _record(row: Trust) -> dict[str, Any]:
    record: dict[str, Any] = {"metric": row.metric, "mark": row.mark, "p_against_best": row.p}
    for key in (
        "srocc",
        "krcc",
        "plcc",
        "plcc_fitted",
        "better_worse",
        "different_similar",
        "correct",
    ):
        one: Coefficient = getattr(row, key)
        record |= {
            key: one.value,
            f"{key}_low": one.low,
            f"{key}_high": one.high,
            f"{key}_n": one.n,
            f"{key}_note": one.note,
        }
    return record


def _strata_table(found: Judged, kinds: Sequence[StratumTrust]) -> Table | None:
    if not kinds:
        return None
    levels = {(one.key, one.level): one.images for one in kinds}
    at = {(one.metric, one.key, one.level): one for one in kinds}
    columns = [Column("Metric", numeric=False)]
    columns += [Column(level, counted(n, "image"), key) for (key, level), n in levels.items()]
    metrics = list(dict.fromkeys(one.metric for one in kinds))
    rows = [
        [TableCell(title(metric)), *(_cell(at[metric, key, level].srocc) for key, level in levels)]
        for metric in metrics
    ]
    records = [
        {
            "metric": one.metric,
            "stratum": one.key,
            "level": one.level,
            "images": one.images,
            "srocc": one.srocc.value,
            "low": one.srocc.low,
            "high": one.srocc.high,
            "outputs": one.srocc.n,
            "correct": one.correct.value,
            "correct_low": one.correct.low,
            "correct_high": one.correct.high,
            "pairs": one.correct.n,
        }
        for one in kinds
    ]
    return Table(
        "trust-strata",
        "Metrics against people by kind of image: rank correlation",
        columns,
        rows=rows,
        records=records,
        legend=["Between models on the same image, with 95 % intervals."],
    )


# --- scatter -----------------------------------------------------------------------------------


def _scatter(found: Judged, metric: str, styles: Mapping[str, Look]) -> Plot:
    """Plot a metric against people: small dots are outputs, large ones models' means."""
    known = np.isfinite(found.people) & np.isfinite(found.scores[metric])
    known &= known.sum(axis=1, keepdims=True) > 1
    across = centred(np.where(known, found.scores[metric], np.nan))
    up = centred(np.where(known, found.people, np.nan))
    step = -(-int(known.sum()) // DOTS)
    with drawing(WIDTH, 3.6) as (figure, axes):
        for number, model in enumerate(found.models):
            look, mine = styles[model], known[:, number]
            axes.plot(
                across[mine, number][::step],
                up[mine, number][::step],
                look.marker,
                color=look.colour,
                markersize=3,
                alpha=0.45,
                markeredgewidth=0,
                zorder=2,
            )
        axes.axhline(0, color=MUTED, linewidth=0.6, zorder=1)
        axes.axvline(0, color=MUTED, linewidth=0.6, zorder=1)
        _fit(axes, across[known], up[known])
        means = [
            (model, float(across[known[:, k], k].mean()), float(up[known[:, k], k].mean()))
            for k, model in enumerate(found.models)
            if known[:, k].any()
        ]
        for model, x, y in means:
            axes.plot(
                x,
                y,
                styles[model].marker,
                color=styles[model].colour,
                markersize=8,
                markeredgecolor=PAPER,
                markeredgewidth=1.2,
                zorder=4,
            )
        if not found.higher_is_better[metric]:
            axes.invert_xaxis()
        unit = f", {found.units[metric]}" if found.units[metric] else ""
        turned = "" if found.higher_is_better[metric] else "; axis turned over"
        axes.set_xlabel(f"{title(metric)}{unit}, from the image’s mean{turned}")
        axes.set_ylabel("people, from the image’s mean")
        drawn = f"every {step}th output" if step > 1 else "single outputs"
        explain(figure, f"Small: {drawn}. Large: means of models. Curve: logistic fit.")
        _names(figure, axes, means)
        means_text = ", ".join(f"{m} {significant(x)} and {fixed(y, PLACES)}" for m, x, y in means)
        return finish(
            figure,
            f"{metric}-against-people",
            f"{title(metric)} against people",
            f"{title(metric)} and people’s judgement of {counted(int(known.sum()), 'output')}, "
            f"both as differences from their mean on the image. Means by model: {means_text}.",
        )


def _fit(axes: Any, x: Floats, y: Floats) -> None:
    if len(x) < 5 or not np.ptp(x) > 0:
        return
    fit = fit_logistic(x, y)
    if fit.converged:
        steps = np.linspace(x.min(), x.max(), 100)
        axes.plot(steps, fit.at(steps), color=INK, linewidth=1.2, zorder=3)


def _names(figure: Any, axes: Any, means: Sequence[tuple[str, float, float]]) -> None:
    """Name the models' means where there is room beside them."""
    settle(figure)
    scale = figure.get_dpi() / 72
    pixels = axes.transData.transform([(x, y) for _, x, y in means])
    texts, sizes = [], []
    for model, x, y in means:
        plate = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
        text, size = written(axes, model, (x, y), bbox=plate)
        texts.append(text)
        sizes.append(size)
    inside = axes.get_window_extent()
    frame: Box = (inside.x0, inside.y0, inside.x1, inside.y1)
    marks = [(x - 5 * scale, y - 5 * scale, x + 5 * scale, y + 5 * scale) for x, y in pixels]
    boxes = place([(float(x), float(y)) for x, y in pixels], sizes, marks, frame)
    for text, box, (x, y) in zip(texts, boxes, pixels, strict=True):
        if box is not None:
            text.set_position(((box[0] + 1 - x) / scale, (box[1] + 1 - y) / scale))


# --- pairs that contradict ---------------------------------------------------------------------


def _case(scale: HumanScale, found: Judged, one: Disagreement) -> ContradictedPair | None:
    """Return the two images side by side where they differ most in what people saw."""
    spot = one.crop
    paths = {name: scale.run.image_path(name, spot.image) for name in (one.preferred, one.other)}
    seen = where_they_differ(
        paths.values(), inside=Window(spot.left, spot.top, spot.width, spot.height)
    )
    if seen is None:
        return None
    window, full = seen
    places = 2 if found.units[one.metric] == "dB" else 4
    unit = found.units[one.metric] or title(one.metric)
    lines = {
        name: f"{fixed(score, places)} {unit}"
        for name, score in zip((one.preferred, one.other), one.scores, strict=True)
    }
    tiles = [
        tile(
            f"{name}: {who}",
            paths[name],
            window=window,
            full=full,
            alt=f"{spot.image}: {name}",
            lines=[lines[name]],
            mark="best" if name == one.preferred else "",
        )
        for name, who in ((one.preferred, "people’s choice"), (one.other, f"{title(one.metric)}’s"))
    ]
    images = scale.run.images()
    reference = dict(zip(images["image"], images["reference"], strict=True))[spot.image]
    if reference:
        tiles.append(
            tile(
                "Reference",
                Path(reference),
                window=window,
                full=full,
                alt=f"{spot.image}: reference",
            )
        )
    votes = ""
    if one.votes is not None:
        total = sum(one.votes)
        votes = f", {one.votes[0]:g} of {total:g} direct votes"
    return ContradictedPair(
        title(one.metric),
        f"{spot.image}: people prefer {one.preferred} to {one.other} by "
        f"{fixed(one.people, 1)} standard deviations{votes}",
        tuple(tiles),
    )
