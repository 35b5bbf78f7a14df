"""Which model to take as a budget grows: `bench pick` for every budget at once."""

from __future__ import annotations

from bench.compute.noise import MARK
from bench.compute.quantities import row_of
from bench.framework.budgets import budget_steps
from bench.records import ONE
from bench.report.drawing.axes import axis_title
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import significant
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.reading.context import Context
from bench.report.reading.evidence import too_few

QUALITIES = 2
"""So many qualities have a table of budgets: people's where there is one, and the first metrics."""


def section(context: Context) -> Content | Missing:
    """Return the steps by the first qualities and every cost."""
    found = context.facts
    if not found.costs:
        return Missing(found.no_costs)
    columns = [
        Column("Limit on", numeric=False),
        Column("From", "upper end of the interval"),
        Column("Take", numeric=False),
        Column("By", numeric=False),
        Column("Quality"),
        Column("As good within it", numeric=False),
    ]
    rows, records, most = [], [], 0
    for quality in found.qualities[:QUALITIES]:
        for cost in found.costs:
            joint = found.join(quality, cost)
            if isinstance(joint, Missing):
                return joint
            most = max(most, len(joint.models))
            for step in budget_steps(found.evidence, joint):
                row = row_of(cost)
                budget = f"{significant(step.budget * row.factor)} {row.page_unit}".strip()
                noisy = joint.noise.get(step.model, {}).get(cost, "")
                single = step.model in joint.single.get(cost, ())
                ends = [significant(end * row.factor) for end in (step.least, step.budget)]
                around = f"[{', '.join(ends)}]" if noisy else "", ONE if single else ""
                rows.append(
                    [
                        TableCell(axis_title(cost)),
                        TableCell(
                            f"{budget} {MARK}" if noisy else budget,
                            " ".join(filter(None, around)),
                            sort=step.budget,
                        ),
                        TableCell(step.model),
                        TableCell(axis_title(quality)),
                        TableCell(found.written(joint.axes[0], step.quality), sort=step.quality),
                        TableCell(", ".join(step.tied)),
                    ]
                )
                records.append(
                    {
                        "quality": quality,
                        "cost": cost,
                        "budget": step.budget,
                        "model": step.model,
                        "value": step.quality,
                        "tied": "; ".join(step.tied),
                        "noisy": noisy or None,
                        "range_low": step.least if noisy else None,
                        "single": single,
                    }
                )
    if few := too_few(most):
        return few
    noisy_costs = any(record["noisy"] for record in records)
    single_costs = any(record["single"] for record in records)
    if not rows:
        return Missing("no model is better than doing nothing")
    return Content(
        [
            "The best model as a budget grows. A budget is held against the upper end of a cost’s "
            "interval"
            + (", or of its range where it is noisy" if noisy_costs else "")
            + (
                ". Of 1 sample there is no interval: the value itself is held."
                if single_costs
                else "."
            ),
            Table(
                "budgets",
                f"What to take within a budget, on {found.conditions}",
                columns,
                rows=rows,
                records=records,
                legend=[
                    "From the budget in a row on, up to the next row's, its model is the best that "
                    "surely keeps to it"
                    + (", or does by its 1 sample. " if single_costs else ". ")
                    + "As good within it: what is tied with that model. Several limits at once: "
                    "bench pick."
                    + (
                        " Between the ends in brackets it is not known whether a noisy model keeps "
                        "to a budget."
                        if noisy_costs
                        else ""
                    )
                ],
            ),
        ]
    )
