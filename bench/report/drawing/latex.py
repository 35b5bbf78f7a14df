r"""A table for a paper, set with booktabs alone: no column is empty, and nothing is too wide.

Widths are estimated from above, in points, for Computer Modern at the sizes used. What is as
narrow as a paper's column is a ``table``, what is wider a ``table*`` over the page, and what would
be wider than a page is broken into panels under each other, with the first column in each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.drawing.numbers import MISSING

if TYPE_CHECKING:
    from bench.report.drawing.tables import Table, TableCell

COLUMN = 236.0
"""Points of a column of a conference paper (CVPR 237, IEEE 252)."""
PAGE = 344.0
"""Points of the narrowest page in use: the text of ``article`` at 10 pt is 345 wide."""
BODY, DETAIL = 8.0, 7.0
"""Points of ``\\footnotesize`` and ``\\scriptsize``."""
GAP = 8.0
"""Points between two columns."""
WRAPPED = 32
"""Letters beyond which a column of words wraps."""
PARAGRAPH = 85.0
"""Points of a column that wraps, where there is no room for more."""
HEAD = 46.0
"""Points that a head may be wide before it is broken, however narrow its column is."""
UNBROKEN = 14
"""Letters of a word beyond which it may be broken."""

_COMMANDS = {
    "best": r"\textbf",
    "tied": r"\underline",
    "better": r"\textbf",
    "worse": r"\underline",
}


@dataclass(frozen=True, slots=True)
class _Set:
    """A column as it is set: which one, how wide its cells are, and whether they wrap."""

    at: int
    width: float
    wraps: bool


def latex(table: Table, legend: Sequence[str]) -> str:
    """Return the table, and its legend, as LaTeX that needs booktabs; best in bold, tied
    underlined."""
    kept, gone = _with_values(table)
    panels = _panels(table, [_column(table, at) for at in kept])
    wide = max(_width(table, panel) for panel in panels)
    environment = "table" if wide <= COLUMN else "table*"
    used = {note for row in table.rows for at in kept for note in row[at].notes}
    notes = [*legend]
    notes += [f"({letter}) {note}" for note, letter in table.footnotes.items() if note in used]
    notes += gone
    lines = [
        f"% needs \\usepackage{{booktabs}}; at most {wide:.0f}pt wide",
        f"\\begin{{{environment}}}",
        "\\centering\\footnotesize",
        f"\\setlength{{\\tabcolsep}}{{{GAP / 2:g}pt}}",
        f"\\caption{{{_breakable(table.caption)}}}\\smallskip",
    ]
    for number, panel in enumerate(panels):
        lines += ["\\par\\medskip"] if number else []
        lines += _panel(table, panel)
    lines += [f"\\par\\smallskip{{\\raggedright {_breakable(' '.join(notes))}\\par}}"] * bool(notes)
    return "\n".join([*lines, f"\\end{{{environment}}}"]) + "\n"


def _with_values(table: Table) -> tuple[list[int], list[str]]:
    """Return the columns with anything in them, and a sentence on each of the others."""
    kept, gone = [0], []
    for at, column in enumerate(table.columns[1:], start=1):
        cells = [row[at] for row in table.rows]
        if not cells or any(cell.text not in ("", MISSING) for cell in cells):
            kept.append(at)
        elif why := dict.fromkeys(note for cell in cells for note in cell.notes):
            gone.append(f"{column.head}: {MISSING} ({'; '.join(why)}).")
    return kept, gone


# --- widths ---------------------------------------------------------------------------------------


def _ems(letter: str) -> float:
    """Return a letter's width at most, of a bold one too, in sizes of the type."""
    if letter in "iljft.,:;'|![]() I":
        return 0.36
    if letter in "mwMW@%—…" or ord(letter) > 0x2000:
        return 1.1
    return 0.84 if letter.isupper() or letter in "+=<>&#" else 0.62


def _points(text: str, size: float = BODY) -> float:
    return size * sum(map(_ems, text))


def _cell_width(table: Table, cell: TableCell) -> float:
    letters = DETAIL * 0.6 * len(table.letters(cell))
    return max(_points(cell.text) + letters, _points(cell.detail, DETAIL))


def _column(table: Table, at: int) -> _Set:
    cells, column = [row[at] for row in table.rows], table.columns[at]
    widest = max((_cell_width(table, cell) for cell in cells), default=0.0)
    wraps = not column.numeric and max((len(cell.text) for cell in cells), default=0) > WRAPPED
    width = PARAGRAPH if wraps else widest
    heads = [line for text in (column.head, column.unit) for line in _lines(text, max(width, HEAD))]
    return _Set(at, max([width, *map(_points, heads)]), wraps)


def _groups(table: Table, panel: Sequence[_Set]) -> list[tuple[str, list[_Set]]]:
    """Return the groups of neighbouring columns of a panel."""
    groups: list[tuple[str, list[_Set]]] = []
    for one in panel:
        group = table.columns[one.at].group
        if groups and groups[-1][0] == group:
            groups[-1][1].append(one)
        else:
            groups.append((group, [one]))
    return groups


def _span(columns: Sequence[_Set]) -> float:
    return sum(one.width for one in columns) + GAP * (len(columns) - 1)


def _group_width(group: str, columns: Sequence[_Set]) -> float:
    """Return how wide some columns are under their common head, which may be wider than they."""
    span = _span(columns)
    return max([span, *map(_points, _lines(group, max(span, HEAD)))])


def _width(table: Table, panel: Sequence[_Set]) -> float:
    groups = _groups(table, panel)
    return sum(_group_width(group, columns) + GAP for group, columns in groups)


