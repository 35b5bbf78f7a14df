"""What models cost: charts and tables, each under one set of conditions."""

from __future__ import annotations

from bench.compute.quantities import quantities, row_of
from bench.framework.costs import CostConditions, as_record, why_no_figure
from bench.report.drawing.content import Block, Content
from bench.report.drawing.numbers import significant
from bench.report.drawing.tables import Cell, Column, Table
from bench.report.reading.analysis import Analysis
from bench.report.reading.context import Context
from bench.report.sections.bars import bars


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
    return Content([*charts, *(costs(analysis, at) for at in known)])


def costs(analysis: Analysis, conditions: CostConditions) -> Table:
    """Return every cost measured under one set of conditions."""
    known = analysis.data.conditions()
    measured = [
        (name, at, figures)
        for name in analysis.order
        for at, figures in analysis.data.costs[name].items()
        if at == conditions or (at not in known and conditions == known[0])
    ]
    told = list(dict.fromkeys(q for _, _, figures in measured for q in figures))
    nowhere, kept = [], []
    for quantity in told:
        found = [figures[quantity] for _, _, figures in measured if quantity in figures]
        why = {figure.missing for figure in found if figure.value is None}
        if len(why) == 1 and all(figure.value is None for figure in found):
            nowhere.append(f"{row_of(quantity).title} of every model: — ({why.pop()}).")
        else:
            kept.append(quantity)
    nowhere += [
        f"{row.title} of every model: — (not measured)."
        for row in quantities().values()
        if row.name not in told
    ]
    columns = [Column("Model", numeric=False), *map(cost_column, kept)]
    rows = [[Cell(name), *(cost_cell(analysis, name, q, conditions) for q in kept)]
            for name, _, _ in measured]  # fmt: skip
    records = [
        {"model": name, **as_record(at), "quantity": q, "unit": f.unit,
         "value": f.value, "low": f.low, "high": f.high, "missing": f.missing}
        for name, at, figures in measured
        for q, f in figures.items()
    ]  # fmt: skip
    number = known.index(conditions)
    return Table(
        "costs" if number == 0 else f"costs-{number + 1}",
        f"Costs on {conditions}",
        columns,
        rows=rows,
        records=records,
        legend=[
            "Brackets: 95 % interval, where a figure is a sample of several measurements.",
            *nowhere,
        ],
    )


def cost_cell(analysis: Analysis, name: str, quantity: str, conditions: CostConditions) -> Cell:
    """Return a cost in the unit of its column."""
    figure = analysis.cost(name, quantity, conditions)
    if figure is None:
        return Cell.missing(_no_cost(analysis, name, quantity, conditions))
    if figure.value is None:
        return Cell.missing(figure.missing or "not measured")
    factor = row_of(quantity).factor
    detail = ""
    if figure.low is not None and figure.high is not None:
        detail = f"[{significant(figure.low * factor)}, {significant(figure.high * factor)}]"
    return Cell(significant(figure.value * factor), detail, sort=figure.value)


def _no_cost(analysis: Analysis, name: str, quantity: str, conditions: CostConditions) -> str:
    if figures := analysis.data.costs[name]:
        return why_no_figure(figures, quantity, conditions)
    return analysis.data.table.states.get(name) or "not measured"


def cost_column(quantity: str, group: str = "") -> Column:
    """Return the head of a column of costs."""
    row = row_of(quantity)
    return Column(row.title, row.page_unit, group)
