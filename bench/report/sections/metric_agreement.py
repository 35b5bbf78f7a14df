"""Which metrics order the models alike, and on which images they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bench.core.names import counted
from bench.framework.scores import ScoreTable
from bench.report.drawing.content import Block, Content, Missing
from bench.report.drawing.numbers import fixed, title
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.drawing.theme import INK, Plot, drawing, finish
from bench.report.reading.context import Context
from bench.statistics.correlation import srocc

Floats = NDArray[np.float64]

FEWEST = 3
"""Models under which an order says nothing."""
DARK = 0.75
"""Correlations whose colour asks for white letters."""
NAMED = 3
"""Images that are named of a pair of metrics."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Spearman's correlation of two metrics over models, both turned so that more is better: of
    each image on which it is defined, by name."""

    by_image: Mapping[str, float]

    @property
    def mean(self) -> float:
        """The mean over images."""
        return float(np.round(np.mean(list(self.by_image.values())), 12)) + 0.0  # no −0

    @property
    def least(self) -> list[str]:
        """The images on which they agree least."""
        return sorted(self.by_image, key=self.by_image.__getitem__)[:NAMED]


def section(context: Context) -> Content | Missing:
    """Return the correlations of all pairs as a chart, and the images of least agreement."""
    table = context.analysis.data.table
    metrics = context.analysis.measured
    if len(metrics) < 2:
        return Missing("one metric was measured")
    found = agreements(table, metrics)
    if not found:
        return Missing(f"no image has scores of {FEWEST} models or more by two metrics")
    pairs = sorted(found, key=lambda pair: found[pair].mean)
    first, second = pairs[0]
    text = (
        "Rank correlation of two metrics over models, image by image, then the mean over images: "
        "1, the same order; 0, none in common; −1, the reverse. Least alike: "
        f"{title(first)} and {title(second)} ({fixed(found[first, second].mean, 2)})."
    )
    body: list[Block] = [text, [_chart(metrics, found)], _table(pairs, found)]
    return Content(body, heading="Metrics among each other")


def agreements(table: ScoreTable, metrics: Sequence[str]) -> dict[tuple[str, str], Agreement]:
    """Return the agreement of every pair of metrics that have a correlation on any image."""
    turned = {m: table.finite(m) * (1 if table.higher_is_better[m] else -1) for m in metrics}
    found = {}
    for first, second in combinations(metrics, 2):
        by_image = {}
        for image, x, y in zip(table.images, turned[first], turned[second], strict=True):
            both = ~np.isnan(x) & ~np.isnan(y)
            value = srocc(x[both], y[both]) if both.sum() >= FEWEST else np.nan
            if not np.isnan(value):
                by_image[image] = float(value)
        if by_image:
            found[first, second] = Agreement(by_image)
    return found


def _chart(metrics: Sequence[str], found: Mapping[tuple[str, str], Agreement]) -> Plot:
    means = np.full((len(metrics), len(metrics)), np.nan)
    for (first, second), one in found.items():
        row, column = metrics.index(second), metrics.index(first)
        means[row, column] = one.mean
    names = [title(m) for m in metrics]
    side = 1.4 + 0.42 * len(metrics)
    with drawing(side + 1.0, side) as (figure, axes):
        axes.imshow(means[1:, :-1], cmap="RdBu", vmin=-1, vmax=1, alpha=0.75)
        for row, column in zip(*np.nonzero(~np.isnan(means)), strict=True):
            axes.text(
                column,
                row - 1,
                fixed(means[row, column], 2),
                ha="center",
                va="center",
                fontsize=7.5,
                color="white" if abs(means[row, column]) > DARK else INK,
            )
        axes.set_xticks(range(len(names) - 1), names[:-1], rotation=45, ha="right")
        axes.set_yticks(range(len(names) - 1), names[1:])
        axes.tick_params(length=0, labelcolor=INK)
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        text = "; ".join(
            f"{title(a)} and {title(b)} {fixed(one.mean, 2)}" for (a, b), one in found.items()
        )
        return finish(
            figure,
            "metric-agreement",
            "How alike metrics order the models",
            f"Mean rank correlation over images: {text}.",
        )


def _table(pairs: Sequence[tuple[str, str]], found: Mapping[tuple[str, str], Agreement]) -> Table:
    columns = [
        Column("Metrics", numeric=False),
        Column("Mean correlation"),
        Column("Images"),
        Column("Least alike on", numeric=False),
    ]
    rows, records = [], []
    for first, second in pairs:
        one = found[first, second]
        rows.append(
            [
                TableCell(f"{title(first)}, {title(second)}"),
                TableCell(fixed(one.mean, 2), sort=one.mean),
                TableCell(str(len(one.by_image)), sort=float(len(one.by_image))),
                TableCell(", ".join(f"{i} ({fixed(one.by_image[i], 2)})" for i in one.least)),
            ]
        )
        records += [
            {"metric": first, "other": second, "image": image, "srocc": value}
            for image, value in one.by_image.items()
        ]
    return Table(
        "metric-agreement",
        f"Agreement of {counted(len(pairs), 'pair')} of metrics",
        columns,
        rows=rows,
        records=records,
        legend=["Least alike first."],
    )
