from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.transform import ProjectiveTransform, warp

from bench.degrade.light import Light
from bench.degrade.psf import Points, blur, trajectory
from bench.degrade.shake import FOCAL, mean_psf, poses, shake


def _rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def _smooth(height: int, width: int, sigma: float = 2.0) -> Light:
    noise = _rng(0).random((height, width, 3))
    return np.asarray(gaussian_filter(noise, (sigma, sigma, 0)))


def _camera(seed: int, roll: float, size: tuple[int, int] = (80, 96)) -> Points:
    rng = _rng(seed)
    path = trajectory(rng, 6.0)
    return poses(path, np.radians(trajectory(rng, roll)[:, 0]), size)


def test_the_mean_pose_is_no_rotation_so_nothing_moves() -> None:
    assert _camera(1, 0.8).mean(axis=0) == pytest.approx(0, abs=1e-15)


def test_a_camera_that_holds_still_changes_no_bit() -> None:
    light = _smooth(40, 48)
    camera = poses(np.zeros((2000, 2)), np.zeros(2000), (40, 48))
    assert np.array_equal(shake(light, camera), light)
    assert np.array_equal(shake(light, camera, margin=5), light[5:-5, 5:-5])
    assert mean_psf(camera, (40, 48)).tolist() == [[1.0]]


def test_a_flat_image_stays_flat() -> None:
    flat = np.full((40, 48, 3), 0.37)
    assert shake(flat, _camera(2, 0.8, (40, 48))) == pytest.approx(0.37, abs=1e-12)


def test_the_poses_are_close_enough_together() -> None:
    camera = _camera(3, 0.5)
    assert len(camera) >= 6
    assert np.abs(np.diff(camera[:, :2], axis=0)).max() * FOCAL < 2


def test_shake_is_the_average_of_skimage_homography_warps() -> None:
    light, camera = _smooth(80, 96), _camera(4, 0.8)
    height, width = light.shape[:2]
    inner = np.array([[FOCAL, 0, (width - 1) / 2], [0, FOCAL, (height - 1) / 2], [0, 0, 1]])
    expected = np.zeros_like(light)
    for pitch, yaw, roll in camera:
        # in (x, y, depth): the same rotations, written as skimage's axes are ordered
        turn_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)],
                           [0, -np.sin(pitch), np.cos(pitch)]])  # fmt: skip
        turn_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0],
                           [-np.sin(yaw), 0, np.cos(yaw)]])  # fmt: skip
        turn_z = np.array([[np.cos(roll), -np.sin(roll), 0],
                           [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])  # fmt: skip
        homography = inner @ turn_z @ turn_x @ turn_y @ np.linalg.inv(inner)
        expected += warp(light, ProjectiveTransform(homography), order=3, mode="reflect")
    expected /= len(camera)
    found = shake(light, camera)
    assert np.abs(found - expected)[10:-10, 10:-10].max() < 2e-3  # skimage's cubic is no spline
    assert np.abs(found - light)[10:-10, 10:-10].max() > 0.02  # and something did happen


def test_without_roll_shake_is_convolution_with_its_mean_psf() -> None:
    light, camera = _smooth(80, 96), _camera(1, 0.0)
    inside = (slice(12, -12), slice(12, -12))
    found, convolved = shake(light, camera), blur(light, mean_psf(camera, (80, 96)))
    assert np.abs(found - convolved)[inside].max() < 4e-3
    # turned by half a turn the PSF would be wrong: the test can tell
    turned = blur(light, mean_psf(camera, (80, 96))[::-1, ::-1])
    assert np.abs(found - turned)[inside].max() > 1e-2


def test_with_roll_the_blur_grows_with_the_distance_from_the_centre() -> None:
    dots = np.zeros((161, 161, 3))
    dots[80, 80] = dots[80, 12] = 1
    rng = _rng(6)
    camera = poses(np.zeros((2000, 2)), np.radians(trajectory(rng, 10.0)[:, 0]), (161, 161))
    seen = shake(gaussian_filter(dots, (1, 1, 0)), camera)
    peak = 1 / (2 * np.pi)  # of a Gaussian of sigma 1, which turning about it does not change
    assert seen[80, 80].max() == pytest.approx(peak, rel=0.01)
    assert seen[70:91, 2:23].max() < peak / 2


def test_the_margin_is_cut_off_and_nothing_else() -> None:
    light, camera = _smooth(60, 70), _camera(7, 0.8, (60, 70))
    assert np.array_equal(shake(light, camera, margin=9), shake(light, camera)[9:-9, 9:-9])


def test_the_mean_psf_sums_to_1_and_is_centred() -> None:
    psf = mean_psf(_camera(8, 1.0, (320, 320)), (320, 320))
    rows, columns = np.indices(psf.shape)
    assert psf.sum() == pytest.approx(1)
    assert (psf * (rows - psf.shape[0] // 2)).sum() == pytest.approx(0, abs=1e-8)
    assert (psf * (columns - psf.shape[1] // 2)).sum() == pytest.approx(0, abs=1e-8)
