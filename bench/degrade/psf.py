"""Point spread functions of blurs that are the same over the whole image.

Each is an (h, w) float64 array with odd sides that sums to 1 and has its centroid exactly at the
centre, so that blurring moves nothing: full-reference scores would read a shift as blur.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.degrade.light import Light

Psf = NDArray[np.float64]
Points = NDArray[np.float64]
"""(n, 2) positions as (row, column) in pixels."""

_THIN = 1 / 33
"""Pixels: a thinner ellipse could slip between the samples of a pixel."""

STEPS, LENGTH = 2000, 60.0
"""Steps and length in pixels of a camera trajectory, as Boracchi and Foi take them."""


def rasterise(points: Points) -> Psf:
    """Spread n equal parts of light over the pixel grid, centred on the points' mean.

    Each point is shared among its four pixels with bilinear weights, which keeps the sum and the
    centroid exactly. (h, w) is the smallest odd size that holds them all.
    """
    centred = points - points.mean(axis=0)
    # 1e-9: a point that rounding has put just off a pixel's centre needs no further pixel
    reach = np.ceil(np.abs(centred).max(axis=0) - 1e-9).astype(int)
    psf = np.zeros(2 * reach + 1)
    position = np.clip(centred + reach, 0, 2 * reach)
    corner = np.minimum(position.astype(int), np.maximum(2 * reach - 1, 0))
    part = position - corner
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - part[:, 0]) * np.abs(1 - right - part[:, 1])
            inside = weight > 0
            index = (corner[inside, 0] + down, corner[inside, 1] + right)
            np.add.at(psf, index, weight[inside])
    psf /= psf.sum()
    return psf


def motion_psf(length: float, angle: float) -> Psf:
    """Uniform motion over ``length`` pixels, ``angle`` in degrees anticlockwise from the right."""
    radians = math.radians(angle)
    direction = np.array([-math.sin(radians), math.cos(radians)])
    count = 1 + 2 * math.ceil(8 * length)  # sixteen points a pixel: finer shows nowhere
    return rasterise(np.linspace(-length / 2, length / 2, count)[:, None] * direction)


def defocus_psf(radius: float) -> Psf:
    """The disc of a defocused thin lens, ``radius`` in pixels, its rim antialiased."""
    return ellipse_psf(radius, radius, 0.0)


def ellipse_psf(along: float, across: float, angle: float) -> Psf:
    """An evenly lit ellipse with semi-axes in pixels, its rim antialiased.

    ``angle`` is that of the axis ``along``, in degrees anticlockwise from the right.
    """
    if along <= 0 and across <= 0:
        return np.ones((1, 1))
    along, across = max(along, _THIN), max(across, _THIN)
    reach = math.ceil(max(along, across) - 0.5)
    fine = 33  # samples along each side of a pixel; odd, so that one is at the pixel's centre
    offsets = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - (reach + 0.5)
    down, right = offsets[:, None], offsets[None, :]
    if along == across:
        inside = down**2 + right**2 <= along**2
    else:
        turn = math.radians(angle)
        first = right * math.cos(turn) - down * math.sin(turn)
        second = right * math.sin(turn) + down * math.cos(turn)
        inside = (first / along) ** 2 + (second / across) ** 2 <= 1
    size = 2 * reach + 1
    psf: Psf = inside.reshape(size, fine, size, fine).sum(axis=(1, 3)) / inside.sum()
    return psf


def gaussian_psf(sigma: float) -> Psf:
    """A Gaussian of standard deviation ``sigma`` in pixels, sampled out to four of them."""
    if sigma < 0.05:  # the neighbours would get 1e-87
        return np.ones((1, 1))
    reach = math.ceil(4 * sigma)
    profile = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    profile /= profile.sum()
    return np.outer(profile, profile)


def convolved(psf: Psf, other: Psf) -> Psf:
    """Return the PSF of one blur after another."""
    down, right = other.shape[0] // 2, other.shape[1] // 2
    around = np.pad(psf, ((2 * down, 2 * down), (2 * right, 2 * right)))
    both: Psf = blur(around, other)[down : -down or None, right : -right or None]
    both /= both.sum()
    return both


def mixture(psfs: Sequence[Psf], weights: Sequence[float]) -> Psf:
    """Average PSFs, each (h, w), with weights of any sum; (h, w) is large enough for all."""
    height, width = (max(psf.shape[axis] for psf in psfs) for axis in (0, 1))
    mixed = np.zeros((height, width))
    for psf, weight in zip(psfs, weights, strict=True):
        down, right = (height - psf.shape[0]) // 2, (width - psf.shape[1]) // 2
        mixed[down : down + psf.shape[0], right : right + psf.shape[1]] += weight * psf
    mixed /= mixed.sum()
    return mixed


def trajectory(rng: np.random.Generator, extent: float, exposure: float = 1.0) -> Points:
    """The path of a hand-held camera, (n, 2) in pixels.

    Momentum is disturbed by Gaussian tremor, a pull back to the start and rare jerks about face, at
    constant speed; how strong each is is drawn too. Boracchi and Foi 2012,
    doi:10.1109/TIP.2012.2192126. Their paths of equal length differ widely in how far they spread,
    so the path is scaled until its longer side measures ``extent``; then the part of the `STEPS`
    positions that is travelled during ``exposure`` (a fraction) is returned.
    """
    nervousness = rng.uniform(0.003, 0.01)
    tremor, pull, jerks = 10 * rng.random(), 0.7 * rng.random(), 0.2 * rng.random()
    step = LENGTH / (STEPS - 1)
    shocks = rng.standard_normal((STEPS, 2))
    chances = rng.random((STEPS, 2))
    velocity = cmath.rect(step, 2 * math.pi * rng.random())
    position = 0j
    path = np.zeros((STEPS, 2))
    for index in range(1, STEPS):
        change = nervousness * (tremor * complex(*shocks[index]) - pull * position) * step
        if chances[index, 0] < jerks * nervousness:
            change += 2 * velocity * cmath.rect(1, math.pi + chances[index, 1] - 0.5)
        velocity += change
        velocity *= step / abs(velocity)
        position += velocity
        path[index] = position.imag, position.real
    path *= extent / np.ptp(path, axis=0).max()
    return path[: max(1, round(exposure * STEPS))]


def blur(light: Light, psf: Psf) -> Light:
    """Convolve (H, W) or (H, W, c) linear light with a PSF; the image is mirrored at its edges.

    OpenCV sums small PSFs directly and takes large ones by Fourier transform, in the type of
    ``light``: in float64 a flat image stays flat to some 1e-16 and a point of light becomes the PSF
    to as much.
    """
    import cv2

    if psf.shape == (1, 1):
        return light * float(psf[0, 0])
    turned = np.ascontiguousarray(psf[::-1, ::-1])  # filter2D correlates
    return np.asarray(cv2.filter2D(light, -1, turned, borderType=cv2.BORDER_REFLECT_101))
