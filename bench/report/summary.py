"""The results table as a terminal prints it."""

from __future__ import annotations

from dataclasses import replace

from bench.compute.noise import MARK
from bench.compute.quantities import shown_in
from bench.framework.marks import legend, symbols
from bench.records import ONE_SAMPLE
from bench.report.drawing.numbers import title
from bench.report.drawing.tables import TableCell
from bench.report.reading.analysis import Analysis, analyse
from bench.report.reading.gather import gather
from bench.report.sections.costs import cost_cell, cost_column, launch_lines, noise_lines
from bench.report.sections.results import caveats, head_unit, result_cell, why_without_score
from bench.runs.store import RunFolder

WITH_INTERVALS = 4
"""Up to so many metrics are shown with their intervals: a terminal has no room for more."""
_MARKS = {"best": "*", "tied": "="}


def summary_table(run: RunFolder) -> tuple[list[str], list[list[str]], list[str]]:
    """Return the header and the rows of the results, best model first, for a terminal.

    The third value is what is said of them all, line by line. ``*`` marks the best mean and ``=``
    what is tied with it (`bench.statistics.claims`), ``≈`` a noisy cost, with its range. A dash is
    a missing number; the last column says why, and the last rows name metrics without any score.
    All means of a column are over the same images, of a number that its head tells unless it is
    all; a model that has too few of them is not ranked.
    """
    analysis = analyse(gather([run]))
    conditions = analysis.data.conditions()[:1]
    tests = any(analysis.data.table.claims(metric).tests for metric in analysis.measured)
    heads = ["Model (* best, = tied)" if tests else "Model (* best)"]
    heads += [f"{title(m)} {head_unit(analysis, m)}{_part(analysis, m)}" for m in analysis.measured]
    short = shown_in("short") if conditions else []
    heads += [f"{column.head} {column.unit}" for column in map(cost_column, short)]
    rows = []
    for name in analysis.order:
        cells = [result_cell(analysis, metric, name) for metric in analysis.measured]
        if len(cells) > WITH_INTERVALS:
            cells = [replace(cell, detail="") for cell in cells]
        marks = analysis.data.table.marks
        row = [f"{name} {symbols(marks.get(name, ()))}".rstrip(), *map(_text, cells)]
        row += [_cost(cost_cell(analysis, name, q, at)) for at in conditions for q in short]
        rows.append([*row, _note(analysis, name)])
    without: dict[str, list[str]] = {}
    for metric in analysis.data.table.metrics:
        if metric not in analysis.measured:
            without.setdefault(why_without_score(analysis, metric), []).append(title(metric))
    for why, names in without.items():
        note = f"{', '.join(names)} ha{'ve' if names[1:] else 's'} no score: {why}"
        rows.append([""] * len(heads) + [note])
    heads.append("Notes")
    if not any(row[-1] for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    part = [f"{analysis.data.part}: a part of the test set"] if analysis.data.part else []
    marked = legend(analysis.data.table.marks, analysis.data.table.apart)
    notes = [*part, *caveats(analysis), *marked, *noise_lines(analysis), *launch_lines(analysis)]
    return heads, rows, notes


def _part(analysis: Analysis, metric: str) -> str:
    """Say over how many images a column's means are, where these are not all."""
    images = analysis.data.table.shared(metric).images
    return "" if images.all() else f" ({int(images.sum())} of {len(images)} images)"


def _text(cell: TableCell) -> str:
    return cell.text + _MARKS.get(cell.mark, "") + (f" {cell.detail}" if cell.detail else "")


def _cost(cell: TableCell) -> str:
    """Return a cost; a noisy one with its range, which says more than the figure, and one sample as
    such."""
    told = MARK in cell.text or cell.detail == ONE_SAMPLE
    return f"{cell.text} {cell.detail}" if told else cell.text


def _note(analysis: Analysis, name: str) -> str:
    """Return what became of a model that is not done, else which means leave images out."""
    if state := analysis.data.table.states.get(name):
        return state
    total = len(analysis.data.table.images)
    apart: dict[int, list[str]] = {}
    for metric in analysis.measured:
        standing = analysis.standing(metric, name)
        if not standing.ranked:
            number = standing.estimate.n if standing.estimate else 0
            apart.setdefault(number, []).append(title(metric))
    return "; ".join(
        f"{', '.join(m)}: {n} of {total} images" + (", not ranked" if n else "")
        for n, m in apart.items()
    )
