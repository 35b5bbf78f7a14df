"""Tables across data sets, as papers print them: a row per model, the suites in columns.

Runs of one suite are joined as in any report (`bench.report.reading.gather`). A model that several
runs trained from other seeds, and nothing else, stands in one row: the mean over its seeds, image
by image. One that was trained by several recipes has a row for each. Mean ranks are over the models
that every suite has.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from bench.core.files import write_atomic
from bench.core.identity import digest_of
from bench.core.layout import across_folder, file_name
from bench.core.names import counted
from bench.core.version import VERSION
from bench.framework.across import Overall, Scored, overall
from bench.framework.marks import Mark, symbols
from bench.framework.marks import legend as marks_legend
from bench.records import RunSpec
from bench.report.drawing.html import render, text_of
from bench.report.drawing.numbers import fixed, interval, title
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.page import policy
from bench.report.reading.analysis import Analysis, analyse
from bench.report.reading.gather import gather
from bench.report.sections.results import head_unit, over, result_cell
from bench.runs.record import ModelRecord
from bench.runs.store import RunFolder
from bench.statistics.claims import LEVEL
from bench.statistics.clusters import cluster_mean
from models.catalogue import baselines

Floats = NDArray[np.float64]

SHOWN = 2
"""Measures of each suite that are shown: the first decides ranks."""
HEADING = "Models across data sets"


@dataclass(frozen=True)
class Suite:
    """All runs of one suite, joined: its rows by model, those of several seeds together."""

    analysis: Analysis
    rows: Mapping[str, tuple[str, ...]]
    """Model -> the names of its rows, one for each seed."""
    left_out: tuple[tuple[str, str], ...]
    """Path and reason of what is not shown."""

    @property
    def key(self) -> str:
        """The suite's name with its options."""
        return self.analysis.data.record.suite_key

    @cached_property
    def metrics(self) -> Sequence[str]:
        """The measures that are shown, of different kinds, the first the one that ranks."""
        return self.analysis.shown[:SHOWN]

    @property
    def averages(self) -> bool:
        """Whether means over seeds stand here: they are not tested, so nothing is called best."""
        return any(len(names) > 1 for names in self.rows.values())

    def scores(self, metric: str, model: str) -> Floats:
        """Return a model's scores (N,) that means are made of, over its seeds; NaN elsewhere."""
        table = self.analysis.data.table
        at = [table.models.index(name) for name in self.rows[model]]
        return np.asarray(table.compared(metric)[:, at].mean(axis=1))

    def marks(self, model: str) -> tuple[Mark, ...]:
        """Return what there is to say of a model here."""
        table = self.analysis.data.table
        return tuple(m for name in self.rows.get(model, ()) for m in table.marks.get(name, ()))

    @cached_property
    def apart(self) -> set[str]:
        """The models that are told more than others here, and so are not ranked with them."""
        told_more = self.analysis.data.table.apart
        return {model for model, names in self.rows.items() if set(names) & set(told_more)}

    def unranked(self, model: str) -> str | None:
        """Return why a model has no rank here, None where it has one."""
        table = self.analysis.data.table
        if model not in self.rows:
            return f"not run on {self.key}"
        if not self.metrics:
            return f"{self.key} has no score"
        ranked = table.shared(self.metrics[0]).models
        for name in self.rows[model]:
            if name in table.apart:
                return f"on {self.key} it is told more than the others: {table.apart[name]}"
            if not ranked[table.models.index(name)]:
                state = table.states.get(name, "too few images have its score")
                return f"{self.key}: {state}"
        return None

    def scored(self, models: Sequence[str]) -> Scored:
        """Return the scores that rank ``models``, on the images that all of them have."""
        table, metric = self.analysis.data.table, self.metrics[0]
        images = table.shared(metric).images
        values = np.stack([self.scores(metric, model) for model in models], axis=1)[images]
        return Scored(self.key, values, table.clusters[images], table.higher_is_better[metric])


