"""Things that move of their own in front of a still or shaking background, with soft mattes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.degrade.light import Light
from bench.degrade.psf import Points, Psf, blur, mixture, rasterise

Matte = NDArray[np.float64]
"""(H, W): the share of each pixel that a layer covers, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One moving thing: which part of the photograph it is, and where it goes.

    ``path`` is its course in the scene during the exposure, (n, 2) pixels at even times; only its
    shape counts, as it is centred. A shaking camera's course is added to it.
    """

    matte: Matte
    path: Points


def move_layers(light: Light, layers: Sequence[Layer], camera: Points) -> tuple[Light, Psf]:
    """Blur (H, W, 3) linear light where layers, the farthest first, and a ``camera`` (n, 2) move.

    At each instant a layer covers what lies behind it, and what was behind it in the photograph is
    unknown: there the background is the photograph itself. The mean over the exposure is taken as
    ``behind * (1 - psf*matte) + psf*(matte light)``, which leaves a flat image flat and keeps the
    light of everything inside a layer or off it. That is exact for a still camera and one layer; at
    the rim of one that moves together with what is behind it, the two are averaged apart. Returns
    the light and the mean PSF, each thing's weighted by the share of the image that it covers.
    """
    psfs = [rasterise(camera)]
    shares = [np.ones(light.shape[:2])]
    blurred = blur(light, psfs[0])
    for layer in layers:
        psf = rasterise(_together(camera, layer.path))
        # the colours and, as a fourth channel, the matte: premultiplied, so they blur alike
        covered = np.dstack([light * layer.matte[:, :, None], layer.matte])
        covered = blur(covered, psf)
        matte = covered[:, :, 3]
        blurred = blurred * (1 - matte[:, :, None]) + covered[:, :, :3]
        shares = [*(share * (1 - matte) for share in shares), matte]
        psfs.append(psf)
    return blurred, mixture(psfs, [float(share.mean()) for share in shares])


def draw_layers(
    rng: np.random.Generator, size: tuple[int, int], count: int, length: float
) -> list[Layer]:
    """Draw ``count`` round things in a (height, width) image, the farthest first.

    Each is a lobed ellipse with a third to two thirds of the shorter side as diameter and an edge
    a few pixels soft, and moves straight on by half of ``length`` pixels to all of it.
    """
    layers: list[Layer] = []
    for _ in range(count):
        row, column = rng.uniform(0.2, 0.8, 2) * size
        radius = rng.uniform(1 / 6, 1 / 3) * min(size)
        tilt, flat = rng.uniform(0, math.pi), rng.uniform(1, 1.5)
        lobes = rng.uniform(0, 0.12, 3)
        phases = rng.uniform(0, 2 * math.pi, 3)
        rows, columns = np.arange(size[0])[:, None] - row, np.arange(size[1])[None, :] - column
        along = (columns * math.cos(tilt) + rows * math.sin(tilt)) / flat
        across = (rows * math.cos(tilt) - columns * math.sin(tilt)) * flat
        bearing = np.arctan2(across, along)
        rim = radius * (
            1
            + sum(
                a * np.cos(k * bearing + p)
                for k, a, p in zip((2, 3, 5), lobes, phases, strict=True)
            )
        )
        softness = max(2.0, 0.03 * radius)
        matte = np.clip((rim - np.hypot(along, across)) / softness + 0.5, 0, 1)
        direction, far = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 1) * length
        step = far * np.array([math.sin(direction), math.cos(direction)])
        times = np.linspace(-0.5, 0.5, 1 + 2 * math.ceil(8 * length))
        layers.append(Layer(matte, times[:, None] * step))
    return layers


def _together(camera: Points, path: Points) -> Points:
    """Add two courses of one exposure, each at even times of its own."""
    count = max(len(camera), len(path))
    times = np.linspace(0, 1, count)
    courses = [
        np.interp(times, np.linspace(0, 1, len(course)), course[:, axis])
        for axis in (0, 1)
        for course in (camera, path)
    ]
    return np.column_stack([courses[0] + courses[1], courses[2] + courses[3]])
