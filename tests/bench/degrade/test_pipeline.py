from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.signal import fftconvolve

from bench.core.errors import BenchError
from bench.degrade.depth import plane_nearness, smooth_nearness
from bench.degrade.light import to_linear, to_pixels
from bench.degrade.parameters import stream
from bench.degrade.pipeline import Degradation, Layer, Scene, degrade
from bench.degrade.processing import jpeg
from bench.degrade.psf import blur as blur_light
from bench.degrade.psf import defocus_psf
from bench.degrade.resample import downsample
from bench.degrade.table import BLURS
from bench.image import ImageError, ImageSizeError, Pixels

KINDS = [
    Degradation("none"),
    Degradation("motion", size=7.0, angle=30),
    Degradation("trajectory", size=6.0, seed=4),
    Degradation("shake", size=5.0, roll=0.5, seed=4),
    Degradation("spin", size=3.0),
    Degradation("zoom", size=5.0),
    Degradation("layers", size=6.0, background=3.0, seed=4),
    Degradation("gaussian", size=1.5),
    Degradation("defocus", size=2.0),
    Degradation("depth", size=3.0, seed=4),
    Degradation("lens", size=4.0, astigmatism=0.5),
    Degradation("motion-defocus", size=5.0, radius=1.5, angle=30),
    Degradation("shake-defocus", size=4.0, roll=0.5, radius=1.5, seed=4),
    Degradation("turbulence", size=2.5, seed=4),
]
DRAWN = {"trajectory", "shake", "layers", "depth", "shake-defocus", "turbulence"}


def test_every_blur_is_tried_here() -> None:
    assert [how.blur for how in KINDS] == list(BLURS)


def _photograph(height: int = 64, width: int = 72) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("how", KINDS, ids=lambda how: how.blur)
def test_the_same_parameters_give_the_same_pixels(how: Degradation) -> None:
    noisy = replace(how, electrons=300.0, read_noise=2.0)
    first, second = degrade(_photograph(), noisy, 8), degrade(_photograph(), noisy, 8)
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.psf, second.psf)
    assert not np.array_equal(
        first.pixels, degrade(_photograph(), replace(noisy, seed=9), 8).pixels
    )
    other = degrade(_photograph(), replace(how, seed=9), 8).pixels
    assert np.array_equal(other, degrade(_photograph(), how, 8).pixels) == (how.blur not in DRAWN)


@pytest.mark.parametrize("how", KINDS, ids=lambda how: how.blur)
def test_the_number_of_threads_does_not_matter(how: Degradation) -> None:
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = degrade(_photograph(), how).pixels
        cv2.setNumThreads(4)
        assert np.array_equal(degrade(_photograph(), how).pixels, alone)
    finally:
        cv2.setNumThreads(threads)


@pytest.mark.parametrize("how", KINDS, ids=lambda how: how.blur)
def test_a_flat_photograph_stays_flat(how: Degradation) -> None:
    flat = np.full((40, 50, 3), (12, 128, 255), dtype=np.uint8)
    assert np.array_equal(degrade(flat, how, 6).pixels, flat[6:-6, 6:-6])


@pytest.mark.parametrize("how", KINDS, ids=lambda how: how.blur)
def test_a_blur_of_size_zero_changes_nothing(how: Degradation) -> None:
    nothing = replace(how, size=0.0, roll=0.0, background=0.0, radius=0.0)
    degraded = degrade(_photograph(), nothing)
    assert np.array_equal(degraded.pixels, _photograph())
    assert degraded.psf.tolist() == [[1.0]]


@pytest.mark.parametrize("how", KINDS, ids=lambda how: how.blur)
def test_what_is_cut_off_served_as_surroundings(how: Degradation) -> None:
    large = degrade(_photograph(90, 90), how).pixels[20:-20, 20:-20]
    assert np.array_equal(degrade(_photograph(90, 90), how, 20).pixels, large)


