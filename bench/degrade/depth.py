"""Defocus that differs with distance: each distance has its own disc."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.degrade.light import Light
from bench.degrade.psf import Psf, blur, defocus_psf, mixture

Nearness = NDArray[np.float64]
"""(H, W): inverse distance from 0, the farthest point, to 1, the nearest. A thin lens's circle of
confusion grows linearly with the difference of inverse distances."""


def defocus_by_depth(
    light: Light, nearness: Nearness, radius: float, focus: float
) -> tuple[Light, Psf]:
    """Defocus (H, W, 3) linear light; ``radius`` in pixels is what the farthest off focus gets.

    The scene is cut into levels of distance, at most 17 and half a pixel of radius or more apart; a
    point between two is shared by both. Every point spreads its light over its level's disc, and
    two levels that are neighbours add up, being parts of one surface, while a level farther in
    front hides what lies behind it. The sum is divided by the sum of what covers each pixel.

    Spreading, unlike gathering with each pixel's own disc, keeps the light of a point: exactly
    where the depth is flat, within some per cent on a slope. The division keeps a flat image flat
    everywhere. Hiding lets a near, blurred thing spread over a sharp background but never a blurred
    background over a sharp, near thing. The mean PSF weights each disc with its share of the image.
    """
    off_focus = (nearness - focus) * (radius / max(focus, 1 - focus))  # radius, nearer ones above 0
    spacing = max(0.5, radius / 8)
    position = (off_focus / spacing).astype(np.float32)
    opaque = np.ones(position.shape)  # the fourth plane: what covers
    source = np.dstack([light, opaque]).astype(np.float32)
    total = np.zeros_like(source)
    clear = np.ones_like(position)  # what nearer levels let through, but for the nearest of them
    last = np.zeros_like(position)
    psfs, weights = [], []
    for level in range(math.ceil(position.max()), math.floor(position.min()) - 1, -1):
        share = np.clip(1 - np.abs(position - level), 0, None)
        psfs.append(defocus_psf(abs(level) * spacing))
        weights.append(float(share.mean()))
        spread = blur(source * share[:, :, None], psfs[-1])
        total += spread * clear[:, :, None]
        clear *= 1 - last
        last = np.clip(spread[:, :, 3], 0, 1)
    return (total[:, :, :3] / total[:, :, 3:]).astype(np.float64), mixture(psfs, weights)


def smooth_nearness(rng: np.random.Generator, size: tuple[int, int]) -> Nearness:
    """Draw rolling relief: eight waves of up to one and a half periods a frame, from 0 to 1."""
    rows, columns = np.linspace(0, 1, size[0])[:, None], np.linspace(0, 1, size[1])[None, :]
    relief = np.zeros(size)
    for down, right, phase in zip(
        rng.uniform(-1.5, 1.5, 8), rng.uniform(-1.5, 1.5, 8), rng.uniform(0, 1, 8), strict=True
    ):
        relief += np.cos(2 * math.pi * (down * rows + right * columns + phase))
    return _stretched(relief)


def plane_nearness(rng: np.random.Generator, size: tuple[int, int]) -> Nearness:
    """Draw a tilted plane, from 0 to 1; a plane's inverse distance is linear over the image."""
    slope = rng.uniform(0, 2 * math.pi)
    rows, columns = np.arange(size[0])[:, None], np.arange(size[1])[None, :]
    return _stretched(math.sin(slope) * rows + math.cos(slope) * columns)


def _stretched(values: Nearness) -> Nearness:
    low, high = float(values.min()), float(values.max())
    return (values - low) / max(high - low, np.finfo(np.float64).tiny)
