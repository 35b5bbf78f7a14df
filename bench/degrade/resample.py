"""Bicubic resizing as MATLAB's ``imresize`` does it: what super-resolution calls its input.

Keys 1981, doi:10.1109/TASSP.1981.1163711, with a = -0.5. Making smaller, the kernel is stretched
against aliasing; the image is mirrored at its edges, edge pixels twice; weights are normalised. As
in MATLAB an 8-bit image is rounded after each axis, halves up, the axis that shrinks more first.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.image import ImageSizeError, Pixels

Weights = NDArray[np.float64]
Indices = NDArray[np.intp]


def downsample(pixels: Pixels, scale: int) -> Pixels:
    """(H, W, 3) or (H, W) uint8 sRGB -> (H/scale, W/scale, ..) uint8.

    Raises `ImageSizeError` unless both sides are multiples of ``scale``.
    """
    height, width = pixels.shape[:2]
    if height % scale or width % scale:
        raise ImageSizeError(
            f"image {height}x{width} (height x width) cannot be made smaller by {scale}; expected "
            f"multiples of {scale}: crop it with whole_multiple first"
        )
    return resize(pixels, (height // scale, width // scale))


def upsample(pixels: Pixels, scale: int) -> Pixels:
    """(H, W, 3) or (H, W) uint8 sRGB -> (H*scale, W*scale, ..) uint8: the plain baseline."""
    return resize(pixels, (pixels.shape[0] * scale, pixels.shape[1] * scale))


def whole_multiple(pixels: Pixels, scale: int) -> Pixels:
    """Cut rows and columns off the end until both sides are multiples of ``scale``."""
    height, width = (side - side % scale for side in pixels.shape[:2])
    if not (height and width):
        raise ImageSizeError(f"image {pixels.shape[:2]} is too small to be made {scale}x smaller")
    return pixels[:height, :width]


def resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize (H, W, ..) uint8 to ``size`` (height, width)."""
    axes = [0, 1]
    axes.sort(key=lambda axis: size[axis] / pixels.shape[axis])
    for axis in axes:
        if size[axis] != pixels.shape[axis]:
            pixels = _resize_axis(pixels, axis, size[axis])
    return np.ascontiguousarray(pixels)


def matrix(old: int, new: int) -> Weights:
    """Return (new, old): what resizing an axis multiplies it by, before anything is rounded."""
    indices, weights = _taps(old, new)
    full = np.zeros((new, old))
    np.add.at(full, (np.arange(new)[:, None], indices), weights)
    return full


def _resize_axis(pixels: Pixels, axis: int, length: int) -> Pixels:
    lines = np.moveaxis(pixels, axis, 0)
    indices, weights = _taps(lines.shape[0], length)
    total = np.zeros((length, *lines.shape[1:]))
    for tap in range(indices.shape[1]):
        weight = weights[:, tap].reshape(-1, *[1] * (lines.ndim - 1))
        total += weight * lines[indices[:, tap]]
    # float64 and one fixed order of summing: halves, which x2 and x4 often meet, come out exact
    rounded = np.floor(np.clip(total, 0, 255, out=total) + 0.5).astype(np.uint8)
    return np.moveaxis(rounded, 0, axis)


def _taps(old: int, new: int) -> tuple[Indices, Weights]:
    """Which of ``old`` pixels make up each of ``new`` ones, and their weights: both (new, taps)."""
    scale = new / old
    stretch = min(scale, 1.0)
    reach = 2 / stretch
    centres = (np.arange(new) + 0.5) / scale - 0.5
    first = np.floor(centres - reach).astype(int)
    indices = first[:, None] + np.arange(math.ceil(2 * reach) + 2)
    weights = _cubic((centres[:, None] - indices) * stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    used = (weights != 0).any(axis=0)
    indices, weights = indices[:, used] % (2 * old), weights[:, used]
    return np.where(indices < old, indices, 2 * old - 1 - indices), weights


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
