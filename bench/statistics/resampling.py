"""Rank statistics of resampled clusters, all samples at once.

A bootstrap sample is how many times each cluster was drawn. Statistics over pairs of items then are
quadratic forms in these numbers: concordance is counted once per pair of clusters, whatever the
number of samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_BLOCK = 2_000_000


@dataclass(frozen=True, slots=True)
class Resamples:
    """``times`` (S, C): how often each of C clusters was drawn; ``code`` (n,): cluster of an item.

    The same seed, clusters and samples give the same draws, so that statistics of several metrics
    can be compared sample by sample.
    """

    times: Floats
    code: Ints

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return int(self.times.shape[1])

    def blocks(self) -> Iterator[tuple[slice, Floats]]:
        """Yield rows of samples with the weights (rows, n) that they give to items."""
        step = max(1, _BLOCK // max(len(self.code), 1))
        for start in range(0, len(self.times), step):
            rows = slice(start, min(start + step, len(self.times)))
            yield rows, self.times[rows][:, self.code]


def resample(clusters: ArrayLike | None, n: int, samples: int, seed: int) -> Resamples:
    """Draw as many clusters as there are, with replacement; without ``clusters`` (n,), items."""
    labels = np.arange(n) if clusters is None else np.asarray(clusters)
    if labels.shape != (n,):
        raise ValueError(f"expected a cluster for each of {n} items, got {labels.shape}")
    names, code = np.unique(labels, return_inverse=True)
    rng, size = np.random.default_rng(seed), len(names)
    times = np.empty((samples, size))
    for row in times:
        row[:] = np.bincount(rng.integers(0, size, size), minlength=size)
    return Resamples(times, code.reshape(-1).astype(np.intp))


def plcc(x: Floats, y: Floats, drawn: Resamples) -> Floats:
    """Return Pearson's correlation (S,) of each sample; NaN where a column is constant in it."""
    found = np.empty(len(drawn.times))
    for rows, w in drawn.blocks():
        found[rows] = _pearson(w, np.broadcast_to(x, w.shape), np.broadcast_to(y, w.shape))
    return found


def srocc(x: Floats, y: Floats, drawn: Resamples) -> Floats:
    """Return Spearman's correlation (S,) of each sample; NaN where a column is constant in it."""
    found = np.empty(len(drawn.times))
    for rows, w in drawn.blocks():
        found[rows] = _pearson(w, _ranks(x, w), _ranks(y, w))
    return found


def krcc(x: Floats, y: Floats, drawn: Resamples) -> Floats:
    """Return Kendall's tau-b (S,) of each sample; NaN where a column is constant in it."""
    size = drawn.clusters
    agree, of_x, of_y = (np.zeros((size, size)) for _ in range(3))
    order = np.argsort(drawn.code, kind="stable")
    x, y, code = x[order], y[order], drawn.code[order]
    starts = np.searchsorted(code, np.arange(size))
    step = max(1, _BLOCK // len(x))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        sign_x, sign_y = (np.sign(v[rows, None] - v[None, :]) for v in (x, y))
        for table, signs in ((agree, sign_x * sign_y), (of_x, sign_x**2), (of_y, sign_y**2)):
            np.add.at(table, code[rows], np.add.reduceat(signs, starts, axis=1))
    top, left, right = (_form(drawn.times, table) for table in (agree, of_x, of_y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(top / np.sqrt(left * right))


def area(high: Floats, of_high: Ints, low: Floats, of_low: Ints, times: Floats) -> Floats:
    """Return the area under the ROC curve (S,): P(high > low) + P(high = low) / 2.

    ``of_high`` and ``of_low`` are the clusters of both. NaN in samples without one of them.
    """
    size = times.shape[1]
    table = np.zeros((size, size))
    order = np.argsort(of_low, kind="stable")
    parts = np.split(low[order], np.searchsorted(of_low[order], np.arange(1, size)))
    for cluster, part in enumerate(parts):
        part = np.sort(part)
        below = np.searchsorted(part, high, "left") + np.searchsorted(part, high, "right")
        table[:, cluster] = np.bincount(of_high, below / 2, size)
    pairs = (times @ np.bincount(of_high, minlength=size)) * (
        times @ np.bincount(of_low, minlength=size)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(_form(times, table) / pairs)


def mean(values: Floats, drawn: Resamples) -> Floats:
    """Return the mean (S,) of the items of each sample."""
    sums = np.bincount(drawn.code, values, drawn.clusters)
    n = np.bincount(drawn.code, minlength=drawn.clusters)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((drawn.times @ sums) / (drawn.times @ n))


def _form(times: Floats, table: Floats) -> Floats:
    """Return t A t for every row t of ``times``."""
    return np.asarray(((times @ table) * times).sum(axis=1))


def _pearson(w: Floats, x: Floats, y: Floats) -> Floats:
    total = w.sum(axis=1, keepdims=True)
    dx = x - (w * x).sum(axis=1, keepdims=True) / total
    dy = y - (w * y).sum(axis=1, keepdims=True) / total
    xx, yy, xy = (w * dx * dx).sum(axis=1), (w * dy * dy).sum(axis=1), (w * dx * dy).sum(axis=1)
    flat = (xx <= 1e-12 * (w * x * x).sum(axis=1)) | (yy <= 1e-12 * (w * y * y).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(flat, np.nan, xy / np.sqrt(xx * yy))


def _ranks(column: Floats, w: Floats) -> Floats:
    """Return the ranks (S, n) of items that stand in each sample ``w`` (S, n) times over."""
    order = np.argsort(column, kind="stable")
    ordered = column[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ties = np.add.reduceat(w[:, order], starts, axis=1)
    rank = np.cumsum(ties, axis=1) - (ties - 1) / 2
    found = np.empty(w.shape)
    found[:, order] = np.repeat(rank, np.diff([*starts, len(column)]), axis=1)
    return found
