"""A short exposure through turbulent air: the image is bent, and a little blurred."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.degrade.light import Light
from bench.degrade.psf import Psf, blur

RATIO = 4.0
"""The aperture's diameter over Fried's parameter r0: turbulence that is plain to see."""
_FALL = 3.44
"""How fast Fried's transfer functions fall."""
_SEEING = 0.98
"""Full width at half maximum of a long exposure, in units of wavelength / r0 (Fried 1966)."""


def turbulent(light: Light, seeing: float, rng: np.random.Generator) -> tuple[Light, Psf]:
    """Take (H, W, 3) linear light through turbulent air in a short exposure.

    ``seeing`` is the full width at half maximum, in pixels, to which a long exposure would spread a
    point. In a short one most of that is not blur: every point is moved, by an amount that changes
    smoothly over the image and whose mean over it is zero, and then spread by Fried's
    short-exposure PSF. Returned is the long exposure's PSF, which is the mean over many such
    images. How the movements hang together over the image is not Fried's: they are drawn with
    von Karman's spectrum and an outer scale of half the shorter side.
    """
    import cv2

    moves = deviation(seeing) * smooth_moves(rng, (light.shape[0], light.shape[1]))
    rows, columns = np.indices(light.shape[:2], np.float32)
    seen = cv2.remap(
        light.astype(np.float32),
        columns + moves[1].astype(np.float32),
        rows + moves[0].astype(np.float32),
        interpolation=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return blur(seen.astype(np.float64), seeing_psf(seeing, short=True)), seeing_psf(seeing)


def deviation(seeing: float) -> float:
    """Return the standard deviation along one axis, in pixels, of where a point seems to be.

    It is what Fried's long exposure has beyond his short one, so that the mean of many short
    exposures is a long one: 0.417 D^(-1/6) r0^(-5/6) wavelengths.
    """
    f0, cutoff = _frequencies(seeing)
    return math.sqrt(_FALL / (2 * math.pi**2) * f0 ** (-5 / 3) * cutoff ** (-1 / 3))


def seeing_psf(seeing: float, *, short: bool = False) -> Psf:
    """Return the PSF of a long or short exposure through turbulent air, (h, w), sums to 1.

    A circular aperture's own transfer function, times exp(-3.44 (f/f0)^(5/3)) with f0 = r0 over
    wavelength, in the image; a short exposure has, in the exponent, the factor
    1 - (f/cutoff)^(1/3): the movement of the whole is taken out (near field; Fried 1966,
    doi:10.1364/JOSA.56.001372). Cut off at four times ``seeing`` pixels from its centre.
    """
    reach = max(2, math.ceil(4 * seeing))
    side = 4 * reach + 1
    down = np.fft.fftfreq(side)
    f = np.hypot(down[:, None], down[None, :])
    f0, cutoff = _frequencies(seeing)
    x = np.minimum(f / cutoff, 1)
    aperture = 2 / math.pi * (np.arccos(x) - x * np.sqrt(1 - x * x))
    left = 1 - x ** (1 / 3) if short else 1
    transfer = aperture * np.exp(-_FALL * (f / f0) ** (5 / 3) * left)
    spread = np.fft.fftshift(np.fft.ifft2(transfer).real)
    middle = slice(side // 2 - reach, side // 2 + reach + 1)
    psf: Psf = np.clip(spread[middle, middle], 0, None)
    psf /= psf.sum()
    return psf


def _frequencies(seeing: float) -> tuple[float, float]:
    """Return r0 over wavelength and the aperture's cutoff, in periods a pixel of the image."""
    return _SEEING / seeing, RATIO * _SEEING / seeing


def smooth_moves(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """Draw (2, height, width) moves down and right: mean 0 and variance 1 over the image, each."""
    moves = np.empty((2, *size))
    outer = min(size) / 2
    down, right = np.fft.fftfreq(2 * size[0]), np.fft.rfftfreq(2 * size[1])
    squared = down[:, None] ** 2 + right[None, :] ** 2
    amplitude = (squared + outer**-2) ** (-11 / 12)
    for axis in (0, 1):
        noise = np.fft.rfft2(rng.standard_normal((2 * size[0], 2 * size[1])))
        drawn = np.fft.irfft2(noise * amplitude)[: size[0], : size[1]]  # twice the size: no wrap
        drawn -= drawn.mean()
        moves[axis] = drawn / max(float(drawn.std()), np.finfo(np.float64).tiny)
    return moves
