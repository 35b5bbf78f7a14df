"""Quality by kind of image, and against how strongly images were degraded: blur, noise, light."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bench.core.names import counted
from bench.report.drawing.axes import explain, with_unit
from bench.report.drawing.content import Block, Content, Missing
from bench.report.drawing.numbers import fixed, interval, title
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.drawing.theme import INK, PAPER, WIDTH, Look, Plot, drawing, finish
from bench.report.reading.analysis import Analysis, strata
from bench.report.reading.context import Context
from bench.report.sections.results import head_unit
from bench.statistics.clusters import Estimate, cluster_means

Floats = NDArray[np.float64]

LINES = 12
"""Lines of a plot, at most: the best models by the first metric."""


def section(context: Context) -> Content | Missing:
    """Plot every metric; the plots of the first ones are shown, and the means of the first."""
    analysis = context.analysis
    tables = [table for table in (by_stratum(analysis), clean_pairs(analysis)) if table]
    if not tables:
        return Missing("the images are of one kind")
    shown: list[Plot] = []
    kept: list[Plot] = []
    for metric in analysis.measured:
        found = shown if metric in analysis.shown else kept
        found += curves(analysis, metric, context.looks)
    bars = any(analysis.data.table.claims(metric).intervals for metric in analysis.measured)
    plotted: list[Block] = []
    if shown:
        plotted = [
            "How the quality falls as the images get worse. Each point: the mean over the images "
            "of that level on which all models have a finite score"
            + ("; bars: 95 % intervals, which resample scenes." if bars else "."),
            shown,
        ]
    return Content([*plotted, *tables], kept=kept, heading="By kind of image")


def curves(analysis: Analysis, metric: str, styles: Mapping[str, Look]) -> list[Plot]:
    """Plot ``metric`` against every kind of image whose levels are numbers, a line per model."""
    plots = []
    for key, levels in strata(analysis).items():
        scale = sorted(
            (number, at) for level, at in levels.items() if (number := _number(level)) is not None
        )
        if len(scale) == len(levels) and analysis.standings[metric]:
            plot = _curve(analysis, metric, key, scale, styles)
            plots += [plot] if plot else []
    return plots


def _number(level: str) -> float | None:
    try:
        return float(level)
    except ValueError:
        return None


def _curve(
    analysis: Analysis,
    metric: str,
    factor: str,
    scale: Sequence[tuple[float, list[int]]],
    styles: Mapping[str, Look],
) -> Plot | None:
    table = analysis.data.table
    finite = table.compared(metric)
    by_level = [cluster_means(finite[at], table.clusters[at]) for _, at in scale]
    numbers = np.array([number for number, _ in scale])
    places, how = _places(numbers)
    texts = []
    with drawing(WIDTH, 3.4) as (figure, axes):
        scored = [name for name in analysis.order if analysis.standing(metric, name).estimate]
        names = scored[:LINES]
        apart = 0.006 * float(np.ptp(places))  # so that bars stand side by side
        for index, name in enumerate(names):
            means = [found[table.models.index(name)] for found in by_level]
            shift = (index - (len(names) - 1) / 2) * apart
            ends = _line(axes, places + shift, means, styles[name])
            if ends:
                texts.append(f"{name} {ends[0]:.4g} to {ends[1]:.4g}")
        if not texts:
            return None
        axes.set_xticks(places, [f"{number:g}" for number in numbers])
        axes.set_xlabel(factor + how)
        better = "up" if table.higher_is_better[metric] else "down"
        axes.set_ylabel(f"{with_unit(title(metric), table.units[metric])} ({better} is better)")
        axes.legend(frameon=False, fontsize=7.5, labelcolor=INK, ncols=2)
        if any(mean and mean.low is not None for found in by_level for mean in found):
            explain(figure, "Bars: 95 % intervals of the means over scenes.")
        rest = len(scored) - len(names)
        return finish(
            figure,
            f"robustness-{metric}-{_plain(factor)}",
            f"{title(metric)} by {factor}",
            f"Mean {title(metric)} by {factor}, from {numbers[0]:g} to {numbers[-1]:g}: "
            f"{', '.join(texts)}.",
            [f"{counted(rest, 'further model')} in the tables."] if rest else [],
        )


def _places(numbers: Floats) -> tuple[Floats, str]:
    """Return where rising levels stand on the axis, and a word on that: as far apart as can be."""

    def gap(places: Floats) -> float:
        return float(np.diff(places).min() / np.ptp(places))

    if len(numbers) > 2 and numbers[0] > 0 and gap(logs := np.log10(numbers)) > gap(numbers):
        return logs, " (logarithmic)"
    return numbers, ""


def _line(
    axes: Axes,
    numbers: Floats,
    means: Sequence[Estimate | None],
    look: Look,
) -> tuple[float, float] | None:
    """Draw one model's means and intervals; return the first and the last mean."""
    known = [(x, mean) for x, mean in zip(numbers, means, strict=True) if mean]
    if not known:
        return None
    for x, mean in known:
        if mean.low is not None and mean.high is not None:
            axes.plot([x, x], [mean.low, mean.high], color=look.colour, linewidth=0.8, alpha=0.6)
    axes.plot(
        [x for x, _ in known],
        [mean.value for _, mean in known],
        color=look.colour,
        marker=look.marker,
        markersize=5,
        markeredgecolor=PAPER,
        markeredgewidth=0.6,
        label=look.name,
    )
    return known[0][1].value, known[-1][1].value


