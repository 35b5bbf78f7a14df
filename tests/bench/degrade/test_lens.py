from __future__ import annotations

import math

import numpy as np
import pytest

from bench.degrade.lens import corner_defocus, spread_by_place
from bench.degrade.light import Light
from bench.degrade.psf import Psf, blur, defocus_psf, ellipse_psf

SIZE = (97, 129)
CORNER = math.hypot(48, 64)


def _points(*places: tuple[int, int]) -> Light:
    light = np.zeros((*SIZE, 3))
    for place in places:
        light[place] = 1.0
    return light


def _spread(light: Light, place: tuple[int, int], reach: int) -> tuple[float, float]:
    """Return the variances of a spread point's light: towards the image's centre, and across."""
    rows, columns = (np.arange(-reach, reach + 1) for _ in range(2))
    part = light[place[0] - reach : place[0] + reach + 1, place[1] - reach : place[1] + reach + 1]
    weights = part[..., 1] / part[..., 1].sum()
    inwards = np.array([place[0] - 48, place[1] - 64]) / math.hypot(place[0] - 48, place[1] - 64)
    along = rows[:, None] * inwards[0] + columns[None, :] * inwards[1]
    across = rows[:, None] * inwards[1] - columns[None, :] * inwards[0]
    return float((weights * along**2).sum()), float((weights * across**2).sum())


@pytest.mark.parametrize("angle", [0.0, 30.0, 117.0])
def test_an_ellipse_has_the_moments_of_one(angle: float) -> None:
    psf = ellipse_psf(9.0, 4.0, angle)
    reach = psf.shape[0] // 2
    down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    turn = math.radians(angle)
    along = right * math.cos(turn) - down * math.sin(turn)
    across = right * math.sin(turn) + down * math.cos(turn)
    assert psf.sum() == pytest.approx(1)
    # of an evenly lit ellipse a quarter of the squared axis; and a twelfth, as pixels are wide
    assert (psf * along**2).sum() == pytest.approx(9**2 / 4 + 1 / 12, abs=0.02)
    assert (psf * across**2).sum() == pytest.approx(4**2 / 4 + 1 / 12, abs=0.02)
    assert (psf * along * across).sum() == pytest.approx(0, abs=0.02)


def test_an_ellipse_without_width_is_a_line() -> None:
    assert ellipse_psf(5.0, 0.0, 0.0).sum(axis=1).tolist() == pytest.approx([0] * 5 + [1] + [0] * 5)


@pytest.mark.parametrize("counts", [(2, 2), (5, 7)])
def test_one_psf_at_all_places_is_the_convolution_with_it(counts: tuple[int, int]) -> None:
    light = np.random.default_rng(0).random((*SIZE, 3))
    psf = defocus_psf(3.4)
    found, mean = spread_by_place(light, lambda row, column: psf, counts)
    assert found == pytest.approx(blur(light, psf), abs=1e-12)
    assert mean == pytest.approx(psf)


def test_a_point_between_two_places_is_spread_by_both() -> None:
    psfs: dict[float, Psf] = {0.0: defocus_psf(1.0), 128.0: defocus_psf(6.0)}
    found, _ = spread_by_place(_points((48, 32)), lambda row, column: psfs[column], (2, 2))
    even, _ = spread_by_place(np.ones((*SIZE, 3)), lambda row, column: psfs[column], (2, 2))
    near, far = (blur(_points((48, 32)), psf) for psf in psfs.values())
    expected = 0.75 * near + 0.25 * far
    assert found == pytest.approx(expected, rel=0.05, abs=1e-9)  # what divides it is nearly 1
    assert even == pytest.approx(np.ones((*SIZE, 3)))


def test_the_radius_grows_with_the_square_of_the_distance_from_the_centre() -> None:
    places = [(48, 64), (48, 96), (16, 64), (72, 96)]
    found, _ = corner_defocus(_points(*places), 8.0, 2 / 3)
    assert found[48, 64, 0] > 0.9  # sharp
    for place in places[1:]:
        radius = 8 * (math.hypot(place[0] - 48, place[1] - 64) / CORNER) ** 2
        along, across = _spread(found, place, 10)
        assert along == pytest.approx(radius**2 / 4, rel=0.1, abs=0.15)
        assert across == pytest.approx((radius / 3) ** 2 / 4, rel=0.1, abs=0.15)


def test_without_astigmatism_it_is_a_disc_and_keeps_the_light() -> None:
    found, psf = corner_defocus(_points((24, 24)), 6.0, 0.0)
    along, across = _spread(found, (24, 24), 8)
    assert along == pytest.approx(across, rel=0.05)
    assert found.sum() == pytest.approx(3, rel=0.02)
    assert psf.sum() == pytest.approx(1)
