"""What models cost: charts and tables, each under one set of conditions."""

from __future__ import annotations

import shlex
from collections import defaultdict

from bench.compute.noise import MARK, summary
from bench.compute.quantities import quantities, row_of
from bench.compute.waiting import LIMITED, lengthened, limited
from bench.framework.costs import (
    Cost,
    CostConditions,
    as_record,
    cost_of,
    measured_with,
    why_no_figure,
)
from bench.records import ONE, ONE_SAMPLE
from bench.report.drawing.content import Block, Content
from bench.report.drawing.numbers import significant
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.reading.analysis import Analysis
from bench.report.reading.context import Context
from bench.report.sections.bars import bars
from bench.report.sections.growth import curves


def section(context: Context) -> Content:
    """Return the charts, and a table for each set of conditions."""
    analysis = context.analysis
    known = analysis.data.conditions()
    plots = [plot for at in known for plot in bars(analysis, at, context.looks)]
    charts: list[Block] = []
    if plots:
        charts = [
            "Each chart holds costs of one set of conditions only, with 95 % intervals as lines. "
            "On a logarithmic scale compare the numbers beside the bars, not their lengths.",
            plots,
        ]
    grown = curves(analysis, context.looks)
    return Content([*charts, *grown, *(costs(analysis, at) for at in known)])


def costs(analysis: Analysis, conditions: CostConditions) -> Table:
    """Return every cost measured under one set of conditions."""
    known = analysis.data.conditions()
    measured = [
        (name, at, figures)
        for name in analysis.order
        for at, figures in analysis.data.costs[name].items()
        if at == conditions or (at not in known and conditions == known[0])
    ]
    named = list(dict.fromkeys(q for _, _, figures in measured for q in figures))
    nowhere: defaultdict[str, list[str]] = defaultdict(list)  # by the reason
    kept = []
    for quantity in named:
        found = [figures[quantity] for _, _, figures in measured if quantity in figures]
        why = {figure.missing for figure in found if figure.value is None}
        if len(why) == 1 and all(figure.value is None for figure in found):
            nowhere[str(why.pop())].append(row_of(quantity).title)
        else:
            kept.append(quantity)
    others = [row.title for row in quantities().values() if row.name not in named]
    if others:
        nowhere["not measured"] += others
    columns = [Column("Model", numeric=False), *map(cost_column, kept)]
    rows = [
        [TableCell(name), *(cost_cell(analysis, name, q, conditions) for q in kept)]
        for name, _, _ in measured
    ]
    records = [
        {
            "model": name,
            **as_record(at),
            "quantity": q,
            "unit": f.unit,
            "value": f.value,
            "low": f.low,
            "high": f.high,
            "missing": f.missing,
            "single": f.single,
            **_noise(cost_of(figures, q)),
            "limited": lengthened(figures) if row_of(q).passes is not None else "",
        }
        for name, at, figures in measured
        for q, f in figures.items()
    ]
    number = known.index(conditions)
    return Table(
        "costs" if number == 0 else f"costs-{number + 1}",
        f"Costs on {conditions}",
        columns,
        rows=rows,
        records=records,
        legend=[
            "Brackets: 95 % interval, where a figure is a sample of several measurements"
            + ("; its range, where it is noisy." if analysis.data.noisy else "."),
            *(f"{', '.join(of)} of every model: — ({why})." for why, of in nowhere.items()),
        ],
    )


def noise_lines(analysis: Analysis) -> list[str]:
    """Return what is said above all figures where costs are noisy: what was seen, what to do."""
    data = analysis.data
    if not data.noisy:
        return []
    again = [shlex.join(["bench", "profile", "--again", str(run.path)]) for run in data.noisy_runs]
    return [summary(data.noisy), f"To measure these anew: {'; '.join(again)}"]


def launch_lines(analysis: Analysis) -> list[str]:
    """Return a sentence on the models whose time is one of launches, under the first conditions."""
    for at in analysis.data.conditions()[:1]:
        names = [n for n in analysis.order if limited(analysis.data.costs[n].get(at, {}))]
        if names:
            return [
                f"The time of {', '.join(names)} is {LIMITED} ({at}): it says little of larger "
                "images or other processors."
            ]
    return []


def _noise(cost: Cost | None) -> dict[str, str | float | None]:
    """Return the columns on noise: the reason, and the range that a noisy figure lies in."""
    if cost is None or not cost.noisy:
        return {"noisy": None, "range_low": None, "range_high": None}
    return {"noisy": cost.noisy, "range_low": cost.low, "range_high": cost.high}


def cost_cell(
    analysis: Analysis, name: str, quantity: str, conditions: CostConditions
) -> TableCell:
    """Return a cost in the unit of its column; a noisy one with its range, one sample as such."""
    figure = analysis.figure(name, quantity, conditions)
    cost = analysis.cost(name, quantity, conditions)
    if figure is None:
        return TableCell.missing(_no_cost(analysis, name, quantity, conditions))
    if cost is None:
        return TableCell.missing(figure.missing or "not measured")
    factor = row_of(quantity).factor
    text, detail = significant(cost.value * factor), ""
    if cost.noisy or (figure.low is not None and figure.high is not None):
        detail = f"[{significant(cost.low * factor)}, {significant(cost.high * factor)}]"
    if cost.single:
        detail = f"{detail} {ONE}" if cost.noisy else ONE_SAMPLE
    return TableCell(
        f"{text} {MARK}" if cost.noisy else text,
        detail,
        notes=_waits(analysis, name, quantity, conditions),
        sort=cost.value,
    )


def _waits(
    analysis: Analysis, name: str, quantity: str, conditions: CostConditions
) -> tuple[str, ...]:
    """Return the note on a time that something else lengthens."""
    if row_of(quantity).passes is None:
        return ()
    found = measured_with(analysis.data.costs[name], quantity, conditions)
    why = lengthened(found[1]) if found else ""
    return (why,) if why else ()


def _no_cost(analysis: Analysis, name: str, quantity: str, conditions: CostConditions) -> str:
    if figures := analysis.data.costs[name]:
        return why_no_figure(figures, quantity, conditions)
    return analysis.data.table.states.get(name) or "not measured"


def cost_column(quantity: str, group: str = "") -> Column:
    """Return the head of a column of costs."""
    row = row_of(quantity)
    return Column(row.title, row.page_unit, group)