@pytest.mark.parametrize(
    "how", [how for how in KINDS if how.blur != "turbulence"], ids=lambda how: how.blur
)
def test_degrading_moves_nothing(how: Degradation) -> None:
    """The light of a square keeps its sum and, to two hundredths of a pixel, its centroid."""
    square = np.zeros((65, 65, 3), dtype=np.uint8)
    square[28:37, 28:37] = 255
    scene = None
    if how.blur == "layers":  # a layer's rim hides light, a layer does not
        scene = Scene(layers=[Layer(np.ones((65, 65)), np.array([[0.0, 0.0], [0.0, 6.0]]))])
    if how.blur == "depth":  # so does a slope, by a little
        scene = Scene(nearness=np.full((65, 65), 0.9))
    light = to_linear(degrade(square, how, scene=scene).pixels)[..., 1]
    assert light.sum() == pytest.approx(81, rel=0.01)
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


@pytest.mark.parametrize("blur", ["motion", "spin", "zoom", "layers"])
def test_half_the_exposure_of_an_even_movement_is_half_of_it(blur: str) -> None:
    half = degrade(_photograph(), Degradation(blur, size=8.0, exposure=0.5))
    assert np.array_equal(half.pixels, degrade(_photograph(), Degradation(blur, size=4.0)).pixels)


@pytest.mark.parametrize(
    ("surface", "draw"), [("smooth", smooth_nearness), ("plane", plane_nearness)]
)
def test_distances_are_drawn_of_the_surface_asked_for(surface: Any, draw: Any) -> None:
    how = Degradation("depth", size=3.0, surface=surface, seed=7)
    scene = Scene(nearness=draw(stream(how, "scene"), (64, 72)))
    given = degrade(_photograph(), replace(how, seed=1), scene=scene)
    assert np.array_equal(degrade(_photograph(), how).pixels, given.pixels)


def test_photons_can_be_counted_where_a_fourier_transform_left_less_than_no_light() -> None:
    night = np.zeros((90, 90, 3), dtype=np.uint8)
    night[45, 45] = 255
    how = Degradation("defocus", size=20.0, electrons=50.0)
    assert blur_light(to_linear(night), defocus_psf(20.0)).min() < 0
    assert degrade(night, how).pixels.max() < 255


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


def test_amplified_low_light_is_that_of_fewer_electrons() -> None:
    dim = Degradation(electrons=1000.0, read_noise=3.0, illumination=0.1)
    few = Degradation(electrons=100.0, read_noise=3.0)
    assert np.array_equal(degrade(_photograph(), dim).pixels, degrade(_photograph(), few).pixels)


def test_dark_low_light_keeps_its_share_of_the_light() -> None:
    how = Degradation(illumination=0.25, low_light="dark")
    sharp = _photograph()
    assert np.array_equal(degrade(sharp, how).pixels, to_pixels(0.25 * to_linear(sharp)))
    noisy = degrade(np.full((200, 200, 3), 128, np.uint8), replace(how, electrons=500.0)).pixels
    light = to_linear(noisy)
    assert light.mean() == pytest.approx(0.25 * to_linear(np.uint8([128]))[0], rel=0.01)
    assert light.var() == pytest.approx(light.mean() / 500, rel=0.05)  # photons


def test_white_noise_comes_last_and_nothing_is_rounded_after_it() -> None:
    how = Degradation("gaussian", size=1.0, jpeg=30, sigma=50.0, seed=3)
    found = degrade(_photograph(), how)
    clean = degrade(_photograph(), replace(how, sigma=None)).pixels
    assert found.image.dtype == np.float32
    noise = 255 * found.image.astype(float) - clean
    assert noise.std() == pytest.approx(50, rel=0.02)
    assert found.image.min() < 0
    assert found.image.max() > 1
    assert found.pixels.dtype == np.uint8
    expected = np.rint(255 * np.clip(found.image, 0, 1))
    assert np.array_equal(found.pixels, expected)


def test_white_noise_of_sigma_0_is_the_photograph_in_float32() -> None:
    found = degrade(_photograph(), Degradation(sigma=0.0)).image
    assert np.array_equal(found, (_photograph() / 255.0).astype(np.float32))


@pytest.mark.parametrize(
    "change",
    [{"electrons": 90.0, "read_noise": 5.0}, {"jpeg": 20}, {"blur": "layers", "size": 5.0}],
)
def test_white_noise_is_the_same_whatever_came_before(change: dict[str, Any]) -> None:
    plain = Degradation(sigma=15.0, seed=8)
    noises = []
    for how in (plain, replace(plain, **change)):
        clean = degrade(_photograph(), replace(how, sigma=None)).pixels
        noises.append(255 * degrade(_photograph(), how).image.astype(float) - clean)
    assert noises[0] == pytest.approx(noises[1], abs=1e-4)


