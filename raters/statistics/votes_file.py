"""Files of pairwise votes as people have them: read right, or refused with what is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.core.errors import BenchError
from bench.core.names import plain_name
from raters.statistics.votes import Votes, make_votes

HEADER = ("image", "a", "b", "winner")
NUMBERED = ("image", "method 1", "method 2", "result")
TIES = frozenset({"tie", "same", "draw", "equal"})
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SHOWN = 5

Winner = Literal["auto", "column", "method"]
"""What the winner column holds: ``a`` or ``b``, or a method's name, or whichever is meant."""

Side = Literal["a", "b", "tie"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file of votes is laid out: its columns, and whether winners are numbers."""

    columns: tuple[str, ...]
    numbered: bool


def read_votes(path: Path, methods: Path | None = None, winner: Winner = "auto") -> Votes:
    """Read a file of votes with columns ``image,a,b,winner[,rater]`` in any order.

    Cells are parted by commas, semicolons, tabs or bars, in UTF-8 or UTF-16. ``winner`` is ``a``,
    ``b``, the name of one of the two methods, or ``tie``. Where a winner is the name of one method
    and the column of the other, as with methods called A and B, the file is refused unless the
    parameter ``winner`` says which is meant. Names that differ only in invisible characters or in
    their Unicode normal form are one. Also read: ``image, method 1, method 2, result`` with 1, 2
    or 0 (tie) as result, with or without that header; ``methods`` then is a file that names method
    1, 2, .. one a line. Raises `BenchError` that lists what is wrong, line by line.
    """
    lines = _lines(path)
    layout, body = _layout(path, lines)
    at = {name: column for column, name in enumerate(layout.columns)}
    names = _method_names(methods) if methods else None
    rows: list[tuple[str, str, str, str, str]] = []
    wrong: list[str] = []
    for line, cells in body:
        if len(cells) != len(layout.columns):
            wrong.append(f"line {line}: {len(cells)} cells, expected {len(layout.columns)}")
            continue
        image, a, b, winner_cell = (cells[at[column]] for column in HEADER)
        rater = cells[at["rater"]] if "rater" in at else "-"
        needed = {"image": image, "a": a, "b": b, "rater": rater}
        if empty := [name for name, cell in needed.items() if not cell]:
            wrong.append(f"line {line}: no {' and no '.join(empty)}")
        elif a == b:
            wrong.append(f"line {line}: '{a}' is compared with itself")
        elif names is not None and not {a, b} <= names.keys():
            unknown = a if a not in names else b
            wrong.append(f"line {line}: method '{unknown}', expected 1 to {len(names)}")
        else:
            side = (
                _numbered_side(winner_cell) if layout.numbered else _side(winner_cell, a, b, winner)
            )
            if side in ("a", "b", "tie"):
                first, second = (names[a], names[b]) if names else (a, b)
                rows.append((image, first, second, side, rater))
            else:
                wrong.append(f"line {line}: {side}")
    if wrong:
        raise _unreadable(path, wrong, len(body))
    if not rows:
        raise BenchError(f"'{path}' has a header and no votes")
    image_of, a_of, b_of, winner_of, rater_of = zip(*rows, strict=True)
    return make_votes(image_of, a_of, b_of, winner_of, rater_of if "rater" in at else None)


def _side(winner_cell: str, a: str, b: str, winner: Winner) -> str:
    """Return ``a``, ``b`` or ``tie``; anything else says what is wrong."""
    column = {"a": "a", "b": "b"}.get(winner_cell.lower())
    method = {a.casefold(): "a", b.casefold(): "b"}.get(winner_cell.casefold())
    if a.casefold() == b.casefold():
        method = {a: "a", b: "b"}.get(winner_cell)
    if winner_cell.lower() in TIES and method is None:
        return "tie"
    readings = {"column": column, "method": method}
    if winner != "auto":
        expected = f"'{a}' or '{b}'" if winner == "method" else "a or b"
        return readings[winner] or f"winner '{winner_cell}', expected {expected}, or tie"
    if column and method and column != method:
        return (
            f"winner '{winner_cell}' is method '{winner_cell}' and column {column}, which holds "
            f"'{a if column == 'a' else b}'; say which is meant: --winner method or --winner column"
        )
    return column or method or f"winner '{winner_cell}', expected a, b, '{a}', '{b}' or tie"


def _numbered_side(winner_cell: str) -> str:
    sides = {"1": "a", "2": "b", "0": "tie", "tie": "tie"}
    return sides.get(winner_cell.lower(), f"winner '{winner_cell}', expected 1, 2, 0 or tie")


def _unreadable(path: Path, wrong: Sequence[str], votes: int) -> BenchError:
    more = f"\n  and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return BenchError(
        f"'{path}' has {len(wrong)} of {votes} votes that cannot be read:\n  "
        + "\n  ".join(wrong[:SHOWN])
        + more
        + "\nPut them right or take them out: no vote is left out in silence."
    )


# --- text to cells ------------------------------------------------------------------------------


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return the lines that hold anything, with their numbers, as cells."""
    if not path.is_file():
        raise BenchError(
            f"no votes at '{path}'; expected a CSV file with columns {','.join(HEADER)}[,rater]"
        )
    text = _decoded(path)
    delimiter = _delimiter(text)
    try:
        rows = list(_numbered(text, delimiter))
    except csv.Error as error:
        raise BenchError(f"'{path}' is no CSV file ({error})") from None
    lines = [(line, cells) for line, cells in rows if any(cells)]
    if lines and lines[0][1][0].lower().startswith("sep="):  # Excel's own line
        lines = lines[1:]
    if not lines:
        raise BenchError(f"'{path}' is empty; expected columns {','.join(HEADER)}[,rater]")
    return lines


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    if encoding == "utf-8-sig" and b"\0" in data[:200]:
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BenchError(
            f"'{path}' is no text in UTF-8 or UTF-16 ({error}); save it as CSV in UTF-8"
        ) from None


def _delimiter(text: str) -> str:
    """Return what parts the cells of the first line that is not Excel's ``sep=``."""
    first = next((x for x in text.splitlines() if x.strip() and x[:4].lower() != "sep="), "")
    return max(DELIMITERS, key=lambda mark: (first.count(mark), mark == ","))


def _numbered(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for cells in reader:
        yield reader.line_num, [plain_name(cell) for cell in cells]


def _layout(
    path: Path, lines: list[tuple[int, list[str]]]
) -> tuple[Layout, list[tuple[int, list[str]]]]:
    """Return the layout of a file and its lines of votes."""
    first = tuple(cell.lower() for cell in lines[0][1])
    if set(HEADER) <= set(first):
        if len(set(first)) < len(first):
            raise BenchError(f"'{path}' names a column twice: {','.join(first)}")
        return Layout(first, numbered=False), lines[1:]
    if first == NUMBERED:
        return Layout(HEADER, numbered=True), lines[1:]
    if len(first) == len(NUMBERED) and all(cell.isdigit() for cell in first):
        return Layout(HEADER, numbered=True), lines
    raise BenchError(
        f"'{path}' begins with '{','.join(lines[0][1])}'; expected the columns "
        f"{','.join(HEADER)}[,rater], or {', '.join(NUMBERED)}"
    )


def _method_names(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        raise BenchError(f"no names of methods at '{path}'; expected one a line")
    names = [name for line in _decoded(path).splitlines() if (name := plain_name(line))]
    if len(set(names)) < len(names):
        raise BenchError(f"'{path}' names a method twice; every method needs a name of its own")
    return {str(number): name for number, name in enumerate(names, start=1)}
