"""Structural similarity. All variants share one formula and differ in window, border and planes.

With means ``m``, variances ``v`` and the difference image ``d = x - y``,

    SSIM = (2 m_x m_y + C1) / (m_x^2 + m_y^2 + C1) * (2 v_xy + C2) / (v_x + v_y + C2),

where each denominator is worked out as its numerator plus (m_x - m_y)^2 or v_d, so that identical
images give exactly 1. The second factor alone is the contrast-structure term of MS-SSIM.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import cv2
import numpy as np

from bench.image import Picture
from bench.metrics.card import OnCpu
from bench.metrics.pixel import require
from bench.metrics.window import (
    Floats,
    Samples,
    gaussian,
    in_parallel,
    inside,
    scratch,
    smooth,
    tiles,
)

SIZE = 11
WINDOW = gaussian(SIZE, 1.5)
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2


@dataclass(frozen=True, slots=True)
class WindowMeans:
    """A reference, or one tile of it: the samples, and their mean in each window."""

    samples: Samples
    mean: Floats


def _mean(
    samples: Samples,
    mix: Floats | None,
    scale: float = 1.0,
    offset: float = 0.0,
    into: Floats | None = None,
) -> Floats:
    """Return ``scale * mean + offset`` in each window; ``mix`` extends it over the channels."""
    rows = smooth(samples, WINDOW, scale, offset, into)
    return rows if mix is None else np.asarray(cv2.transform(rows, mix), np.float64)


def _fractions(
    samples: Samples, other: WindowMeans, mix: Floats | None
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return a, b, c, d with SSIM = a/b * c/d in every window. They may lie in scratch arrays.

    Filters three times: x, (x-y)^2, and 2xy, whose sum with (x-y)^2 is x^2 + y^2.
    """
    # Products of 8-bit samples fit 16 bits, which is less to move than float64.
    wide: Any = np.uint16 if samples.dtype == np.uint8 else np.float64
    product = scratch.like("product", samples, wide)
    difference = cv2.absdiff(samples, other.samples)
    np.multiply(difference, difference, out=product, dtype=wide)
    d = _mean(product, mix, into=scratch.like("d", samples))
    np.multiply(samples, other.samples, out=product, dtype=wide)
    c = _mean(product, mix, 2.0, C1 + C2, into=scratch.like("c", samples))
    b = _mean(samples, mix, into=scratch.like("b", samples))
    a = np.asarray(cv2.multiply(b, other.mean, dst=scratch.like("a", b), scale=2), np.float64)
    a += C1  # 2 m_x m_y + C1
    b -= other.mean
    b *= b
    d -= b  # v_d = v_x + v_y - 2 v_xy
    b += a  # m_x^2 + m_y^2 + C1
    c -= a  # 2 v_xy + C2
    d += c  # v_x + v_y + C2
    return a, b, c, d


def _ssim(samples: Samples, other: WindowMeans, mix: Floats | None = None) -> float:
    """Return the sum of SSIM over the windows that lie inside."""
    a, b, c, d = _fractions(samples, other, mix)
    a *= c
    a /= np.multiply(b, d, out=b)
    return _sum(a)


def _structure(samples: Samples, other: WindowMeans) -> float:
    """Return the sum of the contrast-structure term over the windows that lie inside."""
    _, _, c, d = _fractions(samples, other, None)
    c /= d
    return _sum(c)


def _sum(rows: Floats) -> float:
    columns = np.add.reduce(rows)[None]  # first down the columns: that is fast
    return float(inside(columns, WINDOW).sum())


def _parts(planes: list[Samples]) -> list[Samples]:
    """Cut all planes into tiles."""
    return [plane[tile] for plane in planes for tile in tiles(plane.shape, SIZE)]


def _sides(parts: list[Samples], mix: Floats | None = None) -> list[WindowMeans]:
    return list(map(WindowMeans, parts, in_parallel(_mean, parts, repeat(mix))))


def _windows(sides: list[WindowMeans]) -> int:
    """Return the number of windows that lie inside."""
    return sum(inside(side.mean, WINDOW).size for side in sides)


