from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from bench.degrade.processing import detail_loss, jpeg
from bench.image import Pixels


def _piece(photograph: Pixels) -> Pixels:
    return np.ascontiguousarray(photograph[40:168, 140:292])


def _error(one: Pixels, other: Pixels) -> float:
    return float(np.mean((one.astype(float) - other) ** 2))


def test_flat_areas_survive_detail_loss_bit_for_bit() -> None:
    flat = np.full((40, 50, 3), (12, 128, 255), dtype=np.uint8)
    assert np.array_equal(detail_loss(flat, 3.0, 30.0), flat)


def test_detail_loss_takes_texture_and_keeps_edges() -> None:
    rng = np.random.default_rng(0)
    edge = np.where(np.arange(80) < 40, 60, 190)[None, :, None] * np.ones((60, 80, 3))
    textured = (edge + rng.integers(-5, 6, edge.shape)).astype(np.uint8)
    smooth = detail_loss(textured, 3.0, 40.0).astype(float)
    assert smooth[:, 45:75].std() < 0.4 * textured[:, 45:75].std()
    step = smooth[:, 40:44].mean() - smooth[:, 36:40].mean()
    assert step == pytest.approx(130, abs=3)  # a blur would have made a ramp of it


def test_detail_loss_is_the_bilateral_filter_written_out(photograph: Pixels) -> None:
    """Tomasi and Manduchi's weights over a disc of radius 2 sigma, differences summed over RGB."""
    pixels = _piece(photograph)
    spatial, levels, reach = 2.0, 60.0, 4
    values = pixels.astype(float)
    padded = np.pad(values, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    total, weights = np.zeros_like(values), np.zeros((*values.shape[:2], 1))
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            if down**2 + right**2 > reach**2:
                continue
            top, left = reach + down, reach + right
            other = padded[top : top + values.shape[0], left : left + values.shape[1]]
            apart = np.abs(other - values).sum(axis=2, keepdims=True)
            weight = np.exp(-(down**2 + right**2) / (2 * spatial**2) - apart**2 / (2 * levels**2))
            total += weight * other
            weights += weight
    found = detail_loss(pixels, spatial, levels)
    assert np.abs(found - total / weights).max() < 0.51  # rounding


def test_detail_loss_does_not_depend_on_the_number_of_threads(photograph: Pixels) -> None:
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = detail_loss(_piece(photograph), 2.0, 30.0)
        cv2.setNumThreads(4)
        assert np.array_equal(detail_loss(_piece(photograph), 2.0, 30.0), alone)
    finally:
        cv2.setNumThreads(threads)


def test_jpeg_is_worse_at_lower_quality(photograph: Pixels) -> None:
    sharp = _piece(photograph)
    errors = [_error(jpeg(sharp, quality), sharp) for quality in (1, 10, 30, 60, 90, 100)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 20 * errors[-1]


def test_jpeg_is_what_opencv_writes_with_the_same_subsampling(photograph: Pixels) -> None:
    sharp = _piece(photograph)
    _, data = cv2.imencode(".jpg", sharp[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 40])
    theirs = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
    assert _error(jpeg(sharp, 40), theirs) < 0.02 * _error(theirs, sharp)


def test_colour_is_subsampled_at_every_quality(photograph: Pixels) -> None:
    sharp = _piece(photograph)
    file = io.BytesIO()
    Image.fromarray(sharp).save(file, "JPEG", quality=100, subsampling="4:4:4")
    with Image.open(file) as image:
        full = np.array(image)
    assert _error(jpeg(sharp, 100), sharp) > 2 * _error(full, sharp)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_grey_survives_jpeg(level: int) -> None:
    flat = np.full((32, 48, 3), level, dtype=np.uint8)
    assert np.array_equal(jpeg(flat, 50), flat)
