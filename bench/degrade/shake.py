"""Camera shake that differs over the image: a rotating camera smears each place its own way."""

from __future__ import annotations

import math

import numpy as np

from bench.degrade.light import Light
from bench.degrade.psf import Points, Psf, rasterise

FOCAL = 1000.0
"""Focal length in pixels. For the frame of a phone camera it is about its width times 0.7."""
_STEP = 1.0
"""Pixels, at most, that the image moves from one pose to the next."""


def poses(path: Points, roll: Points, size: tuple[int, int]) -> Points:
    """Choose enough poses of a camera's course for an image of ``size`` (height, width).

    ``path`` is the course (n, 2) of the image's centre in pixels, ``roll`` the (n,) angles about
    the optical axis in radians. Returns (k, 3): pitch, yaw and roll in radians, each of mean zero,
    so that on average nothing moves.
    """
    corner = math.hypot(*size) / 2
    course = np.column_stack([path, corner * roll])
    travel = float(np.linalg.norm(np.diff(course, axis=0), axis=1).sum())
    count = min(len(path), 1 + math.ceil(travel / _STEP))
    chosen = ((np.arange(count) + 0.5) * len(path) / count).astype(int)
    angles = np.column_stack([path[chosen] / FOCAL, roll[chosen]])
    centred: Points = angles - angles.mean(axis=0)
    return centred


def shake(light: Light, camera: Points, margin: int = 0) -> Light:
    """Average (H, W, 3) linear light over the poses (k, 3) of a rotating camera.

    Each pose is the homography K R K^-1 of a rotation about the camera's centre (Whyte et al. 2012,
    doi:10.1007/s11263-011-0502-7), sampled with cubic splines. The image is mirrored at its edges;
    ``margin`` pixels on every side are left out of the result.
    """
    from scipy.ndimage import map_coordinates, spline_filter

    if not camera.any():  # sampling at its own pixels would change the last bits
        return light[margin : light.shape[0] - margin, margin : light.shape[1] - margin]
    height, width = light.shape[:2]
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    grid = np.mgrid[margin : height - margin, margin : width - margin].astype(np.float64)
    places = grid.reshape(2, -1) - middle[:, None]
    channels = [spline_filter(light[..., c], order=3, mode="mirror") for c in range(3)]
    total = np.zeros((3, places.shape[1]))
    for pose in camera:
        seen = _seen(places, pose) + middle[:, None]
        for c in range(3):
            total[c] += map_coordinates(channels[c], seen, order=3, mode="mirror", prefilter=False)
    mean = total.reshape(3, *grid.shape[1:]) / len(camera)
    return np.ascontiguousarray(np.moveaxis(mean, 0, -1))


def mean_psf(camera: Points, size: tuple[int, int]) -> Psf:
    """Average the PSFs at 7 x 7 places of a (height, width) image: all that one PSF can say."""
    rows, columns = (np.linspace(-(side - 1) / 2, (side - 1) / 2, 7) for side in size)
    places = np.stack(np.meshgrid(rows, columns, indexing="ij")).reshape(2, -1)
    # where a place sees the scene at +d, convolution needs its weight at -d
    moves = [places - _seen(places, pose) for pose in camera]
    return rasterise(np.concatenate(moves, axis=1).T)


def _seen(places: Points, pose: Points) -> Points:
    """Where a camera at ``pose`` sees what lies at ``places``, (2, n) pixels from the centre."""
    pitch, yaw, roll = pose
    turn_x = np.array([[math.cos(pitch), math.sin(pitch), 0],
                       [-math.sin(pitch), math.cos(pitch), 0],
                       [0, 0, 1]])  # axes: row, depth, column  # fmt: skip
    turn_y = np.array([[1, 0, 0],
                       [0, math.cos(yaw), -math.sin(yaw)],
                       [0, math.sin(yaw), math.cos(yaw)]])  # fmt: skip
    turn_z = np.array([[math.cos(roll), 0, math.sin(roll)],
                       [0, 1, 0],
                       [-math.sin(roll), 0, math.cos(roll)]])  # fmt: skip
    rays = np.stack([places[0], np.full(places.shape[1], FOCAL), places[1]])
    turned = turn_z @ turn_x @ turn_y @ rays
    seen: Points = FOCAL * turned[[0, 2]] / turned[1]
    return seen