@dataclass(frozen=True)
class Across:
    """The table, and what is said once above it."""

    table: Table
    caveats: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]

    def terminal(self) -> tuple[list[str], list[list[str]], list[str]]:
        """Return the header and the rows for a terminal, and the lines beneath them."""
        heads = [" ".join(filter(None, (c.group, c.head, c.unit))) for c in self.table.columns]
        marks = {"best": "*", "tied": "="}

        def told(cell: TableCell) -> str:
            detail = f" {cell.detail}" if cell.detail else ""
            letters = f" ({self.table.letters(cell)})" if cell.notes else ""
            return f"{cell.text}{marks.get(cell.mark, '')}{detail}{letters}"

        rows = [[told(cell) for cell in row] for row in self.table.rows]
        notes = [f"({letter}) {note}" for note, letter in self.table.footnotes.items()]
        legend = [line.replace("{best}", "*").replace("{tied}", "=") for line in self.table.legend]
        return heads, rows, [*self.caveats, *legend, *notes]


def across(runs: Sequence[RunFolder]) -> Across:
    """Return the table of these runs. Raises `BenchError` for a damaged one."""
    suites = list(_suites(runs))
    models = list(dict.fromkeys(model for suite in suites for model in suite.rows))
    why_not = {
        model: [why for suite in suites if (why := suite.unranked(model))] for model in models
    }
    ranked = [model for model in models if not why_not[model]]
    standing: dict[str, Overall] = {}
    if len(ranked) > 1:
        found = overall([suite.scored(ranked) for suite in suites])
        standing = dict(zip(ranked, found, strict=True))
    base = list(baselines())
    models.sort(
        key=lambda m: (
            m not in standing,
            standing[m].rank if m in standing else 0,
            m in base,
            len(why_not[m]),
        )
    )
    marks = {
        model: tuple(dict.fromkeys(mark for suite in suites for mark in suite.marks(model)))
        for model in models
    }
    drawn = any(one.first is not None for one in standing.values())
    columns = [
        Column("Model", numeric=False),
        *(
            Column(title(metric), head_unit(suite.analysis, metric), suite.key)
            for suite in suites
            for metric in suite.metrics
        ),
        Column("Mean rank", "↓", "Overall"),
        Column("P(first)", "", "Overall"),
    ]
    rows = []
    for model in models:
        cells = [_cell(suite, metric, model) for suite in suites for metric in suite.metrics]
        name = TableCell(f"{model} {symbols(marks[model])}".rstrip())
        rows.append([name, *cells, *_overall_cells(standing, model, why_not[model])])
    legend = [
        "Brackets: 95 % intervals, which resample whole scenes. {best}: best of its column; "
        "{tied}: tied with it.",
        "Mean rank: over the suites, each by its first measure and counted alike, of the "
        f"{counted(len(ranked), 'model')} that all of them have"
        + (
            "; P(first): how often it is the lowest when the scenes of every suite are drawn anew."
            if drawn
            else "; no probability: a suite has one scene, which cannot be drawn otherwise."
        ),
        *(line for suite in suites for line in _convention(suite)),
        *marks_legend(marks, {name for one in suites for name in one.apart}),
    ]
    return Across(
        Table(
            "across",
            HEADING,
            columns,
            rows=rows,
            records=list(_records(suites, models, standing)),
            legend=legend,
        ),
        tuple(_caveats(suites)),
        tuple(pair for suite in suites for pair in suite.left_out),
    )


