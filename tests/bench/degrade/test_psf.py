from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import convolve, gaussian_filter
from scipy.signal import fftconvolve

from bench.degrade.psf import (
    STEPS,
    Psf,
    blur,
    convolved,
    defocus_psf,
    gaussian_psf,
    mixture,
    motion_psf,
    rasterise,
    trajectory,
)


def _rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def _moments(psf: Psf) -> tuple[float, float, float, float, float]:
    """Sum, centroid relative to the centre (row, column), and variances about it."""
    rows, columns = np.indices(psf.shape)
    rows = rows - (psf.shape[0] - 1) / 2
    columns = columns - (psf.shape[1] - 1) / 2
    return (
        float(psf.sum()),
        float((psf * rows).sum()),
        float((psf * columns).sum()),
        float((psf * rows**2).sum()),
        float((psf * columns**2).sum()),
    )


def _assert_is_psf(psf: Psf) -> None:
    total, row, column, _, _ = _moments(psf)
    assert psf.shape[0] % 2 == psf.shape[1] % 2 == 1
    assert psf.min() >= 0
    assert total == pytest.approx(1, abs=1e-12)
    assert row == pytest.approx(0, abs=1e-8)
    assert column == pytest.approx(0, abs=1e-8)


@given(length=st.floats(0, 40), angle=st.floats(-360, 360))
def test_a_motion_psf_sums_to_1_and_moves_nothing(length: float, angle: float) -> None:
    _assert_is_psf(motion_psf(length, angle))


@given(radius=st.floats(0, 12))
def test_a_defocus_psf_sums_to_1_and_moves_nothing(radius: float) -> None:
    _assert_is_psf(defocus_psf(radius))


@given(sigma=st.floats(0, 8))
def test_a_gaussian_psf_sums_to_1_and_moves_nothing(sigma: float) -> None:
    _assert_is_psf(gaussian_psf(sigma))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("exposure", [0.05, 0.5, 1.0])
def test_a_trajectory_psf_sums_to_1_and_moves_nothing(seed: int, exposure: float) -> None:
    _assert_is_psf(rasterise(trajectory(_rng(seed), 9.0, exposure)))


@pytest.mark.parametrize(
    "psf", [motion_psf(0, 33), defocus_psf(0), gaussian_psf(0), rasterise(np.ones((5, 2)))]
)
def test_a_blur_of_length_zero_is_a_single_pixel(psf: Psf) -> None:
    assert psf.tolist() == [[1.0]]


def test_a_horizontal_motion_lies_in_one_row_and_a_vertical_one_in_one_column() -> None:
    assert motion_psf(8, 0).shape == (1, 9)
    assert motion_psf(8, 90).shape == (9, 1)


def test_a_motion_at_45_degrees_rises_to_the_right() -> None:
    psf = motion_psf(10, 45)
    assert psf[0, -1] > 0
    assert psf[-1, -1] == 0


def test_a_motion_spreads_as_a_uniform_line_does() -> None:
    # variance of a line of length L: L^2/12; bilinear sharing adds the mean of f(1-f), 1/6
    *_, column = _moments(motion_psf(30.0, 0))
    assert column == pytest.approx(30.0**2 / 12 + 1 / 6, rel=0.01)


@pytest.mark.parametrize("radius", [4.0, 9.0])
def test_a_defocus_spreads_as_a_disc_does(radius: float) -> None:
    # variance of a disc along one axis: r^2/4; a pixel's own area adds 1/12
    _, _, _, row, column = _moments(defocus_psf(radius))
    assert row == pytest.approx(radius**2 / 4 + 1 / 12, rel=0.02)
    assert column == pytest.approx(row)


def test_motion_psfs_turn_and_spread_as_kornia_ones_do() -> None:
    """Second moments of kornia 0.9.0 `get_motion_kernel2d(9, angle)`: rows, columns, mixed.

    Obtained by running it once. Its line is nine pixels wide along the longer axis, ours long along
    the motion, so they agree to a seventh; that the mixed moment agrees fixes the turning sense.
    """
    for angle, kornia in ((30, (1.8182, 5.6364, -3.0909)), (120, (5.6364, 1.8182, 3.0909))):
        psf = motion_psf(9, angle)
        *_, row, column = _moments(psf)
        rows, columns = (np.arange(side) - (side - 1) / 2 for side in psf.shape)
        mixed = float((psf * rows[:, None] * columns).sum())
        assert (row, column, mixed) == pytest.approx(kornia, rel=1 / 7)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.5, 6.0])
def test_a_gaussian_blur_is_that_of_scipy_and_opencv(sigma: float) -> None:
    light = _rng(9).random((60, 70, 3))
    found = blur(light, gaussian_psf(sigma))
    scipy = gaussian_filter(light, (sigma, sigma, 0), mode="mirror", truncate=4.0)
    assert found == pytest.approx(scipy, abs=1e-3 if sigma < 1 else 2e-5)  # cut off elsewhere
    side = gaussian_psf(sigma).shape[0]
    opencv = cv2.GaussianBlur(light, (side, side), sigma, borderType=cv2.BORDER_REFLECT_101)
    assert found == pytest.approx(np.asarray(opencv), abs=1e-12)


