"""Means and paired differences of images that come in clusters (sequences, scenes).

Frames of one sequence are not independent, so a bootstrap sample draws whole clusters, and a test
flips the sign of whole clusters. Pure functions on arrays; a column is a model or a pair of models.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, t

from bench.statistics.claims import Claims

Floats = NDArray[np.float64]

EXACT_CLUSTERS = 14
"""Up to so many clusters every one of the 2^G sign patterns is tried: 8,192 by symmetry."""

SAMPLES = 10_000
FEW_CLUSTERS = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over ``n`` images of ``clusters`` clusters and its interval.

    ``low`` and ``high`` are None where there is no interval; ``note`` says why, or what weakens it.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    clusters: int
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A mean of paired differences with its interval and its two-sided p-value.

    ``p_adjusted`` is corrected for all columns tested together. ``exact``: every sign pattern was
    tried. With one cluster there is no interval and no p-value, and ``note`` says so.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    n: int
    clusters: int
    exact: bool
    note: str | None = None


def cluster_mean(
    values: ArrayLike,
    clusters: ArrayLike,
    samples: int = SAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Mean of ``values`` (n,) over images, with an interval that resamples ``clusters`` (n,).

    Raises ValueError for values that are not finite: the caller excludes and counts them.
    """
    column = np.asarray(values, dtype=np.float64).reshape(-1, 1)
    if not np.isfinite(column).all():
        raise ValueError("cluster_mean takes finite values; exclude and count the others first")
    found = cluster_means(column, clusters, samples, seed, level)[0]
    if found is None:
        raise ValueError("cluster_mean of no values")
    return found


def cluster_means(
    values: ArrayLike,
    clusters: ArrayLike,
    samples: int = SAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> list[Estimate | None]:
    """`cluster_mean` of every column of ``values`` (n, k); None for a column without a value.

    NaN means that the column has no value for that image. A column's interval is a percentile
    interval of the ratio (sum over images) / (number of images) over resampled clusters, with the
    percentiles moved outwards for a small number of clusters, so that for equal clusters of normal
    values it is as wide as Student's (Hesterberg 2015, doi:10.1080/00031305.2015.1089789).
    It depends on no other column.
    """
    table, labels = _checked(values, clusters)
    sums, counts = _per_cluster(table, labels)
    here = counts > 0
    found: list[Estimate | None] = [None] * table.shape[1]
    patterns, group_of = np.unique(here, axis=1, return_inverse=True)
    for group in range(patterns.shape[1]):
        rows, columns = patterns[:, group], np.flatnonzero(group_of.reshape(-1) == group)
        size = int(rows.sum())
        if size == 0:
            continue
        mine, numbers = sums[np.ix_(rows, columns)], counts[np.ix_(rows, columns)]
        means, totals = mine.sum(0) / numbers.sum(0), numbers.sum(0).astype(int)
        if size == 1:
            note = "one cluster: nothing to resample, so no interval"
            for i, column in enumerate(columns):
                found[column] = Estimate(
                    float(means[i]), None, high=None, n=int(totals[i]), clusters=1, note=note
                )
            continue
        lows, highs = _interval(mine, numbers, samples, seed, level)
        note = (
            f"{size} clusters: an interval from so few is too short" if size < FEW_CLUSTERS else ""
        )
        for i, column in enumerate(columns):
            found[column] = Estimate(
                float(means[i]),
                float(lows[i]),
                high=float(highs[i]),
                n=int(totals[i]),
                clusters=size,
                note=note or None,
            )
    return found


def cluster_draws(
    values: ArrayLike, clusters: ArrayLike, samples: int = SAMPLES, seed: int = 0
) -> Floats:
    """Return bootstrap draws (S, k) of the means of ``values`` (n, k) over images.

    Every column gets the same resampled clusters, so that columns stay paired. Few clusters say
    little of their own spread: the draws lie around the means as Student's t does, so that their
    percentiles are about the ends of `cluster_means`'s interval, and the share of draws in which
    one column is above another is about one minus the paired t test's one-sided p-value. One
    cluster has no spread: all draws are the mean. Raises ValueError for values that are not finite.
    """
    table, labels = _checked(values, clusters)
    if not len(table) or np.isnan(table).any():
        raise ValueError("cluster_draws takes finite values; exclude the others first")
    sums, counts = _per_cluster(table, labels)
    means, size = table.mean(axis=0), len(sums)
    if size == 1:
        return np.broadcast_to(means, (samples, len(means))).copy()
    rng = np.random.default_rng(seed)
    away = _resampled(sums, counts, samples, rng) - means
    # size / (size - 1) for what resampling misses, (size - 1) / chi2 from normal to Student's t.
    return np.asarray(means + away * np.sqrt(size / rng.chisquare(size - 1, (samples, 1))))


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    clusters: ArrayLike,
    samples: int = SAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """Mean of ``a - b`` over the images that both (n,) have, its interval and its p-value.

    Raises ValueError for values that are not finite.
    """
    column = (np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)).reshape(-1, 1)
    if not np.isfinite(column).all():
        raise ValueError("paired_difference takes finite values; exclude the others first")
    found = paired_differences(column, clusters, samples, seed, level)[0]
    if found is None:
        raise ValueError("paired_difference of no images")
    return found


