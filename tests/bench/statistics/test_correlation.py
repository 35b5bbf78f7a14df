"""Metric against people: scipy and closed forms as oracles."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from scipy.special import expit

from bench.statistics.correlation import (
    correlate,
    correlations,
    decisions,
    fit_logistic,
    krcc,
    plcc,
    srocc,
)


def test_the_worked_example_has_its_coefficient() -> None:
    assert plcc(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 5])) == pytest.approx(0.9827076)


def test_coefficients_are_scipys_ties_included() -> None:
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=50), 1)
    y = np.round(x + rng.normal(size=50), 0)
    assert srocc(x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    assert krcc(x, y) == pytest.approx(scipy.stats.kendalltau(x, y).statistic)
    assert plcc(x, y) == pytest.approx(scipy.stats.pearsonr(x, y).statistic)


@pytest.mark.parametrize(("sign", "parameters"), [(1, 4), (-1, 4), (1, 5), (-1, 5)])
def test_a_logistic_scale_is_recovered_whichever_way_it_falls(sign: int, parameters: int) -> None:
    x = np.linspace(-3, 3, 40)
    y = 20 + 70 * expit(sign * 1.7 * (x - 0.4))
    fit = fit_logistic(1000 + 12 * x, y, parameters)
    assert fit.converged
    assert fit.predicted == pytest.approx(y, abs=1e-3)
    between = 20 + 70 * expit(sign * 1.7 * (0.123 - 0.4))
    assert fit.at([1000 + 12 * 0.123])[0] == pytest.approx(between, abs=1e-2)


def test_the_fit_straightens_what_only_saturates() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(20, 45, 70)
    y = 1 + 4 * expit(0.6 * (x - 28)) + rng.normal(0, 0.1, 70)
    found = correlations(x, y, samples=200)
    values = (found.plcc.value, found.plcc_fitted.value)
    assert values[0] is not None
    assert values[1] is not None
    assert values[1] > 0.98 > values[0] + 0.05
    lower = correlations(-x, y, samples=200)
    assert lower.srocc.value == pytest.approx(-(found.srocc.value or 0))
    assert lower.plcc_fitted.value == pytest.approx(values[1], abs=1e-6)


def test_a_fit_that_does_not_converge_says_so() -> None:
    x = np.linspace(0, 1, 20)
    assert not fit_logistic(x, np.sin(9 * x), evaluations=3).converged
    few = correlations([1, 2, 3, 4], [1, 2, 3, 5], samples=50)
    assert few.plcc_fitted.value is None
    assert few.plcc_fitted.note == "4 items, 4 parameters"
    with pytest.raises(ValueError, match="4 or 5 parameters, got 3"):
        fit_logistic(x, x, 3)


def test_intervals_cover_the_rank_correlation_in_95_of_100_studies() -> None:
    rng = np.random.default_rng(2)
    rho, inside = 0.7, []
    truth = 6 / np.pi * np.arcsin(rho / 2)  # Spearman of a bivariate normal
    for seed in range(80):
        x = rng.normal(size=60)
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=60)
        found = srocc_interval(x, y, seed)
        inside.append(found[0] < truth < found[1])
    assert np.mean(inside) == pytest.approx(0.95, abs=0.05)  # standard error 2.4 %


def srocc_interval(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[float, float]:
    found = correlate(srocc, x, y, samples=150, seed=seed)
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def test_copies_of_a_cluster_add_no_certainty() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=25)
    y = x + rng.normal(size=25)
    once = correlate(srocc, x, y, samples=400)
    copied = correlate(
        srocc, np.repeat(x, 8), np.repeat(y, 8), clusters=np.repeat(range(25), 8), samples=400
    )
    assert copied.low == pytest.approx(once.low or 0, abs=0.02)
    assert copied.n == 200


def test_a_constant_metric_has_no_correlation_and_says_why() -> None:
    found = correlations([1.0] * 6, range(6), samples=50)
    assert found.srocc.value is None
    assert found.srocc.note is not None
    assert "constant" in found.srocc.note


def test_decisions_are_counted_by_hand() -> None:
    # Separated: metric differences 3 (right), 1 (right), -2 where people prefer the second (right),
    # 0.5 where they prefer the second (wrong). Similar: 0.4 and -1.5.
    difference, people = [3, 1, -2, 0.5, 0.4, -1.5], [1, 1, -1, -1, 0, 0]
    found = decisions(difference, people, samples=100)
    assert found.correct.value == 3 / 4
    # signed 3, 1, 2, -0.5 against their negatives: 3, 1 and 2 beat all four, -0.5 all but 0.5
    assert found.better_worse.value == 15 / 16
    # sizes 3, 1, 2, 0.5 against 0.4, 1.5: 2 + 1 + 2 + 1 of 8
    assert found.different_similar.value == 6 / 8
    assert (found.better_worse.n, found.different_similar.n) == (4, 6)


def test_the_order_within_pairs_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    difference, people = rng.normal(size=40), rng.integers(-1, 2, 40)
    turned = np.where(rng.random(40) < 0.5, 1, -1)
    one = decisions(difference, people, samples=50)
    assert decisions(turned * difference, turned * people, samples=50) == one


def test_a_blind_metric_decides_by_chance_and_a_perfect_one_always_right() -> None:
    rng = np.random.default_rng(6)
    people = rng.integers(-1, 2, 600)
    blind = decisions(rng.normal(size=600), people, samples=200)
    for found in (blind.better_worse, blind.different_similar, blind.correct):
        assert found.low is not None
        assert found.high is not None
        assert found.low < 0.5 < found.high
    perfect = decisions(people * rng.uniform(1, 2, 600), people, samples=50)
    assert perfect.better_worse.value == perfect.different_similar.value == 1


def test_pairs_that_all_separate_leave_different_or_similar_unknown() -> None:
    found = decisions([1, 2, -1], [1, 1, -1], samples=50)
    assert found.different_similar.value is None
    assert found.better_worse.value == 1


def test_what_is_not_finite_or_no_decision_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        correlations([1, 2, np.inf], [1, 2, 3])
    with pytest.raises(ValueError, match="two columns"):
        correlations([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="1, -1 or 0"):
        decisions([1, 2, 3], [1, 2, 0])
