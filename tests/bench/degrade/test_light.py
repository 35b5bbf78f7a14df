from __future__ import annotations

import numpy as np
import pytest

from bench.degrade.light import to_linear, to_pixels


def test_every_level_survives_the_way_to_linear_light_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_pixels(to_linear(levels)), levels)


def test_black_is_0_white_is_1_and_light_grows_with_the_level() -> None:
    light = to_linear(np.arange(256, dtype=np.uint8))
    assert light[0] == 0
    assert light[255] == 1
    assert (np.diff(light) > 0).all()


@pytest.mark.parametrize(
    ("level", "light"),
    [
        (10, 10 / 255 / 12.92),  # in the straight part, below 0.04045
        (188, 0.5028865),  # colour-science tables: sRGB 188 is about half of the light
        (118, 0.1811642),  # the photographer's 18 % grey
    ],
)
def test_levels_have_the_light_of_the_standard(level: int, light: float) -> None:
    assert to_linear(np.array([level], dtype=np.uint8))[0] == pytest.approx(light, abs=2e-7)


def test_light_outside_the_range_is_clipped() -> None:
    assert to_pixels(np.array([-0.5, 0.0, 1.0, 7.0])).tolist() == [0, 0, 255, 255]
