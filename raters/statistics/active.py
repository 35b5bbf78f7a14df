"""Which comparison tells most: expected information gain under a Bradley-Terry posterior."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, expit

from raters.statistics.scaling import bradley_terry

Floats = NDArray[np.float64]

PRIOR_SD = 2.0
"""Of a model's strength in logits: 95 % of differences between two models are within 5.5."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(21)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def posterior(wins: ArrayLike, prior_sd: float = PRIOR_SD) -> tuple[Floats, Floats]:
    """Return mean (..., M) and covariance (..., M, M) of Bradley-Terry strengths in logits.

    ``wins[..., i, j]``: how often i was preferred to j, a tie half a win to each. The posterior is
    the Gaussian at its mode (Laplace) under independent Gaussian priors, so it exists whatever has
    been judged.
    """
    w = np.asarray(wins, np.float64)
    strength = bradley_terry(w, prior_sd)
    p = expit(strength[..., :, None] - strength[..., None, :])
    curvature = (w + np.swapaxes(w, -1, -2)) * p * (1 - p)
    of_prior = np.eye(w.shape[-1]) / prior_sd**2
    information = curvature.sum(axis=-1)[..., None] * np.eye(w.shape[-1]) - curvature + of_prior
    return strength, np.linalg.inv(information)


def information_gain(
    mean: ArrayLike, covariance: ArrayLike, first: ArrayLike, second: ArrayLike
) -> Floats:
    """Return the expected gain in nats of asking each pair (first[k], second[k]) once more.

    That is the mutual information between the answer and the difference of strengths,
    H(E p) - E H(p) with the expectation over the difference's Gaussian. It is between 0 and log 2.
    Lindley 1956, doi:10.1214/aoms/1177728069.
    """
    m, c = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
    i, j = np.asarray(first, np.intp), np.asarray(second, np.intp)
    sd = np.sqrt(np.maximum(c[i, i] + c[j, j] - 2 * c[i, j], 0.0))
    p = expit((m[i] - m[j])[:, None] + sd[:, None] * _NODES[None, :])
    mixed = p @ _WEIGHTS
    gain: Floats = _entropy(mixed) - _entropy(p) @ _WEIGHTS
    return np.maximum(gain, 0.0)


def _entropy(p: Floats) -> Floats:
    return np.asarray(entr(p) + entr(1 - p), np.float64)
