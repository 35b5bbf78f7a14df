"""The section on a study: people's scale, on kinds of images too, and how raters sat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.core.names import counted
from bench.framework.people import HumanScale
from bench.framework.trust import kinds
from bench.report.drawing.content import Block, Content, Html, Missing
from bench.report.drawing.html import render
from bench.report.drawing.numbers import fixed, interval
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.reading.context import Context
from bench.report.sections.people import (
    MATRIX,
    PLACES,
    Found,
    agreement,
    methods_of,
    scale_plot,
    tables,
)
from raters.protocols import protocol_called
from raters.statistics.comparisons import NotComparable
from raters.statistics.intervals import PRIOR_SD

STRATUM_SAMPLES = 400


def section(context: Context) -> Content | Missing:
    """Return people's scale as a plot and tables, by kind of image, and how raters sat."""
    scale = context.people
    if scale is None:
        return Missing("no study was given")
    found, answers = scale.analysis, scale.answers
    made = {table.name: table for table in tables(found, scale.flags, answers.study)}
    shown: list[Block] = [
        f"Study {answers.study} ({protocol_called(answers.protocol).title}), closed. Raters saw no "
        "names. The scale is people’s alone; no metric is in it.",
        [scale_plot(found, context.judged_looks)],
        made.pop("people"),
    ]
    if len(methods_of(found)) <= MATRIX:
        shown.append(made.pop("people-differences"))
    if (strata := _by_kind(scale)) is not None:
        shown += [Html("<h3>By kind of image</h3>"), strata]
    shown.append(render("sections/raters.html", agreement=agreement(found, answers.golden())))
    if "raters" in made:
        shown.append(made.pop("raters"))
    return Content(
        shown,
        findings=[_summary(scale)],
        kept=list(made.values()),
        heading="What people said",
    )


def _summary(scale: HumanScale) -> str:
    """Say whom people find best, for the head of the page."""
    found, answers = scale.analysis, scale.answers
    first = methods_of(found)[0]
    tied = [m.method for m in methods_of(found)[1:] if set(m.group) & set(first.group)]
    sentence = (
        f"People ({protocol_called(answers.protocol).title}, {counted(found.votes, 'judgement')})"
    )
    sentence += f" find {first.method} best, {fixed(first.value, PLACES)} {found.unit} "
    sentence += interval(first.low, first.high, PLACES)
    return sentence + (
        f". Not significantly different from it: {', '.join(tied)}." if tied else "."
    )


def _by_kind(scale: HumanScale) -> Table | None:
    """Return people's scale on each kind of image; None where there is one kind."""
    columns = [Column("Method", numeric=False)]
    names = [method.method for method in methods_of(scale.analysis)]
    rows = {name: [TableCell(name)] for name in names}
    records = []
    for (key, level), inside in kinds(scale.answers.crops).items():
        number = int(inside.sum())
        found, why = _analysed(scale, inside)
        columns.append(Column(level, counted(number, "image"), key))
        mine = {m.method: m for m in methods_of(found)} if found else {}
        for name in names:
            if name not in mine:
                rows[name].append(TableCell.missing(why or "not judged there"))
                continue
            method = mine[name]
            notes = (why,) if why else ()
            rows[name].append(
                TableCell(
                    fixed(method.value, PLACES),
                    interval(method.low, method.high, PLACES),
                    notes=notes,
                    sort=method.value,
                )
            )
            records.append(
                {
                    "method": name,
                    "stratum": key,
                    "level": level,
                    "images": number,
                    "value": method.value,
                    "low": method.low,
                    "high": method.high,
                    "unit": scale.unit,
                    "group": method.group,
                }
            )
    if len(columns) == 1:
        return None
    legend = ["Each column is a scale of its own, with 95 % intervals."]
    return Table(
        "people-strata",
        f"People’s scale by kind of image ({scale.unit})",
        columns,
        rows=list(rows.values()),
        records=records,
        legend=legend,
    )


def _analysed(scale: HumanScale, inside: NDArray[np.bool_]) -> tuple[Found | None, str]:
    """Analyse the judgements on some images; with a prior where they fix no scale, and say so."""
    answers = scale.answers
    try:
        try:
            return answers.analyse(samples=STRATUM_SAMPLES, only=inside), ""
        except NotComparable:
            found = answers.analyse(samples=STRATUM_SAMPLES, only=inside, prior_sd=PRIOR_SD)
            return found, f"too few votes for a scale: a prior of {PRIOR_SD:g} keeps it finite"
    except BenchError as error:
        return None, str(error)
