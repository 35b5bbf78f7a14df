"""All that a report shows, read from one or several run folders.

Models of several runs share tables only where the runs are of one suite, one set of images and one
set of conventions; other runs are left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.compute.elsewhere import CostFile
from bench.compute.noise import seen
from bench.core.errors import BenchError
from bench.core.layout import file_name
from bench.core.names import counted, parse_spec
from bench.framework.costs import CostConditions, all_conditions, conditions_of, read_figures
from bench.framework.scores import ScoreTable
from bench.records import Profile
from bench.report.reading.match import mismatch, read_part
from bench.runs.record import MetricRecord, ModelRecord, RunRecord
from bench.runs.store import RunFolder
from bench.suites.table import suite_cards

NOT_HERE = "not measured in its run"


@dataclass(frozen=True, slots=True)
class Row:
    """One model of the page: ``name`` is unique there, ``label`` in its run."""

    name: str
    label: str
    run: int
    info: ModelRecord


@dataclass(frozen=True, slots=True)
class Shot:
    """One image of the suite. ``reference`` is None where there is none."""

    image: str
    cluster: str
    degraded: Path
    reference: Path | None
    strata: Mapping[str, str]


@dataclass(frozen=True)
class Gathered:
    """The runs of one report, joined."""

    runs: tuple[RunFolder, ...]
    records: tuple[RunRecord, ...]
    rows: tuple[Row, ...]
    shots: tuple[Shot, ...]
    table: ScoreTable
    costs: Mapping[str, Mapping[CostConditions, Mapping[str, Profile]]]
    """Row name -> conditions -> quantity -> figure."""
    metrics: Mapping[str, MetricRecord]
    left_out: tuple[tuple[str, str], ...]
    """Path and reason of the runs that cannot share tables with the others."""
    machines: tuple[int, ...]
    """Run by run the number of its machine, from 0: costs of different machines do not mix."""
    elsewhere: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """The environments of machines that no run was made on, by their numbers."""
    noisy_runs: tuple[RunFolder, ...] = ()
    """The runs that noisy costs are of."""

    @property
    def record(self) -> RunRecord:
        """The first run's record: suite and images are the same in all."""
        return self.records[0]

    @property
    def part(self) -> str:
        """Which part of the test set the images are: "1 of 1 111 test images"; "" for all of it."""
        spec, here = self.record.spec, len(self.shots)
        card = suite_cards().get(parse_spec(spec.suite)[0])
        total = card.images.get("test") if card else None
        if total is not None:
            return f"{here:,} of {counted(total, 'test image')}" if here < total else ""
        limited = spec.limit is not None and here >= spec.limit
        return f"only {counted(here, 'image')} (--limit {spec.limit})" if limited else ""

    def row(self, name: str) -> Row:
        """Return the row called ``name``."""
        return next(row for row in self.rows if row.name == name)

    def restored(self, name: str, image: str) -> Path:
        """Return where a model's restored image lies."""
        row = self.row(name)
        return self.runs[row.run].image_path(row.label, image)

    def training(self, name: str) -> Path:
        """Return where a model's training curves lie, if it has any."""
        row = self.row(name)
        return self.runs[row.run].path / "training" / f"{file_name(row.label)}.csv"

    @cached_property
    def noisy(self) -> dict[str, str]:
        """Row name -> what was seen, of those with a noisy cost."""
        found = {
            name: seen(figure for by in figures.values() for figure in by.values())
            for name, figures in self.costs.items()
        }
        return {name: why for name, why in found.items() if why}

    def environment(self, machine: int) -> Mapping[str, Any]:
        """Return the environment of a machine by its number."""
        if machine in self.elsewhere:
            return self.elsewhere[machine]
        return self.records[self.machines.index(machine)].environment

    def conditions(self) -> list[CostConditions]:
        """Return the conditions that costs were measured under, those of most figures first, and
        those of machines that no run was made on last."""
        return sorted(all_conditions(self.costs), key=lambda at: at.machine in self.elsewhere)


