"""Which comparison tells most about the order of models, under a Bradley-Terry posterior.

The order is what a study is asked for, and of two informative pairs one may change nothing in it:
in simulations `ordering_gain` needs fewer judgements for the same rank correlation than the
information gained about strengths (Lindley 1956, doi:10.1214/aoms/1177728069).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtr, owens_t

from raters.statistics.scaling import bradley_terry

Floats = NDArray[np.float64]

PRIOR_SD = 2.0
"""Of a model's strength in logits: 95 % of differences between two models are within 5.5."""

_TINY = 1e-12
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


def ordering_gain(
    mean: ArrayLike, covariance: ArrayLike, first: ArrayLike, second: ArrayLike
) -> Floats:
    """Return how many fewer pairs of models are expected to be in the wrong order.

    For each pair (first[k], second[k]): if it is asked once more, over all pairs of models, each
    ordered by its mean. An answer is taken for a measurement of the difference with the Fisher
    information E p(1-p). It leaves a pair's difference, of mean m and variance v, with a variance
    u < v and moves its mean by a Gaussian of variance v-u; the order is then wrong with probability
    2 T(m/sqrt(v), sqrt(u/(v-u))), T being Owen's function, where before it was Phi(-|m|/sqrt(v)).
    Frazier et al. 2009, doi:10.1287/ijoc.1080.0314, choose what to measure likewise. At least 0.
    """
    m, c = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
    i, j = np.asarray(first, np.intp), np.asarray(second, np.intp)
    above, below = np.triu_indices(len(m), 1)
    known = c[above] - c[below]  # (pairs of models, models): with the difference of each pair
    variance = np.maximum(
        known[np.arange(len(above)), above] - known[np.arange(len(above)), below], _TINY
    )
    gap = (m[above] - m[below]) / np.sqrt(variance)
    shared = known[:, i] - known[:, j]  # (pairs of models, pairs asked)
    asked = np.maximum(c[i, i] + c[j, j] - 2 * c[i, j], _TINY)
    p = expit((m[i] - m[j])[:, None] + np.sqrt(asked)[:, None] * _NODES[None, :])
    information = (p * (1 - p)) @ _WEIGHTS
    moved = shared**2 * (information / (1 + information * asked))
    left = np.maximum(variance[:, None] - moved, _TINY)
    wrong = 2 * owens_t(gap[:, None], np.sqrt(left / np.maximum(moved, _TINY)))
    gain: Floats = (ndtr(-np.abs(gap))[:, None] - wrong).sum(axis=0)
    return np.maximum(gain, 0.0)
