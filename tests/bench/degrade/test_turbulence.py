from __future__ import annotations

import math

import numpy as np
import pytest

from bench.degrade.psf import Psf
from bench.degrade.turbulence import RATIO, deviation, seeing_psf, smooth_moves, turbulent


def _transfer(psf: Psf, frequency: float) -> float:
    columns = np.arange(psf.shape[1]) - psf.shape[1] // 2
    return float((psf.sum(axis=0) * np.cos(2 * math.pi * frequency * columns)).sum())


@pytest.mark.parametrize("seeing", [3.0, 8.0, 20.0])
def test_a_long_exposure_is_as_wide_as_the_seeing(seeing: float) -> None:
    psf = seeing_psf(seeing)
    middle = psf.shape[0] // 2
    profile = psf[middle, middle:] / psf[middle, middle]
    half = float(np.interp(-0.5, -profile, np.arange(profile.size)))
    assert psf.sum() == pytest.approx(1)
    # the aperture widens it: a Gaussian of Fried's law alone would be 0.98 wide
    assert 2 * half == pytest.approx(seeing, rel=0.12)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_many_short_exposures_make_a_long_one(share: float) -> None:
    """Fried's own relation: the long exposure is the short one, spread by where it is seen."""
    seeing = 8.0
    frequency = share * RATIO * 0.98 / seeing / 2
    moved = math.exp(-2 * (math.pi * deviation(seeing) * frequency) ** 2)
    short = _transfer(seeing_psf(seeing, short=True), frequency)
    long = _transfer(seeing_psf(seeing), frequency)
    assert short * moved == pytest.approx(long, abs=0.02)


def test_a_points_variance_is_that_of_the_literature() -> None:
    # 0.182 (D/r0)^(5/3) (wavelength/D)^2 by Zernike tilt, 0.170 by gradient tilt: Tyson 2011
    wave_over_aperture = 5.0 / 0.98 / RATIO
    found = (deviation(5.0) / wave_over_aperture) ** 2 / RATIO ** (5 / 3)
    assert 0.170 <= found <= 0.182


def test_moves_are_smooth_and_nothing_moves_on_the_whole() -> None:
    moves = smooth_moves(np.random.default_rng(1), (256, 192))
    assert moves.shape == (2, 256, 192)
    assert moves.mean(axis=(1, 2)) == pytest.approx([0, 0], abs=1e-12)
    assert moves.std(axis=(1, 2)) == pytest.approx([1, 1])
    assert np.abs(np.diff(moves, axis=2)).mean() < 0.2
    assert abs(float(np.corrcoef(moves[0].ravel(), moves[1].ravel())[0, 1])) < 0.9


def test_an_image_is_bent_by_the_moves_and_then_blurred() -> None:
    """A ramp shows where each pixel looked: its slope times the move, a little blurred."""
    ramp = np.arange(256.0)[None, :, None] / 300 * np.ones((192, 1, 3))
    found, _ = turbulent(ramp, 2.0, np.random.default_rng(1))
    moves = deviation(2.0) * smooth_moves(np.random.default_rng(1), (192, 256))[1]
    inside = (slice(16, -16), slice(16, -16))
    seen = 300 * (found - ramp)[..., 0][inside]
    assert np.corrcoef(seen.ravel(), moves[inside].ravel())[0, 1] > 0.97
    assert seen.std() == pytest.approx(moves[inside].std(), rel=0.1)
