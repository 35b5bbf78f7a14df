"""What people's preference is worth in metrics and operations, and what neither explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.core.errors import BenchError
from bench.core.names import counted
from bench.framework.costs import figure_under, read_costs
from bench.framework.joint import Evidence
from bench.framework.preference import Preference, Slope, regress
from bench.framework.scores import read_scores
from bench.report.drawing.axes import axis_title, in_words
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import fixed, interval, percent
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.reading.context import Context
from bench.report.reading.evidence import Facts

COSTS = ("macs", "latency_ms")
"""Operations where most models have them, else latency."""
PLACES = 2


def section(context: Context) -> Content | Missing:
    """Regress people's votes on each metric with the cost, and show what stays unexplained."""
    found = context.facts
    people = found.evidence.people
    if people is None or not people.answers.pairwise:
        return Missing("slopes in JOD need a study of pairs")
    evidence = found.evidence
    if not set(people.models) <= set(people.answers.methods):
        # Names on a page of several runs are not those of the study: take its run alone.
        evidence = Evidence(read_scores(people.run), read_costs(people.run), people)
    cost = _cost(found, evidence)
    fits: dict[str, Preference] = {}
    reasons: dict[str, list[str]] = {}
    for metric in [*found.analysis.shown, *([None] if cost else [])]:
        if metric is not None and metric not in evidence.table.metrics:
            continue
        name = "the cost alone" if metric is None else axis_title(metric)
        try:
            fits[name] = regress(evidence, [metric] if metric else [], cost, found.conditions)
        except BenchError as error:
            reasons.setdefault(str(error), []).append(name)
    exclusions = [f"{', '.join(names)}: {why}" for why, names in reasons.items()]
    if not fits:
        return Missing("; ".join(exclusions))
    return Content([_slopes(fits, cost, exclusions), _residuals(fits)])


def _cost(found: Facts, evidence: Evidence) -> str | None:
    """Return the first cost that most judged models have."""
    assert evidence.people is not None
    judged = [m for m in evidence.people.answers.methods if m in evidence.costs]
    for quantity in COSTS if found.conditions else ():
        assert found.conditions is not None
        known = [
            m
            for m in judged
            if (one := figure_under(evidence.costs[m], quantity, found.conditions)) and one.value
        ]
        if 2 * len(known) > len(judged):
            return quantity
    return None


def _slopes(fits: Mapping[str, Preference], cost: str | None, exclusions: Sequence[str]) -> Table:
    columns = [
        Column("Regressed on", numeric=False),
        Column("A better metric", "JOD for", ""),
        Column("for", numeric=False),
    ]
    if cost:
        columns.append(Column("Twice the cost", f"JOD per doubling of {in_words([cost])}"))
    columns += [
        Column("Explained", "of the variance between models"),
        Column("Models"),
        Column("Votes"),
    ]
    rows, records = [], []
    for name, fit in fits.items():
        metric = next((s for s in fit.slopes if s.predictor != cost), None)
        dear = next((s for s in fit.slopes if s.predictor == cost), None)
        rows.append(
            [
                TableCell(name),
                _slope(metric),
                TableCell(_per(metric) if metric else ""),
                *([_slope(dear)] if cost else []),
                TableCell(percent(max(0.0, fit.explained)), sort=fit.explained),
                TableCell(str(len(fit.residuals))),
                TableCell(f"{fit.votes:,}".replace(",", " ")),
            ]
        )
        records += [
            {
                "regressed_on": name,
                "predictor": s.predictor,
                "per": s.per,
                "jod": s.value,
                "low": s.low,
                "high": s.high,
                "explained": fit.explained,
                "votes": fit.votes,
                "models": len(fit.residuals),
            }
            for s in fit.slopes
        ]
    first = next(iter(fits.values()))
    who = f" of {counted(first.raters, 'rater')}" if first.raters else ""
    return Table(
        "worth",
        "What people's preference is worth",
        columns,
        rows=rows,
        records=records,
        legend=[
            f"People's votes{who} on {counted(first.images, 'image')}, regressed on the metric's "
            "difference and the logarithm of the cost, at an equal rest (probit; 1 JOD: 75 % "
            "prefer it). Intervals resample raters and images; they hold for these models.",
            *(f"{note[0].upper()}{note[1:]}." for note in first.notes),
            *(f"Left out: {one}." for one in first.left_out),
            *(f"Not regressed on {one}." for one in exclusions),
        ],
    )


def _slope(slope: Slope | None) -> TableCell:
    if slope is None:
        return TableCell("")
    around = interval(slope.low, slope.high, PLACES, sign=True)
    return TableCell(fixed(slope.value, PLACES, sign=True), around, sort=slope.value)


def _per(slope: Slope) -> str:
    return slope.per.replace(slope.predictor, axis_title(slope.predictor))


def _residuals(fits: Mapping[str, Preference]) -> Table:
    """Return by how much people find each model better than each fit says."""
    names = list(dict.fromkeys(r.model for fit in fits.values() for r in fit.residuals))
    columns = [Column("Model", numeric=False)]
    columns += [Column(name, "JOD", "Better than is explained by") for name in fits]
    by_fit = {name: {r.model: r for r in fit.residuals} for name, fit in fits.items()}
    rows: list[list[TableCell]] = []
    records: list[dict[str, Any]] = []
    for model in names:
        row = [TableCell(model)]
        for name, residuals in by_fit.items():
            one = residuals.get(model)
            if one is None:
                row.append(TableCell.missing("without all figures"))
                continue
            mark = "better" if one.low > 0 else "worse" if one.high < 0 else ""
            row.append(
                TableCell(
                    fixed(one.value, PLACES, sign=True),
                    interval(one.low, one.high, PLACES, sign=True),
                    mark,
                    sort=one.value,
                )
            )
            records.append(
                {
                    "model": model,
                    "regressed_on": name,
                    "jod": one.value,
                    "low": one.low,
                    "high": one.high,
                }
            )
        rows.append(row)
    return Table(
        "unexplained",
        "What metric and cost do not explain",
        columns,
        rows=rows,
        records=records,
        legend=[
            "{better}: people like the model more than metric and cost say, its interval above 0. "
            "{worse}: less."
        ],
    )
