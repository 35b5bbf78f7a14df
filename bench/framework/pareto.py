"""What no other model beats on every side: the Pareto front in any number of axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_BLOCK = 4_000_000
"""Comparisons made at a time: bounds the memory of many draws of many models."""


def dominates(
    points: ArrayLike, higher_is_better: Sequence[bool], others: ArrayLike | None = None
) -> Bools:
    """Return (..., N, N), True where the row's point dominates the column's.

    ``points`` (..., N, A) are finite or infinite, never NaN; ``higher_is_better`` (A,). One point
    dominates another if it is at least as good on every axis and better on one; equal points do
    not dominate each other. ``others``, of the same shape, has the columns' points where they are
    not the rows' own. Raises ValueError for NaN and for a wrong number of axes.
    """
    rows = _towards_more(points, higher_is_better)
    return _dominates(rows, rows if others is None else _towards_more(others, higher_is_better))


def dominates_surely(
    least: ArrayLike, most: ArrayLike, higher_is_better: Sequence[bool]
) -> tuple[Bools, Bools]:
    """Return (N, N) twice: True where the row dominates the column, and True where it may.

    The models lie anywhere between ``least`` and ``most`` (N, A), which are equal where a figure
    is known: where all are, both say what `dominates` says.
    """
    low, high = np.asarray(least, dtype=np.float64), np.asarray(most, dtype=np.float64)
    worst, best = np.where(higher_is_better, (low, high), (high, low))
    may = dominates(best, higher_is_better, worst)
    np.fill_diagonal(may, False)
    return dominates(worst, higher_is_better, best), may


def standing(surely: Bools, may: Bools) -> list[bool | None]:
    """Say of each model whether it is on the front, by `dominates_surely`; None: not known."""
    beaten, doubtful = np.any(surely, axis=0).tolist(), np.any(may, axis=0).tolist()
    return [False if b else None if d else True for b, d in zip(beaten, doubtful, strict=True)]


def on_front(points: ArrayLike, higher_is_better: Sequence[bool]) -> Bools:
    """Return (..., N), True for the points of ``points`` (..., N, A) that none dominates."""
    return np.asarray(~dominates(points, higher_is_better).any(axis=-2))


def shares(draws: ArrayLike, higher_is_better: Sequence[bool]) -> tuple[Floats, Floats]:
    """Return in which share of ``draws`` (S, N, A) each point is on the front (N,), and in which
    the row's point dominates the column's (N, N)."""
    found = _towards_more(draws, higher_is_better)
    samples, number, _ = found.shape
    kept, over = np.zeros(number), np.zeros((number, number))
    step = max(1, _BLOCK // max(1, number * number))
    for start in range(0, samples, step):
        drawn = found[start : start + step]
        some = _dominates(drawn, drawn)
        over += some.sum(axis=0)
        kept += (~some.any(axis=1)).sum(axis=0)
    return kept / samples, over / samples


def margins(points: ArrayLike, higher_is_better: Sequence[bool]) -> Floats:
    """Return (N, N, A): by how much the row's point is better than the column's on every axis.

    Positive is better whatever the axis's direction; in the units of ``points`` (N, A).
    """
    found = _towards_more(points, higher_is_better)
    return np.asarray(found[:, None] - found[None, :])


def _towards_more(points: ArrayLike, higher_is_better: Sequence[bool]) -> Floats:
    """Return the points with every axis turned so that more is better."""
    table = np.asarray(points, dtype=np.float64)
    if table.ndim < 2 or table.shape[-1] != len(higher_is_better):
        raise ValueError(
            f"expected points (.., N, A) of {len(higher_is_better)} axes, got {table.shape}"
        )
    if np.isnan(table).any():
        raise ValueError("a point without a number on every axis has no place on a front")
    return np.asarray(table * np.where(higher_is_better, 1.0, -1.0))


def _dominates(rows: Floats, columns: Floats) -> Bools:
    shape = (*rows.shape[:-1], rows.shape[-2])
    no_worse, better = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for component in range(rows.shape[-1]):  # axis by axis: reducing over a short last one is slow
        ahead, behind = rows[..., :, None, component], columns[..., None, :, component]
        no_worse &= ahead >= behind
        better |= ahead > behind
    return no_worse & better