def write_across(
    runs: Sequence[RunFolder], out: Path | None = None, made: Across | None = None
) -> Path:
    """Write ``index.html`` and ``tables/`` into ``out`` (default: `folder_of`); return the page."""
    made = made or across(runs)
    out = out or folder_of(runs)
    made.table.write(out / "tables")
    js = text_of("page.js")
    page = render(
        "across.html",
        policy=policy([f"<script>{js}</script>"]),
        heading=HEADING,
        table=made.table,
        numbers={"table-across": 1},
        base=next(iter(baselines())),
        caveats=made.caveats,
        left_out=made.left_out,
        runs=[str(run.path) for run in runs],
        command=shlex.join(["bench", "report", *(str(run.path) for run in runs), "--across"]),
        version=VERSION,
        css=text_of("page.css"),
        js=js,
    ).text
    write_atomic(out / "index.html", page.strip().encode() + b"\n")
    return out / "index.html"


def folder_of(runs: Sequence[RunFolder]) -> Path:
    """Return where such a report goes unless it is told: a folder named after suites and runs."""
    paths = [str(run.path.resolve()) for run in runs]
    suites = dict.fromkeys(run.record().suite_key for run in runs)
    return across_folder() / file_name(f"{'+'.join(suites)}-{digest_of(*paths)[:8]}")


# --- reading --------------------------------------------------------------------------------------


def _suites(runs: Sequence[RunFolder]) -> Iterator[Suite]:
    """Yield the suites of the runs, in their order."""
    by_suite: dict[str, list[RunFolder]] = {}
    for run in runs:
        by_suite.setdefault(run.record().suite_key, []).append(run)
    for group in by_suite.values():
        analysis = analyse(gather(group))
        data = analysis.data
        rows: dict[str, list[str]] = {}
        left_out = list(data.left_out)
        for row in data.rows:
            before = rows.setdefault(_called(row.label, row.info, data.records[row.run].spec), [])
            first = data.row(before[0]).run if before else row.run
            mine, theirs = (data.records[at].spec for at in (row.run, first))
            same = replace(mine, seed=theirs.seed, models=theirs.models)
            if same == (replace(theirs, recipe=same.recipe) if untrained(row.info) else theirs):
                before.append(row.name)
            else:
                path = str(data.runs[row.run].path)
                left_out.append((path, f"{row.label}: another run of it is shown"))
        yield Suite(analysis, {k: tuple(v) for k, v in rows.items()}, tuple(left_out))


def untrained(info: ModelRecord) -> bool:
    """Say whether no recipe had a part in a model of a run."""
    return info.weights is None or info.weights.origin != "trained"


def _called(label: str, info: ModelRecord, spec: RunSpec) -> str:
    """Return a row's name: the model's, with the changes to its recipe where it was trained so."""
    if untrained(info) or not spec.recipe:
        return label
    return f"{label} ({', '.join(spec.recipe)})"


# --- cells ----------------------------------------------------------------------------------------


def _cell(suite: Suite, metric: str, model: str) -> TableCell:
    if model not in suite.rows:
        return TableCell.missing(f"not run on {suite.key}")
    analysis, names = suite.analysis, suite.rows[model]
    if len(names) == 1:
        cell = result_cell(analysis, metric, names[0])
        return replace(cell, mark="") if suite.averages else cell
    column = suite.scores(metric, model)
    known = np.isfinite(column)
    if not known.any():
        return TableCell.missing(f"no score on {suite.key} from all of its seeds")
    table, places = analysis.data.table, analysis.places[metric]
    found = cluster_mean(column[known], table.clusters[known])
    single = _of_seeds(suite, metric, model)
    spread = f"{fixed(min(single), places)} to {fixed(max(single), places)}"
    low, high = between_seeds(single)
    return TableCell(
        fixed(found.value, places),
        interval(found.low, found.high, places),
        notes=(
            f"mean of {len(names)} seeds, from {spread}; 95 % interval between seeds "
            f"{interval(low, high, places)}, beside that between scenes; not tested against the "
            "others",
        ),
        sort=found.value,
    )


def _of_seeds(suite: Suite, metric: str, model: str) -> list[float]:
    """Return the mean of each seed, over the images that the seeds share."""
    known = np.isfinite(suite.scores(metric, model))
    table = suite.analysis.data.table
    return [float(table.column(metric, name)[known].mean()) for name in suite.rows[model]]


