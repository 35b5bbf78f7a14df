"""Visual information fidelity in the pixel domain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import cv2
import numpy as np

from bench.core.errors import Unscorable
from bench.image import Picture, Plane
from bench.metrics.card import OnCpu
from bench.metrics.pixel import require
from bench.metrics.window import (
    Floats,
    bands,
    gaussian,
    halved,
    in_parallel,
    inside,
    scratch,
    smooth,
    tiles,
)

NOISE = 2.0
"""Variance of the visual noise."""
TINY = 1e-8
"""Variances below this count as none (piq's ``EPS``)."""
SIZES = (17, 9, 5, 3)
WINDOWS = tuple(gaussian(size, size / 5) for size in SIZES)


@dataclass(frozen=True, slots=True)
class ReferenceTile:
    """One tile of the reference at one scale.

    ``inverse`` is 1/(variance + TINY), and 0 where the reference is flat. ``information`` is what
    the reference's tile carries.
    """

    samples: Plane
    mean: Floats
    inverse: Floats
    information: float


class Vif(OnCpu):
    """VIF of the BT.601 luma in 0..255: 4 scales, valid region, noise variance 2.

    Sheikh and Bovik 2006, doi:10.1109/TIP.2005.859378; the authors' pixel-domain version, equal to
    piq's ``vif_p`` in float64. Above 1 where the restored image has more contrast.
    """

    SMALLEST = 41

    def features(self, reference: Picture) -> list[list[ReferenceTile]]:
        """Return the reference's sides, scale by scale and tile by tile.

        Raises Unscorable under 41x41 pixels, and for a constant reference: it carries no
        information of which a share could be kept.
        """
        require(reference, self.SMALLEST)
        scales = [
            in_parallel(_side, parts, repeat(window))
            for parts, window in zip(_parts(reference.luma_full), WINDOWS, strict=True)
        ]
        if not any(side.information for sides in scales for side in sides):
            raise Unscorable("the reference is constant: it has no information to be kept")
        return scales

    def compare(self, restored: Picture, features: list[list[ReferenceTile]]) -> float:
        """Return the information kept over the information there was."""
        kept = sum(
            sum(in_parallel(_kept, parts, sides, repeat(window)))
            for parts, sides, window in zip(
                _parts(restored.luma_full), features, WINDOWS, strict=True
            )
        )
        there = sum(side.information for sides in features for side in sides)
        return (kept + TINY) / (there + TINY)


def _parts(luma: Plane) -> Iterator[list[Plane]]:
    """Yield the tiles of each scale; a scale is the one before, filtered, every second pixel."""
    for scale, window in enumerate(WINDOWS):
        if scale:
            parts = [luma[rows] for rows in bands(luma.shape, len(window), step=2)]
            luma = np.concatenate(in_parallel(halved, parts, repeat(window)))
        yield [luma[tile] for tile in tiles(luma.shape, len(window))]


def _side(samples: Plane, window: Floats) -> ReferenceTile:
    mean = smooth(samples, window)
    square = np.multiply(samples, samples, out=scratch.like("product", samples))
    variance = smooth(square, window, into=scratch.like("variance", samples))
    variance -= np.multiply(mean, mean, out=scratch.like("other", mean))
    inverse = variance + TINY
    np.divide(1, inverse, out=inverse)
    if variance.min() < TINY:
        detailed = variance >= TINY
        variance *= detailed
        inverse *= detailed
    variance /= NOISE
    variance += 1
    return ReferenceTile(samples, mean, inverse, _log10_of_product(inside(variance, window)))


def _kept(samples: Plane, side: ReferenceTile, window: Floats) -> float:
    """Return the information of the reference that a tile of the restored image keeps.

    The restored image is seen as gain x reference + noise. A negative gain keeps nothing. A flat
    restored image needs no case of its own: its covariance, hence its gain, vanishes.
    """
    product = np.multiply(samples, side.samples, out=scratch.like("product", samples))
    covariance = smooth(product, window, into=scratch.like("covariance", samples))
    np.multiply(samples, samples, out=product)
    noise = smooth(product, window, into=scratch.like("variance", samples))
    mean = smooth(samples, window, into=scratch.like("mean", samples))
    other = np.multiply(mean, side.mean, out=scratch.like("other", mean))
    covariance -= other
    _, positive = cv2.threshold(covariance, 0, 0, cv2.THRESH_TOZERO, dst=covariance)
    covariance = np.asarray(positive, np.float64)
    noise -= np.multiply(mean, mean, out=other)
    explained = np.multiply(covariance, side.inverse, out=other)  # the gain
    explained *= covariance  # gain x covariance: gain^2 x variance, but for TINY
    noise -= explained  # below 0 by rounding only: next to NOISE that is nothing
    noise += NOISE
    share = np.multiply(side.inverse, -TINY, out=mean)
    share += 1  # variance / (variance + TINY)
    explained *= share
    explained /= noise
    explained += 1
    return _log10_of_product(inside(explained, window))


def _log10_of_product(values: Floats) -> float:
    """Return the sum of the logarithms of values of 1 to about 10^4, taking fewer of them."""
    columns = [np.multiply.reduce(values[i : i + 32]) for i in range(0, len(values), 32)]
    return float(np.log10(columns).sum())
