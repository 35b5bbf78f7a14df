"""A balanced choice of combinations: every level of every factor equally often."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import combinations, product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError

Level = Hashable
Rows = NDArray[np.int64]
"""A level's place in its factor: (cells, factors)."""
Group = TypeVar("Group", bound=Hashable)

_SWAPS = 20
"""Tried for each place of a photograph's choice: more bring next to nothing."""


def balanced(
    factors: Sequence[Sequence[Level]],
    cell: Callable[..., Group],
    count: int,
    photographs: int,
    seed: int,
) -> Iterator[list[Group]]:
    """Yield ``count`` different cells for each of so many photographs.

    ``cell`` takes a level of each factor. A photograph has the levels of a factor equally often, or
    once more; which ones is passed on from photograph to photograph, so that over all of them the
    same holds. Levels of two factors meet as evenly as swaps can make them. Raises `BenchError`
    where different cells do not go with that.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    sizes = [len(levels) for levels in factors]
    cells = [cell(*levels) for levels in product(*factors)]
    first: dict[Group, int] = {}
    same = np.array([first.setdefault(made, position) for position, made in enumerate(cells)])
    pairs = [(a, b) for a, b in combinations(range(len(sizes)), 2) if min(sizes[a], sizes[b]) > 1]
    met = [np.zeros(sizes[a] * sizes[b], int) for a, b in pairs]
    turn = [rng.permutation(size) for size in sizes]
    dealt = [0] * len(sizes)

    def meetings(rows: Rows) -> list[NDArray[np.int64]]:
        return [
            had + np.bincount(rows[:, a] * sizes[b] + rows[:, b], minlength=len(had))
            for (a, b), had in zip(pairs, met, strict=True)
        ]

    def chosen(rows: Rows) -> NDArray[np.int64]:
        return np.unique(same[np.ravel_multi_index(tuple(rows.T), sizes)])

    def cost(rows: Rows) -> float:
        twice = count - len(chosen(rows))
        return 1e9 * twice + float(sum((found**2).sum() for found in meetings(rows)))

    for _ in range(photographs):
        columns = []
        for f, size in enumerate(sizes):
            # the deck is all levels over and over; each photograph takes the next ones
            deck = turn[f][(dealt[f] + np.arange(count)) % size]
            dealt[f] += count
            columns.append(rng.permutation(deck))
        rows = np.column_stack(columns)
        best = cost(rows)
        for _ in range(_SWAPS * count):
            f, (one, other) = int(rng.integers(len(sizes))), rng.integers(count, size=2)
            if rows[one, f] == rows[other, f]:
                continue
            rows[[one, other], f] = rows[[other, one], f]
            if (now := cost(rows)) <= best:
                best = now
            else:
                rows[[one, other], f] = rows[[other, one], f]
        if best >= 1e9:
            raise BenchError(
                f"--per-photo {count}: no {count} different combinations have every level equally "
                "often; give fewer, or leave it out for all of them"
            )
        met[:] = meetings(rows)
        yield [cells[index] for index in chosen(rows)]
