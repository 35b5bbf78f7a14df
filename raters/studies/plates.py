"""A short check of colour vision: pictures of dots, in which a number differs by its hue alone.

After Ishihara's pseudo-isochromatic plates, but drawn here: it tells the common red-green
deficiencies from normal vision well enough to look at their answers apart, and is no diagnosis.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.image import Pixels
from raters.studies.secret import drawn

Contrast = Literal["light", "protan", "deutan"]
CONTRASTS: tuple[Contrast, ...] = ("light", "protan", "deutan", "protan", "deutan")
"""What the number of each plate differs in: the first one everybody sees, who sees at all; of the
others a protanope or deuteranope does not see those of their kind, and hardly the rest."""
SIDE = 260
DIGITS = "235689"
ENOUGH = 3
"""Numbers read of the four that differ in hue: one slip is no deficiency."""

LMS = np.array(
    [
        [17.8824, 43.5161, 4.11935],
        [3.45565, 27.1554, 3.86714],
        [0.0299566, 0.184309, 1.46709],
    ]
)
"""Linear sRGB to the responses of long, middle and short cones (Viénot, Brettel and Mollon 1999,
doi:10.1002/(SICI)1520-6378(199908)24:4<243::AID-COL5>3.0.CO;2-3)."""
GROUND = np.array([0.34, 0.27, 0.13])
"""Linear sRGB half-way between the dots of the number and the others."""
_CONE = {"protan": 0, "deutan": 1}
_STEP = {"protan": 3.0, "deutan": 2.0}
"""How far figure and ground lie from `GROUND`, in the response of the cone that is lacking."""


@dataclass(frozen=True, slots=True)
class Plate:
    """One picture and what it shows."""

    contrast: Contrast
    number: str
    seed: int

    def pixels(self) -> Pixels:
        """Return the picture, (SIDE, SIDE, 3) uint8 sRGB."""
        return _dots(self)[0]


def plates(secret: str, rater: int) -> list[Plate]:
    """Return the plates of one rater: what they show follows from the study's secret."""
    found = []
    for place, contrast in enumerate(CONTRASTS):
        rng = drawn(secret, "plate", rater, place)
        number = rng.choice(DIGITS)
        found.append(Plate(contrast, number, rng.randrange(2**32)))
    return found


def vision(shown: Sequence[str], seen: Sequence[str]) -> str:
    """Say what a rater's readings tell: passed, red-green (deficiency), or unclear.

    Unclear is who did not read what needs no colour.
    """
    read = [one == other.strip() for one, other in zip(shown, seen, strict=False)]
    if not read or not read[0]:
        return "unclear"
    return "passed" if sum(read[1:]) >= ENOUGH else "red-green"


@lru_cache(64)
def _dots(plate: Plate) -> tuple[Pixels, NDArray[np.int8]]:
    """Return the picture, and of each pixel whether it is of the number 1, of the others 0, or -1.

    -1 is what lies between dots.
    """
    rng = random.Random(plate.seed)
    figure = _figure(plate.number)
    linear = np.broadcast_to(_linear(np.array([232, 230, 226]) / 255), (SIDE, SIDE, 3)).copy()
    belongs = np.full((SIDE, SIDE), -1, np.int8)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for x, y, radius in _packed(rng):
        box = slice(y - radius, y + radius + 1), slice(x - radius, x + radius + 1)
        inside = bool(figure[box].mean() > 0.5)
        dot = (rows[box] - y) ** 2 + (columns[box] - x) ** 2 <= radius**2
        linear[box][dot] = _colour(plate.contrast, inside, rng)
        belongs[box][dot] = inside
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * np.clip(coded, 0, 1)), np.uint8), belongs


def _colour(contrast: Contrast, inside: bool, rng: random.Random) -> NDArray[np.float64]:
    """Return the colour of a dot, linear sRGB; its brightness tells nothing, but for light."""
    bright = rng.uniform(0.8, 1.2)
    if contrast == "light":
        return GROUND * bright * (0.35 if inside else 1.4)
    response = LMS @ GROUND
    response[_CONE[contrast]] += _STEP[contrast] * (1 if inside else -1)
    return np.asarray(np.linalg.solve(LMS, response) * bright)


def _figure(number: str) -> NDArray[np.bool_]:
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    scale, thick = 7.5, 40
    (width, height), _ = cv2.getTextSize(number, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    corner = ((SIDE - width) // 2, (SIDE + height) // 2)
    cv2.putText(canvas, number, corner, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick)
    return canvas > 0


def _packed(rng: random.Random) -> list[tuple[int, int, int]]:
    """Return dots (x, y, radius) in a disc that do not touch, large ones first."""
    taken = np.zeros((SIDE, SIDE), bool)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    half = SIDE // 2
    taken[(rows - half) ** 2 + (columns - half) ** 2 > (half - 2) ** 2] = True
    found = []
    for radius, tries in ((6, 400), (5, 900), (4, 2500), (3, 3500)):
        for _ in range(tries):
            x, y = rng.randrange(radius, SIDE - radius), rng.randrange(radius, SIDE - radius)
            if taken[y - radius : y + radius + 1, x - radius : x + radius + 1].any():
                continue
            box = slice(y - radius, y + radius + 1), slice(x - radius, x + radius + 1)
            taken[box] |= (rows[box] - y) ** 2 + (columns[box] - x) ** 2 <= (radius + 1) ** 2
            found.append((x, y, radius))
    return found


def _linear(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
