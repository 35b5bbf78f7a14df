"""Strata measured from the images: how much light a scene has, and how much detail a blur left.

Both take a few milliseconds for 1280x720 pixels, so that they can be measured as images are read.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from bench.degrade.light import to_linear
from bench.image import Floats, Pixels, quantise

Light = Literal["low", "normal", "bright"]
Detail = Literal["little", "some", "most"]

GREY = 0.18
"""The mean reflectance of ordinary scenes, which light meters are set to."""
LOW, BRIGHT = GREY / 4, GREY * 2
"""Mean linear luminance: two stops under the meter's grey, where a photograph shows mainly dark
tones and noise, and one stop over it, where white is less than two stops away."""

LITTLE, MOST = 0.15, 0.35
"""Shares of gradient energy. Of the 24 Kodak photographs a Gaussian blur of sigma 0.6 leaves 0.33
to 0.53, of sigma 1 0.12 to 0.30 and of sigma 2 0.03 to 0.11; in real GoPro pairs 0.14 to 0.34 is
left."""

_REC709 = (0.2126, 0.7152, 0.0722)


def measured(degraded: Pixels | Floats, reference: Pixels | None) -> dict[str, str]:
    """Return what the images of a pair show of the light and of the blur, by stratum."""
    pixels = quantise(degraded)
    found = {"light": str(light(pixels))}
    if left := detail_left(pixels, reference):
        found["detail left"] = left
    return found


def light(pixels: Pixels) -> Light:
    """Say whether an (H, W, 3) uint8 sRGB image is dark, ordinary or bright on the whole."""
    mean = mean_luminance(pixels)
    return "low" if mean < LOW else "bright" if mean > BRIGHT else "normal"


def mean_luminance(pixels: Pixels) -> float:
    """Return the mean linear luminance, 0 to 1, with the weights of BT.709."""
    levels = to_linear(np.arange(256, dtype=np.uint8))
    total = 0.0
    for channel, weight in enumerate(_REC709):  # exact, and a histogram is faster than powers
        histogram = cv2.calcHist([pixels], [channel], None, [256], [0, 256])
        total += weight * float(histogram.ravel().astype(np.float64) @ levels)
    return float(total / (pixels.shape[0] * pixels.shape[1]))


def detail_left(degraded: Pixels, reference: Pixels | None) -> Detail | None:
    """Say how much detail is left of the reference: a measured proxy of how far a blur extends.

    None without a reference, or with one of another size or without detail. Noise adds gradients,
    so in noisy images more seems to be left than is.
    """
    left = None if reference is None else gradient_share(degraded, reference)
    if left is None:
        return None
    return "little" if left < LITTLE else "most" if left >= MOST else "some"


def gradient_share(degraded: Pixels, reference: Pixels) -> float | None:
    """Return the degraded image's gradient energy over the reference's, both of grey values."""
    if degraded.shape != reference.shape:
        return None
    energy = _gradient_energy(reference)
    return _gradient_energy(degraded) / energy if energy else None


def _gradient_energy(pixels: Pixels) -> float:
    """Return the sum of squared differences between neighbours, across and down."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return float(
        cv2.norm(grey[:, 1:], grey[:, :-1], cv2.NORM_L2SQR)
        + cv2.norm(grey[1:], grey[:-1], cv2.NORM_L2SQR)
    )
