"""piq's similarities: direction, range, what they refuse, and GMSD by its formula."""

from __future__ import annotations

import math
import sys

import cv2
import numpy as np
import pytest
import skimage.data
from scipy.ndimage import convolve

from bench.image import Pixels
from bench.metrics.further_checks import dss, iw_ssim, ms_gmsd, sr_sim
from bench.metrics.scorer import Scorer
from bench.metrics.table import DEFAULT, METRICS
from bench.records import Score

NAMES = ("fsim", "gmsd", "ms-gmsd", "haarpsi", "vsi", "mdsi", "sr-sim", "dss", "iw-ssim")
SMALLEST = dict(zip(NAMES, (3, 6, 17, 16, 3, 3, 40, 32, 161), strict=True))


def noisy(pixels: Pixels, deviation: float) -> Pixels:
    noise = np.random.default_rng(1).normal(0, deviation, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def scored(names: tuple[str, ...], restored: Pixels, reference: Pixels) -> dict[str, Score]:
    scorer = Scorer(names)
    return scorer.score(restored, scorer.reference(reference))


def crop(pixels: Pixels, height: int, width: int) -> Pixels:
    return np.ascontiguousarray(pixels[:height, :width])


def test_more_noise_is_worse_and_no_noise_is_best(photo: Pixels) -> None:
    levels = [scored(NAMES, noisy(photo, deviation), photo) for deviation in (0, 8, 30)]
    for name in NAMES:
        card = METRICS[name]
        values = [level[name].value for level in levels]
        assert all(value is not None for value in values), name
        assert values == sorted(values, reverse=card.higher_is_better), name
        assert values[0] == pytest.approx(1 if card.higher_is_better else 0, abs=1e-5)
        assert all(card.low <= value <= card.high + 1e-5 for value in values if value is not None)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_that_is_too_small_says_so(name: str, photo: Pixels) -> None:
    side = SMALLEST[name]
    whole = crop(photo, side, side + 3)
    assert scored((name,), noisy(whole, 9), whole)[name].value is not None
    small = crop(photo, side - 1, side + 3)
    assert scored((name,), small, small)[name] == Score.missing(
        f"the image is {side + 3}x{side - 1} pixels; this metric needs at least {side}x{side}"
    )


@pytest.mark.parametrize("value", [0, 128, 255])
def test_constant_images_have_numbers_or_reasons(photo: Pixels, value: int) -> None:
    flat = np.full_like(photo, value)
    for restored, reference in ((flat, photo), (photo, flat), (flat, flat)):
        for score in scored(NAMES, restored, reference).values():
            assert score.reason or math.isfinite(score.value or 0)


def test_gmsd_is_its_formula(photo: Pixels) -> None:
    """Xue et al. 2014, eqs. 3 to 6, of the luma that piq takes (YIQ's)."""

    def gradient(pixels: Pixels) -> np.ndarray:
        luma = pixels @ np.array([0.299, 0.587, 0.114])
        luma = luma[: len(luma) // 2 * 2, : luma.shape[1] // 2 * 2]
        halved = luma.reshape(len(luma) // 2, 2, -1, 2).mean((1, 3))
        prewitt = np.array([[1, 0, -1]] * 3) / 3
        parts = [convolve(halved, kernel, mode="constant") for kernel in (prewitt, prewitt.T)]
        return np.hypot(*parts)

    restored = noisy(photo, 12)
    a, b = gradient(restored), gradient(photo)
    similarity = (2 * a * b + 170) / (a**2 + b**2 + 170)
    found = scored(("gmsd",), restored, photo)["gmsd"].value
    assert found == pytest.approx(similarity.std(), abs=1e-3)


FURTHER = {"sr-sim": sr_sim, "dss": dss, "iw-ssim": iw_ssim, "ms-gmsd": ms_gmsd}


@pytest.mark.parametrize("shape", [(256, 256), (181, 230), (451, 173)])
def test_the_others_are_what_their_authors_published(shape: tuple[int, int]) -> None:
    """piq's four functions that nothing else here knows, against the authors' code in NumPy.

    Odd and even sides, and one that SR-SIM halves. Where piq departs from that code it does so by
    less than 3e-4, most in MS-GMSD of odd sizes.
    """
    reference = np.ascontiguousarray(skimage.data.astronaut()[: shape[0], : shape[1]])
    restored = np.asarray(cv2.GaussianBlur(noisy(reference, 9), (0, 0), 1.1), np.uint8)
    found = scored(tuple(FURTHER), restored, reference)
    for name, formula in FURTHER.items():
        value = found[name].value
        assert value == pytest.approx(formula(restored, reference), abs=1e-6), name
        assert value == pytest.approx(formula(restored, reference, authors=True), abs=3e-4), name
        assert METRICS[name].low < value < METRICS[name].high
    exponents = iw_ssim(restored, reference, authors=True)  # 1.0001 of ours, and borders
    assert found["iw-ssim"].value == pytest.approx(exponents ** (1 / 1.0001), abs=1e-6)


def test_none_is_measured_unless_asked_for_and_piq_waits_for_it() -> None:
    assert not set(NAMES) & set(DEFAULT)
    assert all(METRICS[name].factory.startswith("bench.metrics.similarity:") for name in NAMES)
    assert "doi:10." in "".join(METRICS[name].citation for name in NAMES)
    assert "piq" not in vars(sys.modules["bench.metrics.similarity"])
