"""All samples at once give what one by one gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import kendalltau, mannwhitneyu, pearsonr, spearmanr

from bench.statistics import resampling as resampled
from bench.statistics.resampling import Resamples, resample

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@pytest.fixture
def items() -> tuple[Floats, Floats, Resamples]:
    """60 items of 9 clusters of unequal size, with ties."""
    rng = np.random.default_rng(0)
    code = rng.integers(0, 9, 60)
    x = np.round(rng.normal(size=60), 1)
    return x, np.round(x + rng.normal(size=60), 1), resample(code, 60, 40, seed=1)


def one_by_one(drawn: Resamples) -> list[np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Return the items of each sample, as often as they were drawn."""
    return [np.repeat(np.arange(len(drawn.code)), t[drawn.code].astype(int)) for t in drawn.times]


@pytest.mark.parametrize(
    ("ours", "oracle"),
    [(resampled.srocc, spearmanr), (resampled.krcc, kendalltau), (resampled.plcc, pearsonr)],
)
def test_correlations_are_scipys_of_every_sample(
    items: tuple[Floats, Floats, Resamples],
    ours: Callable[..., Floats],
    oracle: Callable[..., tuple[float, float]],
) -> None:
    x, y, drawn = items
    expected = [oracle(x[rows], y[rows])[0] for rows in one_by_one(drawn)]
    assert ours(x, y, drawn) == pytest.approx(expected)


def test_an_area_is_mann_and_whitneys_of_every_sample(
    items: tuple[Floats, Floats, Resamples],
) -> None:
    x, y, drawn = items
    up = y > 0.3
    found = resampled.area(x[up], drawn.code[up], x[~up], drawn.code[~up], drawn.times)
    for value, rows in zip(found, one_by_one(drawn), strict=True):
        high, low = x[rows][up[rows]], x[rows][~up[rows]]
        u = mannwhitneyu(high, low).statistic
        assert value == pytest.approx(u / (len(high) * len(low)))
    means = resampled.mean(x, drawn)
    assert means == pytest.approx([x[rows].mean() for rows in one_by_one(drawn)])


def test_each_sample_draws_as_many_clusters_as_there_are() -> None:
    drawn = resample(["b", "a", "b", "c"], 4, 200, seed=0)
    assert drawn.code.tolist() == [1, 0, 1, 2]
    assert (drawn.times.sum(axis=1) == 3).all()
    # 200 samples of 3 draws from 3 clusters: 200 each, deviation sqrt(600 / 3 * 2 / 3) = 11.5
    assert drawn.times.sum(axis=0) == pytest.approx([200] * 3, abs=46)
    assert np.array_equal(resample([5, 7, 5, 8], 4, 200, seed=0).times, drawn.times)


def test_a_sample_in_which_a_column_is_constant_has_no_correlation() -> None:
    drawn = Resamples(np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([0, 0, 1, 1]))
    x, y = np.array([0.1, 0.1, 0.7, 0.9]), np.array([1.0, 2.0, 3.0, 4.0])
    for statistic in (resampled.srocc, resampled.krcc, resampled.plcc):
        found = statistic(x, y, drawn)
        assert np.isnan(found[0])
        assert found[1] > 0.8
    alone = resampled.area(x[:2], drawn.code[:2], x[2:], drawn.code[2:], drawn.times)
    assert np.isnan(alone[0])
    assert alone[1] == 0


def test_the_area_of_two_normals_is_its_closed_form() -> None:
    rng = np.random.default_rng(0)
    drawn = resample(np.repeat(np.arange(50), 200), 10_000, 1000, seed=0)
    high, low = rng.normal(0.5, 1, 5000), rng.normal(0, 1, 5000)
    found = resampled.area(high, drawn.code[:5000], low, drawn.code[5000:], drawn.times)
    assert np.nanmean(found) == pytest.approx(0.638, abs=0.02)  # Phi(.5 / sqrt(2))
