"""What is said of every table and plot: marks on models (`bench.framework.marks`) and on noisy
costs (`bench.compute.noise`), and that the images are a part of the test set."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from html import escape

from bench.compute.noise import FOOTNOTE, MARK
from bench.framework.marks import Mark, legend, symbols
from bench.report.drawing.content import Block, Content, Html, Missing
from bench.report.drawing.tables import Table
from bench.report.drawing.theme import Plot
from bench.report.reading.context import Context

Marks = dict[str, tuple[Mark, ...]]


def marked(content: Content | Missing, context: Context) -> Content | Missing:
    """Return the content with symbols beside marked models, and a legend of those that it has and
    of noisy costs.

    The titles of tables and plots, and the sentences for the head of the page, say which part of
    the test set they are of; costs are of none.
    """
    data = context.analysis.data
    marks = {name: own for name, own in data.table.marks.items() if own}
    apart = data.table.apart
    long = {name: look.short for name, look in context.looks.items() if look.short != name}
    if isinstance(content, Missing) or not (marks or data.part or data.noisy or long):
        return content

    def table(found: Table) -> Table:
        return _table(_noisy_table(found), marks, apart, data.part)

    def plot(found: Plot) -> Plot:
        found = _noisy_plot(found)
        here = {
            name for name, look in context.looks.items() if f">{escape(look.name)}" in found.svg
        }
        own = {name: marks[name] for name in marks if name in here}
        lines = [f"{short}: {name}." for name, short in long.items() if name in here]
        return replace(
            found,
            title=_part(found.name, found.title, data.part),
            notes=[*found.notes, *lines, *([" ".join(legend(own, apart))] if own else [])],
        )

    def one(found: Table | Plot) -> Table | Plot:
        return table(found) if isinstance(found, Table) else plot(found)

    def block(found: Block) -> Block:
        if isinstance(found, str | Html):
            return found
        return table(found) if isinstance(found, Table) else [*map(plot, found)]

    beginning = f"{data.part[0].upper()}{data.part[1:]}. " if data.part else ""
    return replace(
        content,
        body=[block(found) for found in content.body],
        lead=[block(found) for found in content.lead],
        kept=[one(found) for found in content.kept],
        findings=[beginning + text for text in content.findings],
    )


def _part(name: str, title: str, part: str) -> str:
    return f"{title} ({part})" if part and not name.startswith(("cost", "training")) else title


def _table(table: Table, marks: Marks, apart: Collection[str], part: str) -> Table:
    """Mark the cells and heads that are a model's name and nothing else."""
    table = replace(table, caption=_part(table.name, table.caption, part))
    words = [column for column in table.columns if not column.numeric]
    here = {cell.text for row in table.rows for cell in row} | {c.head for c in table.columns}
    found = {name: own for name, own in marks.items() if name in here}
    if not found or not words:
        return table

    def named(text: str) -> str:
        return f"{text} {symbols(found[text])}" if text in found else text

    return replace(
        table,
        columns=[replace(column, head=named(column.head)) for column in table.columns],
        rows=[[replace(cell, text=named(cell.text)) for cell in row] for row in table.rows],
        legend=[*table.legend, " ".join(legend(found, apart))],
    )


def _noisy_table(table: Table) -> Table:
    """Say under a table with noisy figures what their mark stands for."""
    noisy = any(MARK in cell.text for row in table.rows for cell in row)
    return replace(table, legend=[*table.legend, FOOTNOTE]) if noisy else table


def _noisy_plot(plot: Plot) -> Plot:
    """Say under a plot with noisy figures what their mark stands for."""
    return replace(plot, notes=[*plot.notes, FOOTNOTE]) if MARK in plot.svg else plot
