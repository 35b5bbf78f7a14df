"""Whether people agree with one another, and with themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, chi2, kendalltau, rankdata

from raters.statistics.comparisons import numbered

Floats = NDArray[np.float64]


def _nominal(_values: Floats, totals: Floats) -> Floats:
    return 1.0 - np.eye(len(totals))


def _interval(values: Floats, _totals: Floats) -> Floats:
    return (values[:, None] - values[None, :]) ** 2


def _ordinal(_values: Floats, totals: Floats) -> Floats:
    middle = np.cumsum(totals) - totals / 2
    return (middle[:, None] - middle[None, :]) ** 2


LEVELS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "nominal": _nominal,
    "ordinal": _ordinal,
    "interval": _interval,
}
"""Level of measurement -> squared distance (K, K) of values (K,) with how often each was given."""


def krippendorff_alpha(per_unit: ArrayLike, values: ArrayLike, level: str) -> float | None:
    """Return Krippendorff's alpha of how often each unit was given each value (units, K).

    1 is full agreement, 0 what chance gives, below 0 systematic disagreement. ``values`` (K,)
    ascend; ``level`` is one of `LEVELS`. None where all ratings are equal or no unit has two:
    nothing can be said. Krippendorff 2011, https://repository.upenn.edu/asc_papers/43.
    """
    if level not in LEVELS:
        raise ValueError(f"no level of measurement '{level}'; known: {', '.join(LEVELS)}")
    n = np.asarray(per_unit, np.float64)
    n = n[n.sum(axis=1) > 1]  # a unit rated once is compared with nothing
    if not len(n):
        return None
    weight = 1 / (n.sum(axis=1) - 1)
    coincidence = n.T @ (n * weight[:, None]) - np.diag(weight @ n)
    totals = coincidence.sum(axis=1)
    distance = LEVELS[level](np.asarray(values, np.float64), totals)
    expected = (np.outer(totals, totals) - np.diag(totals)) / (totals.sum() - 1)
    if not (expected * distance).sum() > 0:
        return None
    return float(1 - (coincidence * distance).sum() / (expected * distance).sum())


def kendall_u(wins: ArrayLike) -> float | None:
    """Return Kendall's coefficient of agreement u of pairwise ``wins`` (..., M, M).

    It is 2 Σ C(w_ij, 2) / Σ C(n_ij, 2) - 1 over all pairs: twice the share of pairs of votes on the
    same question that agree, less 1. 1 is full agreement, 0 chance. Pairs need not have equal
    numbers of votes. None where no pair was judged twice. Kendall and Babington Smith 1940,
    doi:10.1093/biomet/31.3-4.324.
    """
    w = np.asarray(wins, np.float64)
    n = w + np.swapaxes(w, -1, -2)
    possible = (n * (n - 1)).sum() / 2  # each pair stands in n twice
    if not possible > 0:
        return None
    return float(2 * (w * (w - 1)).sum() / possible - 1)


def kendall_w(ratings: ArrayLike) -> tuple[float, float]:
    """Return Kendall's W of complete ``ratings`` (raters, items), ties corrected, and its p-value.

    0: no agreement on the order, 1: the same order from all. p is of no agreement, by the
    chi-square of Friedman's test. Raises ValueError for missing ratings. Kendall and Babington
    Smith 1939, doi:10.1214/aoms/1177732186.
    """
    table = np.asarray(ratings, np.float64)
    if not np.isfinite(table).all() or min(table.shape) < 2:
        raise ValueError("Kendall's W takes complete ratings of two items by two raters or more")
    raters, items = table.shape
    ranks = rankdata(table, axis=1)
    ties = sum(
        float((c**3 - c).sum()) for c in (np.unique(r, return_counts=True)[1] for r in ranks)
    )
    spread = ((ranks.sum(axis=0) - raters * (items + 1) / 2) ** 2).sum()
    most = raters**2 * (items**3 - items) - raters * ties
    if not most > 0:
        raise ValueError("every rater gave all items one rating: there is no order to agree on")
    w = float(12 * spread / most)
    return w, float(chi2.sf(raters * (items - 1) * w, items - 1))


def mean_tau(ratings: ArrayLike) -> float | None:
    """Return the mean Kendall's tau-b over all pairs of raters, on the items that both rated.

    ``ratings`` (raters, items), NaN where missing. None where no two raters share an order.
    """
    table = np.asarray(ratings, np.float64)
    found = []
    for i in range(len(table)):
        for j in range(i):
            both = ~np.isnan(table[i]) & ~np.isnan(table[j])
            if both.sum() > 1:
                found.append(float(kendalltau(table[i, both], table[j, both]).statistic))
    known = [tau for tau in found if not np.isnan(tau)]
    return float(np.mean(known)) if known else None


@dataclass(frozen=True, slots=True)
class Share:
    """A share ``value`` of ``n`` and its 95 % interval (Wilson 1927)."""

    value: float
    low: float
    high: float
    n: int


def repeat_consistency(rater: ArrayLike, unit: ArrayLike, answer: ArrayLike) -> Share | None:
    """Return how often a rater's later answer to the same question equals their first.

    Arrays (V,) in the order of answering; ``answer`` must not depend on the sides shown. None where
    nobody was asked twice.
    """
    (who, _), (what, units) = numbered(rater), numbered(unit)
    asked = who * units + what
    _, first, question = np.unique(asked, return_index=True, return_inverse=True)
    given = np.asarray(answer)
    later = np.ones(len(given), dtype=bool)
    later[first] = False
    again = np.flatnonzero(later)
    if not len(again):
        return None
    return share_of(int((given[again] == given[first[question[again]]]).sum()), len(again))


def share_of(found: int, n: int) -> Share:
    """Return ``found`` of ``n``, 1 or more, as a share."""
    interval = binomtest(found, n).proportion_ci(method="wilson")
    return Share(found / n, float(interval.low), float(interval.high), n)
