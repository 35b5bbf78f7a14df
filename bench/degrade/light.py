"""sRGB and linear light. Optics and photons add up in linear light, never in sRGB values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.image import Pixels

Light = NDArray[np.float64]
"""(H, W, 3) or (H, W) linear light: 0 is black, 1 is the white that 8-bit sRGB can hold."""


def to_linear(pixels: Pixels) -> Light:
    """Uint8 sRGB of any shape -> linear light in [0, 1]. IEC 61966-2-1."""
    return _LINEAR[pixels]


def to_pixels(light: Light) -> Pixels:
    """Linear light of any shape -> uint8 sRGB, clipped and rounded to the nearest level."""
    clipped = np.clip(light, 0.0, 1.0)
    srgb = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return np.rint(255.0 * srgb).astype(np.uint8)


_LEVELS = np.arange(256) / 255.0
_LINEAR: Light = np.where(
    _LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4
)  # one value for each of the 256 levels