def _panels(table: Table, columns: Sequence[_Set]) -> list[list[_Set]]:
    """Break the columns where a page ends, between groups as far as they fit; then let columns that
    wrap take what is left of the width."""
    first, *rest = columns
    panels = [[first]]
    for _, group in _groups(table, rest):
        alone = _width(table, [first, *group]) <= PAGE < _width(table, [*panels[-1], *group])
        if alone and len(panels[-1]) > 1:
            panels.append([first])
        for one in group:
            if len(panels[-1]) > 1 and _width(table, [*panels[-1], one]) > PAGE:
                panels.append([first])
            panels[-1].append(one)
    return [_stretched(table, panel) for panel in panels]


def _stretched(table: Table, panel: list[_Set]) -> list[_Set]:
    left, wrapping = PAGE - _width(table, panel), [one for one in panel if one.wraps]
    if left <= 0 or not wrapping:
        return panel
    more = left / len(wrapping)
    return [_Set(o.at, o.width + more, wraps=True) if o.wraps else o for o in panel]


def _lines(text: str, width: float) -> list[str]:
    """Break text between words so that lines are no wider; a long word is broken inside."""
    lines: list[str] = []
    for part in _parts(text):
        if lines and _points(lines[-1] + part.rstrip()) <= width:
            lines[-1] += part
        else:
            lines.append(part)
    return [line.strip() for line in lines]


def _parts(text: str) -> list[str]:
    """Return the pieces of text between which a line may end."""
    pieces: list[str] = []
    for word in re.findall(r"\S+\s*", " ".join(text.split())):
        if len(word) <= UNBROKEN:
            pieces.append(word)
            continue
        for piece in re.findall(r"[^/_:.=+-]+[/_:.=+-]*\s*|[/_:.=+-]+\s*", word):
            pieces += [piece[i : i + UNBROKEN] for i in range(0, len(piece), UNBROKEN)]
    return pieces


# --- text -----------------------------------------------------------------------------------------


def _panel(table: Table, panel: Sequence[_Set]) -> list[str]:
    columns = "".join(
        f"p{{{one.width:.0f}pt}}" if one.wraps else "r" if table.columns[one.at].numeric else "l"
        for one in panel
    )
    units = any(table.columns[one.at].unit for one in panel)
    return [
        f"\\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        "\\toprule",
        *_group_lines(table, panel),
        _row(_head(table, one, table.columns[one.at].head) for one in panel),
        *([_row(_head(table, one, table.columns[one.at].unit) for one in panel)] if units else []),
        "\\midrule",
        *(line for row in table.rows for line in _row_lines(table, panel, row)),
        "\\bottomrule",
        "\\end{tabular}",
    ]


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \tabularnewline"  # also where \raggedright means another \\


def _row_lines(table: Table, panel: Sequence[_Set], row: Sequence[TableCell]) -> list[str]:
    """Return a row, and beneath it the intervals where it has any."""
    lines = [_row(_shown(table, row[one.at], one) for one in panel)]
    if any(row[one.at].detail for one in panel):
        details = (row[one.at].detail for one in panel)
        lines.append(_row(f"{{\\scriptsize {tex(d)}}}" if d else "" for d in details))
    return lines


def _shown(table: Table, cell: TableCell, column: _Set) -> str:
    text = _breakable(cell.text) if column.wraps else tex(cell.text)
    if cell.mark in _COMMANDS:
        text = f"{_COMMANDS[cell.mark]}{{{text}}}"
    letters = table.letters(cell)
    text += f"\\textsuperscript{{{letters}}}" if letters else ""
    return f"\\raggedright {text}" if column.wraps else text


def _head(table: Table, column: _Set, text: str) -> str:
    return _stacked(_lines(text, max(column.width, HEAD)), table.columns[column.at].numeric)


def _stacked(lines: Sequence[str], right: bool) -> str:
    if len(lines) < 2:
        return tex("".join(lines))
    side = "r" if right else "l"
    inside = r" \\ ".join(map(tex, lines))
    return f"\\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}{inside}\\end{{tabular}}"


def _group_lines(table: Table, panel: Sequence[_Set]) -> list[str]:
    groups = _groups(table, panel)
    if not any(group for group, _ in groups):
        return []
    cells, rules, at = [], [], 1
    for group, columns in groups:
        lines = _lines(group, max(_span(columns), HEAD))
        head = r" \\ ".join(map(tex, lines))
        if len(lines) > 1:
            head = f"\\begin{{tabular}}[b]{{@{{}}c@{{}}}}{head}\\end{{tabular}}"
        span = len(columns)
        cells.append(f"\\multicolumn{{{span}}}{{c}}{{{head}}}" if group else "&" * (span - 1))
        rules += [f"\\cmidrule(lr){{{at}-{at + span - 1}}}"] if group else []
        at += span
    return [_row(cells), "".join(rules)]


_TEX: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "—": "---",
    "−": "$-$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "≈": r"$\approx$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "§": r"\S{}",
    "¶": r"\P{}",
    "‼": r"!!",
    "°": r"$^\circ$",
    "σ": r"$\sigma$",
}


def tex(text: str) -> str:
    """Return text with everything escaped that means something to LaTeX."""
    return "".join(_TEX.get(letter, letter) for letter in " ".join(text.split()))


def _breakable(text: str) -> str:
    """Return text as LaTeX in which a long word may be broken."""
    pieces = _parts(text)
    ends = ["" if not p or p[-1].isspace() else r"\allowbreak{}" for p in pieces[:-1]]
    spaced = [tex(p) + (" " if p[-1:].isspace() else "") for p in pieces]
    return "".join(f"{p}{e}" for p, e in zip(spaced, [*ends, ""], strict=False))
