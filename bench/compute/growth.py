"""How a cost grows with the size of the image, and what of it a memory holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

LEAST = 1e-12
"""Stands for an end of a range at 0, which has no logarithm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A cost at one size: ``low`` and ``high`` bound it, its interval or the range of noise.

    ``single``: one sample is all that is known of it.
    """

    megapixels: float
    value: float
    low: float
    high: float
    single: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A cost as a power of the pixels of one pass: ``cost ~ pixels ** exponent``.

    1 where each pixel costs the same; near 0 where something else decides, such as the launches of
    a GPU; 2 for attention over all pixels. ``low`` and ``high``: what it is at least and at most
    with every cost anywhere in its own range. Between ``smallest`` and ``largest`` megapixels.
    ``single``: of a size one sample is all that is known, so that the ends tell nothing.
    """

    exponent: float
    low: float
    high: float
    smallest: float
    largest: float
    single: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """How many megapixels a memory is reckoned to hold in one pass.

    ``at_least``: of what was measured a part was no pixel's, so that more may fit.
    """

    megapixels: float
    at_least: bool


def growth(points: Sequence[Point]) -> Growth | None:
    """Fit a power to a cost over the megapixels of a pass; None for fewer than two sizes.

    Least squares in logarithms.
    """
    points = [point for point in points if point.value > 0]
    sizes = sorted({point.megapixels for point in points})
    if len(sizes) < 2:
        return None
    logs = [log(point.megapixels) for point in points]
    mean = sum(logs) / len(logs)
    square = sum((x - mean) ** 2 for x in logs)
    # The slope is a weighted sum of the logarithms of the costs: its extremes are at their ends.
    weights = [(x - mean) / square for x in logs]

    def slope(costs: Sequence[float]) -> float:
        return sum(w * log(max(cost, LEAST)) for w, cost in zip(weights, costs, strict=True))

    pairs = list(zip(weights, points, strict=True))
    return Growth(
        exponent=slope([point.value for point in points]),
        low=slope([point.low if w > 0 else point.high for w, point in pairs]),
        high=slope([point.high if w > 0 else point.low for w, point in pairs]),
        smallest=sizes[0],
        largest=sizes[-1],
        single=any(point.single for point in points),
    )


def largest_that_fits(points: Sequence[Point], memory_mb: float) -> Fitting | None:
    """Reckon how many megapixels a memory holds, from what the two largest passes took of it.

    ``points`` are of memory, in MB. Memory grows at least as fast as the pixels once what does not
    depend on them has become small, so that is the least growth that is reckoned with. None for
    fewer than two sizes.
    """
    by_size = {point.megapixels: point.value for point in points if point.value > 0}
    if len(by_size) < 2:
        return None
    (small, less), (large, more) = sorted(by_size.items())[-2:]
    exponent = log(more / less) / log(large / small)
    return Fitting(
        megapixels=large * (memory_mb / more) ** (1 / max(1.0, exponent)), at_least=exponent < 1
    )
