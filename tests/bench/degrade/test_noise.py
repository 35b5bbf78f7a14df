from __future__ import annotations

import numpy as np
import pytest

from bench.degrade.noise import poisson_gaussian


@pytest.mark.parametrize("level", [0.0, 0.02, 0.3, 1.0])
def test_the_variance_is_that_of_photons_and_read_out(level: float) -> None:
    electrons, read_noise = 200.0, 3.0
    light = np.full((400, 400), level)
    noisy = poisson_gaussian(light, electrons, read_noise, np.random.default_rng(0))
    expected = level / electrons + (read_noise / electrons) ** 2
    # 160,000 samples: the mean within 5 standard errors, the variance within 2 %
    assert noisy.mean() == pytest.approx(level, abs=5 * np.sqrt(expected / light.size))
    assert noisy.var() == pytest.approx(expected, rel=0.02)


def test_without_read_noise_the_counts_are_whole_electrons() -> None:
    noisy = poisson_gaussian(np.full((50, 50), 0.3), 64.0, 0.0, np.random.default_rng(1))
    assert np.array_equal(noisy * 64, np.rint(noisy * 64))
    assert noisy.std() > 0


def test_noise_is_not_clipped_here_so_black_stays_unbiased() -> None:
    noisy = poisson_gaussian(np.zeros((100, 100)), 100.0, 3.0, np.random.default_rng(2))
    assert noisy.min() < 0
