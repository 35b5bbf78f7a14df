"""Which comparison tells most."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit

from raters.statistics.active import ordering_gain, posterior


def test_two_models_have_the_mode_of_a_one_dimensional_posterior() -> None:
    # only the difference d counts: its prior has the variance 4 + 4; 7 wins to 2
    mode = minimize_scalar(lambda d: -7 * np.log(expit(d)) - 2 * np.log(expit(-d)) + d * d / 16).x
    mean, covariance = posterior([[0, 7], [2, 0]])
    assert mean[0] - mean[1] == pytest.approx(mode, abs=1e-6)
    p = expit(mode)
    spread = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert spread == pytest.approx(1 / (9 * p * (1 - p) + 1 / 8), rel=1e-6)


def test_the_covariance_is_that_of_the_curvature_at_the_mode() -> None:
    wins = np.array([[0, 3, 1, 0], [1, 0, 5, 2], [2, 2, 0, 4], [0, 1, 3, 0]], float)
    mean, covariance = posterior(wins)

    def log_density(q: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        return float((wins * np.log(expit(q[:, None] - q[None, :]))).sum() - q @ q / 8)

    step, unit = 1e-3, np.eye(4)
    curvature = [
        [
            sum(
                s * r * log_density(mean + step * (s * unit[i] + r * unit[j]))
                for s in (1, -1)
                for r in (1, -1)
            )
            / (4 * step**2)
            for j in range(4)
        ]
        for i in range(4)
    ]
    assert covariance == pytest.approx(-np.linalg.inv(np.array(curvature)), abs=1e-4)


def test_several_studies_are_fitted_at_once() -> None:
    wins = np.array([[[0, 7], [2, 0]], [[0, 1], [4, 0]]], float)
    mean, covariance = posterior(wins)
    for k in (0, 1):
        one = posterior(wins[k])
        assert mean[k] == pytest.approx(one[0])
        assert covariance[k] == pytest.approx(one[1])


def test_nothing_judged_leaves_the_prior() -> None:
    mean, covariance = posterior(np.zeros((3, 3)))
    assert mean == pytest.approx([0, 0, 0])
    assert covariance == pytest.approx(4 * np.eye(3))


def test_one_sided_votes_have_a_posterior_too() -> None:
    mean, covariance = posterior([[0, 500], [0, 0]])
    assert np.isfinite(mean).all()
    assert mean[0] > mean[1]
    assert (np.linalg.eigvalsh(covariance) > 0).all()


def test_the_ordering_gain_is_that_of_simulated_measurements() -> None:
    """Truths and noisy measurements drawn, posteriors updated, and wrong orders counted."""
    mean = np.array([0.8, 0.5, 0.0, -1.0])
    root = np.random.default_rng(0).normal(0, 1, (4, 4))
    covariance = root @ root.T + 0.1 * np.eye(4)
    rng = np.random.default_rng(1)
    truth = rng.multivariate_normal(mean, covariance, 400_000)
    above, below = np.triu_indices(4, 1)

    def wrong(found: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        said = found[..., above] > found[..., below]
        return float((said != (truth[:, above] > truth[:, below])).sum(axis=1).mean())

    for i, j in ((0, 1), (1, 3)):
        asked = np.eye(4)[i] - np.eye(4)[j]
        middle, variance = asked @ mean, asked @ covariance @ asked
        p = expit(rng.normal(middle, np.sqrt(variance), 400_000))
        noise = 1 / (p * (1 - p)).mean()
        measured = truth @ asked + rng.normal(0, np.sqrt(noise), len(truth))
        weight = covariance @ asked / (variance + noise)
        after = mean + (measured - middle)[:, None] * weight
        (gain,) = ordering_gain(mean, covariance, [i], [j])
        assert gain > 0.1
        assert gain == pytest.approx(wrong(mean) - wrong(after), rel=0.04)


def test_what_cannot_change_the_order_gains_nothing() -> None:
    mean, covariance = [0.0, 0.1, 9.0, 9.1], np.diag([0.5, 0.5, 0.5, 0.5])
    near, far = ordering_gain(mean, covariance, [0, 0], [1, 2])
    assert near > 0.03
    assert far < near / 10
    one, other = ordering_gain(mean, covariance, [2, 3], [3, 2])
    assert one == pytest.approx(other)
    assert one == pytest.approx(near, rel=1e-6)


def test_before_anything_is_known_all_pairs_gain_alike() -> None:
    mean, covariance = posterior(np.zeros((5, 5)))
    gain = ordering_gain(mean, covariance, *np.triu_indices(5, 1))
    assert gain == pytest.approx(np.full(10, gain[0]))
    assert gain[0] > 0.1
