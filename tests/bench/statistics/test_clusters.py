"""Intervals and sign-flip tests of clusters: closed forms, coverage, scipy as the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from bench.statistics.clusters import (
    cluster_draws,
    cluster_mean,
    cluster_means,
    expanded_tail,
    paired_difference,
    paired_differences,
    sign_flip,
)


def test_the_mean_is_over_images_not_over_clusters() -> None:
    found = cluster_mean([1, 2, 3, 10], ["a", "a", "a", "b"])
    assert found.value == 4.0  # (1+2+3+10)/4; the mean of cluster means would be 6
    assert (found.n, found.clusters) == (4, 2)


def test_equal_values_have_an_interval_of_no_width() -> None:
    found = cluster_mean(np.full(12, 0.25), np.repeat(range(6), 2))
    assert (found.low, found.value, found.high) == (0.25, 0.25, 0.25)
    assert found.note is None


def test_one_cluster_gives_a_mean_without_an_interval_and_says_why() -> None:
    found = cluster_mean([1.0, 3.0], ["a", "a"])
    assert (found.value, found.low, found.high) == (2.0, None, None)
    assert found.note is not None
    assert "one cluster" in found.note


def test_two_clusters_give_the_range_of_their_means_and_a_warning() -> None:
    # Resamples are aa, ab, ba, bb: means 1, 2, 2, 3. The expanded percentiles reach both ends.
    found = cluster_mean([1.0, 3.0], ["a", "b"])
    assert (found.low, found.high) == (1.0, 3.0)
    assert found.note is not None
    assert "2 clusters" in found.note


def test_a_cluster_is_drawn_whole_so_copies_of_its_frames_add_nothing() -> None:
    rng = np.random.default_rng(1)
    scene = rng.normal(size=9)
    once = cluster_mean(scene, range(9))
    copied = cluster_mean(np.repeat(scene, 50), np.repeat(range(9), 50))
    assert copied.low == pytest.approx(once.low, abs=1e-12)
    assert copied.high == pytest.approx(once.high, abs=1e-12)
    naive = cluster_mean(np.repeat(scene, 50), range(450))
    assert naive.high is not None
    assert naive.low is not None
    assert copied.high is not None
    assert copied.low is not None
    # Taking frames as independent claims an interval about sqrt(50) = 7 times too short.
    assert (copied.high - copied.low) / (naive.high - naive.low) > 5


def test_the_interval_equals_scipys_percentile_bootstrap_at_the_expanded_level() -> None:
    values = np.random.default_rng(2).gamma(2.0, size=15)
    tail = expanded_tail(15, 0.95)
    oracle = scipy.stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=1 - 2 * tail,
        n_resamples=100_000,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    found = cluster_mean(values, range(15), samples=100_000)
    assert found.low == pytest.approx(oracle.low, abs=0.01)  # Monte Carlo error on both sides
    assert found.high == pytest.approx(oracle.high, abs=0.01)


def test_for_many_normal_values_the_interval_is_students() -> None:
    values = np.random.default_rng(4).normal(size=400)
    low, high = scipy.stats.t.interval(0.95, 399, values.mean(), scipy.stats.sem(values))
    found = cluster_mean(values, range(400), samples=50_000)
    assert found.low == pytest.approx(low, abs=0.003)
    assert found.high == pytest.approx(high, abs=0.003)


@pytest.mark.parametrize(("clusters", "frames"), [(6, 4), (11, 10), (30, 1)])
def test_intervals_cover_the_truth_in_95_of_100_studies(clusters: int, frames: int) -> None:
    """Each of 800 columns is a study: a scene effect shared by its frames, and frame noise."""
    rng = np.random.default_rng(5)
    scenes = np.repeat(rng.normal(0, 1.0, (clusters, 800)), frames, axis=0)
    values = 30 + scenes + rng.normal(0, 0.5, (clusters * frames, 800))
    found = cluster_means(values, np.repeat(range(clusters), frames), samples=2000)
    inside = [e.low <= 30 <= e.high for e in found if e and e.low is not None and e.high]
    assert len(inside) == 800
    # Binomial standard error at 95 %: sqrt(.95 * .05 / 800) = 0.8 %.
    assert np.mean(inside) == pytest.approx(0.95, abs=0.025)


def test_a_column_is_the_same_alone_and_among_others() -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=(40, 3))
    values[:10, 1] = np.nan
    values[:, 2] = np.nan
    clusters = np.repeat(range(8), 5)
    first, second, third = cluster_means(values, clusters)
    assert third is None
    assert first == cluster_mean(values[:, 0], clusters)
    assert second == cluster_mean(values[10:, 1], clusters[10:])


def test_the_seed_decides_the_interval() -> None:
    values, clusters = np.random.default_rng(7).normal(size=20), range(20)
    assert cluster_mean(values, clusters, seed=1) == cluster_mean(values, clusters, seed=1)
    assert cluster_mean(values, clusters, seed=1) != cluster_mean(values, clusters, seed=2)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        cluster_mean([1.0, bad], ["a", "b"])
    with pytest.raises(ValueError, match="finite"):
        paired_difference([1.0, bad], [1.0, 2.0], ["a", "b"])


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        cluster_mean([], [])


def test_three_wins_of_three_clusters_have_p_of_a_quarter() -> None:
    # Of 8 sign patterns of (1, 2, 3) only +++ and --- reach |6|: p = 2/8.
    found = paired_difference([2, 4, 6], [1, 2, 3], ["a", "b", "c"])
    assert found.value == 2.0
    assert found.p == 0.25
    assert found.exact
    assert found.note is not None
    assert "smallest possible p-value is 0.25" in found.note


def test_a_mixed_outcome_has_the_p_value_counted_by_hand() -> None:
    # Sums (3, 2, -1): observed |4|. Of 8 patterns |6|: 2, |4|: 2 (+3+2-1), |2|: 2, |0|: 2.
    assert paired_difference([3, 2, -1], [0, 0, 0], ["a", "b", "c"]).p == 4 / 8


def test_equal_models_have_p_of_one() -> None:
    found = paired_difference([1, 2, 3, 4], [1, 2, 3, 4], [0, 1, 2, 3])
    assert (found.value, found.p, found.low, found.high) == (0.0, 1.0, 0.0, 0.0)


def test_one_cluster_has_no_p_value() -> None:
    found = paired_difference([1, 2], [0, 0], ["a", "a"])
    assert (found.p, found.p_adjusted, found.low) == (None, None, None)


def test_a_thousand_frames_of_five_scenes_cannot_be_significant() -> None:
    found = paired_difference(np.ones(1000), np.zeros(1000), np.repeat(range(5), 200))
    assert found.p == 2 / 2**5


@pytest.mark.parametrize("size", [4, 9, 14])
def test_exact_p_values_equal_scipys(size: int) -> None:
    rng = np.random.default_rng(size)
    a, b = rng.normal(0.4, 1, size), rng.normal(0, 1, size)
    oracle = scipy.stats.permutation_test(
        (a, b),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert paired_difference(a, b, range(size)).p == pytest.approx(oracle.pvalue, abs=1e-12)


def test_frames_of_a_cluster_flip_together_as_their_sum_does() -> None:
    rng = np.random.default_rng(8)
    frames, clusters = rng.normal(0.3, 1, 30), rng.integers(0, 8, 30)
    sums = np.bincount(clusters, frames, minlength=8)
    oracle = scipy.stats.permutation_test(
        (sums, np.zeros(8)),
        lambda x, y, axis: np.sum(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    found = paired_difference(frames, np.zeros(30), clusters)
    assert found.p == pytest.approx(oracle.pvalue, abs=1e-12)


def test_random_flips_agree_with_the_exact_p_value_and_are_never_zero() -> None:
    rng = np.random.default_rng(9)
    a = rng.normal(0.5, 1, 15)  # one cluster more than is enumerated
    oracle = scipy.stats.permutation_test(
        (a, np.zeros(15)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    found = paired_difference(a, np.zeros(15), range(15), samples=40_000)
    assert not found.exact
    assert found.p == pytest.approx(oracle.pvalue, abs=0.01)
    sure = paired_difference(np.ones(60), np.zeros(60), range(60), samples=999)
    assert sure.p == 1 / 1000


def test_false_alarms_of_the_sign_flip_test_stay_at_five_in_a_hundred() -> None:
    rng = np.random.default_rng(10)
    raw, _, _ = sign_flip(rng.normal(size=(10, 2000)))
    assert np.mean(raw < 0.05) == pytest.approx(0.05, abs=0.015)


def test_adjusted_p_values_keep_any_false_alarm_at_five_in_a_hundred() -> None:
    rng = np.random.default_rng(11)
    alarms = [sign_flip(rng.normal(size=(8, 6)))[1].min() < 0.05 for _ in range(600)]
    raw_alarms = [sign_flip(rng.normal(size=(8, 6)))[0].min() < 0.05 for _ in range(300)]
    assert np.mean(alarms) < 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 600)
    assert np.mean(raw_alarms) > 0.15  # what adjusting is for: 1 - .95**6 = 26 %


def test_adjusted_p_values_equal_the_definition_of_max_t_spelled_out() -> None:
    sums = np.array([[3.0, 1.0], [2.0, -2.0], [1.0, 2.5]])
    patterns = [(i, j, k) for i in (1, -1) for j in (1, -1) for k in (1, -1)]
    t = np.array([np.abs(np.array(p) @ sums) for p in patterns])
    # Observed 6 and 1.5. Step one compares 6 with the larger of both, step two 1.5 with its own.
    strong = (t.max(axis=1) >= 6.0).mean()
    weak = max(strong, (t[:, 1] >= 1.5).mean())
    _, adjusted, exact = sign_flip(sums)
    assert exact
    assert list(adjusted) == [strong, weak]


def test_adjusted_is_never_below_raw_keeps_the_order_of_effects_and_leaves_one_column_alone() -> (
    None
):
    rng = np.random.default_rng(12)
    sums = rng.normal(0.3, 1, (9, 5))
    raw, adjusted, _ = sign_flip(sums)
    assert (adjusted >= raw).all()
    assert (np.diff(adjusted[np.argsort(-np.abs(sums.sum(axis=0)))]) >= 0).all()
    alone, same, _ = sign_flip(sums[:, :1])
    assert alone == same


def test_six_scenes_can_tell_eight_consistently_worse_models_from_the_best() -> None:
    # Holm's smallest adjusted p-value would be 8 * 2/64 = 0.25; max-T keeps 2/64.
    rng = np.random.default_rng(13)
    losses = -np.linspace(0.3, 2, 8) - rng.uniform(0, 0.2, (6, 8))
    found = paired_differences(losses, range(6))
    assert [d.p_adjusted for d in found if d] == [2 / 64] * 8
    assert all(d.note is None for d in found if d)


def test_columns_may_lack_different_images() -> None:
    differences = np.array([[1.0, np.nan], [2.0, 1.0], [-1.0, np.nan], [2.5, 3.0]])
    first, second = paired_differences(differences, ["a", "b", "c", "d"])
    assert first is not None
    assert second is not None
    assert (first.n, second.n) == (4, 2)
    assert second.value == 2.0
    assert second.p == 0.5  # two clusters: 2/4


def test_draws_of_means_lie_as_students_t_does() -> None:
    rng = np.random.default_rng(0)
    for size in (4, 9, 40):
        values = rng.normal(3, 2, (size, 1))
        drawn = cluster_draws(values, np.arange(size), samples=40_000)[:, 0]
        error = values.std(ddof=1) / np.sqrt(size)
        for share in (0.1, 0.25, 0.75, 0.9):
            expected = values.mean() + scipy.stats.t.ppf(share, size - 1) * error
            assert np.quantile(drawn, share) == pytest.approx(expected, abs=0.3 * error)
        assert drawn.mean() == pytest.approx(values.mean(), abs=0.05 * error * size)


def test_draws_of_columns_stay_paired_and_one_cluster_does_not_vary() -> None:
    column = np.random.default_rng(1).normal(size=12)
    clusters = np.arange(12) // 3
    drawn = cluster_draws(np.column_stack([column, column + 1]), clusters, samples=100)
    assert drawn[:, 1] - drawn[:, 0] == pytest.approx(1.0)
    assert np.ptp(drawn[:, 0]) > 0
    still = cluster_draws(column[:, None], np.zeros(12), samples=5)
    assert still[:, 0] == pytest.approx(column.mean())
    with pytest.raises(ValueError, match="finite"):
        cluster_draws([[1.0], [np.nan]], [0, 1])