def _plain(key: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in key).strip("-")


def by_stratum(analysis: Analysis) -> Table | None:
    """Return means of the first metric for every kind of image; None where there is one kind."""
    metric, data = analysis.primary, analysis.data
    kinds = [
        (k, level, at) for k, levels in strata(analysis).items() for level, at in levels.items()
    ]
    if metric is None or not kinds:
        return None
    columns = [Column("Model", numeric=False)]
    rows: list[list[TableCell]] = [[TableCell(name)] for name in analysis.order]
    records = []
    shared = data.table.shared(metric).images
    for key, level, at in kinds:
        kept = int(shared[at].sum())
        if not kept:
            continue
        columns.append(Column(level, counted(kept, "image"), key))
        means = cluster_means(data.table.compared(metric)[at], data.table.clusters[at])
        for row, name in zip(rows, analysis.order, strict=True):
            mean = means[data.table.models.index(name)]
            row.append(_stratum_cell(analysis, metric, name, mean, kept))
            records.append(
                {
                    "model": name,
                    "metric": metric,
                    "stratum": key,
                    "level": level,
                    "mean": mean and mean.value,
                    "low": mean and mean.low,
                    "high": mean and mean.high,
                    "images": mean.n if mean else 0,
                }
            )
    return Table(
        "strata",
        f"{title(metric)} by kind of image ({head_unit(analysis, metric)})",
        columns,
        rows=rows,
        records=records,
        legend=["Mean with its 95 % interval where there are several scenes."],
    )


def clean_pairs(analysis: Analysis) -> Table | None:
    """Return what models do to images with nothing to restore; None where there are none."""
    table = analysis.data.table
    number = int(table.clean.sum())
    if not number:
        return None
    columns = [Column("Model", numeric=False)]
    rows: list[list[TableCell]] = [[TableCell(name)] for name in analysis.order]
    records: list[dict[str, Any]] = []
    for metric in analysis.measured:
        scores = table.values[metric][table.clean]
        columns.append(Column(title(metric), head_unit(analysis, metric)))
        for row, name in zip(rows, analysis.order, strict=True):
            column = scores[:, table.models.index(name)]
            known, same = column[np.isfinite(column)], int(np.isinf(column).sum())
            mean = float(known.mean()) if len(known) else None
            row.append(_clean_cell(analysis, metric, mean, same, len(known), number))
            records.append(
                {
                    "model": name,
                    "metric": metric,
                    "mean": mean,
                    "images": len(known),
                    "identical": same,
                    "clean_pairs": number,
                }
            )
    return Table(
        "clean",
        f"Does a model leave a clean picture alone? {counted(number, 'clean pair')}",
        columns,
        rows=rows,
        records=records,
        legend=[
            "Images whose degraded version is the reference itself: nothing is to be restored, and "
            "they are in no other mean. ∞: the picture came back as it was."
        ],
    )


def _clean_cell(
    analysis: Analysis, metric: str, mean: float | None, same: int, changed: int, number: int
) -> TableCell:
    if mean is None:
        return (
            TableCell("∞", sort=math.inf)
            if same
            else TableCell.missing("no score of the clean pairs")
        )
    notes: tuple[str, ...] = ()
    if changed < number:
        notes = (
            f"mean over the {counted(changed, 'clean pair')} with a finite score; "
            f"{same} came back as they were",
        )
    return TableCell(fixed(mean, analysis.places[metric]), notes=notes, sort=mean)


def _stratum_cell(
    analysis: Analysis, metric: str, name: str, mean: Estimate | None, total: int
) -> TableCell:
    if mean is None:
        return TableCell.missing(*analysis.standing(metric, name).missing or ("no finite score",))
    places = analysis.places[metric]
    notes = () if mean.n == total else (f"mean over {mean.n} of {counted(total, 'image')}",)
    detail = interval(mean.low, mean.high, places)
    return TableCell(fixed(mean.value, places), detail, notes=notes, sort=mean.value)
