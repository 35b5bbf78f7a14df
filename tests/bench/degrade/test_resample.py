from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.degrade.resample import downsample, resize, upsample, whole_multiple
from bench.image import ImageSizeError, Pixels


def _random(height: int, width: int, low: int = 0, high: int = 256, seed: int = 7) -> Pixels:
    return np.random.default_rng(seed).integers(low, high, (height, width), dtype=np.uint8)


DEEPINV = {
    # `deepinv.physics.functional.imresize_matlab` 0.5.0 of _random(12, 12), in float: not rounded
    2: [
        [139.298, 206.717, 137.108, 87.605, 108.834, 125.792],
        [126.582, 155.818, 96.728, 121.041, 94.302, 120.212],
        [108.249, 145.708, 75.057, 97.329, 144.106, 150.894],
        [92.522, 98.066, 124.636, 117.428, 161.373, 120.128],
        [141.373, 121.417, 89.887, 95.334, 95.684, 133.717],
        [89.726, 168.751, 94.927, 155.439, 112.334, 166.877],
    ],
    3: [
        [154.14, 151.012, 98.388, 113.891],
        [123.899, 104.914, 112.25, 138.431],
        [108.806, 105.769, 117.217, 134.965],
        [122.204, 121.82, 117.935, 139.247],
    ],
    4: [[153.817, 114.317, 114.125], [109.408, 107.294, 136.88], [121.644, 114.469, 133.296]],
}
DEEPINV_UP = [  # the same, x2 of _random(4, 5, 96, 160)
    [133.196, 127.504, 116.121, 122.301, 146.044, 158.497, 159.658, 154.617, 143.373, 137.751],
    [128.096, 122.133, 110.205, 116.422, 140.783, 152.901, 152.775, 147.732, 137.771, 132.791],
    [117.897, 111.389, 98.373, 104.664, 130.262, 141.71, 139.009, 133.962, 126.567, 122.87],
    [108.507, 106.767, 103.287, 110.869, 129.514, 138.215, 136.972, 133.125, 126.672, 123.446],
    [99.927, 108.267, 124.947, 135.038, 138.541, 142.416, 146.664, 145.221, 138.086, 134.519],
    [112.023, 118.902, 132.658, 141.685, 145.98, 145.383, 139.891, 137.625, 138.585, 139.065],
    [144.796, 138.671, 126.421, 130.808, 151.833, 147.115, 116.653, 110.338, 128.17, 137.086],
    [161.183, 148.556, 123.302, 125.37, 154.76, 147.981, 105.033, 96.694, 122.962, 136.097],
]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_downsampling_is_deepinvs_to_within_rounding(scale: int) -> None:
    # two roundings, the first weighted by less than 1.3 in all: at most 0.5 + 0.65
    found = downsample(_random(12, 12), scale)
    assert np.abs(found - np.array(DEEPINV[scale])).max() < 1.15


def test_upsampling_is_deepinvs_to_within_rounding() -> None:
    found = upsample(_random(4, 5, 96, 160), 2)
    assert np.abs(found - np.array(DEEPINV_UP)).max() < 1.15


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_away_from_the_edges_it_is_pillows_bicubic(scale: int) -> None:
    """Pillow's kernel is the same; at edges it leaves out what MATLAB mirrors."""
    large = _random(96, 120, 60, 200)
    theirs = Image.fromarray(large).resize((120 // scale, 96 // scale), Image.Resampling.BICUBIC)
    difference = downsample(large, scale).astype(int) - np.asarray(theirs)
    assert np.abs(difference[3:-3, 3:-3]).max() <= 2  # Pillow rounds the other axis first
    small = _random(30, 40, 60, 200)
    theirs = Image.fromarray(small).resize((40 * scale, 30 * scale), Image.Resampling.BICUBIC)
    difference = upsample(small, scale).astype(int) - np.asarray(theirs)
    assert np.abs(difference[3 * scale : -3 * scale, 3 * scale : -3 * scale]).max() <= 2


def test_an_axis_worked_out_by_hand() -> None:
    """x2 of a step from 0 to 128: the kernel, stretched to twice its width, at 1/4, 3/4, 5/4, 7/4.

    It is 111/128, 29/128, -9/128, -3/128 there, so a pixel's taps are -3 -9 29 111 111 29 -9 -3
    over 256. Across the step, 128 times the sum of what lies right of it: two pixels before it -3
    makes -1.5, cut to 0; one before, 29 - 9 - 3 = 17 makes 8.5, rounded up; then what these leave
    of 128: 119.5 and 129.5, rounded up.
    """
    step = np.zeros((2, 16), dtype=np.uint8)
    step[:, 8:] = 128
    assert resize(step, (2, 8))[0].tolist() == [0, 0, 0, 9, 120, 130, 128, 128]


@settings(max_examples=40)
@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    scale=st.integers(1, 4),
    level=st.integers(0, 255),
)
def test_a_flat_image_stays_flat_at_any_size(
    height: int, width: int, scale: int, level: int
) -> None:
    flat = np.full((height * scale, width * scale, 3), level, dtype=np.uint8)
    small = downsample(flat, scale)
    assert small.shape == (height, width, 3)
    assert (small == level).all()
    assert np.array_equal(upsample(small, scale), flat)


def test_a_scale_of_1_changes_nothing() -> None:
    image = _random(9, 11)
    assert np.array_equal(downsample(image, 1), image)
    assert np.array_equal(upsample(image, 1), image)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_nothing_moves(scale: int) -> None:
    """Turning the image turns the result, and so it has no side that it leans to."""
    image = _random(36, 48)
    turned = downsample(image[::-1, ::-1], scale)[::-1, ::-1]
    assert np.array_equal(turned, downsample(image, scale))
    turned = upsample(image[::-1, ::-1], scale)[::-1, ::-1]
    assert np.array_equal(turned, upsample(image, scale))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_smooth_image_survives_there_and_back(scale: int) -> None:
    rows, columns = np.mgrid[:96, :120]
    smooth = np.rint(128 + 60 * np.sin(rows / 20) * np.cos(columns / 25)).astype(np.uint8)
    back = upsample(downsample(smooth, scale), scale)
    assert np.abs(back.astype(int) - smooth)[8:-8, 8:-8].max() <= 2


def test_channels_are_resampled_alike() -> None:
    image = np.dstack([_random(24, 36, seed=seed) for seed in range(3)])
    found = downsample(image, 3)
    for channel in range(3):
        assert np.array_equal(found[..., channel], downsample(image[..., channel], 3))


def test_the_axis_that_shrinks_more_goes_first() -> None:
    image = _random(24, 48)
    columns_first = resize(resize(image, (24, 12)), (12, 12))
    assert np.array_equal(resize(image, (12, 12)), columns_first)
    assert not np.array_equal(resize(resize(image, (12, 48)), (12, 12)), columns_first)


def test_sides_that_are_no_multiples_are_refused_and_can_be_cut() -> None:
    image = _random(25, 31)
    with pytest.raises(ImageSizeError, match=r"25x31 .* multiples of 3"):
        downsample(image, 3)
    cut = whole_multiple(image, 3)
    assert np.array_equal(cut, image[:24, :30])
    assert downsample(cut, 3).shape == (8, 10)
    with pytest.raises(ImageSizeError, match="too small"):
        whole_multiple(image[:2], 3)
