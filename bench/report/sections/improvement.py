"""What each model adds to the degraded image: paired differences, as plots and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.core.names import counted
from bench.report.drawing.axes import explain, height_of_rows, model_axis, value_axis
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import fixed, interval, title
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.drawing.theme import MUTED, WIDTH, Look, Plot, drawing, finish
from bench.report.reading.analysis import Analysis
from bench.report.reading.context import Context
from bench.report.sections.results import head_unit, over
from bench.statistics.claims import told_apart
from bench.statistics.clusters import Difference


def section(context: Context) -> Content | Missing:
    """Plot the improvement by every metric; those of the first metrics are shown."""
    analysis = context.analysis
    if not analysis.has_base:
        return Missing(f"the run has no scores of {analysis.base_title}")
    if len(analysis.order) < 2:
        return Missing(f"the run has no model but {analysis.base_title}")
    found = {m: improvement(analysis, m, context.looks) for m in analysis.measured}
    plots = {metric: plot for metric, plot in found.items() if plot}
    return Content(
        [[p for m, p in plots.items() if m in analysis.shown], improvements(analysis)],
        kept=[p for m, p in plots.items() if m not in analysis.shown],
        heading=f"Improvement over {analysis.base_title}",
    )


def improvement(analysis: Analysis, metric: str, styles: Mapping[str, Look]) -> Plot | None:
    """Plot the paired differences from the base with their intervals."""
    names = [n for n in analysis.order if analysis.gain(metric, n)]
    if not names:
        return None
    with drawing(WIDTH, height_of_rows(len(names))) as (figure, axes):
        axes.axvline(0, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        texts = []
        for position, name in enumerate(names):
            gain = analysis.gain(metric, name)
            assert gain is not None
            look = styles[name]
            if gain.low is not None and gain.high is not None:
                axes.plot(
                    [gain.low, gain.high], [position, position], color=look.colour, linewidth=1.8
                )
            axes.plot(gain.value, position, look.marker, color=look.colour, markersize=6.5)
            texts.append(f"{name} {gain.value:+.3g}")
        model_axis(axes, [styles[name].name for name in names])
        value_axis(
            axes,
            f"{title(metric)} minus that of {analysis.base_title}",
            analysis.data.table.higher_is_better[metric],
        )
        if analysis.data.table.claims(metric).intervals:
            explain(figure, f"Lines: 95 % intervals. Dashed: as good as {analysis.base_title}.")
        return finish(
            figure,
            f"improvement-{metric}",
            f"{title(metric)}: difference from {analysis.base_title}",
            f"Mean paired difference in {title(metric)} from {analysis.base_title}"
            f"{intervals_of(analysis, metric)}: {', '.join(texts)}.",
        )


def intervals_of(analysis: Analysis, metric: str) -> str:
    """Return ", with 95 % intervals", where there are any."""
    return ", with 95 % intervals" if analysis.data.table.claims(metric).intervals else ""


def improvements(analysis: Analysis) -> Table:
    """Return each model's paired difference from the base, by metric."""
    names = [name for name in analysis.order if name != analysis.base]
    columns = [Column("Model", numeric=False)]
    columns += [
        Column(title(m), head_unit(analysis, m), f"Mean{over(analysis, m)}")
        for m in analysis.measured
    ]
    rows, records = [], []
    for name in names:
        row = [TableCell(name)]
        for metric in analysis.measured:
            gain = analysis.gain(metric, name)
            row.append(_gain_cell(analysis, metric, name, gain))
            records.append({"model": name, "metric": metric} | _gain_record(gain))
        rows.append(row)
    table = analysis.data.table
    every = [table.claims(metric) for metric in analysis.measured]
    spread = " with its 95 % interval" if any(claims.intervals for claims in every) else ""
    legend = [f"Mean of the paired differences{spread}."]
    if any(claims.tests for claims in every):
        legend = [
            f"{legend[0]} {{better}}: significantly better than {analysis.base_title}. {{worse}}: "
            "significantly worse; the others are tied with it."
        ]
    return Table(
        name="improvements",
        caption=f"Improvement over {analysis.base_title}",
        columns=columns,
        rows=rows,
        records=records,
        legend=legend,
    )


def _gain_cell(analysis: Analysis, metric: str, name: str, gain: Difference | None) -> TableCell:
    if gain is None:
        return TableCell.missing(*analysis.standing(metric, name).missing or ("no common image",))
    places = analysis.places[metric]
    mark = ""
    if told_apart(gain.p_adjusted):
        up = gain.value > 0
        mark = "better" if up == analysis.data.table.higher_is_better[metric] else "worse"
    notes: tuple[str, ...] = ()
    if not analysis.standing(metric, name).ranked:
        notes = (f"over the {counted(gain.n, 'image')} on which both have a finite score",)
    return TableCell(
        fixed(gain.value, places, sign=True),
        interval(gain.low, gain.high, places, sign=True),
        mark,
        notes,
        gain.value,
    )


def _gain_record(gain: Difference | None) -> dict[str, Any]:
    keys = ("value", "low", "high", "p", "p_adjusted", "n", "clusters")
    names = ("difference", "low", "high", "p", "p_adjusted", "images", "clusters")
    return {name: getattr(gain, key, None) for name, key in zip(names, keys, strict=True)}
