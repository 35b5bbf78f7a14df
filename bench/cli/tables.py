"""Tables of text as wide as the terminal: wrapped at spaces, and continued below where too wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

GAP = 2
"""Spaces between columns."""
NARROW = 20
"""No column of text is made narrower than this by wrapping; its longest word may need more."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some columns of a table, as lines of text."""

    header: list[str]
    rows: list[str]


def laid_out(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[Part]:
    """Return a table as lines, in parts.

    At most ``width`` characters are used; None: as many as there are. Words and numbers are never
    broken. Columns that have no room stand in a further part, behind the first column again.
    """
    columns = [[head, *(row[i] for row in rows)] for i, head in enumerate(header)]
    if not columns:
        return []
    numeric = [_is_numeric(column[1:]) for column in columns]
    wanted = [max(map(cell_len, column)) for column in columns]
    least = [
        want if number else max(_longest_word(column), min(want, NARROW))
        for column, want, number in zip(columns, wanted, numeric, strict=True)
    ]
    parts = []
    for indices in _parted(least if width is not None else [0] * len(least), width):
        widths = _widths([least[i] for i in indices], [wanted[i] for i in indices], width)
        right = [numeric[i] for i in indices]
        head, *body = (
            _lines(cells, widths, right)
            for cells in zip(*(columns[i] for i in indices), strict=True)
        )
        parts.append(Part(head, [line for lines in body for line in lines]))
    return parts


def _is_numeric(cells: Sequence[str]) -> bool:
    """Say whether a column holds numbers, which are right-aligned and never wrapped."""
    return bool(cells) and all(cell[:1] in "0123456789-+—" for cell in cells)


def _longest_word(column: Sequence[str]) -> int:
    return max((cell_len(word) for cell in column for word in cell.split(" ")), default=0)


def _parted(least: Sequence[int], width: int | None) -> Iterator[list[int]]:
    """Yield the columns of each part: the first one, and as many others as have room."""
    part = [0]
    for index in range(1, len(least)):
        room = sum(least[i] + GAP for i in part) + least[index]
        if width is not None and len(part) > 1 and room > width:
            yield part
            part = [0]
        part.append(index)
    yield part


def _widths(least: Sequence[int], wanted: Sequence[int], width: int | None) -> list[int]:
    """Return the columns' widths: what they want, or cut evenly, but for the least, to fit."""
    room = None if width is None else width - GAP * (len(least) - 1)
    if room is None or sum(wanted) <= room:
        return list(wanted)
    most = max(wanted)
    while most > 0 and sum(_cut(least, wanted, most)) > room:
        most -= 1
    return _cut(least, wanted, most)


def _cut(least: Sequence[int], wanted: Sequence[int], most: int) -> list[int]:
    return [max(low, min(want, most)) for low, want in zip(least, wanted, strict=True)]


def _lines(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    """Return the lines of a row."""
    wrapped = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for number in range(max(map(len, wrapped))):
        texts = [cell[number] if number < len(cell) else "" for cell in wrapped]
        line = ""
        for text, width, right in zip(texts, widths, numeric, strict=True):
            fill = " " * max(0, width - cell_len(text))
            line += (fill + text if right else text + fill) + " " * GAP
        lines.append(line.rstrip())
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    if cell_len(text) <= width:
        return [text]
    return textwrap.wrap(text, max(1, width), break_long_words=False, break_on_hyphens=False)
