"""Sensor noise."""

from __future__ import annotations

import numpy as np

from bench.degrade.light import Light


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