def paired_differences(
    differences: ArrayLike,
    clusters: ArrayLike,
    samples: int = SAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> list[Difference | None]:
    """`paired_difference` of every column of ``differences`` (n, k), tested together.

    NaN means that an image is not common to that column's pair. Columns are in one unit.
    ``p_adjusted`` controls the chance of any false claim among them by step-down max-T over joint
    sign flips (Westfall and Young 1993; Nichols and Holmes 2002, doi:10.1002/hbm.1058). With few
    clusters Holm's correction could find nothing: no p-value is below 2 / 2^clusters to begin with.
    """
    table, labels = _checked(differences, clusters)
    estimates = cluster_means(table, labels, samples, seed, level)
    sums, counts = _per_cluster(table, labels)
    raw, adjusted, exact = sign_flip(sums / np.maximum(counts.sum(axis=0), 1), samples, seed)
    found: list[Difference | None] = []
    for i, estimate in enumerate(estimates):
        if estimate is None:
            found.append(None)
            continue
        tested = estimate.clusters > 1
        note = estimate.note
        least = 2.0 ** (1 - estimate.clusters)
        if tested and least > 1 - level:
            note = f"{estimate.clusters} clusters: the smallest possible p-value is {least:.3g}"
        found.append(
            Difference(
                value=estimate.value,
                low=estimate.low,
                high=estimate.high,
                p=float(raw[i]) if tested else None,
                p_adjusted=float(adjusted[i]) if tested else None,
                n=estimate.n,
                clusters=estimate.clusters,
                exact=exact,
                note=note,
            )
        )
    return found


def pairwise_p(values: ArrayLike, clusters: ArrayLike) -> Floats:
    """Return (k, k): how surely the columns of finite ``values`` (n, k) differ, pair by pair.

    Each pair has the p-value of its column with the lower mean against the other, adjusted for all
    columns tested against that one (`paired_differences`): a pair whose better is the best of all
    has that of the best against all. Higher values are better. NaN where no test could find
    anything; 1 on the diagonal.
    """
    table, labels = _checked(values, clusters)
    size, number = len(np.unique(labels)), table.shape[1]
    found = np.full((number, number), np.nan)
    if not Claims(size).tests:
        return found
    np.fill_diagonal(found, 1.0)
    sums, counts = _per_cluster(table, labels)
    sums = sums / counts.sum(axis=0)
    order = np.argsort(-table.mean(axis=0), kind="stable")
    for place, better in enumerate(order):
        others = np.delete(np.arange(number), better)
        if len(others):
            _, adjusted, _ = sign_flip(sums[:, others] - sums[:, [better]])
            worse = np.isin(others, order[place + 1 :])
            found[others[worse], better] = found[better, others[worse]] = adjusted[worse]
    return found


def sign_flip(
    sums: ArrayLike, samples: int = SAMPLES, seed: int = 0
) -> tuple[Floats, Floats, bool]:
    """Return the two-sided p-value of each column of cluster ``sums`` (G, k) being zero on average.

    The second array is adjusted for all columns by step-down max-T; the statistic is the sum as it
    is, so columns are in one unit. Every sign pattern is tried up
    to `EXACT_CLUSTERS` clusters (third value True); above, ``samples`` random ones, with the
    observed pattern counted among them (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585).
    """
    table = np.asarray(sums, dtype=np.float64)
    observed = np.abs(table.sum(axis=0))
    order = np.argsort(observed, kind="stable")  # the weakest first, as the running maximum needs
    exact = table.shape[0] <= EXACT_CLUSTERS
    total = 0
    hits, joint_hits = np.zeros(table.shape[1]), np.zeros(table.shape[1])
    slack = 1e-9 * np.abs(table).sum(axis=0)  # equal in exact arithmetic counts as equal
    bar = (observed - slack)[order]
    for signs in _signs(table.shape[0], exact, samples, seed):
        flipped = np.abs(signs @ table[:, order])
        hits += (flipped >= bar).sum(axis=0)
        joint_hits += (np.maximum.accumulate(flipped, axis=1) >= bar).sum(axis=0)
        total += len(signs)
    plus = 0 if exact else 1
    raw, adjusted = np.empty_like(observed), np.empty_like(observed)
    raw[order] = (hits + plus) / (total + plus)
    joint = (joint_hits + plus) / (total + plus)
    adjusted[order] = np.maximum.accumulate(joint[::-1])[::-1]  # a weaker one is never surer
    return raw, adjusted, exact


def _checked(values: ArrayLike, clusters: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
    table = np.asarray(values, dtype=np.float64)
    names = np.asarray(clusters)
    if table.ndim != 2 or names.shape != table.shape[:1]:
        raise ValueError(
            f"expected values (n, k) and clusters (n,), got {table.shape} and {names.shape}"
        )
    if np.isinf(table).any():
        raise ValueError("infinite values have no mean; exclude and count them first")
    return table, np.unique(names, return_inverse=True)[1].reshape(-1)


def _per_cluster(table: Floats, labels: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Return the sums and the numbers of values, each (G, k)."""
    if not len(table):
        return np.zeros((0, table.shape[1])), np.zeros((0, table.shape[1]))
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    present = ~np.isnan(table)
    sums = np.add.reduceat(np.where(present, table, 0.0)[order], starts, axis=0)
    return sums, np.add.reduceat(present[order].astype(np.float64), starts, axis=0)


def _interval(
    sums: Floats, counts: Floats, samples: int, seed: int, level: float
) -> tuple[Floats, Floats]:
    means = _resampled(sums, counts, samples, np.random.default_rng(seed))
    tail = expanded_tail(len(sums), level)
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high


def _resampled(sums: Floats, counts: Floats, samples: int, rng: np.random.Generator) -> Floats:
    """Return means (S, k) over clusters drawn anew, the same ones in every column."""
    size = len(sums)
    step = max(1, min(1000, 4_000_000 // size))  # of the size alone: the draws must not change
    means = np.empty((samples, sums.shape[1]))
    for start in range(0, samples, step):
        rows = min(step, samples - start)
        draws = rng.integers(0, size, (rows, size)) + size * np.arange(rows)[:, None]
        times = np.bincount(draws.reshape(-1), minlength=rows * size).reshape(rows, size)
        weights = times.astype(np.float64)
        means[start : start + rows] = (weights @ sums) / (weights @ counts)
    return means


def expanded_tail(clusters: int, level: float) -> float:
    """Return the lower percentile, as a fraction, that makes up for few clusters."""
    reach = t.ppf((1 + level) / 2, clusters - 1) * math.sqrt(clusters / (clusters - 1))
    return float(norm.cdf(-reach))


def _signs(clusters: int, exact: bool, samples: int, seed: int) -> Iterator[Floats]:
    """Yield (rows, clusters) blocks of +1 and -1."""
    if exact:
        # The last sign stays: flipping all of them changes no absolute value.
        codes = np.arange(2 ** max(0, clusters - 1))[:, None]
        yield np.where((codes >> np.arange(clusters)) & 1, -1.0, 1.0)
        return
    rng = np.random.default_rng(seed)
    step = max(1, min(1000, 4_000_000 // clusters))
    for start in range(0, samples, step):
        rows = min(step, samples - start)
        yield np.where(rng.integers(0, 2, (rows, clusters)), -1.0, 1.0)