class Ssim(OnCpu):
    """Mean SSIM over R, G and B: Gaussian 11 sigma 1.5, population covariance, valid region.

    Equals scikit-image's ``structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=255)`` averaged over the channels.
    """

    SMALLEST = SIZE
    MIX: Floats | None = None
    """The window along the channels as a matrix, where it extends over them."""

    def planes(self, picture: Picture) -> list[Samples]:
        """Return the (H, W[, C]) planes that are compared, in 0..255."""
        return [*picture.planes]

    def features(self, reference: Picture) -> list[WindowMeans]:
        """Return the reference's sides, tile by tile. Raises Unscorable under `SMALLEST`."""
        require(reference, self.SMALLEST)
        return _sides(_parts(self.planes(reference)), self.MIX)

    def compare(self, restored: Picture, features: list[WindowMeans]) -> float:
        """Return the mean over all windows and planes."""
        parts = _parts(self.planes(restored))
        return sum(in_parallel(_ssim, parts, features, repeat(self.MIX))) / _windows(features)


class SsimLuma(Ssim):
    """SSIM of the BT.601 luma in 16..235, otherwise as `Ssim`; the peak stays 255."""

    def planes(self, picture: Picture) -> list[Samples]:
        """Return the (H, W) luma."""
        return [picture.luma_studio]


def _channel_mix() -> Floats:
    # Along 3 channels the window always reaches beyond both ends. What it takes there belongs to
    # the first and to the last channel, so that a 3x3 matrix remains.
    mix = np.zeros((3, 3))
    for channel in range(3):
        for tap, weight in enumerate(WINDOW):
            mix[channel, min(max(channel + tap - SIZE // 2, 0), 2)] += weight
    return mix


class SsimVolume(Ssim):
    """SSIM of the (H, W, 3) block with an 11x11x11 window, edges replicated, mean over all.

    MATLAB's ``ssim`` on a colour image, which MPRNet, Restormer and NAFNet report.
    """

    SMALLEST = 1
    MIX = _channel_mix()

    def planes(self, picture: Picture) -> list[Samples]:
        """Return the (H+10, W+10, 3) pixels with their edges repeated."""
        margin = SIZE // 2
        edges = (margin, margin, margin, margin)
        return [np.asarray(cv2.copyMakeBorder(picture.pixels, *edges, cv2.BORDER_REPLICATE))]


class MultiScaleSsim(OnCpu):
    """MS-SSIM: product over 5 scales, each channel alone, mean of the channels.

    Between scales a 2x2 mean; where a side is odd, the first row and column are repeated before it
    (piq's ``multi_scale_ssim``). Negative terms count as 0.
    """

    WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    SMALLEST = (SIZE - 1) * 2 ** (len(WEIGHTS) - 1) + 1

    def features(self, reference: Picture) -> list[list[WindowMeans]]:
        """Return the reference's sides: 5 scales of R, of G and of B, tile by tile.

        Raises Unscorable under 161x161 pixels.
        """
        require(reference, self.SMALLEST)
        return [_sides(_parts([scale])) for scale in self._scales(reference)]

    def compare(self, restored: Picture, features: list[list[WindowMeans]]) -> float:
        """Return the mean over the channels of the weighted product over the scales."""
        terms = ([_structure] * (len(self.WEIGHTS) - 1) + [_ssim]) * 3
        means = [
            max(sum(in_parallel(term, _parts([scale]), sides)) / _windows(sides), 0)
            for term, scale, sides in zip(terms, self._scales(restored), features, strict=True)
        ]
        return float(np.prod(np.reshape(means, (3, -1)) ** self.WEIGHTS, axis=1).mean())

    def _scales(self, picture: Picture) -> Iterator[Samples]:
        for plane in picture.planes:
            scale: Samples = plane
            yield scale
            for _ in self.WEIGHTS[1:]:
                scale = _halve(scale)
                yield scale


def _halve(plane: Samples) -> Samples:
    """Return the means of 2x2 pixels."""
    if plane.shape[0] % 2 or plane.shape[1] % 2:
        plane = np.pad(plane, ((1, 0), (1, 0)), mode="edge")
    plane = plane[: len(plane) // 2 * 2, : plane.shape[1] // 2 * 2]
    rows = np.add(plane[0::2], plane[1::2], dtype=np.float64)
    return (rows[:, 0::2] + rows[:, 1::2]) / 4
