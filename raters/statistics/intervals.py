"""How sure a scale of pairwise votes is: resampled raters and images, tests, groups, ranks.

Votes of one rater, and votes on one image, are not independent, so a bootstrap sample draws whole
raters and whole images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.stats import t as student

from bench.core.errors import BenchError
from bench.statistics.multiplicity import holm
from raters.statistics.comparisons import numbered, split_cells, strongly_connected
from raters.statistics.scaling import Model

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

SAMPLES = 1000
PRIOR_SD = 2.0
"""Of the prior that keeps a resample finite in which some method never lost, or never won."""

FEW_CLUSTERS = 10

_TOGETHER = 24
"""Samples that are counted at once."""

Refit = Callable[[Floats], tuple[Floats, NDArray[np.bool_]]]
"""Numbers per cell (S, cells) -> estimates (S, M) and which samples fix one on their own (S,)."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Bootstrap ``scales`` (S, M), centred on the estimate; ``clusters`` is the smaller number of
    raters or images resampled; ``unbounded``: share of resamples that only a prior kept finite.
    """

    scales: Floats
    clusters: int
    unbounded: float


def resample_counts(
    labels: ArrayLike, cells: ArrayLike, size: int, samples: int, seed: int
) -> Floats:
    """Return numbers per cell (S, size) of votes whose ``labels`` (V,) were drawn anew.

    ``labels`` name the cluster of each vote, ``cells`` (V,) are in 0 .. size - 1. Each sample draws
    as many clusters as there are, with replacement.
    """
    cluster, groups = numbered(labels)
    column = np.asarray(cells, np.intp)
    # Whole numbers are exact in single precision up to 2^24, at half the traffic in memory
    most = 16 * int(np.bincount(column, minlength=1).max())
    kind = np.float32 if most < 2**24 else np.float64
    ones = np.ones(len(column), kind)
    table = csr_array((ones, (cluster, column)), shape=(groups, size)).T.tocsr()
    rng = np.random.default_rng(seed)
    found = np.empty((samples, size))
    times = np.empty((groups, min(_TOGETHER, samples)), kind)
    for start in range(0, samples, _TOGETHER):
        rows = min(_TOGETHER, samples - start)
        for k in range(rows):
            times[:, k] = np.bincount(rng.integers(0, groups, groups), minlength=groups)
        found[start : start + rows] = (table @ times[:, :rows]).T
    return found


def draw_scales(
    model: Model,
    estimate: ArrayLike,
    cells: ArrayLike,
    *,
    clusterings: Sequence[ArrayLike],
    samples: int = SAMPLES,
    seed: int = 0,
    prior_sd: float = math.inf,
) -> Draws:
    """Return `draw` of the scale ``estimate`` (M,) of votes in ``cells`` (V,) of `vote_cells`."""
    q = np.asarray(estimate, np.float64)

    def refit(drawn: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        wins, ties = split_cells(drawn, len(q))
        finite = strongly_connected(wins + ties)
        prior = np.where(finite, prior_sd, min(prior_sd, PRIOR_SD))
        return model.fit(wins, ties, prior, q), finite

    return draw(
        refit, q, cells, size=2 * len(q) ** 2, clusterings=clusterings, samples=samples, seed=seed
    )


def draw(
    refit: Refit,
    estimate: Floats,
    cells: ArrayLike,
    *,
    size: int,
    clusterings: Sequence[ArrayLike],
    samples: int = SAMPLES,
    seed: int = 0,
) -> Draws:
    """Return bootstrap draws of an ``estimate`` (M,) from judgements in ``cells`` (V,) of ``size``.

    ``clusterings``: one label (V,) per judgement for each way of clustering, at most two, such as
    raters and images. With two, each is resampled on its own, as are their intersections, and the
    draws are given the covariance V(raters) + V(images) - V(intersections) of two-way clustering
    (Cameron, Gelbach and Miller 2011, doi:10.1198/jbes.2010.07136). Resampling both at once would
    count the noise of a single judgement three times (Owen 2007, doi:10.1214/07-AOAS122).
    """
    column = np.asarray(cells, np.intp)
    if not 1 <= len(clusterings) <= 2:
        raise ValueError(f"expected one or two clusterings of the votes, got {len(clusterings)}")
    found_labels = [numbered(c) for c in clusterings]
    labels, numbers = [label for label, _ in found_labels], [n for _, n in found_labels]
    if len(labels) == 2:
        labels.append(labels[0] * numbers[1] + labels[1])
    parts, loose = [], []
    for turn, label in enumerate(labels):
        found, fixed = refit(resample_counts(label, column, size, samples, seed + turn))
        parts.append(found - found.mean(axis=0))
        loose.append(float((~fixed).mean()))
    scales = parts[0] if len(parts) == 1 else _both_ways(*parts)
    return Draws(estimate + scales, min(numbers), max(loose))


def clusters(rater: Ints | None, image: Ints, scenes: Sequence[str] = ()) -> dict[str, Ints]:
    """Return what to resample: raters and images where there are two or more, else judgements.

    ``rater`` and ``image`` (V,) are numbers from 0; ``scenes``: that of each image, resampled in
    the images' place where several share one. Raises `BenchError` for a single judgement.
    """
    found: dict[str, Ints] = {}
    if rater is not None and np.ptp(rater) > 0:
        found["raters"] = rater
    names, scene = np.unique(list(scenes), return_inverse=True)
    if 1 < len(names) < len(scenes):
        found["scenes"] = scene.reshape(-1)[image]
    elif np.ptp(image) > 0:
        found["images"] = image
    if not found and len(image) > 1:
        found["votes"] = np.arange(len(image))
    if not found:
        raise BenchError("one vote has no uncertainty to show; collect more")
    return found


def weaknesses(rater: Ints | None, image: Ints, clusterings: Mapping[str, Ints]) -> list[str]:
    """Say what the intervals of `clusters` cannot tell, for want of raters or images."""
    found = []
    if rater is None:
        found.append("no rater ids: intervals say nothing of how other raters would judge")
    elif np.ptp(rater) == 0:
        found.append("one rater: nothing is known of how others would judge")
    if np.ptp(image) == 0:
        found.append("one image: nothing is known of how other images would fare")
    if "votes" in clusterings:
        found.append("intervals take all votes as independent")
        return found
    sizes = {name: numbered(label)[1] for name, label in clusterings.items()}
    fewest = min(sizes, key=lambda name: sizes[name])
    if sizes[fewest] < FEW_CLUSTERS:
        found.append(f"only {sizes[fewest]} {fewest}: wide, rough intervals")
    return found


def _both_ways(first: Floats, second: Floats, both: Floats) -> Floats:
    """Rescale the sum of two centred draws (S, M) so that their common noise counts once.

    In every direction the variance is that of the sum, less what the intersections explain: from
    half of it, where votes are all the noise there is, to all of it.
    """
    total = first + second
    methods = total.shape[1]
    variance = np.cov(first, rowvar=False) + np.cov(second, rowvar=False)
    eigen, basis = np.linalg.eigh(variance)
    kept = eigen > 1e-9 * eigen[-1]  # all but the mean, which is fixed
    whiten = basis[:, kept] / np.sqrt(eigen[kept])
    share, axes = np.linalg.eigh(whiten.T @ np.cov(both, rowvar=False) @ whiten)
    scale = np.sqrt(1 - np.clip(share, 0, 0.5))
    colour = (basis[:, kept] * np.sqrt(eigen[kept])).T
    found: Floats = total @ whiten @ (axes * scale) @ axes.T @ colour
    return found.reshape(-1, methods)


def standard_error(drawn: ArrayLike, clusters: int) -> Floats:
    """Return the standard deviation over draws (S, ...), its shortfall sqrt(1 - 1/G) made up for.

    G ``clusters``, drawn with replacement, vary less than G new ones would.
    """
    spread = np.std(np.asarray(drawn, np.float64), axis=0, ddof=1)
    return np.asarray(spread * math.sqrt(clusters / (clusters - 1)))


def reach(clusters: int, level: float = 0.95) -> float:
    """Return how many standard errors an interval reaches to each side: Student's t."""
    return float(student.ppf((1 + level) / 2, clusters - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """All pairs (first[k], second[k]) of methods and how they differ, arrays (K,).

    ``value`` = scale of the first minus that of the second, with its interval. ``p`` is two-sided,
    ``p_adjusted`` by Holm over all pairs; ``beats``: share of draws with the first above.
    """

    first: Ints
    second: Ints
    value: Floats
    low: Floats
    high: Floats
    p: Floats
    p_adjusted: Floats
    beats: Floats


def differences(estimate: ArrayLike, draws: Draws, level: float = 0.95) -> Differences:
    """Test every pair of methods directly: the difference over its own bootstrap error.

    The p-value is Student's t with clusters - 1 degrees of freedom, so that the interval of a
    difference excludes 0 exactly where p < 1 - ``level``.
    """
    q = np.asarray(estimate, np.float64)
    first, second = np.triu_indices(len(q), 1)
    value = q[first] - q[second]
    drawn = draws.scales[:, first] - draws.scales[:, second]
    error = standard_error(drawn, draws.clusters)
    far = reach(draws.clusters, level) * error
    with np.errstate(divide="ignore", invalid="ignore"):  # no error at all: surely different
        ratio = np.where(value == 0, 0.0, np.abs(value) / error)
    p = 2 * student.sf(ratio, draws.clusters - 1)
    beats = ((drawn > 0) + 0.5 * (drawn == 0)).mean(axis=0)
    adjusted = np.asarray(holm([float(x) for x in p]))
    return Differences(
        first=first,
        second=second,
        value=value,
        low=value - far,
        high=value + far,
        p=p,
        p_adjusted=adjusted,
        beats=beats,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDifference:
    """How far ``better`` stands above ``worse``; ``p_adjusted`` by Holm over all pairs.

    ``preferred``: share of decided votes that the scale gives to ``better``, None for ratings.
    ``certainty``: share of bootstrap samples in which it stands above. ``votes``: direct
    comparisons of the two, or ratings of either.
    """

    better: str
    worse: str
    value: float
    low: float
    high: float
    p: float
    p_adjusted: float
    preferred: float | None
    certainty: float
    votes: int


def pair_differences(
    names: Sequence[str],
    found: Differences,
    compared: ArrayLike,
    preferred: Callable[[Floats], Floats] | None,
) -> tuple[PairDifference, ...]:
    """Return all pairs, each with the better one first, the largest difference first.

    ``compared`` (M, M): votes on each pair. ``preferred`` is `scaling.Model.preferred`.
    """
    votes = np.asarray(compared)
    rows = []
    for k in np.argsort(-np.abs(found.value), kind="stable"):
        i, j = int(found.first[k]), int(found.second[k])
        up = bool(found.value[k] >= 0)
        low, high = (found.low[k], found.high[k]) if up else (-found.high[k], -found.low[k])
        value = abs(float(found.value[k]))
        rows.append(
            PairDifference(
                better=names[i if up else j],
                worse=names[j if up else i],
                value=value,
                low=float(low),
                high=float(high),
                p=float(found.p[k]),
                p_adjusted=float(found.p_adjusted[k]),
                preferred=None if preferred is None else float(preferred(np.asarray(value))),
                certainty=float(found.beats[k] if up else 1 - found.beats[k]),
                votes=int(votes[i, j]),
            )
        )
    return tuple(rows)


def rank_intervals(
    estimate: ArrayLike, found: Differences, level: float = 0.95
) -> tuple[Ints, Ints, Ints]:
    """Return rank (1 = best) and the lowest and highest rank (M,) that the tests leave possible.

    A method ranks behind all that are significantly better and before all that are significantly
    worse. Because the tests are adjusted for their number, all these intervals cover at once with
    probability ``level`` or more. Al Mohamad, Goeman and van Zwet, "Simultaneous confidence
    intervals for ranks with application to ranking institutions", Biometrics 2022.
    """
    q = np.asarray(estimate, np.float64)
    better = _better(len(q), found, level)
    rank = np.empty(len(q), np.intp)
    rank[np.argsort(-q, kind="stable")] = np.arange(1, len(q) + 1)
    low, high = 1 + better.sum(axis=0), len(q) - better.sum(axis=1)
    return rank, low.astype(np.intp), high.astype(np.intp)


def letters(estimate: ArrayLike, found: Differences, level: float = 0.95) -> list[str]:
    """Return significance groups (M,): methods that share a letter do not differ significantly.

    Compact letter display by insertion and absorption, "a" for the best: Piepho 2004,
    doi:10.1198/1061860043515.
    """
    q = np.asarray(estimate, np.float64)
    better = _better(len(q), found, level)
    groups = {frozenset(range(len(q)))}
    for i, j in zip(*np.nonzero(better), strict=True):
        split = set()
        for group in groups:
            split |= {group - {i}, group - {j}} if {i, j} <= group else {group}
        groups = {group for group in split if not any(group < other for other in split)}
    order = np.argsort(-q, kind="stable")
    position = np.empty(len(q), np.intp)
    position[order] = np.arange(len(q))
    best_first = sorted(groups, key=lambda group: sorted(position[list(group)]))
    return ["".join(_letter(k) for k, g in enumerate(best_first) if i in g) for i in range(len(q))]


def _letter(index: int) -> str:
    return ascii_lowercase[index % 26] + ("" if index < 26 else str(index // 26))


def _better(methods: int, found: Differences, level: float) -> NDArray[np.bool_]:
    """Return (M, M), True where the row is significantly better than the column."""
    better = np.zeros((methods, methods), dtype=bool)
    sure = found.p_adjusted < 1 - level
    up, down = sure & (found.value > 0), sure & (found.value < 0)
    better[found.first[up], found.second[up]] = True
    better[found.second[down], found.first[down]] = True
    return better
