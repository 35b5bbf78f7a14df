from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage.transform import ProjectiveTransform, rotate, warp

from bench.degrade.light import Light
from bench.degrade.psf import Points, blur, gaussian_psf, rasterise, trajectory
from bench.degrade.shake import (
    FOCAL,
    Homographies,
    average,
    mean_psf,
    poses,
    rotations,
    spin,
    zoom,
)

SIZE = (80, 96)


def _rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def _smooth(height: int, width: int, sigma: float = 2.0) -> Light:
    noise = _rng(0).random((height, width, 3))
    return np.asarray(gaussian_filter(noise, (sigma, sigma, 0)))


def _camera(seed: int, roll: float, size: tuple[int, int] = SIZE) -> Points:
    rng = _rng(seed)
    path = trajectory(rng, 6.0)
    return poses(path, np.radians(trajectory(rng, roll)[:, 0]), size)


def _all_kinds(size: tuple[int, int]) -> dict[str, Homographies]:
    return {
        "shake": rotations(_camera(2, 0.8, size), size),
        "spin": spin(3.0, size),
        "zoom": zoom(5.0, size),
    }


KINDS = list(_all_kinds(SIZE))


def test_the_mean_pose_is_no_rotation_so_nothing_moves() -> None:
    assert _camera(1, 0.8).mean(axis=0) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    "still",
    [
        rotations(poses(np.zeros((2000, 2)), np.zeros(2000), SIZE), SIZE),
        spin(0.0, SIZE),
        zoom(0.0, SIZE),
    ],
)
def test_a_camera_that_holds_still_changes_no_bit(still: Homographies) -> None:
    light = _smooth(*SIZE)
    assert np.array_equal(average(light, still), light)
    assert mean_psf(still, SIZE).tolist() == [[1.0]]


@pytest.mark.parametrize("kind", KINDS)
def test_flat_light_stays_flat(kind: str) -> None:
    flat = np.full((*SIZE, 3), (0.0003, 0.37, 1.0))
    assert average(flat, _all_kinds(SIZE)[kind]) == pytest.approx(flat, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("row", "column"), [(40, 48), (20, 20), (60, 30), (25, 80)])
def test_a_spot_keeps_its_light_and_its_place(kind: str, row: int, column: int) -> None:
    """But for what is so of the real thing: 5 % of zoom add 0.05^2/12 of light, and the middle of
    an arc through an angle a at radius r lies r a^2/24 inside, 0.005 pixels here. In the middle of
    a zoom, where hardly anything moves, bilinear sampling is uneven by half a per cent.
    """
    size = (81, 97)
    spot = np.zeros((*size, 3))
    spot[row - 8 : row + 9, column - 8 : column + 9] = gaussian_psf(2.0)[:, :, None]
    spread = average(spot, _all_kinds(size)[kind])[..., 1]
    rows, columns = np.indices(size)
    assert spread.sum() == pytest.approx(1, abs=6e-3 if row == 40 else 1e-3)
    assert (spread * rows).sum() / spread.sum() == pytest.approx(row, abs=0.02)
    assert (spread * columns).sum() / spread.sum() == pytest.approx(column, abs=0.02)


def test_the_poses_are_close_enough_together() -> None:
    camera = _camera(3, 0.5)
    assert len(camera) >= 12
    assert np.abs(np.diff(camera[:, :2], axis=0)).max() * FOCAL < 1


