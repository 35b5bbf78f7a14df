"""Every image's score: how a mean comes about."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from bench.core.names import counted
from bench.report.drawing.axes import explain, height_of_rows, model_axis, value_axis, with_unit
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import title
from bench.report.drawing.theme import WIDTH, Look, Plot, drawing, finish
from bench.report.reading.analysis import Analysis
from bench.report.reading.context import Context

DOTS = 150
"""Up to so many images each is a dot; above, only the box and its reach are drawn."""


def section(context: Context) -> Content | Missing:
    """Plot the scores by every metric; those of the first metrics are shown."""
    analysis = context.analysis
    found = {m: distribution(analysis, m, context.looks) for m in analysis.measured}
    plots = {metric: plot for metric, plot in found.items() if plot}
    shown = [plot for metric, plot in plots.items() if metric in analysis.shown]
    if not shown:
        return Missing("no finite score")
    text = "Box: quartiles and median over images; whiskers: 5th and 95th percentile. Dots are"
    return Content(
        [f"{text} images.", shown],
        kept=[plot for metric, plot in plots.items() if metric not in analysis.shown],
    )


def distribution(analysis: Analysis, metric: str, styles: Mapping[str, Look]) -> Plot | None:
    """Plot every image's score: a dot each where there are few, and a box with the quartiles."""
    table = analysis.data.table
    scores = table.compared(metric)
    finite = {name: scores[:, table.models.index(name)] for name in analysis.order}
    finite = {name: v[~np.isnan(v)] for name, v in finite.items()}
    names = [name for name in analysis.order if len(finite[name])]
    if not names:
        return None
    with drawing(WIDTH, height_of_rows(len(names))) as (figure, axes):
        for row, name in enumerate(names):
            _box(axes, row, finite[name], styles[name])
        model_axis(axes, [styles[name].name for name in names])
        label = with_unit(title(metric), table.units[metric])
        value_axis(axes, label, table.higher_is_better[metric])
        few = max(map(len, finite.values())) <= DOTS
        rest = "Dots: images." if few else "Ends: the lowest and the highest."
        explain(figure, f"Box: quartiles, median. Whiskers: 5th and 95th percentile. {rest}")
        infinite = int(np.isinf(table.values[metric]).sum())
        return finish(
            figure,
            f"distribution-{metric}",
            f"{title(metric)} of every image",
            f"Distribution of {title(metric)} over images for {counted(len(names), 'model')}; "
            "box: quartiles, line: median, whiskers: 5th and 95th percentile.",
            [f"{counted(infinite, 'infinite score')} not shown."] if infinite else [],
        )


def _box(
    axes: Axes, row: int, values: np.ndarray[tuple[int], np.dtype[np.float64]], look: Look
) -> None:
    low, first, middle, third, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
    if len(values) <= DOTS:
        # Spread by a fixed irrational step, not at random: the same plot every time.
        shift = (np.arange(len(values)) * 0.618034) % 1 - 0.5
        axes.scatter(
            values, row + 0.5 * shift, s=9, color=look.colour, alpha=0.5, linewidths=0, zorder=2
        )
    else:
        axes.plot([values.min(), values.max()], [row, row], "|", color=look.colour, markersize=6)
    if len(values) >= 5:
        axes.plot([low, high], [row, row], color=look.colour, linewidth=1.1, zorder=3)
        axes.barh(
            row,
            third - first,
            0.56,
            first,
            facecolor="none",
            edgecolor=look.colour,
            linewidth=1.2,
            zorder=3,
        )
    axes.plot([middle, middle], [row - 0.28, row + 0.28], color=look.colour, linewidth=2.4)
