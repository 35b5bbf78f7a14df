"""What the convention of a metric alone does to the scores of the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from bench.framework.scores import INFINITE
from bench.report.drawing.axes import explain
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import fixed, title
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.drawing.theme import INK, MUTED, PAPER, WIDTH, Look, Plot, drawing, finish
from bench.report.reading.analysis import Analysis, conventions
from bench.report.reading.context import Context
from bench.report.sections.results import head_unit

LINES = 40
"""Up to so many images have a line each in the plot."""


def section(context: Context) -> Content | Missing:
    """Plot every family of which several conventions were measured, and return the means."""
    analysis = context.analysis
    families = conventions(analysis)
    if not families:
        return Missing("no metric was measured under several")
    lines = [convention_lines(analysis, m, context.looks) for m in families.values()]
    return Content(
        [
            "The same images, scored under several conventions in use. Figures of different "
            "conventions must not be compared, even under one name. Bold lines are means, thin "
            "lines single images.",
            [plot for plot in lines if plot],
            convention_spread(analysis),
        ],
        heading="What the convention alone does",
    )


def convention_lines(
    analysis: Analysis, metrics: Sequence[str], styles: Mapping[str, Look]
) -> Plot | None:
    """Plot the same images under every convention of a family: means bold, images thin."""
    table = analysis.data.table
    means: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    with drawing(WIDTH, 3.7) as (figure, axes):
        places = np.arange(len(metrics))
        for name in analysis.order:
            scores = np.column_stack(
                [table.compared(metric)[:, table.models.index(name)] for metric in metrics]
            )
            scores = scores[np.isfinite(scores).all(axis=1)]
            if not len(scores):
                continue
            for row in scores if len(table.images) <= LINES else []:
                axes.plot(places, row, color=styles[name].colour, linewidth=0.5, alpha=0.22)
            means[name] = scores.mean(axis=0)
        if not means:
            return None
        for name, mean in means.items():
            look = styles[name]
            axes.plot(
                places,
                mean,
                color=look.colour,
                marker=look.marker,
                markersize=5.5,
                markeredgecolor=PAPER,
                markeredgewidth=0.7,
                zorder=4,
            )
        axes.set_xticks(places, [title(metric) for metric in metrics])
        axes.set_xlim(-0.25, len(metrics) - 1 + 0.25 + 0.28 * (len(metrics) - 1))
        axes.xaxis.grid(visible=False)
        explain(figure, "Bold: means. Thin: single images, where there are few.")
        unit = table.units[metrics[0]]
        axes.set_ylabel(f"score{', ' + unit if unit else ''}")
        _end_labels(axes, {styles[n].name: mean for n, mean in means.items()}, len(metrics) - 1)
        spread = max(float(np.ptp(mean)) for mean in means.values())
        family = title(metrics[0])
        return finish(
            figure,
            f"conventions-{metrics[0]}",
            f"{family} under several conventions",
            f"The same images under {len(metrics)} conventions of {family}; the convention alone "
            f"moves a model's mean by up to {spread:.3g}.",
            [f"The convention alone moves a mean by up to {spread:.3g} {unit}".strip() + "."],
        )


def _end_labels(
    axes: Axes, means: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]], last: int
) -> None:
    """Name lines at their right end, pushed apart where they would overlap."""
    bottom, top = axes.get_ylim()
    height = (top - bottom) * 0.048
    names = sorted(means, key=lambda name: float(means[name][-1]))
    heights = [float(means[name][-1]) for name in names]
    placed: list[float] = []
    for wanted in heights:
        placed.append(max(wanted, placed[-1] + height) if placed else wanted)
    shift = sum(p - h for p, h in zip(placed, heights, strict=True)) / len(placed)
    for name, level in zip(names, placed, strict=True):
        axes.annotate(
            name,
            (last, float(means[name][-1])),
            (last + 0.06 * max(1, last), level - shift),
            fontsize=7.5,
            va="center",
            color=INK,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.4},
        )
    axes.set_ylim(min(bottom, placed[0] - shift - height), max(top, placed[-1] - shift + height))


def convention_spread(analysis: Analysis) -> Table:
    """Return the same images' means under every convention of a family, and their spread."""
    families = conventions(analysis)
    columns = [Column("Model", numeric=False)]
    for name, metrics in families.items():
        columns += [Column(title(m), head_unit(analysis, m), name.upper()) for m in metrics]
        columns.append(Column("Spread", "max − min", name.upper()))
    rows, records = [], []
    for model in analysis.order:
        row = [TableCell(model)]
        for metrics in families.values():
            common = _common_means(analysis, model, metrics)
            places = max(analysis.places[m] for m in metrics)
            for metric in metrics:
                if common is None:
                    row.append(
                        TableCell.missing(*analysis.standing(metric, model).missing or (INFINITE,))
                    )
                else:
                    row.append(TableCell(fixed(common[metric], places), sort=common[metric]))
                records.append(
                    {"model": model, "metric": metric, "mean": common and common[metric]}
                )
            spread = None if common is None else max(common.values()) - min(common.values())
            row.append(
                TableCell.missing("no image has all conventions")
                if spread is None
                else TableCell(fixed(spread, places), sort=spread)
            )
        rows.append(row)
    return Table(
        "conventions",
        "The same images under several conventions",
        columns,
        rows=rows,
        records=records,
        legend=[
            "Means over the images on which all models have a finite score under every convention "
            "of the family."
        ],
    )


def _common_means(analysis: Analysis, model: str, metrics: list[str]) -> dict[str, float] | None:
    table = analysis.data.table
    at = table.models.index(model)
    stacked = np.column_stack([table.compared(metric)[:, at] for metric in metrics])
    complete = np.isfinite(stacked).all(axis=1)
    if not complete.any():
        return None
    return dict(zip(metrics, map(float, stacked[complete].mean(axis=0)), strict=True))
