"""Pairwise votes as arrays, made from names or read from a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError

Ints = NDArray[np.intp]

HEADER = ("image", "a", "b", "winner")
NUMBERED = ("image", "method 1", "method 2", "result")
OUTCOMES = {"a": 1, "b": -1, "tie": 0, "same": 0}
NUMBERED_OUTCOMES = {"1": 1, "2": -1, "0": 0, "tie": 0}
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """V votes, arrays (V,): ``a`` and ``b`` index ``methods``, ``image`` indexes ``images``.

    ``outcome`` is 1 where a was preferred, -1 where b was, 0 for a tie. ``rater`` indexes
    ``raters``, or is None where nobody wrote down who judged. ``scenes``: that of each image, where
    it is known that images share them.
    """

    methods: tuple[str, ...]
    images: tuple[str, ...]
    raters: tuple[str, ...]
    image: Ints
    a: Ints
    b: Ints
    outcome: NDArray[np.int8]
    rater: Ints | None
    scenes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.outcome)

    def only(self, chosen: NDArray[np.bool_]) -> Votes:
        """Return the votes that are ``chosen`` (V,), with the images and raters that are left."""
        images, image = np.unique(self.image[chosen], return_inverse=True)
        raters: tuple[str, ...] = ()
        rater = None
        if self.rater is not None:
            kept, rater = np.unique(self.rater[chosen], return_inverse=True)
            raters = tuple(self.raters[i] for i in kept)
        return replace(
            self, images=tuple(self.images[i] for i in images), raters=raters, image=image,
            a=self.a[chosen], b=self.b[chosen], outcome=self.outcome[chosen], rater=rater,
            scenes=tuple(self.scenes[i] for i in images) if self.scenes else (),
        )  # fmt: skip


def make_votes(
    image: Sequence[str],
    a: Sequence[str],
    b: Sequence[str],
    winner: Sequence[str],
    rater: Sequence[str] | None = None,
) -> Votes:
    """Return votes of names; ``winner`` is ``a``, ``b`` or ``tie`` (or ``same``).

    Methods are in alphabetical order. Raises `BenchError` for no votes, columns of unequal length,
    another winner, and a method compared with itself.
    """
    columns = [image, a, b, winner, *([] if rater is None else [rater])]
    if len({len(column) for column in columns}) > 1:
        raise BenchError(f"columns of votes differ in length: {[len(c) for c in columns]}")
    if not len(winner):
        raise BenchError("no votes; expected at least one comparison of two methods")
    if wrong := sorted(set(winner) - OUTCOMES.keys()):
        raise BenchError(f"winner '{wrong[0]}' is none of {', '.join(OUTCOMES)}")
    if same := next((x for x, y in zip(a, b, strict=True) if x == y), None):
        raise BenchError(f"'{same}' is compared with itself; a vote is on two methods")
    methods, number = np.unique([*a, *b], return_inverse=True)
    images, image_at = np.unique(list(image), return_inverse=True)
    raters, rater_at = np.unique(list(rater or ()), return_inverse=True)
    return Votes(
        methods=tuple(map(str, methods)),
        images=tuple(map(str, images)),
        raters=tuple(map(str, raters)),
        image=image_at.astype(np.intp),
        a=number[: len(a)].astype(np.intp),
        b=number[len(a) :].astype(np.intp),
        outcome=np.array([OUTCOMES[w] for w in winner], np.int8),
        rater=None if rater is None else rater_at.astype(np.intp),
    )


def read_votes(path: Path, methods: Path | None = None) -> Votes:
    """Read a CSV file with columns ``image,a,b,winner[,rater]`` in any order.

    ``winner`` is ``a``, ``b`` or ``tie``. Also read: ``image, method 1, method 2, result`` with 1,
    2 or 0 (tie) as result, with or without that header; ``methods`` then is a file that names
    method 1, 2, .. one a line. Raises `BenchError` that lists what is wrong, line by line.
    """
    if not path.is_file():
        raise BenchError(
            f"no votes at '{path}'; expected a CSV file with columns {','.join(HEADER)}[,rater]"
        )
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [
                (line, [cell.strip() for cell in row])
                for line, row in _numbered(file)
                if any(cell.strip() for cell in row)
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"'{path}' is no CSV file in UTF-8 ({error})") from None
    if not lines:
        raise BenchError(f"'{path}' is empty; expected columns {','.join(HEADER)}[,rater]")
    header, outcomes, body = _header(path, lines)
    at = {name: column for column, name in enumerate(header)}
    names = _method_names(methods) if methods else None
    rows: list[tuple[str, str, str, str, str]] = []
    wrong: list[str] = []
    for line, row in body:
        if len(row) != len(header):
            wrong.append(f"line {line}: {len(row)} cells, expected {len(header)}")
            continue
        image, a, b, winner = (row[at[column]] for column in HEADER)
        rater = row[at["rater"]] if "rater" in at else "-"
        empty = [name for name in ("image", "a", "b", "rater")
                 if not (rater if name == "rater" else row[at[name]])]  # fmt: skip
        if empty:
            wrong.append(f"line {line}: no {' and no '.join(empty)}")
        elif winner.lower() not in outcomes:
            wrong.append(f"line {line}: winner '{winner}', expected {', '.join(outcomes)}")
        elif a == b:
            wrong.append(f"line {line}: '{a}' is compared with itself")
        elif names is not None and not {a, b} <= names.keys():
            unknown = a if a not in names else b
            wrong.append(f"line {line}: method '{unknown}', expected 1 to {len(names)}")
        else:
            word = {1: "a", -1: "b", 0: "tie"}[outcomes[winner.lower()]]
            rows.append((image, names[a] if names else a, names[b] if names else b, word, rater))
    if wrong:
        more = f"\n  and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise BenchError(
            f"'{path}' has {len(wrong)} of {len(body)} votes that cannot be read:\n  "
            + "\n  ".join(wrong[:SHOWN])
            + more
            + "\nPut them right or take them out: no vote is left out in silence."
        )
    if not rows:
        raise BenchError(f"'{path}' has a header and no votes")
    image_of, a_of, b_of, winner_of, rater_of = zip(*rows, strict=True)
    return make_votes(image_of, a_of, b_of, winner_of, rater_of if "rater" in at else None)


def _numbered(file: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(file)
    for row in reader:
        yield reader.line_num, row


def _header(
    path: Path, lines: list[tuple[int, list[str]]]
) -> tuple[list[str], dict[str, int], list[tuple[int, list[str]]]]:
    """Return the names of the columns, what their winners mean, and the lines of votes."""
    first = [cell.lower() for cell in lines[0][1]]
    if set(HEADER) <= set(first):
        if len(set(first)) < len(first):
            raise BenchError(f"'{path}' names a column twice: {','.join(first)}")
        return first, OUTCOMES, lines[1:]
    if tuple(first) == NUMBERED:
        return list(HEADER), NUMBERED_OUTCOMES, lines[1:]
    if len(first) == len(NUMBERED) and all(cell.isdigit() for cell in first):
        return list(HEADER), NUMBERED_OUTCOMES, lines
    raise BenchError(
        f"'{path}' begins with '{','.join(lines[0][1])}'; expected the columns "
        f"{','.join(HEADER)}[,rater], or {', '.join(NUMBERED)}"
    )


def _method_names(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise BenchError(f"no names of methods at '{path}'; expected one a line")
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    names = [line for line in lines if line]
    if len(set(names)) < len(names):
        raise BenchError(f"'{path}' names a method twice; every method needs a name of its own")
    return {str(number): name for number, name in enumerate(names, start=1)}
