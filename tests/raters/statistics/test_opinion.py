"""Mean opinion scores and ITU-T P.913: its published demo, maximum likelihood, simulation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import sem, t

from raters.statistics.opinion import mean_opinion, recover_opinion

DEMO = json.loads(Path(__file__).with_name("p913_demo.json").read_text())


def test_a_mean_opinion_has_students_interval_over_raters() -> None:
    ratings = np.array([[5, 3, 1], [4, 3, np.nan], [4, 2, np.nan]])
    found = mean_opinion(ratings)
    assert found.value == pytest.approx([13 / 3, 8 / 3, 1])
    low, high = t.interval(0.95, 2, 13 / 3, sem([5, 4, 4]))
    assert (found.low[0], found.high[0]) == pytest.approx((low, high))
    assert np.isnan(found.low[2])  # one rating has no spread
    assert found.n.tolist() == [3, 3, 1]


def test_the_p913_demo_has_its_published_results() -> None:
    ratings = np.array([[float(c) if c != "-" else np.nan for c in row] for row in DEMO["ratings"]])
    found = recover_opinion(ratings.T)
    assert found.value == pytest.approx(DEMO["mos"], abs=1e-9)
    assert found.bias == pytest.approx(DEMO["bias"], abs=1e-9)
    assert found.inconsistency == pytest.approx(DEMO["inconsistency"], abs=1e-9)


def test_equally_consistent_raters_give_the_plain_mean_and_their_bias() -> None:
    # Residuals are +e, -e in both raters: equal inconsistency, so equal weights
    ratings = np.array([[3.1, 3.9, 2.1, 1.9], [1.9, 3.1, 0.9, 1.1]])
    found = recover_opinion(ratings)
    assert found.value == pytest.approx([2.5, 3.5, 1.5, 1.5], abs=1e-6)
    assert found.bias == pytest.approx([0.5, -0.5], abs=1e-6)


def test_alternating_projection_reaches_the_maximum_of_the_likelihood() -> None:
    rng = np.random.default_rng(0)
    ratings = rng.normal(3, 1, 40) + rng.normal(0, 0.4, (9, 1))
    ratings = ratings + rng.normal(0, np.linspace(0.6, 1.2, 9)[:, None], (9, 40))
    ratings[1, 3] = ratings[4, 7] = np.nan
    found = recover_opinion(ratings)

    def loss(free: np.ndarray) -> float:
        quality, bias, log_sd = free[:40], free[40:49], free[49:]
        z = (ratings - quality - bias[:, None]) / np.exp(log_sd)[:, None]
        given = ~np.isnan(ratings)
        return float(np.nansum(z**2) / 2 + (given.sum(axis=1) * log_sd).sum())

    at = np.concatenate([found.value, found.bias, np.log(found.inconsistency)])
    best = minimize(loss, at + rng.normal(0, 0.05, at.shape), tol=1e-10)
    assert loss(at) == pytest.approx(best.fun, abs=1e-5)


def test_an_inconsistent_rater_counts_for_less_and_the_truth_comes_out_closer() -> None:
    rng = np.random.default_rng(1)
    truth = rng.uniform(1, 5, 60)
    spread = np.array([0.4] * 12 + [3.0] * 4)[:, None]
    ratings = truth + rng.normal(0, 0.5, (16, 1)) + rng.normal(0, 1, (16, 60)) * spread
    found = recover_opinion(ratings)
    centred = truth - truth.mean()

    def off(value: np.ndarray) -> float:
        return float(np.sqrt(np.mean((value - value.mean() - centred) ** 2)))

    assert off(found.value) < 0.5 * off(ratings.mean(axis=0))
    assert found.inconsistency[12:].min() > 2 * found.inconsistency[:12].max()


def test_a_fit_that_takes_one_rater_as_exact_is_refused() -> None:
    rng = np.random.default_rng(0)
    ratings = rng.normal(3, 1, 12) + rng.normal(0, [[0.01], [0.5], [0.8]], (3, 12))
    with pytest.raises(ArithmeticError, match="ratings of rater 0 as exact"):
        recover_opinion(ratings)


def test_a_rater_or_a_stimulus_without_ratings_is_refused() -> None:
    with pytest.raises(ValueError, match="leave out those without"):
        recover_opinion([[1.0, np.nan], [2.0, np.nan]])
    with pytest.raises(ValueError, match="leave out those without"):
        mean_opinion([[np.nan, np.nan], [2.0, 1.0]])
