from __future__ import annotations

import cv2
import numpy as np
import pytest
import pywt
from skimage.exposure import equalize_adapthist
from skimage.measure import blur_effect
from skimage.restoration import estimate_sigma

from bench.core.errors import BenchError, NotApplicable
from bench.image import ImageError, Picture, Pixels
from bench.prepare import STEPS, flaw, prepare


@pytest.fixture(scope="module")
def face(request: pytest.FixtureRequest) -> Pixels:
    photograph: Pixels = request.getfixturevalue("photograph")
    return np.ascontiguousarray(photograph[40:200, 140:332])


def _noisy(sharp: Pixels, sigma: float) -> Pixels:
    noise = np.random.default_rng(0).normal(0, sigma, sharp.shape)
    return np.clip(np.rint(sharp + noise), 0, 255).astype(np.uint8)


def test_no_step_changes_nothing(face: Pixels) -> None:
    assert np.array_equal(prepare(face, []), face)


@pytest.mark.parametrize("name", STEPS)
def test_every_step_says_what_it_does_and_keeps_shape_and_type(face: Pixels, name: str) -> None:
    done = prepare(face, [name])
    assert done.shape == face.shape
    assert done.dtype == np.uint8
    assert "scikit-image" in STEPS[name].about
    assert all(option in STEPS[name].about for option in STEPS[name].options)


@pytest.mark.parametrize("name", ["wavelet", "clahe"])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_image_stays_as_it_is(name: str, level: int) -> None:
    even = np.full((64, 72, 3), level, dtype=np.uint8)
    assert np.array_equal(prepare(even, [name]), even)


@pytest.mark.parametrize("step", ["wavelet", "wavelet:sigma=15"])
def test_wavelet_denoising_comes_nearer_to_the_sharp_image(face: Pixels, step: str) -> None:
    noisy = _noisy(face, 15)
    before = np.mean((noisy.astype(float) - face) ** 2)
    after = np.mean((prepare(noisy, [step]).astype(float) - face) ** 2)
    assert after < 0.5 * before


def test_the_wavelet_step_takes_away_the_noise_that_pywavelets_finds(face: Pixels) -> None:
    """Donoho and Johnstone's estimate, 1.4826 x the median of the finest diagonal details."""

    def noise(pixels: Pixels) -> float:
        _, (_, _, diagonal) = pywt.dwt2(pixels[..., 1].astype(float), "db2")
        return float(np.median(np.abs(diagonal)) * 1.4826)

    noisy = _noisy(face, 15)
    assert noise(noisy) == pytest.approx(15, rel=0.1)
    assert noise(noisy) == pytest.approx(estimate_sigma(noisy[..., 1]), rel=0.1)
    assert noise(prepare(noisy, ["wavelet:sigma=15"])) < 3


def test_a_larger_sigma_smooths_more(face: Pixels) -> None:
    steps = ["wavelet:sigma=5", "wavelet:sigma=20", "wavelet:sigma=60"]
    rough = [float(np.abs(np.diff(prepare(face, [s]).astype(float), axis=1)).mean()) for s in steps]
    assert rough == sorted(rough, reverse=True)
    assert rough[0] > rough[2]


def test_clahe_equalises_luma_as_scikit_image_does_and_leaves_colour_alone(face: Pixels) -> None:
    dull = (90 + face // 6).astype(np.uint8)
    done = prepare(dull, ["clahe:clip=0.02"])
    luma = (Picture(dull).luma_studio - 16) / 219
    expected = 16 + 219 * equalize_adapthist(luma, clip_limit=0.02)
    inside = (done > 0).all(axis=2) & (done < 255).all(axis=2)  # clipping changes luma
    assert inside.mean() > 0.9
    assert np.abs(Picture(done).luma_studio - expected)[inside].max() < 1  # rounding of 3 channels
    for one, other in ((0, 1), (2, 1)):  # equal luma change in R, G, B: differences stay
        moved = (done[..., one].astype(int) - done[..., other]) - (
            dull[..., one].astype(int) - dull[..., other]
        )
        assert np.abs(moved[inside]).max() <= 1


def test_steps_are_applied_in_the_order_given(face: Pixels) -> None:
    one_by_one = prepare(prepare(_noisy(face, 15), ["wavelet"]), ["clahe"])
    assert np.array_equal(prepare(_noisy(face, 15), ["wavelet", "clahe"]), one_by_one)
    assert not np.array_equal(prepare(_noisy(face, 15), ["clahe", "wavelet"]), one_by_one)


def test_the_quality_filter_passes_what_is_good_untouched(face: Pixels) -> None:
    assert np.array_equal(prepare(face, ["quality"]), face)


def test_the_quality_filter_drops_blurred_images_with_the_reason(face: Pixels) -> None:
    blurred = np.asarray(cv2.GaussianBlur(face, (0, 0), 5), np.uint8)
    found = blur_effect(blurred, channel_axis=-1)
    assert found > 0.7 > blur_effect(face, channel_axis=-1)
    with pytest.raises(NotApplicable, match=rf"blur effect {found:.3f} is above 0\.7"):
        prepare(blurred, ["quality"])
    assert flaw(blurred, blur=1.0, side=64) is None


def test_the_quality_filter_drops_small_images_with_the_reason(face: Pixels) -> None:
    with pytest.raises(NotApplicable, match="192x160 is smaller than 161 pixels on its shorter"):
        prepare(face, ["quality:side=161"])
    assert np.array_equal(prepare(face, ["quality:side=160"]), face)


def test_an_even_image_has_no_sharpness() -> None:
    reason = flaw(np.full((80, 80, 3), 90, dtype=np.uint8), blur=0.9, side=64)
    assert reason is not None
    assert "1.000" in reason


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("wavelets", "did you mean 'wavelet'"),
        ("clahe:sigma=3", "'clahe' has the options clip, not 'sigma'"),
        ("wavelet:sigma=much", "sigma=much; expected a number"),
        ("wavelet:sigma=nan", "sigma=nan; expected a number"),
        ("clahe:clip=-1", "clip=-1; expected a number of at least 0"),
        ("clahe:0.02", "expected name:key=value"),
    ],
)
def test_a_step_that_there_is_not_is_refused_before_anything_is_done(
    face: Pixels, step: str, message: str
) -> None:
    with pytest.raises(BenchError, match=message):
        prepare(face, ["quality:side=9999", step])


def test_other_arrays_than_8_bit_colour_are_refused(face: Pixels) -> None:
    with pytest.raises(ImageError, match=r"\(H,W,3\) uint8"):
        prepare(face[..., 0], ["clahe"])