def test_shake_is_the_average_of_skimage_homography_warps() -> None:
    light, camera = _smooth(*SIZE), _camera(4, 0.8)
    height, width = SIZE
    inner = np.array([[FOCAL, 0, (width - 1) / 2], [0, FOCAL, (height - 1) / 2], [0, 0, 1]])
    expected = np.zeros_like(light)
    for pitch, yaw, roll in camera:
        # x, y, depth: the rotations written out
        turn_x = np.array(
            [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
        )
        turn_y = np.array(
            [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
        )
        turn_z = np.array(
            [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
        )
        homography = inner @ turn_z @ turn_x @ turn_y @ np.linalg.inv(inner)
        expected += warp(light, ProjectiveTransform(homography), order=1, mode="reflect")
    expected /= len(camera)
    found = average(light, rotations(camera, SIZE))
    # 2e-3: OpenCV before 5 samples at the nearest 1/32 pixel; 5 agrees to 1e-5
    assert np.abs(found - expected)[10:-10, 10:-10].max() < 2e-3


def test_the_edges_are_mirrored_as_scipy_does() -> None:
    light, homographies = _smooth(*SIZE), rotations(_camera(4, 0.8), SIZE)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    expected = np.zeros_like(light)
    for homography in homographies:
        seen = homography @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
        at = seen[1::-1] / seen[2]
        for c in range(3):
            plane = map_coordinates(light[..., c], at, order=1, mode="mirror")
            expected[..., c] += plane.reshape(SIZE)
    assert np.abs(average(light, homographies) - expected / len(homographies)).max() < 2e-3


def test_spin_is_the_average_of_skimage_rotations() -> None:
    light = _smooth(*SIZE)
    expected = np.mean(
        [rotate(light, angle, mode="reflect") for angle in np.linspace(-2, 2, 161)], axis=0
    )
    found = average(light, spin(4.0, SIZE))
    assert np.abs(found - expected)[6:-6, 6:-6].max() < 3e-3


def test_the_mean_magnification_of_a_zoom_is_1() -> None:
    magnified = 1 / zoom(60.0, SIZE)[:, 0, 0]
    assert magnified.mean() == pytest.approx(1, abs=1e-12)
    assert np.ptp(magnified) == pytest.approx(0.6, rel=0.05)


def test_zoom_smears_along_the_rays_and_spin_around_them() -> None:
    """A spot 36 pixels right of the middle: by 10 % it spreads 3.6 pixels, by 6 degrees 3.8."""
    size = (81, 121)
    spot = np.zeros((*size, 3))
    spot[40, 96] = 1
    rows, columns = np.indices(size)
    for homographies, along, across in (
        (zoom(10.0, size), 3.6**2 / 12 + 1 / 6, 0.0),
        (spin(6.0, size), 0.0, (36 * math.radians(6)) ** 2 / 12 + 1 / 6),
    ):
        spread = average(spot, homographies)[..., 0]
        spread /= spread.sum()
        assert (spread * (columns - 96) ** 2).sum() == pytest.approx(along, rel=0.15, abs=0.1)
        assert (spread * (rows - 40) ** 2).sum() == pytest.approx(across, rel=0.15, abs=0.1)


def test_a_shake_without_roll_is_the_convolution_with_its_mean_psf() -> None:
    """Far from the edges of a small image every homography is a shift, to 0.01 pixel."""
    light, camera = _smooth(*SIZE), _camera(5, 0.0)
    homographies = rotations(camera, SIZE)
    found = average(light, homographies)
    assert found[12:-12, 12:-12] == pytest.approx(
        blur(light, mean_psf(homographies, SIZE))[12:-12, 12:-12], abs=2e-3
    )


def test_the_psf_of_a_shake_is_that_of_its_path() -> None:
    """The same path, rasterised at all its 2000 points: half-pixel steps lose next to nothing.

    Mirrored: where the camera turns to the right, the image moves to the left.
    """
    path = trajectory(_rng(5), 6.0)
    exact = rasterise(-path)
    homographies = rotations(poses(path, np.zeros(len(path)), SIZE), SIZE)
    found = mean_psf(homographies, SIZE)
    height, width = (min(a, b) for a, b in zip(exact.shape, found.shape, strict=True))

    def middle(psf: Light) -> Light:
        down, right = (psf.shape[0] - height) // 2, (psf.shape[1] - width) // 2
        return psf[down : down + height, right : right + width]

    assert np.abs(middle(found) - middle(exact)).sum() < 0.1  # of a total of 1


def test_the_mean_psf_sums_to_1_and_is_centred() -> None:
    for homographies in _all_kinds(SIZE).values():
        psf = mean_psf(homographies, SIZE)
        rows, columns = np.indices(psf.shape)
        assert psf.sum() == pytest.approx(1)
        assert (psf * rows).sum() == pytest.approx((psf.shape[0] - 1) / 2, abs=1e-9)
        assert (psf * columns).sum() == pytest.approx((psf.shape[1] - 1) / 2, abs=1e-9)


def test_the_average_does_not_depend_on_the_number_of_threads() -> None:
    light, threads = _smooth(*SIZE), cv2.getNumThreads()
    homographies = rotations(_camera(4, 0.8), SIZE)
    try:
        cv2.setNumThreads(1)
        alone = average(light, homographies)
        cv2.setNumThreads(4)
        assert np.array_equal(average(light, homographies), alone)
    finally:
        cv2.setNumThreads(threads)