def test_downsampling_and_jpeg_follow_the_8_bits_in_this_order() -> None:
    how = Degradation("gaussian", size=1.2, electrons=500.0, scale=4, jpeg=30, seed=1)
    large = degrade(_photograph(), replace(how, scale=1, jpeg=None)).pixels
    assert np.array_equal(degrade(_photograph(), how).pixels, jpeg(downsample(large, 4), 30))


def test_what_is_no_multiple_of_the_scale_is_cut_off_the_end() -> None:
    found = degrade(_photograph(65, 75), Degradation(scale=3), margin=2).pixels
    assert np.array_equal(found, downsample(_photograph(65, 75)[2:62, 2:71], 3))
    assert found.shape == (20, 23, 3)


def test_what_can_be_combined_is_combined() -> None:
    how = Degradation(
        "shake",
        size=4.0,
        roll=0.3,
        electrons=400.0,
        read_noise=2.0,
        illumination=0.5,
        detail_loss=1.0,
        scale=2,
        jpeg=60,
        sigma=5.0,
    )
    found = degrade(_photograph(), how, margin=6)
    assert found.image.shape == (26, 30, 3)
    assert found.image.dtype == np.float32


def test_a_psf_is_a_mean_where_the_blur_differs_over_the_image() -> None:
    for how in KINDS:
        degraded = degrade(_photograph(), how)
        assert degraded.uniform == BLURS[how.blur].uniform
        assert degraded.psf.sum() == pytest.approx(1)
    assert [blur for blur, kind in BLURS.items() if not kind.uniform] == [
        "shake",
        "spin",
        "zoom",
        "layers",
        "depth",
        "lens",
        "shake-defocus",
        "turbulence",
    ]


def test_a_given_scene_is_used_instead_of_a_drawn_one() -> None:
    sharp = _photograph()
    defocus = Degradation("depth", size=2.0, focus=0.0)
    near = degrade(sharp, defocus, scene=Scene(nearness=np.ones(sharp.shape[:2])))
    uniform = degrade(sharp, Degradation("defocus", size=2.0))
    assert np.abs(near.pixels.astype(int) - uniform.pixels).max() <= 1
    whole = Layer(np.ones(sharp.shape[:2]), np.linspace([0.0, 0.0], [0.0, 7.0], 113))
    moved = degrade(sharp, Degradation("layers"), scene=Scene(layers=[whole]))
    straight = degrade(sharp, Degradation("motion", size=7.0))
    assert np.abs(moved.pixels.astype(int) - straight.pixels).max() <= 1


def test_a_scene_that_does_not_fit_is_refused() -> None:
    sharp, plane = _photograph(), np.zeros((64, 72))
    depth = Degradation("depth", size=2.0)
    with pytest.raises(BenchError, match="nearness were given for the blur 'motion'"):
        degrade(sharp, Degradation("motion", size=3.0), scene=Scene(nearness=plane))
    with pytest.raises(ImageSizeError, match=r"nearness: got \(10, 12\), expected \(64, 72\)"):
        degrade(sharp, depth, scene=Scene(nearness=plane[:10, :12]))
    with pytest.raises(BenchError, match="values from 0 to 1"):
        degrade(sharp, depth, scene=Scene(nearness=plane + 2.5))
    with pytest.raises(BenchError, match="values from 0 to 1"):
        degrade(sharp, depth, scene=Scene(nearness=plane * np.nan))


@pytest.mark.parametrize("wrong", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32)])
def test_other_arrays_than_8_bit_colour_are_refused(wrong: Any) -> None:
    with pytest.raises(ImageError, match=r"expected an \(H,W,3\) uint8 photograph"):
        degrade(wrong, Degradation())


def test_a_photograph_that_is_all_margin_is_refused() -> None:
    with pytest.raises(ImageSizeError, match=r"all margin \(40"):
        degrade(_photograph(), Degradation(), margin=40)