def gather(runs: Sequence[RunFolder], elsewhere: Sequence[CostFile] = ()) -> Gathered:
    """Read the runs and join those that match the first and each other.

    ``elsewhere``: what their models cost on other machines, which stands beside and never among
    what they cost here. Raises `BenchError` for a model that is in no run, too.

    Raises `BenchError` for a damaged run.
    """
    parts, left_out = [read_part(runs[0])], []
    for run in runs[1:]:
        part = read_part(run)
        why = mismatch(parts, part)
        if why is None:
            parts.append(part)
        else:
            left_out.append((str(run.path), why))
    runs, records = [part.run for part in parts], [part.record for part in parts]
    tables = [part.table for part in parts]
    rows, names = _rows(runs, records, tables)
    places = [_machine(record) for record in records]
    machines = [places.index(machine) for machine in places]
    costs: dict[str, dict[CostConditions, dict[str, Profile]]] = {row.name: {} for row in rows}
    noisy_runs: dict[int, RunFolder] = {}
    for number, run in enumerate(runs):
        for figure in read_figures(run):
            if (number, figure.model) in names:
                at = conditions_of(figure, machines[number])
                figures = costs[names[number, figure.model]].setdefault(at, {})
                if figures.setdefault(figure.quantity, figure) is figure and figure.noisy:
                    noisy_runs[number] = run
    others: dict[int, Mapping[str, Any]] = {}
    for file in elsewhere:
        if file.model not in costs:
            raise BenchError(
                f"costs of '{file.model}' are no model's of this report; expected one of "
                f"{', '.join(costs)}: give its name to the script as --model"
            )
        known = [number for number, found in others.items() if found == file.environment]
        number = known[0] if known else max((*machines, *others)) + 1
        others[number] = file.environment
        for figure in file.profiles():
            at = conditions_of(figure, number)
            costs[file.model].setdefault(at, {})[figure.quantity] = figure
    images = runs[0].images()
    return Gathered(
        runs=tuple(runs),
        records=tuple(records),
        rows=tuple(rows),
        shots=tuple(
            Shot(
                row["image"],
                row["cluster"],
                Path(row["degraded"]),
                Path(row["reference"]) if row["reference"] else None,
                row["strata"],
            )
            for row in images.to_dict("records")
        ),
        table=_joined(rows, tables),
        costs=costs,
        metrics={
            name: card for record in reversed(records) for name, card in record.metrics.items()
        },
        left_out=tuple(left_out),
        machines=tuple(machines),
        elsewhere=others,
        noisy_runs=tuple(noisy_runs.values()),
    )


def _rows(
    runs: Sequence[RunFolder], records: Sequence[RunRecord], tables: Sequence[ScoreTable]
) -> tuple[list[Row], dict[tuple[int, str], str]]:
    """Name every model, and say under which name each run's label is shown.

    A model that a later run has again, with equal scores by every metric of it, is shown once.
    """
    rows: list[Row] = []
    names: dict[tuple[int, str], str] = {}
    for number, record in enumerate(records):
        for label, info in record.models.items():
            namesakes = [row for row in rows if row.label == label]
            same = [r for r in namesakes if _adds_nothing(tables[number], tables[r.run], label)]
            if not same:
                name = f"{label} ({runs[number].path.name})" if namesakes else label
                while any(row.name == name for row in rows):
                    name += "'"
                rows.append(Row(name, label, number, info))
            names[number, label] = same[0].name if same else name
    return rows, names


def _adds_nothing(later: ScoreTable, first: ScoreTable, model: str) -> bool:
    if not set(later.metrics) <= set(first.metrics):
        return False
    order = [later.images.index(image) for image in first.images]
    return all(
        np.array_equal(
            first.column(metric, model), later.column(metric, model)[order], equal_nan=True
        )
        for metric in later.metrics
    )


def _joined(rows: Sequence[Row], tables: Sequence[ScoreTable]) -> ScoreTable:
    """Put the models of all tables side by side, images in the first table's order."""
    if len(tables) == 1:
        return tables[0]
    first = tables[0]
    metrics = tuple(dict.fromkeys(metric for table in tables for metric in table.metrics))
    orders = [[table.images.index(image) for image in first.images] for table in tables]
    values: dict[str, Any] = {}
    reasons: dict[str, dict[tuple[str, str], str]] = {}
    for metric in metrics:
        columns: list[Any] = []
        why: dict[tuple[str, str], str] = {}
        for row in rows:
            table = tables[row.run]
            if metric in table.metrics:
                columns.append(table.column(metric, row.label)[orders[row.run]])
                why |= {
                    (row.name, image): reason
                    for (model, image), reason in table.reasons[metric].items()
                    if model == row.label
                }
            else:
                columns.append(np.full(len(first.images), np.nan))
                why |= {(row.name, image): NOT_HERE for image in first.images}
        values[metric], reasons[metric] = np.column_stack(columns), why
    return replace(
        first,
        models=tuple(row.name for row in rows),
        metrics=metrics,
        values=values,
        reasons=reasons,
        higher_is_better={m: t.higher_is_better[m] for t in tables for m in t.metrics},
        units={m: t.units[m] for t in tables for m in t.metrics},
        marks={row.name: tables[row.run].marks.get(row.label, ()) for row in rows},
        states={
            row.name: tables[row.run].states[row.label]
            for row in rows
            if row.label in tables[row.run].states
        },
    )


def _machine(record: RunRecord) -> Mapping[str, Any]:
    """Return the part of the environment that decides costs: not the load, not the code's state."""
    return {k: v for k, v in record.environment.items() if k not in ("load", "code", "device")}
