from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from bench.image import Pixels, read, write_png
from bench.suites.strata import detail_left, gradient_share, light, mean_luminance


def _grey(level: int) -> Pixels:
    return np.full((8, 9, 3), level, np.uint8)


def test_mean_luminance_is_of_linear_light() -> None:
    # sRGB 188 is 0.5029 of the light, not 188 / 255 = 0.737; IEC 61966-2-1: ((c+0.055)/1.055)^2.4
    expected = ((188 / 255 + 0.055) / 1.055) ** 2.4
    assert mean_luminance(_grey(188)) == pytest.approx(expected, rel=1e-6)
    half = np.concatenate([_grey(0), _grey(255)])
    assert mean_luminance(half) == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize(("channel", "weight"), [(0, 0.2126), (1, 0.7152), (2, 0.0722)])
def test_the_channels_weigh_as_in_bt_709(channel: int, weight: float) -> None:
    pixels = _grey(0)
    pixels[:, :, channel] = 255
    assert mean_luminance(pixels) == pytest.approx(weight, rel=1e-6)


def test_two_stops_under_the_meters_grey_is_low_and_one_stop_over_is_bright() -> None:
    # 0.18 / 4 = 0.045 is sRGB 59.3; 0.18 * 2 = 0.36 is sRGB 161.9
    assert [light(_grey(level)) for level in (59, 60, 118, 161, 163)] == [
        "low",
        "normal",
        "normal",
        "normal",
        "bright",
    ]


def test_nothing_is_lost_of_the_reference_itself_and_all_by_a_constant(photograph: Pixels) -> None:
    assert gradient_share(photograph, photograph) == 1
    assert gradient_share(np.full_like(photograph, 90), photograph) == 0


def test_gradient_energy_is_a_sum_of_squared_differences() -> None:
    reference, degraded = _grey(0), _grey(0)
    reference[:, 4:] = 100  # one edge of 100: 8 rows x 100^2
    degraded[:, 4:] = 50  # one of 50: a quarter of it
    assert gradient_share(degraded, reference) == 0.25
    assert detail_left(degraded, reference) == "some"


def test_the_more_blur_the_less_is_left(photograph: Pixels) -> None:
    left = [
        gradient_share(
            np.asarray(cv2.GaussianBlur(photograph, (0, 0), sigma), np.uint8), photograph
        )
        for sigma in (0.5, 1.0, 2.0, 4.0)
    ]
    assert left == sorted(left, reverse=True)  # type: ignore[type-var]


def test_kinds_of_blur_get_their_names(photograph: Pixels) -> None:
    def kind(sigma: float) -> str | None:
        blurred = np.asarray(cv2.GaussianBlur(photograph, (0, 0), sigma), np.uint8)
        return detail_left(blurred, photograph)

    assert (kind(0.4), kind(1.2), kind(3.0)) == ("most", "some", "little")


def test_there_is_nothing_to_say_without_a_reference_of_that_size_with_detail(
    photograph: Pixels,
) -> None:
    assert detail_left(photograph, None) is None
    assert detail_left(photograph[:100], photograph) is None
    assert detail_left(_grey(3), _grey(7)) is None


def test_both_take_a_small_part_of_what_reading_the_image_takes(tmp_path: Path) -> None:
    pixels = np.asarray(cv2.resize(data.astronaut(), (1280, 720)), np.uint8)
    assert pixels.shape == (720, 1280, 3)
    write_png(tmp_path / "large.png", pixels)

    def fastest(work: Callable[[], object]) -> float:
        taken = []
        for _ in range(5):
            begin = time.thread_time()
            work()
            taken.append(time.thread_time() - begin)
        return min(taken)

    reading = fastest(lambda: read(tmp_path / "large.png"))
    assert fastest(lambda: (light(pixels), detail_left(pixels, pixels))) < reading / 4
