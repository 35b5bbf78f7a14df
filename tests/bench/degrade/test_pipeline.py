from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import fftconvolve

from bench.degrade.light import to_linear, to_pixels
from bench.degrade.pipeline import Degradation, degrade
from bench.degrade.psf import defocus_psf
from bench.image import ImageSizeError, Pixels

KINDS = [
    Degradation("none"),
    Degradation("motion", size=7.0, angle=30),
    Degradation("trajectory", size=6.0, seed=4),
    Degradation("shake", size=5.0, roll=0.5, seed=4),
    Degradation("defocus", size=2.0),
]


def _photograph(height: int = 64, width: int = 72) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("how", KINDS, ids=lambda how: how.blur)
def test_the_same_parameters_give_the_same_pixels(how: Degradation) -> None:
    noisy = replace(how, electrons=300.0, read_noise=2.0)
    first, second = degrade(_photograph(), noisy, 8), degrade(_photograph(), noisy, 8)
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.psf, second.psf)
    assert not np.array_equal(first.pixels, degrade(_photograph(), replace(noisy, seed=9)).pixels)


@pytest.mark.parametrize("how", KINDS, ids=lambda how: how.blur)
def test_a_flat_photograph_stays_flat(how: Degradation) -> None:
    flat = np.full((40, 50, 3), (12, 128, 255), dtype=np.uint8)
    assert np.array_equal(degrade(flat, how, 6).pixels, flat[6:-6, 6:-6])


@pytest.mark.parametrize("how", KINDS, ids=lambda how: how.blur)
def test_a_blur_of_size_zero_changes_nothing(how: Degradation) -> None:
    nothing = replace(how, size=0.0, roll=0.0)
    degraded = degrade(_photograph(), nothing)
    assert np.array_equal(degraded.pixels, _photograph())
    assert degraded.psf.tolist() == [[1.0]]


@pytest.mark.parametrize("how", KINDS, ids=lambda how: how.blur)
def test_what_is_cut_off_served_as_surroundings(how: Degradation) -> None:
    large = degrade(_photograph(90, 90), how).pixels[20:-20, 20:-20]
    assert np.array_equal(degrade(_photograph(90, 90), how, 20).pixels, large)


@pytest.mark.parametrize("how", KINDS, ids=lambda how: how.blur)
def test_degrading_moves_nothing(how: Degradation) -> None:
    """The light of a square keeps its centroid, to a hundredth of a pixel."""
    square = np.zeros((65, 65, 3), dtype=np.uint8)
    square[28:37, 28:37] = 255
    light = to_linear(degrade(square, how).pixels)[..., 1]
    rows, columns = np.indices(light.shape)
    assert (light * rows).sum() / light.sum() == pytest.approx(32, abs=0.02)
    assert (light * columns).sum() / light.sum() == pytest.approx(32, abs=0.02)


def test_the_blur_is_in_linear_light_as_scipy_signal_computes_it() -> None:
    sharp, psf = _photograph(), defocus_psf(2.0)
    light = to_linear(sharp)
    blurred = np.stack([fftconvolve(light[..., c], psf, mode="same") for c in range(3)], axis=-1)
    found = degrade(sharp, Degradation("defocus", size=2.0)).pixels[8:-8, 8:-8]
    difference = found.astype(int) - to_pixels(blurred)[8:-8, 8:-8]
    assert np.abs(difference).max() <= 1  # a rounding tie may fall the other way
    assert (difference != 0).mean() < 1e-3


def test_changing_the_noise_leaves_the_path_as_it_was() -> None:
    how = Degradation("trajectory", size=6.0, seed=3)
    dark = replace(how, electrons=90.0, read_noise=5.0)
    assert np.array_equal(degrade(_photograph(), how).psf, degrade(_photograph(), dark).psf)


def test_low_light_is_noisier_but_as_bright() -> None:
    grey = np.full((200, 200, 3), 128, dtype=np.uint8)
    bright = degrade(grey, Degradation(electrons=10000.0, read_noise=3.0)).pixels
    dark = degrade(grey, Degradation(electrons=200.0, read_noise=3.0)).pixels
    assert dark.std() > 5 * bright.std()
    assert to_linear(dark).mean() == pytest.approx(to_linear(grey).mean(), rel=0.01)


def test_only_a_shake_has_a_psf_that_is_a_mean() -> None:
    assert [degrade(_photograph(), how).uniform for how in KINDS] == [True, True, True, False, True]


def test_the_parameters_survive_json() -> None:
    how = Degradation("shake", size=5.0, roll=0.5, electrons=800.0, read_noise=3.0, seed=2)
    assert Degradation(**json.loads(json.dumps(how.as_dict()))) == how


def test_a_photograph_that_is_all_margin_is_refused() -> None:
    with pytest.raises(ImageSizeError, match=r"all margin \(40"):
        degrade(_photograph(), Degradation(), margin=40)
