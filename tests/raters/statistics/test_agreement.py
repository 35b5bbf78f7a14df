"""Agreement: the krippendorff package, scipy's Friedman test and worked examples as oracles."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy.stats import friedmanchisquare, kendalltau

from raters.statistics.agreement import (
    LEVELS,
    kendall_u,
    kendall_w,
    krippendorff_alpha,
    mean_tau,
    repeat_consistency,
)

N = np.nan
# Three coders, fifteen units: https://en.wikipedia.org/wiki/Krippendorff's_alpha
CODERS = np.array(
    [
        [N, N, N, N, N, 3, 4, 1, 2, 1, 1, 3, 3, N, 3],
        [1, N, 2, 1, 3, 3, 4, 3, N, N, N, N, N, N, N],
        [N, N, 2, 1, 3, 4, 4, N, 2, 1, 1, 3, 3, N, 4],
    ]
)


def alpha(ratings: ArrayLike, level: str = "nominal") -> float | None:
    """Count ratings (raters, units), NaN where a rater gave none, and return their alpha."""
    table = np.asarray(ratings, np.float64)
    values = np.unique(table[~np.isnan(table)])
    return krippendorff_alpha((table.T[:, :, None] == values).sum(axis=1), values, level)


def test_three_coders_have_their_published_alpha() -> None:
    assert alpha(CODERS, "nominal") == pytest.approx(0.691, abs=5e-4)
    assert alpha(CODERS, "interval") == pytest.approx(0.811, abs=5e-4)


@pytest.mark.parametrize("level", LEVELS)
def test_alpha_is_the_krippendorff_packages(level: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth = rng.integers(1, 6, 30)
        noisy = np.clip(truth + rng.integers(-1, 2, (6, 30)), 1, 5).astype(float)
        noisy[rng.random(noisy.shape) < 0.4] = N
        oracle = krippendorff.alpha(noisy, level_of_measurement=level)
        assert alpha(noisy, level) == pytest.approx(oracle, abs=1e-10)


def test_alpha_is_one_for_agreement_and_unknown_for_one_value_or_one_rater() -> None:
    assert alpha([[1, 2, 3], [1, 2, 3]]) == 1
    assert alpha([[2, 2, 2], [2, 2, 2]]) is None
    assert alpha([[1, 2, 3]]) is None


def test_an_unknown_level_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="nominal, ordinal, interval"):
        alpha(CODERS, "ratio")


def test_u_is_one_when_all_agree_and_its_least_when_votes_are_split() -> None:
    assert kendall_u([[0, 4, 4], [0, 0, 4], [0, 0, 0]]) == 1
    # 2 : 2 on every pair: 2 of 6 pairs of votes agree, 2 * 2 / 6 - 1 = -1/3 = -1 / (m - 1)
    assert kendall_u([[0, 2, 2], [2, 0, 2], [2, 2, 0]]) == pytest.approx(-1 / 3)
    assert kendall_u([[0, 1], [0, 0]]) is None


def test_u_of_unequal_pairs_is_counted_by_hand() -> None:
    # 3 : 1 -> 3 of 6 pairs of votes agree; 2 : 0 -> 1 of 1. 2 * 4 / 7 - 1 = 1/7
    assert kendall_u([[0, 3, 2], [1, 0, 0], [0, 0, 0]]) == pytest.approx(1 / 7)


def test_w_is_friedmans_statistic_over_its_maximum() -> None:
    rng = np.random.default_rng(1)
    ratings = rng.integers(1, 6, (7, 1)) + rng.integers(0, 4, (7, 9)) + np.arange(9) // 3
    chi = friedmanchisquare(*ratings.T)
    w, p = kendall_w(ratings)
    assert w == pytest.approx(chi.statistic / (7 * 8))
    assert p == pytest.approx(chi.pvalue)


def test_w_is_one_for_one_order_and_refuses_gaps() -> None:
    assert kendall_w([[1, 2, 3], [10, 20, 30]])[0] == 1
    with pytest.raises(ValueError, match="complete"):
        kendall_w([[1, 2, N], [1, 2, 3]])
    with pytest.raises(ValueError, match="no order"):
        kendall_w([[1, 1, 1], [2, 2, 2]])


def test_mean_tau_is_scipys_over_pairs_of_raters() -> None:
    ratings = [[1, 2, 3, 4], [1, 3, 2, 4], [4, 3, N, 1]]
    pairs = [
        kendalltau([1, 2, 3, 4], [1, 3, 2, 4]).statistic,  # 5 of 6 pairs agree: 4/6
        -1.0,
        kendalltau([1, 3, 4], [4, 3, 1]).statistic,
    ]
    assert mean_tau(ratings) == pytest.approx(np.mean(pairs))
    assert mean_tau([[1, 1], [1, 2]]) is None


def test_repeats_are_compared_with_the_first_answer_of_the_same_rater() -> None:
    #          asked again: r0 u0 twice (same, other), r1 u1 once (same); r1 u0 is new to r1
    rater = [0, 0, 0, 0, 1, 1, 1]
    unit = ["u0", "u1", "u0", "u0", "u1", "u0", "u1"]
    answer = [1, -1, 1, -1, 0, -1, 0]
    found = repeat_consistency(rater, unit, answer)
    assert found is not None
    assert (found.value, found.n) == (2 / 3, 3)
    assert found.low < 2 / 3 < found.high
    assert repeat_consistency([0, 1], [5, 5], [1, 1]) is None
