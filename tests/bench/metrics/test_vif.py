"""VIF against piq in float64 and against its extremes."""

from __future__ import annotations

import warnings

import numpy as np
import piq
import pytest
import torch

from bench.core.errors import Unscorable
from bench.image import Picture, Pixels
from bench.metrics import window
from bench.metrics.vif import Vif


def vif(restored: Pixels, reference: Pixels) -> float:
    metric = Vif()
    return metric.compare(Picture(restored), metric.features(Picture(reference)))


def oracle(restored: Pixels, reference: Pixels) -> float:
    x, y = (
        torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].double() / 255
        for pixels in (restored, reference)
    )
    return float(piq.vif_p(x, y))


def noise(seed: int, height: int, width: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [(41, 41), (42, 75), (131, 88), (255, 256)])
def test_vif_is_piqs(photo: Pixels, worse: Pixels, size: tuple[int, int]) -> None:
    x, y = worse[: size[0], : size[1]], photo[: size[0], : size[1]]
    assert vif(x, y) == pytest.approx(oracle(x, y), abs=1e-9)


def test_vif_is_piqs_on_unrelated_and_inverted_images(photo: Pixels) -> None:
    unrelated = noise(1, 256, 256)
    assert vif(unrelated, photo) == pytest.approx(oracle(unrelated, photo), abs=1e-9)
    negative = 255 - photo  # every gain is negative: nothing is kept
    assert vif(negative, photo) == pytest.approx(oracle(negative, photo), abs=1e-9)
    assert vif(negative, photo) < 1e-6


@pytest.mark.parametrize("flat", ["reference", "restored", "both"])
def test_vif_is_piqs_where_half_an_image_is_flat(photo: Pixels, worse: Pixels, flat: str) -> None:
    x, y = worse.copy(), photo.copy()
    if flat != "restored":
        y[:, :128] = 200
    if flat != "reference":
        x[:, 100:] = 30
    assert vif(x, y) == pytest.approx(oracle(x, y), abs=1e-9)


def test_vif_is_piqs_where_the_reference_is_almost_constant() -> None:
    y = np.full((60, 64, 3), 90, np.uint8)
    x = y.copy()
    y[30, 30] = 91
    x[30, 30] = 92
    assert vif(x, y) == pytest.approx(oracle(x, y), abs=1e-6)


def test_vif_is_above_1_where_contrast_was_added(photo: Pixels) -> None:
    dull = (photo // 2 + 60).astype(np.uint8)
    stronger = np.clip((dull.astype(int) - 120) * 3 // 2 + 120, 0, 255).astype(np.uint8)
    assert vif(stronger, dull) > 1.05
    assert vif(stronger, dull) == pytest.approx(oracle(stronger, dull), abs=1e-9)


def test_vif_is_one_for_identical_images(photo: Pixels) -> None:
    # TINY keeps it from being exact, as in piq.
    assert vif(photo.copy(), photo) == pytest.approx(1, abs=1e-7)


def test_vif_of_a_constant_restored_image_is_0(photo: Pixels) -> None:
    assert vif(np.full_like(photo, 128), photo) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_constant_reference_is_unscorable_not_1(photo: Pixels, value: int) -> None:
    with pytest.raises(Unscorable, match="reference is constant"):
        vif(photo, np.full_like(photo, value))


@pytest.mark.parametrize("size", [(40, 41), (41, 40), (1, 1)])
def test_images_under_41_pixels_are_unscorable(size: tuple[int, int]) -> None:
    with pytest.raises(Unscorable, match="needs at least 41x41"):
        vif(noise(1, *size), noise(2, *size))


@pytest.mark.parametrize(("tile", "widest"), [(1, 20), (5000, 64), (2**30, 2**30)])
def test_the_size_of_the_tiles_does_not_matter(
    tile: int, widest: int, photo: Pixels, worse: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = vif(worse, photo)
    monkeypatch.setattr(window, "TILE", tile)
    monkeypatch.setattr(window, "WIDEST", widest)
    assert vif(worse, photo) == pytest.approx(usual, abs=1e-12)


def test_extreme_images_raise_no_numeric_warning() -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, None]
    checks = np.repeat(checks, 3, axis=2)
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        assert np.isfinite(vif(checks, 255 - checks))
        assert vif(checks, checks.copy()) == pytest.approx(1, abs=1e-7)
