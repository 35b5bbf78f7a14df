"""A table as the page, Markdown, LaTeX and CSV share it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

from bench.core.files import write_atomic
from bench.report.drawing.latex import latex
from bench.report.drawing.numbers import MISSING


@dataclass(frozen=True, slots=True)
class TableCell:
    """What one cell shows. ``mark`` is best, tied, better, worse or nothing.

    ``detail`` is set smaller (an interval), ``notes`` become footnotes, ``sort`` orders the column.
    """

    text: str
    detail: str = ""
    mark: str = ""
    notes: tuple[str, ...] = ()
    sort: float | None = None

    @classmethod
    def missing(cls, *reasons: str) -> TableCell:
        """Return a dash whose reasons are in its tooltip and in the footnotes."""
        return cls(MISSING, notes=tuple(reasons))


@dataclass(frozen=True, slots=True)
class Column:
    """A head: ``unit`` beneath it, and the ``group`` of columns that it belongs to."""

    head: str
    unit: str = ""
    group: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """Rows of cells under columns; ``records`` is the same at full precision, for the CSV."""

    name: str
    caption: str
    columns: Sequence[Column]
    _: KW_ONLY
    rows: Sequence[Sequence[TableCell]]
    records: Sequence[Mapping[str, Any]]
    legend: Sequence[str] = ()
    """Lines beneath the table; ``{best}`` and the like stand for how a format shows that mark."""
    footnotes: Mapping[str, str] = field(init=False)
    """Reason -> letter, in reading order."""

    def __post_init__(self) -> None:
        notes = dict.fromkeys(note for row in self.rows for cell in row for note in cell.notes)
        object.__setattr__(self, "footnotes", {n: _letter(i) for i, n in enumerate(notes)})

    def letters(self, cell: TableCell) -> str:
        """Return the letters of a cell's footnotes."""
        return ",".join(self.footnotes[note] for note in cell.notes)

    def groups(self) -> list[tuple[str, int]]:
        """Return the groups of neighbouring columns and how many columns each spans."""
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return spans

    def write(self, folder: Path) -> None:
        """Write ``<name>.csv``, ``.md`` and ``.tex`` into ``folder``."""
        for suffix, text in (("csv", self.csv()), ("md", self.markdown()), ("tex", self.latex())):
            write_atomic(folder / f"{self.name}.{suffix}", text.encode())

    def csv(self) -> str:
        """Return the records; an empty field is a number that is missing."""
        text = io.StringIO()
        names = list(dict.fromkeys(key for record in self.records for key in record))
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {key: "" if value is None else value for key, value in record.items()}
            for record in self.records
        )
        return text.getvalue()

    def markdown(self) -> str:
        """Return a pipe table; best in bold, tied in italics."""
        around = {"best": "**", "tied": "*", "better": "**", "worse": "*"}
        words = {"best": "Bold", "tied": "Italic", "better": "Bold", "worse": "Italic"}

        def shown(cell: TableCell) -> str:
            edge = around.get(cell.mark, "")
            number = f"{edge}{_pipe(cell.text)}{edge}"
            letters = self.letters(cell)
            return " ".join(
                filter(None, (number, _pipe(cell.detail), f"({letters})" if letters else ""))
            )

        heads = [_pipe(" ".join(filter(None, (c.head, c.unit)))) for c in self.columns]
        lines = [
            " ".join([f"{self.caption}.", *(f"{g}." for g, _ in self.groups() if g)]),
            "",
            "| " + " | ".join(heads) + " |",
        ]
        lines.append("|" + "|".join("---:" if c.numeric else "---" for c in self.columns) + "|")
        lines += ["| " + " | ".join(shown(cell) for cell in row) + " |" for row in self.rows]
        notes = self._notes(words)
        lines += ["", *(f"- {_pipe(note)}" for note in notes)] if notes else []
        return "\n".join(lines) + "\n"

    def latex(self) -> str:
        """Return the table for a paper (`bench.report.drawing.latex`)."""
        words = {"best": "Bold", "tied": "Underlined", "better": "Bold", "worse": "Underlined"}
        return latex(self, [_fill(line, words) for line in self.legend])

    def html_legend(self) -> list[str]:
        """Return the legend in the words that fit the page."""
        words = {"best": "Bold", "tied": "Shaded", "better": "Green", "worse": "Orange"}
        return [_fill(line, words) for line in self.legend]

    def _notes(self, words: Mapping[str, str]) -> list[str]:
        legend = [_fill(line, words) for line in self.legend]
        return [*legend, *(f"({letter}) {note}" for note, letter in self.footnotes.items())]


def _pipe(text: str) -> str:
    """Keep text from ending a Markdown cell, or from being read as HTML or emphasis."""
    for special, safe in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("*", "\\*"), ("_", "\\_")):
        text = text.replace(special, safe)
    return " ".join(text.split())


def _fill(line: str, words: Mapping[str, str]) -> str:
    """Put words in place of ``{marks}``; other braces, of a reason, stay as they are."""
    for mark, word in words.items():
        line = line.replace(f"{{{mark}}}", word)
    return line


def _letter(index: int) -> str:
    """Return a, b .. z, aa, ab .."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters
