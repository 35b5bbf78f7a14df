"""Marks on models (`bench.framework.marks`), put into every table and under every plot."""

from __future__ import annotations

from dataclasses import replace

from bench.framework.marks import Mark, legend, symbols
from bench.report.drawing.content import Block, Content, Html, Missing
from bench.report.drawing.tables import Table
from bench.report.drawing.theme import Plot
from bench.report.reading.context import Context

Marks = dict[str, tuple[Mark, ...]]


def marked(content: Content | Missing, context: Context) -> Content | Missing:
    """Return the content with symbols beside marked models, and a legend of those that it has."""
    marks = {name: own for name, own in context.analysis.data.table.marks.items() if own}
    if isinstance(content, Missing) or not marks:
        return content
    return replace(
        content,
        body=[_block(block, marks) for block in content.body],
        kept=[_table(o, marks) if isinstance(o, Table) else _plot(o, marks) for o in content.kept],
    )


def _block(block: Block, marks: Marks) -> Block:
    if isinstance(block, str | Html):
        return block
    if isinstance(block, Table):
        return _table(block, marks)
    return [_plot(plot, marks) for plot in block]


def _table(table: Table, marks: Marks) -> Table:
    """Mark the cells and heads that are a model's name and nothing else."""
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
        legend=[*table.legend, *legend(found)],
    )


def _plot(plot: Plot, marks: Marks) -> Plot:
    """Say under a plot what the symbols beside its models stand for."""
    found = {n: own for n, own in marks.items() if f">{n} {symbols(own)}" in plot.svg}
    return replace(plot, notes=[*plot.notes, *legend(found)]) if found else plot
