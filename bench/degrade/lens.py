"""Defocus that grows towards the corners, as a lens has it whose sharp surface is curved."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np

from bench.degrade.light import Light
from bench.degrade.psf import Psf, blur, ellipse_psf, mixture

FEWEST, MOST = 5, 17
"""Places along each side whose PSFs are computed."""


def corner_defocus(light: Light, radius: float, astigmatism: float) -> tuple[Light, Psf]:
    """Defocus (H, W, 3) linear light by a curved field and by astigmatism, sharp at the centre.

    Seidel's third order: the two surfaces on which lines away from the centre and lines around it
    are sharp are paraboloids, so the point of light at distance r from the centre becomes an evenly
    lit ellipse. Its semi-axis towards the centre is ``radius`` * (r/corner)^2 pixels, the other
    1 - ``astigmatism`` times as long: 0 is a curved field alone, and 2/3 a flattened one, whose
    astigmatism is what is left of it (Born and Wolf, Principles of Optics, section 5.3).
    """
    height, width = light.shape[:2]
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    corner = max(math.hypot(*middle), 1e-9)

    def psf_at(row: float, column: float) -> Psf:
        away = np.array([row, column]) - middle
        along = radius * (math.hypot(*away) / corner) ** 2
        direction = math.degrees(math.atan2(-away[0], away[1]))
        return ellipse_psf(along, along * (1 - astigmatism), direction)

    # so near to one another that the radius changes by a pixel from one place to the next
    step = corner / max(2 * radius, 1e-9)
    counts = [min(MOST, max(FEWEST, 1 + math.ceil(side / step))) for side in (height, width)]
    return spread_by_place(light, psf_at, (counts[0], counts[1]))


def spread_by_place(
    light: Light, psf_at: Callable[[float, float], Psf], counts: tuple[int, int]
) -> tuple[Light, Psf]:
    """Blur (H, W, 3) linear light by a PSF that changes smoothly; return it and the mean PSF.

    ``psf_at`` gives the PSF of a (row, column); it is computed at ``counts`` places down and
    across, and every point shares its light among the four places around it, with bilinear weights,
    each of which spreads its part (efficient filter flow: Hirsch et al. 2010,
    doi:10.1109/CVPR.2010.5540158). Spreading keeps the light of a point; the sum is divided by
    what spreads to each pixel, so that a flat image stays flat.
    """
    height, width = light.shape[:2]
    rows = np.linspace(0, height - 1, counts[0])
    columns = np.linspace(0, width - 1, counts[1])
    down, across = _tents(height, rows), _tents(width, columns)
    source = np.dstack([light, np.ones((height, width))])
    total = np.zeros_like(source)
    psfs, weights = [], []
    for i, j in product(range(counts[0]), range(counts[1])):
        psf = psf_at(rows[i], columns[j])
        part = tuple(
            slice(max(0, inside[0] - reach), inside[-1] + 1 + reach)
            for inside, reach in (
                (np.flatnonzero(down[i]), psf.shape[0]),
                (np.flatnonzero(across[j]), psf.shape[1]),
            )
        )
        share = np.outer(down[i][part[0]], across[j][part[1]])
        total[part] += blur(source[part] * share[:, :, None], psf)
        psfs.append(psf)
        weights.append(float(share.sum()))
    return total[:, :, :3] / total[:, :, 3:], mixture(psfs, weights)


def _tents(length: int, places: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Light:
    """Return (places, length): how much of each pixel's light goes to each place."""
    tents = [np.interp(np.arange(length), places, unit) for unit in np.eye(len(places))]
    return np.array(tents)
