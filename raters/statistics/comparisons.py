"""Counts of pairwise votes, and whether they can carry a scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components

from bench.core.errors import BenchError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

NAMED = 8
"""An error names at most so many methods of a group."""


class NotComparable(BenchError):
    """The votes put no finite scale on these methods."""


def numbered(labels: ArrayLike) -> tuple[Ints, int]:
    """Return ``labels`` (V,) as numbers from 0 without gaps, in their order, and how many."""
    given = np.asarray(labels)
    if given.dtype.kind in "iu" and len(given) and given.min() >= 0:
        most = int(given.max())
        if most < 16 * len(given):  # counting, where sorting would take ten times as long
            there = np.bincount(given, minlength=most + 1) > 0
            return (np.cumsum(there) - 1)[given], int(there.sum())
    names, code = np.unique(given, return_inverse=True)
    return code.reshape(-1).astype(np.intp), len(names)


def vote_cells(a: ArrayLike, b: ArrayLike, outcome: ArrayLike, methods: int) -> Ints:
    """Return the cell (V,) of `counts` that each vote falls into, in 0 .. 2 M² - 1.

    ``a`` and ``b`` (V,) are methods in 0 .. M - 1; ``outcome`` (V,) is 1 where a was preferred, -1
    where b was, 0 for a tie.
    """
    first, second = np.asarray(a, np.intp), np.asarray(b, np.intp)
    result = np.asarray(outcome)
    winner, loser = np.where(result < 0, second, first), np.where(result < 0, first, second)
    return np.asarray((result == 0) * methods**2 + winner * methods + loser, np.intp)


def split_cells(cells: ArrayLike, methods: int) -> tuple[Floats, Floats]:
    """Turn numbers per cell (..., 2 M²) into wins and ties, each (..., M, M).

    ``wins[i, j]``: how often i was preferred to j. ``ties`` is symmetric: a tie of i and j counts
    once in [i, j] and once in [j, i].
    """
    table = np.asarray(cells, np.float64)
    table = table.reshape(*table.shape[:-1], 2, methods, methods)
    ties = table[..., 1, :, :]
    return table[..., 0, :, :], ties + np.swapaxes(ties, -1, -2)


def counts(a: ArrayLike, b: ArrayLike, outcome: ArrayLike, methods: int) -> tuple[Floats, Floats]:
    """Return wins and ties, each (M, M), of votes given as in `vote_cells`."""
    cells = vote_cells(a, b, outcome, methods)
    return split_cells(np.bincount(cells, minlength=2 * methods**2), methods)


def strongly_connected(wins: ArrayLike) -> NDArray[np.bool_]:
    """Whether in each ``wins`` (..., M, M) every method beat every other, directly or by others.

    That is when, and only when, the maximum-likelihood scale is finite and unique. Ford 1957,
    doi:10.2307/2308513.
    """
    reach = (np.asarray(wins) > 0) | np.eye(np.shape(wins)[-1], dtype=bool)
    length = 1
    while length < reach.shape[-1]:
        step = reach.astype(np.float32)  # matrix products of floats are fast, of bools are not
        reach = (step @ step) > 0
        length *= 2
    return np.asarray(reach.all(axis=(-1, -2)))


def components(wins: ArrayLike, names: Sequence[str]) -> list[list[str]]:
    """Return the strongly connected groups of methods in ``wins`` (M, M), each in given order."""
    return _groups(np.asarray(wins), names, "strong")


def require_scale(wins: ArrayLike, names: Sequence[str]) -> None:
    """Raise `NotComparable`, naming the groups, where ``wins`` (M, M) has no finite scale."""
    table = np.asarray(wins)
    apart = _groups(table, names, "weak")
    if len(apart) > 1:
        raise NotComparable(
            f"{len(names)} methods fall into {len(apart)} groups that were never compared with one "
            f"another: {' | '.join(map(_listed, apart))}; collect votes on pairs between the "
            "groups, or give a prior to see a scale that the prior decides between them"
        )
    groups = _groups(table, names, "strong")
    if len(groups) > 1:
        index = {name: i for i, name in enumerate(names)}
        for group in groups:
            inside = [index[name] for name in group]
            outside = [i for i in range(len(names)) if i not in inside]
            if not table[np.ix_(outside, inside)].sum():
                raise NotComparable(
                    f"{_listed(group)} never lost to any of the other {len(outside)} methods, so "
                    "the distance between them is infinite; collect more votes between them, or "
                    "give a prior to see a scale that the prior keeps finite"
                )


def _groups(wins: NDArray[Any], names: Sequence[str], connection: str) -> list[list[str]]:
    number, labels = connected_components(wins > 0, directed=True, connection=connection)
    return [[names[int(i)] for i in np.flatnonzero(labels == group)] for group in range(number)]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:NAMED])
    return shown + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
