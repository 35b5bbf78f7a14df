"""Mean opinion scores of ratings, and what raters' bias and inconsistency do to them.

Ratings are (raters, stimuli), NaN where a rater gave none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

Floats = NDArray[np.float64]

_TOLERANCE = 1e-8
_STEPS = 1000
_LEAST_VARIANCE = 1e-8
"""Keeps the weight of a rater finite who agrees with the mean exactly."""

_COLLAPSED = 1e-3


@dataclass(frozen=True, slots=True)
class MeanOpinions:
    """Per stimulus (N,): mean, interval (NaN where fewer than two rated it), number of ratings."""

    value: Floats
    low: Floats
    high: Floats
    n: NDArray[np.intp]


def mean_opinion(ratings: ArrayLike, level: float = 0.95) -> MeanOpinions:
    """Return the mean opinion score of each stimulus with Student's interval over raters.

    ITU-T P.910 and ITU-R BT.500.
    """
    table, given = _checked(ratings)
    n = given.sum(axis=0)
    value = np.where(given, table, 0).sum(axis=0) / n
    squares = np.where(given, (table - value) ** 2, 0).sum(axis=0)
    some = n > 1
    error = np.sqrt(squares / np.maximum(n - 1, 1) / n)
    far = np.where(some, student.ppf((1 + level) / 2, np.maximum(n - 1, 1)) * error, np.nan)
    return MeanOpinions(value, value - far, value + far, n.astype(np.intp))


@dataclass(frozen=True, slots=True)
class RecoveredOpinions:
    """``value`` (N,) of stimuli; ``bias`` and ``inconsistency`` (R,) of raters.

    ``bias``: how far above the others a rater rates, mean zero. ``inconsistency``: standard
    deviation of what bias and stimulus leave unexplained.
    """

    value: Floats
    bias: Floats
    inconsistency: Floats


def recover_opinion(ratings: ArrayLike) -> RecoveredOpinions:
    """Estimate quality with raters' bias taken off and their weight set by their consistency.

    The model is rating = quality + bias + inconsistency x noise, maximised by alternating
    projection. ITU-T P.913 (06/2021) clause 12.6; Li et al. 2020, "A simple model for subject
    behavior in subjective experiments", arXiv:2004.02067. Raises ArithmeticError where it does not
    converge, or collapses on one rater: the likelihood has no bound there.
    """
    table, given = _checked(ratings)
    filled = np.where(given, table, 0.0)
    per_stimulus, per_rater = given.sum(axis=0), given.sum(axis=1)
    quality = filled.sum(axis=0) / per_stimulus
    bias = np.where(given, table - quality, 0).sum(axis=1) / per_rater
    for _ in range(_STEPS):
        before = quality
        residual = np.where(given, table - quality - bias[:, None], 0.0)
        inconsistency = _spread(residual, given)
        weight = given / (inconsistency**2 + _LEAST_VARIANCE)[:, None]
        quality = (weight * (filled - bias[:, None])).sum(axis=0) / weight.sum(axis=0)
        bias = np.where(given, table - quality, 0).sum(axis=1) / per_rater
        if np.linalg.norm(quality - before) < _TOLERANCE:
            break
    else:
        raise ArithmeticError(f"opinions did not settle in {_STEPS} iterations")
    if inconsistency.min() < _COLLAPSED * np.median(inconsistency):
        raise ArithmeticError(
            f"the fit took the ratings of rater {int(inconsistency.argmin())} as exact: too few "
            "raters to tell their consistency apart; use mean_opinion, or collect more raters"
        )
    shift = bias.mean()
    return RecoveredOpinions(quality + shift, bias - shift, inconsistency)


def _spread(residual: Floats, given: NDArray[np.bool_]) -> Floats:
    """Return each rater's population standard deviation (R,) of what was given."""
    n = given.sum(axis=1)
    mean = residual.sum(axis=1) / n
    centred = np.where(given, residual - mean[:, None], 0.0)
    return np.asarray(np.sqrt((centred**2).sum(axis=1) / n))


def _checked(ratings: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    table = np.asarray(ratings, np.float64)
    given = ~np.isnan(table)
    if table.ndim != 2 or not given.any(axis=0).all() or not given.any(axis=1).all():
        raise ValueError(
            f"expected ratings (raters, stimuli) with one or more of every rater and of every "
            f"stimulus, got {table.shape}; leave out those without"
        )
    return table, given
