"""Noise: of sensors, in linear light, and white, in the sRGB values that the field adds it to."""

from __future__ import annotations

import numpy as np

from bench.degrade.light import Light
from bench.image import Floats, Pixels


def poisson_gaussian(
    light: Light, electrons: float, read_noise: float, rng: np.random.Generator
) -> Light:
    """Count linear light with a sensor: photon (Poisson) noise, then read-out (Gaussian) noise.

    ``electrons`` are counted where the light is 1, ``read_noise`` is in electrons (standard
    deviation), so the variance at light x is x/electrons + (read_noise/electrons)^2. The result is
    linear light, not clipped. Foi et al. 2008, doi:10.1109/TIP.2008.2001399.
    """
    counted = rng.poisson(light * electrons) + read_noise * rng.standard_normal(light.shape)
    return np.asarray(counted / electrons, dtype=np.float64)


def white(pixels: Pixels, sigma: float, rng: np.random.Generator, grey: bool = False) -> Floats:
    """Add white Gaussian noise of ``sigma`` 8-bit levels to (H, W, 3) uint8 sRGB.

    The result is float32 in [0, 1] and beyond: neither clipped nor rounded, as the denoising field
    has it since Zhang et al. 2017 (DnCNN), doi:10.1109/TIP.2017.2662206. ``grey``: all channels get
    the same noise. At another ``sigma`` it is the same noise, scaled.
    """
    noise = rng.standard_normal((*pixels.shape[:2], 1 if grey else pixels.shape[2]))
    return ((pixels + sigma * noise) / 255.0).astype(np.float32)
