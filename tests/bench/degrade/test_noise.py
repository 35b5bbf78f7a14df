from __future__ import annotations

import numpy as np
import pytest

from bench.degrade.noise import poisson_gaussian, white


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


@pytest.mark.parametrize("sigma", [0.5, 15.0, 50.0])
def test_white_noise_has_its_standard_deviation_in_8_bit_levels(sigma: float) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    noise = 255 * white(pixels, sigma, np.random.default_rng(4)).astype(float) - pixels
    # 360,000 samples: 1 % is 8.5 standard errors of a standard deviation, 0.01 sigma 6 of a mean
    assert noise.std() == pytest.approx(sigma, rel=0.01)
    assert abs(noise.mean()) < 0.01 * sigma


def test_white_noise_is_neither_clipped_nor_rounded() -> None:
    noisy = white(np.full((64, 64, 3), 255, dtype=np.uint8), 25.0, np.random.default_rng(5))
    assert noisy.dtype == np.float32
    assert (noisy > 1).mean() == pytest.approx(0.5, abs=0.03)  # half of it lies beyond white
    assert len(np.unique(noisy)) > 0.9 * noisy.size


def test_white_noise_of_sigma_0_is_the_photograph_itself() -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    found = white(pixels, 0.0, np.random.default_rng(7))
    assert np.array_equal(found, (pixels / 255.0).astype(np.float32))


def test_grey_noise_is_the_same_in_all_channels_and_as_strong() -> None:
    pixels = np.repeat(np.full((300, 400, 1), 90, dtype=np.uint8), 3, axis=2)
    noisy = white(pixels, 20.0, np.random.default_rng(8), grey=True)
    assert np.array_equal(noisy[..., 0], noisy[..., 1])
    assert np.array_equal(noisy[..., 0], noisy[..., 2])
    assert 255 * noisy.std() == pytest.approx(20, rel=0.01)


def test_at_another_sigma_it_is_the_same_noise_scaled() -> None:
    pixels = np.full((20, 30, 3), 128, dtype=np.uint8)
    weak, strong = (
        255 * white(pixels, sigma, np.random.default_rng(9)).astype(float) - 128
        for sigma in (10.0, 40.0)
    )
    assert strong == pytest.approx(4 * weak, abs=1e-4)
