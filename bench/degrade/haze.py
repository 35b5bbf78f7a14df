"""Haze: light from things fades with their distance, and the sky's light takes its place."""

from __future__ import annotations

import numpy as np

from bench.degrade.depth import Nearness
from bench.degrade.light import Light

DEPTHS = 10.0
"""The farthest point is this many times as far away as the nearest."""


def hazy(light: Light, nearness: Nearness, thickness: float, airlight: float) -> Light:
    """Return (H, W, 3) linear light as it is seen through even haze.

    Koschmieder's law: a part t = exp(-``thickness`` * distance) is left of a thing's light, and
    (1 - t) * ``airlight``, which is grey, is added; distance is 1 at the farthest point, so that
    ``thickness`` is the optical depth there. Narasimhan and Nayar 2002,
    doi:10.1023/A:1016328200723. ``nearness`` (H, W) is linear in the inverse of the distance.
    """
    left = np.exp(-thickness / (1 + (DEPTHS - 1) * nearness))[:, :, None]
    return light * left + airlight * (1 - left)
