"""The sections of a report that a study adds: people's scale, raters, kinds of images, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.framework.people import HumanScale
from bench.framework.scores import ScoreTable
from bench.framework.trust import kinds
from bench.report.drawing.numbers import counted, fixed, interval
from bench.report.drawing.tables import Cell, Column, Table
from bench.report.drawing.theme import Look, Plot
from bench.report.reading.analysis import Analysis
from bench.report.reading.evidence import names_on_page
from bench.report.sections.people import (
    MATRIX,
    PLACES,
    Found,
    agreement,
    methods_of,
    scale_plot,
    tables,
)
from bench.report.sections.trust import TrustSection, trust_section
from raters.protocols import protocol_called
from raters.statistics.comparisons import NotComparable
from raters.statistics.intervals import PRIOR_SD

STRATUM_SAMPLES = 400


@dataclass(frozen=True)
class Study:
    """What the page shows of a study. ``findings``: sentences for its head.

    ``trust`` is None where metrics cannot be held against people; ``why`` says so.
    """

    name: str
    protocol: str
    findings: Sequence[str]
    plot: Plot
    scale: Table
    differences: Table | None
    raters: Table | None
    strata: Table | None
    agreement: Sequence[tuple[str, str]]
    trust: TrustSection | None
    why: str


def study_of(scale: HumanScale, analysis: Analysis, styles: Mapping[str, Look], out: Path) -> Study:
    """Make the tables and plots of a study of one of the report's runs, and write them to ``out``.

    Raises `BenchError` where its run is none of the report's.
    """
    names = names_on_page(scale, analysis)
    found, answers = scale.analysis, scale.answers
    looks = {label: styles[name] for label, name in names.items()}
    made = {table.name: table for table in tables(found, scale.flags, answers.study)}
    strata = _by_kind(scale)
    try:
        trusted = trust_section(
            scale, _scores_of(analysis, names), analysis.measured, analysis.shown, looks,
            out / "plots",
        )  # fmt: skip
        why = ""
    except BenchError as error:
        trusted, why = None, str(error)
    for table in (*made.values(), strata, *_trust_tables(trusted)):
        if table is not None:
            table.write(out / "tables")
    first = methods_of(found)[0]
    tied = [m.method for m in methods_of(found)[1:] if set(m.group) & set(first.group)]
    said = (
        f"People ({protocol_called(answers.protocol).title}, {counted(found.votes, 'judgement')})"
    )
    said += f" find {first.method} best, {fixed(first.value, PLACES)} {found.unit} "
    said += interval(first.low, first.high, PLACES)
    said += f". Not significantly different from it: {', '.join(tied)}." if tied else "."
    small = len(methods_of(found)) <= MATRIX
    return Study(
        answers.study, protocol_called(answers.protocol).title,
        [text for text in (said, trusted.best if trusted else "") if text],
        scale_plot(found, looks, out / "plots"), made["people"],
        made["people-differences"] if small else None, made.get("raters"), strata,
        agreement(found, answers.golden()), trusted, why,
    )  # fmt: skip


def _scores_of(analysis: Analysis, names: Mapping[str, str]) -> ScoreTable:
    """Return the report's scores with the study's names of its models."""
    table = analysis.data.table
    labels = {name: label for label, name in names.items()}
    return replace(table, models=tuple(labels.get(name, f"({name})") for name in table.models))


def _trust_tables(trusted: TrustSection | None) -> list[Table | None]:
    return [] if trusted is None else [trusted.table, trusted.strata]


def _by_kind(scale: HumanScale) -> Table | None:
    """Return people's scale on each kind of image; None where there is one kind."""
    columns = [Column("Method", numeric=False)]
    names = [method.method for method in methods_of(scale.analysis)]
    rows = {name: [Cell(name)] for name in names}
    records = []
    for (key, level), inside in kinds(scale.answers.crops).items():
        number = int(inside.sum())
        found, why = _analysed(scale, inside)
        columns.append(Column(level, counted(number, "image"), key))
        mine = {m.method: m for m in methods_of(found)} if found else {}
        for name in names:
            if name not in mine:
                rows[name].append(Cell.missing(why or "not judged there"))
                continue
            method = mine[name]
            notes = (why,) if why else ()
            rows[name].append(
                Cell(fixed(method.value, PLACES), interval(method.low, method.high, PLACES),
                     notes=notes, sort=method.value)
            )  # fmt: skip
            records.append(
                {"method": name, "stratum": key, "level": level, "images": number,
                 "value": method.value, "low": method.low, "high": method.high,
                 "unit": scale.unit, "group": method.group}
            )  # fmt: skip
    if len(columns) == 1:
        return None
    legend = ["Each column is a scale of its own, with 95 % intervals."]
    return Table("people-strata", f"People’s scale by kind of image ({scale.unit})", columns,
                 list(rows.values()), records, legend)  # fmt: skip


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
