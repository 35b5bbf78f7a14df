"""How a cost grows with the size of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import linear_regression

from bench.compute.profile import Measurement
from bench.records import Profile


@dataclass(frozen=True, slots=True)
class Growth:
    """A cost as a power of the pixels of one pass: ``cost ~ pixels ** exponent``.

    1 where each pixel costs the same; near 0 where something else decides, such as the launches of
    a GPU; 2 for attention over all pixels. Between ``smallest`` and ``largest`` megapixels.
    """

    quantity: str
    exponent: float
    smallest: float
    largest: float


def figures(found: Measurement) -> dict[str, Profile]:
    """Return a measurement's figures by quantity."""
    return {row.quantity: row for row in found.profiles()}


def megapixels(found: Measurement) -> float:
    """Return the megapixels of one pass, all images of its batch together."""
    asked = found.conditions
    return asked.batch * asked.height * asked.width / 1e6


def growth(measured: Sequence[Measurement], quantity: str) -> Growth | None:
    """Fit a power to a quantity over the megapixels of a pass; None for fewer than two sizes.

    Least squares in logarithms. Sizes without the figure are left out.
    """
    points = [
        (megapixels(found), row.value)
        for found in measured
        if (row := figures(found)[quantity]).value is not None and row.value > 0
    ]
    sizes = sorted({size for size, _ in points})
    if len(sizes) < 2:
        return None
    fitted = linear_regression(*zip(*((log(x), log(y)) for x, y in points), strict=True))
    return Growth(quantity, fitted.slope, sizes[0], sizes[-1])
