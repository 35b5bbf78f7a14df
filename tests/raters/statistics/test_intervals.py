"""Resampling raters and images, tests of differences, groups and ranks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from bench.statistics.multiplicity import holm
from raters.statistics.comparisons import split_cells, vote_cells
from raters.statistics.intervals import (
    Differences,
    Draws,
    differences,
    draw_scales,
    letters,
    rank_intervals,
    resample_counts,
)
from raters.statistics.scaling import MODELS, bradley_terry
from tests.raters.statistics.simulated import coverage, study


def test_a_resample_draws_whole_clusters() -> None:
    # Cluster x holds two votes in cell 0, y one in cell 1, z one in cells 1 and 2 each
    drawn = resample_counts(list("xxyzz"), [0, 0, 1, 1, 2], 4, 500, 0)
    assert drawn.shape == (500, 4)
    z, x = drawn[:, 2], drawn[:, 0] / 2
    y = drawn[:, 1] - z
    assert (x + y + z == 3).all()  # three clusters, with replacement
    assert (drawn[:, 3] == 0).all()
    assert drawn.mean(axis=0) == pytest.approx([2, 2, 1, 0], abs=0.2)


def test_resamples_depend_on_the_seed_alone() -> None:
    labels, cells = np.arange(50) % 9, np.arange(50) % 4
    one, same, other = (resample_counts(labels, cells, 4, 20, seed) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("raters", "rater_sd", "image_sd", "ids"),
    [(30, 0.0, 0.0, True), (30, 0.6, 0.6, True), (30, 0.0, 0.6, False)],
)
def test_intervals_cover_the_truth_in_95_of_100_studies(
    raters: int, rater_sd: float, image_sd: float, ids: bool
) -> None:
    inside, ranks, false = coverage(120, raters, 40, 40, rater_sd, image_sd, ids)
    # 120 studies of 15 dependent differences: standard error about 0.8 %
    assert inside == pytest.approx(0.95, abs=0.03)
    assert ranks >= 0.95
    assert false <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 120)


def test_ignoring_who_voted_claims_too_much() -> None:
    rng = np.random.default_rng(1)
    q = np.linspace(-1, 1, 5)
    cells, rater, image = study(rng, q, 20, 50, 100, rater_sd=1.0)
    estimate = bradley_terry(split_cells(np.bincount(cells, minlength=50), 5)[0])
    model = MODELS["bradley-terry"]
    both = draw_scales(model, estimate, cells, clusterings=[rater, image], samples=400).scales.std(
        axis=0
    )
    images = draw_scales(model, estimate, cells, clusterings=[image], samples=400).scales.std(
        axis=0
    )
    assert (both > 1.5 * images).all()


def test_two_clusterings_that_say_the_same_are_one() -> None:
    # Where every rater judged an image of their own, V(r) + V(i) - V(r x i) = V(r)
    rng = np.random.default_rng(2)
    cells, rater, _ = study(rng, np.linspace(-1, 1, 5), 40, 10, 50, rater_sd=1.0)
    estimate = bradley_terry(split_cells(np.bincount(cells, minlength=50), 5)[0])
    model = MODELS["bradley-terry"]
    one = draw_scales(model, estimate, cells, clusterings=[rater], samples=2000).scales.std(axis=0)
    same = draw_scales(model, estimate, cells, clusterings=[rater, rater], samples=2000).scales.std(
        axis=0
    )
    assert same == pytest.approx(one, rel=0.08)


def test_draws_are_centred_on_the_estimate_and_unbounded_resamples_are_counted() -> None:
    # Method 2 won once: about a third of resamples do not hold that vote
    a, b = [0, 0, 1, 1, 0, 1, 0, 1, 2], [1, 1, 0, 0, 2, 2, 2, 2, 0]
    cells = vote_cells(a, b, [1] * 9, 3)
    estimate = bradley_terry(split_cells(np.bincount(cells, minlength=18), 3)[0])
    draws = draw_scales(
        MODELS["bradley-terry"], estimate, cells, clusterings=[range(9)], samples=400
    )
    assert draws.scales.mean(axis=0) == pytest.approx(estimate, abs=1e-9)
    assert draws.unbounded > (1 - 1 / 9) ** 9 - 0.1  # 0.35, and some more
    assert np.isfinite(draws.scales).all()
    assert draws.clusters == 9


def test_a_differences_interval_excludes_zero_exactly_where_its_p_value_is_small() -> None:
    rng = np.random.default_rng(3)
    estimate = np.array([0.6, 0.3, 0.1, -0.2, -0.8])
    draws = Draws(estimate + rng.normal(0, 0.15, (300, 5)), 12, 0.0)
    found = differences(estimate, draws)
    assert ((found.low > 0) | (found.high < 0)).tolist() == (found.p < 0.05).tolist()
    assert 0 < (found.p < 0.05).sum() < 10
    assert found.p_adjusted == pytest.approx(holm([float(p) for p in found.p]))
    # by hand for the first pair: t = difference / (sd of draws * sqrt(12 / 11)), 11 degrees
    sd = np.std(draws.scales[:, 0] - draws.scales[:, 1], ddof=1) * np.sqrt(12 / 11)
    assert found.p[0] == pytest.approx(2 * student.sf(0.3 / sd, 11))
    assert found.beats[0] == np.mean(draws.scales[:, 0] > draws.scales[:, 1])


def separating(methods: int, apart: list[tuple[int, int]]) -> tuple[list[float], Differences]:
    """Return a falling scale and tests that separate only the pairs ``apart``."""
    first, second = np.triu_indices(methods, 1)
    value = (second - first).astype(float)
    p = np.array([0.001 if (i, j) in apart else 0.5 for i, j in zip(first, second, strict=True)])
    found = Differences(
        first=first,
        second=second,
        value=value,
        low=value,
        high=value,
        p=p,
        p_adjusted=p,
        beats=value,
    )
    return [float(methods - i) for i in range(methods)], found


def test_methods_that_do_not_differ_share_a_letter_and_others_do_not() -> None:
    # 0 differs from 2 and 3, 1 from 3: groups {0, 1}, {1, 2}, {2, 3}
    scale, found = separating(4, [(0, 2), (0, 3), (1, 3)])
    assert letters(scale, found) == ["a", "ab", "bc", "c"]
    rank, low, high = rank_intervals(scale, found)
    assert rank.tolist() == [1, 2, 3, 4]
    assert low.tolist() == [1, 1, 2, 3]
    assert high.tolist() == [2, 3, 4, 4]


def test_letters_hold_for_any_pattern_of_tests() -> None:
    rng = np.random.default_rng(4)
    for _ in range(100):
        pairs = [(i, j) for i in range(6) for j in range(i + 1, 6) if rng.random() < 0.4]
        scale, found = separating(6, pairs)
        named = [set(letter) for letter in letters(scale, found)]
        assert all(named)
        for i in range(6):
            for j in range(i + 1, 6):
                assert bool(named[i] & named[j]) == ((i, j) not in pairs)


def test_one_group_without_and_as_many_as_methods_with_all_differences() -> None:
    assert letters(*separating(3, [])) == ["a", "a", "a"]
    assert letters(*separating(3, [(0, 1), (0, 2), (1, 2)])) == ["a", "b", "c"]


def test_more_than_two_clusterings_are_refused() -> None:
    with pytest.raises(ValueError, match="one or two clusterings"):
        draw_scales(MODELS["thurstone"], [0, 0], [1, 2], clusterings=[[0, 1]] * 3)
