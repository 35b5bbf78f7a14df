"""Intervals of nested samples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from bench.statistics.intervals import quantile_with_interval


def test_interval_of_one_process_equals_scipys_percentile_bootstrap():
    times = np.random.default_rng(1).gamma(4, 5, size=60)
    value, low, high = quantile_with_interval([times], 0.5)
    peer = scipy.stats.bootstrap((times,), np.median, method="percentile", n_resamples=4000, rng=2)
    assert value == np.median(times)
    assert (low, high) == pytest.approx(peer.confidence_interval, rel=0.03)


def test_processes_that_disagree_widen_the_interval():
    calm = [[10.0, 10.1, 10.2, 9.9]] * 3
    torn = [[8.0, 8.1, 8.2, 7.9], [10.0, 10.1, 10.2, 9.9], [12.0, 12.1, 12.2, 11.9]]
    _, low, high = quantile_with_interval(calm, 0.5)
    _, torn_low, torn_high = quantile_with_interval(torn, 0.5)
    assert low is not None
    assert torn_low == pytest.approx(8.0, abs=0.2)  # three times the fast process: 1 of 27 draws
    assert torn_high == pytest.approx(12.0, abs=0.2)
    assert torn_high - torn_low > 5 * (high - low)


@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_interval_contains_the_quantile(quantile):
    random = np.random.default_rng(3)
    for sizes in ((3, 30), (10, 10, 10), (1, 1), (5,)):
        samples = [list(random.lognormal(size=size)) for size in sizes]
        value, low, high = quantile_with_interval(samples, quantile)
        assert low <= value <= high


def test_single_sample_has_no_interval():
    assert quantile_with_interval([[7.0]], 0.5) == (7.0, None, None)


def test_same_samples_give_the_same_interval():
    samples = [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]
    assert quantile_with_interval(samples, 0.5) == quantile_with_interval(samples, 0.5)