def test_a_mixture_of_psfs_is_one_with_the_mean_of_their_moments() -> None:
    line, disc = motion_psf(12, 20), defocus_psf(3.0)
    mixed = mixture([line, disc], [3.0, 1.0])
    _assert_is_psf(mixed)
    expected = [(3 * a + b) / 4 for a, b in zip(_moments(line), _moments(disc), strict=True)]
    assert _moments(mixed) == pytest.approx(expected, abs=1e-12)


def test_a_trajectory_is_as_long_and_as_wide_as_asked() -> None:
    path = trajectory(_rng(3), 7.5)
    assert path.shape == (STEPS, 2)
    assert np.ptp(path, axis=0).max() == pytest.approx(7.5)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert steps == pytest.approx(steps[0])  # constant speed


def test_a_shorter_exposure_sees_the_beginning_of_the_same_path() -> None:
    whole, half = trajectory(_rng(5), 6.0), trajectory(_rng(5), 6.0, exposure=0.5)
    assert np.array_equal(half, whole[: STEPS // 2])


def test_trajectories_differ_with_the_seed_only() -> None:
    assert np.array_equal(trajectory(_rng(1), 6.0), trajectory(_rng(1), 6.0))
    assert not np.array_equal(trajectory(_rng(1), 6.0), trajectory(_rng(2), 6.0))


def test_a_delta_changes_no_bit_and_a_flat_image_stays_flat() -> None:
    light = _rng(0).random((20, 30, 3))
    assert np.array_equal(blur(light, np.ones((1, 1))), light)
    padded = np.zeros((5, 5))
    padded[2, 2] = 1
    assert np.array_equal(blur(light, padded), light)
    flat = np.full((20, 30, 3), 0.37)
    assert blur(flat, motion_psf(9, 20)) == pytest.approx(0.37, abs=1e-14)


def test_a_point_of_light_becomes_the_psf() -> None:
    psf = rasterise(trajectory(_rng(4), 8.0))
    light = np.zeros((31, 31, 3))
    light[15, 15] = 1
    down, right = psf.shape[0] // 2, psf.shape[1] // 2
    seen = blur(light, psf)[15 - down : 16 + down, 15 - right : 16 + right, 1]
    assert seen == pytest.approx(psf, abs=1e-15)


@pytest.mark.parametrize("size", [(40, 50), (13, 90), (9, 7)])
@pytest.mark.parametrize("side", [(3, 5), (11, 11), (1, 41), (35, 21)])
def test_blur_is_convolution_as_scipy_computes_it_to_the_edges(
    size: tuple[int, int], side: tuple[int, int]
) -> None:
    light, psf = _rng(7).random((*size, 3)), _rng(8).random(side)
    psf /= psf.sum()
    expected = np.stack([convolve(light[..., c], psf, mode="mirror") for c in range(3)], axis=-1)
    assert blur(light, psf) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("radius", [3.0, 30.0])
def test_flat_light_stays_flat_to_the_last_bits_by_fourier_transform_too(radius: float) -> None:
    flat = np.full((90, 120, 3), (0.0003, 0.37, 1.0))
    assert np.abs(blur(flat, defocus_psf(radius)) - flat).max() < 1e-14


@pytest.mark.parametrize("radius", [3.0, 30.0])
def test_a_point_in_the_middle_keeps_its_light_and_its_place(radius: float) -> None:
    light = np.zeros((101, 111, 3))
    light[50, 55] = 1
    spread = blur(light, defocus_psf(radius))[..., 0]
    rows, columns = np.indices(spread.shape)
    assert spread.sum() == pytest.approx(1, abs=1e-12)
    assert (spread * rows).sum() == pytest.approx(50, abs=1e-10)
    assert (spread * columns).sum() == pytest.approx(55, abs=1e-10)


def test_blur_does_not_depend_on_the_number_of_threads() -> None:
    light, threads = _rng(1).random((200, 300, 3)), cv2.getNumThreads()
    try:
        found = []
        for count in (1, 4):
            cv2.setNumThreads(count)
            found.append([blur(light, defocus_psf(radius)) for radius in (2.0, 15.0)])
    finally:
        cv2.setNumThreads(threads)
    assert all(np.array_equal(one, other) for one, other in zip(*found, strict=True))


def test_blur_is_convolution_as_scipy_signal_computes_it() -> None:
    light, psf = _rng(7).random((40, 50, 3)), rasterise(trajectory(_rng(2), 9.0))
    expected = np.stack([fftconvolve(light[..., c], psf, mode="same") for c in range(3)], axis=-1)
    edge = max(psf.shape)  # at the edges one mirrors, the other takes zero
    inside = (slice(edge, -edge), slice(edge, -edge))
    assert blur(light, psf)[inside] == pytest.approx(expected[inside], abs=1e-12)


def test_rasterising_a_point_between_pixels_shares_it_by_area() -> None:
    # two points half a pixel on either side of the centre: a quarter, a half, a quarter
    assert rasterise(np.array([[0.0, 0.0], [0.0, 1.0]])).tolist() == [[0.25, 0.5, 0.25]]
    assert math.isclose(rasterise(np.array([[0.0, 0.0], [3.0, 4.0]])).sum(), 1)


def test_one_blur_after_another_is_scipy_signals_convolution() -> None:
    one, other = motion_psf(7.0, 30.0), defocus_psf(2.3)
    found = convolved(one, other)
    assert found == pytest.approx(fftconvolve(one, other), abs=1e-12)
    assert convolved(one, np.ones((1, 1))) == pytest.approx(one)