def between_seeds(means: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the mean over seeds that might have been, from each seed's mean.

    Student's t: seeds are independent, and so few that their spread is hardly known.
    """
    if len(means) < 2:
        return math.nan, math.nan
    middle, error = float(np.mean(means)), float(np.std(means, ddof=1) / math.sqrt(len(means)))
    reach = float(student.ppf((1 + LEVEL) / 2, len(means) - 1)) * error
    return middle - reach, middle + reach


def _overall_cells(
    standing: Mapping[str, Overall], model: str, why_not: Sequence[str]
) -> list[TableCell]:
    if model not in standing:
        gone = TableCell.missing(*(why_not or ["no other model is ranked in all suites"]))
        return [gone, gone]
    one = standing[model]
    least = min(other.rank for other in standing.values())
    rank = TableCell(
        fixed(one.rank, 2),
        interval(one.low, one.high, 2),
        "best" if one.rank == least else "",
        sort=one.rank,
    )
    if one.first is None:
        return [rank, TableCell.missing("a suite has one scene, which cannot be drawn otherwise")]
    return [rank, TableCell(fixed(one.first, 2), sort=one.first)]


def _records(
    suites: Sequence[Suite], models: Sequence[str], standing: Mapping[str, Overall]
) -> Iterator[dict[str, Any]]:
    """Yield a record for every model, suite and measure, with its overall standing."""
    for model in models:
        one = standing.get(model)
        overall_part = {
            "mean_rank": one and one.rank,
            "rank_low": one and one.low,
            "rank_high": one and one.high,
            "probability_first": one and one.first,
        }
        for suite in suites:
            for metric in suite.metrics:
                record = suite.analysis.data.metrics[metric]
                found: dict[str, Any] = {"value": None, "images": 0, "seeds": 0}
                found |= {"seeds_low": None, "seeds_high": None}
                if model in suite.rows:
                    column = suite.scores(metric, model)
                    known = column[np.isfinite(column)]
                    found["seeds"] = len(suite.rows[model])
                    if len(known):
                        found |= {"value": float(known.mean()), "images": len(known)}
                        if found["seeds"] > 1:
                            low, high = between_seeds(_of_seeds(suite, metric, model))
                            found |= {"seeds_low": low, "seeds_high": high}
                yield {
                    "model": model,
                    "suite": suite.key,
                    "metric": metric,
                    **found,
                    "missing": suite.unranked(model) if found["value"] is None else None,
                    "convention": record.convention,
                    **overall_part,
                }


def _convention(suite: Suite) -> Iterator[str]:
    data = suite.analysis.data
    border = data.record.suite.border
    cut = f"; {border} pixels cut from each side" if border else ""
    part = f"; {data.part}" if data.part else ""
    for metric in suite.metrics:
        mean_over = over(suite.analysis, metric).strip()
        convention = data.metrics[metric].convention
        yield f"{suite.key}, {title(metric)}: {convention}; mean {mean_over}{cut}{part}."
    if suite.averages:
        yield f"{suite.key}: nothing is marked, for means of several seeds are not tested."
    if rest := [title(metric) for metric in suite.analysis.shown[SHOWN:]]:
        yield f"{suite.key}: not shown here, but in the report of each run: {', '.join(rest)}."


def _caveats(suites: Sequence[Suite]) -> Iterator[str]:
    """Yield what has to be said of suites, each thing once."""
    by_text: dict[str, list[str]] = {}
    for suite in suites:
        caveat = "no model has a score"
        if suite.metrics:
            caveat = suite.analysis.data.table.claims(suite.metrics[0]).caveat
        if caveat:
            by_text.setdefault(caveat, []).append(suite.key)
    for caveat, keys in by_text.items():
        yield f"{', '.join(dict.fromkeys(keys))}: {caveat}."
