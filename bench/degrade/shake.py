"""Blurs that differ over the image because the camera turns, rolls or nears: averaged homographies.

Each instant of the exposure sees the scene through a 3x3 homography, and the photograph is the mean
of what they see. Homographies map (column, row, 1) of the photograph to where the sharp image has
it, (k, 3, 3) in pixels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.degrade.light import Light
from bench.degrade.psf import Points, Psf, rasterise

Homographies = NDArray[np.float64]

FOCAL = 1000.0
"""Focal length in pixels. For the frame of a phone camera it is about its width times 0.7."""
_STEP = 0.5
"""Pixels, at most, that the image moves from one instant to the next."""


def poses(path: Points, roll: Points, size: tuple[int, int]) -> Points:
    """Choose enough poses of a camera's course for an image of ``size`` (height, width).

    ``path`` is the course (n, 2) of the image's centre in pixels, ``roll`` the (n,) angles about
    the optical axis in radians. Returns (k, 3): pitch, yaw and roll in radians, each of mean zero,
    so that on average nothing moves.
    """
    course = np.column_stack([path, _corner(size) * roll])
    travel = float(np.linalg.norm(np.diff(course, axis=0), axis=1).sum())
    count = min(len(path), 1 + math.ceil(travel / _STEP))
    chosen = ((np.arange(count) + 0.5) * len(path) / count).astype(int)
    angles = np.column_stack([path[chosen] / FOCAL, roll[chosen]])
    centred: Points = angles - angles.mean(axis=0)
    return centred


def rotations(camera: Points, size: tuple[int, int]) -> Homographies:
    """Return K R K^-1 of each pose (k, 3) of a camera that turns about its own centre.

    Whyte et al. 2012, doi:10.1007/s11263-011-0502-7.
    """
    pitch, yaw, roll = camera.T
    turn_x, turn_y, turn_z = (np.tile(np.eye(3), (len(camera), 1, 1)) for _ in range(3))
    for turn, (a, b), angle in (
        (turn_x, (1, 2), pitch),
        (turn_y, (0, 2), yaw),
        (turn_z, (0, 1), -roll),
    ):
        turn[:, a, a] = turn[:, b, b] = np.cos(angle)
        turn[:, a, b] = np.sin(angle)
        turn[:, b, a] = -np.sin(angle)
    return _about_centre(turn_z @ turn_x @ turn_y, size, FOCAL)


def spin(degrees: float, size: tuple[int, int]) -> Homographies:
    """Return an even roll through ``degrees`` about the centre of (height, width) pixels."""
    turned = math.radians(degrees)
    angles = _evenly(turned, turned * _corner(size))
    return rotations(np.column_stack([0 * angles, 0 * angles, angles]), size)


def zoom(percent: float, size: tuple[int, int]) -> Homographies:
    """Return an even growth by ``percent`` of the image's size, half of it before, half after.

    The mean magnification is 1, so that every point keeps its place. A zooming lens keeps the
    light of each pixel, so a small bright thing, magnified, gains (percent/100)^2/12 of light.
    """
    growth = percent / 100
    grown = 1 + _evenly(growth, growth * _corner(size))
    scales = np.zeros((len(grown), 3, 3))
    scales[:, 0, 0] = scales[:, 1, 1] = 1 / grown
    scales[:, 2, 2] = 1
    return _about_centre(scales, size, 1.0)


def average(light: Light, homographies: Homographies) -> Light:
    """Average (H, W, 3) linear light over what each homography sees. Mirrored at the edges.

    Bilinear, because that is how `rasterise` shares light among pixels: a shake that is the same
    everywhere is the convolution with its PSF, and interpolation moves no centroid. OpenCV does it
    some fifty times as fast as SciPy's exact cubic splines, and 0.3 levels from them on average
    (51.5 dB, of a photograph that the shake took to 25.7 dB): the 1/6 square pixel of variance that
    every PSF here has from sharing. Since version 5 it rounds no coordinate; before, it took the
    nearest 1/32 pixel, 0.01 levels off on average.
    """
    import cv2

    if _all_identity(homographies):  # sampling at its own pixels would change the last bits
        return light
    sharp = light.astype(np.float32)
    total = np.zeros(light.shape)
    for homography in homographies:
        cv2.accumulate(
            cv2.warpPerspective(
                sharp,
                homography,
                (light.shape[1], light.shape[0]),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT_101,
            ),
            total,
        )
    total /= len(homographies)
    return total


def mean_psf(homographies: Homographies, size: tuple[int, int]) -> Psf:
    """Average the PSFs at 7 x 7 places of a (height, width) image: all that one PSF can say."""
    if _all_identity(homographies):
        return np.ones((1, 1))
    rows, columns = (np.linspace(0, side - 1, 7) for side in size)
    x, y = np.meshgrid(columns, rows)
    places = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    seen = homographies @ places
    # where a place sees the scene at +d, convolution needs its weight at -d
    moves = places[:2] - seen[:, :2] / seen[:, 2:]
    return rasterise(moves[:, ::-1].transpose(0, 2, 1).reshape(-1, 2))


def _evenly(range_: float, travel: float) -> NDArray[np.float64]:
    """Return instants spread evenly over ``range_`` about 0, for ``travel`` pixels of movement."""
    count = 1 + math.ceil(travel / _STEP)
    return ((np.arange(count) + 0.5) / count - 0.5) * range_


def _corner(size: tuple[int, int]) -> float:
    return math.hypot(*size) / 2


def _about_centre(turns: Homographies, size: tuple[int, int], focal: float) -> Homographies:
    camera = np.array([[focal, 0, (size[1] - 1) / 2], [0, focal, (size[0] - 1) / 2], [0, 0, 1]])
    return np.asarray(camera @ turns @ np.linalg.inv(camera))


def _all_identity(homographies: Homographies) -> bool:
    return bool(np.allclose(homographies, np.eye(3), rtol=0, atol=1e-9))
