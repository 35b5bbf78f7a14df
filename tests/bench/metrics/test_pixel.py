"""Pixel errors against closed forms and integer arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.measure import blur_effect
from skimage.metrics import peak_signal_noise_ratio

from bench.core.errors import Unscorable
from bench.image import Picture, Pixels
from bench.metrics.card import Metric
from bench.metrics.pixel import BlurEffect, MeanAbsoluteError, MeanSquaredError, Psnr, PsnrLuma


def score(metric: Metric, restored: Pixels, reference: Pixels) -> float:
    return metric.compare(Picture(restored), metric.features(Picture(reference)))


def constant(value: int, height: int = 5, width: int = 7) -> Pixels:
    return np.full((height, width, 3), value, np.uint8)


def test_psnr_of_an_error_of_one_level_is_48_13_db() -> None:
    # 10 log10(255^2 / 1) = 20 log10(255) = 48.1308
    assert score(Psnr(), constant(100), constant(101)) == 20 * math.log10(255)


def test_psnr_of_black_against_white_is_0_db() -> None:
    assert score(Psnr(), constant(0), constant(255)) == 0


def test_psnr_averages_the_squared_error_over_the_channels_not_the_decibels() -> None:
    restored, reference = constant(10), constant(10)
    restored[:, :, 0] = 16  # MSE = 36 / 3 = 12
    assert score(Psnr(), restored, reference) == pytest.approx(
        10 * math.log10(65025 / 12), abs=1e-12
    )


@pytest.mark.parametrize("shape", [(1, 1, 3), (37, 53, 3), (720, 1281, 3)])
def test_psnr_mse_and_mae_are_exact(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, shape).astype(np.uint8)
    y = rng.integers(0, 256, shape).astype(np.uint8)
    difference = x.astype(np.int64) - y.astype(np.int64)
    squared, absolute = int((difference**2).sum()), int(abs(difference).sum())
    assert score(MeanSquaredError(), x, y) == squared / x.size / 255**2
    assert score(MeanAbsoluteError(), x, y) == absolute / x.size / 255
    assert score(Psnr(), x, y) == 10 * math.log10(255**2 / (squared / x.size))
    assert score(Psnr(), x, y) == pytest.approx(peak_signal_noise_ratio(y, x), abs=1e-12)


def test_the_sum_of_squares_does_not_overflow_32_bits() -> None:
    # 2000 x 2000 x 3 x 255^2 = 7.8e11
    assert score(Psnr(), constant(0, 2000, 2000), constant(255, 2000, 2000)) == 0
    assert score(MeanAbsoluteError(), constant(0, 2000, 2000), constant(255, 2000, 2000)) == 1


@pytest.mark.parametrize("value", [0, 77, 255])
@pytest.mark.parametrize("metric", [Psnr(), PsnrLuma()])
def test_psnr_of_identical_images_is_infinite(metric: Metric, value: int) -> None:
    assert score(metric, constant(value), constant(value)) == math.inf
    assert score(MeanSquaredError(), constant(value), constant(value)) == 0
    assert score(MeanAbsoluteError(), constant(value), constant(value)) == 0


def test_luma_psnr_of_black_against_white_has_a_range_of_219_levels() -> None:
    # MATLAB's rgb2ycbcr maps black to 16 and white to 235; the peak stays 255.
    assert score(PsnrLuma(), constant(0), constant(255)) == pytest.approx(
        20 * math.log10(255 / 219), abs=1e-12
    )


@pytest.mark.parametrize(
    ("channel", "weight"), [(0, 65.481), (1, 128.553), (2, 24.966)], ids=["red", "green", "blue"]
)
def test_luma_psnr_weighs_the_channels_as_matlab_does(channel: int, weight: float) -> None:
    restored = constant(50)
    restored[:, :, channel] = 80
    assert score(PsnrLuma(), restored, constant(50)) == pytest.approx(
        20 * math.log10(255 / (30 * weight / 255)), abs=1e-10
    )


def test_blur_effect_is_that_of_scikit_image_and_needs_no_reference(photo: Pixels) -> None:
    assert BlurEffect().compare(Picture(photo), None) == blur_effect(photo, channel_axis=-1)


def test_blur_effect_grows_with_blur(photo: Pixels, worse: Pixels) -> None:
    import cv2

    soft = np.asarray(cv2.GaussianBlur(photo, (0, 0), 3), np.uint8)
    metric = BlurEffect()
    assert metric.compare(Picture(soft), None) > metric.compare(Picture(photo), None)


def test_blur_effect_of_a_constant_image_is_1() -> None:
    assert BlurEffect().compare(Picture(constant(9, 30, 30)), None) == 1


def test_blur_effect_of_a_tiny_image_is_unscorable_not_nan() -> None:
    assert BlurEffect().compare(Picture(constant(9, 4, 4)), None) == 1
    with pytest.raises(Unscorable, match="4x3 pixels; this metric needs at least 4x4"):
        BlurEffect().compare(Picture(constant(9, 3, 4)), None)
