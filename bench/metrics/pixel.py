"""Errors between single pixels, and a blur measure that needs no reference."""

from __future__ import annotations

import math
from typing import Any

import cv2

from bench.core.errors import Unscorable
from bench.image import Picture, Plane
from bench.metrics.card import OnCpu

PEAK = 255


def psnr(mean_squared_error: float, peak: float = PEAK) -> float:
    """Return 10 log10(peak^2 / MSE) in dB; infinite for no error."""
    if mean_squared_error == 0:
        return math.inf
    return 10 * math.log10(peak**2 / mean_squared_error)


class MeanSquaredError(OnCpu):
    """Mean over R, G, B of the squared difference of values in 0..1, from an integer sum."""

    def features(self, reference: Picture) -> Picture:
        """Return the reference itself."""
        return reference

    def compare(self, restored: Picture, features: Picture) -> float:
        """Return the error, 0 to 1."""
        return _squared_error(restored, features) / PEAK**2


class MeanAbsoluteError(OnCpu):
    """Mean over R, G, B of the absolute difference of values in 0..1, from an integer sum."""

    def features(self, reference: Picture) -> Picture:
        """Return the reference itself."""
        return reference

    def compare(self, restored: Picture, features: Picture) -> float:
        """Return the error, 0 to 1."""
        total = round(cv2.norm(restored.pixels, features.pixels, cv2.NORM_L1))
        return total / restored.pixels.size / PEAK


class Psnr(OnCpu):
    """Peak signal-to-noise ratio of one mean squared error over R, G and B. Exact."""

    def features(self, reference: Picture) -> Picture:
        """Return the reference itself."""
        return reference

    def compare(self, restored: Picture, features: Picture) -> float:
        """Return dB; infinite for identical images."""
        return psnr(_squared_error(restored, features))


class PsnrLuma(OnCpu):
    """Peak signal-to-noise ratio of the BT.601 luma in 16..235, unrounded; the peak is 255."""

    def features(self, reference: Picture) -> Plane:
        """Return the reference's luma."""
        return reference.luma_studio

    def compare(self, restored: Picture, features: Plane) -> float:
        """Return dB; infinite for equal lumas."""
        total = cv2.norm(restored.luma_studio, features, cv2.NORM_L2SQR)
        return psnr(total / features.size)


class BlurEffect(OnCpu):
    """How much of its detail an image keeps when it is blurred again: scikit-image's measure."""

    SMALLEST = 4

    def features(self, reference: Picture) -> None:
        """Return nothing: there is no reference."""

    def compare(self, restored: Picture, features: None) -> float:
        """Return 0 (sharp) to 1 (blurred, or constant). Raises Unscorable under 4x4 pixels."""
        from skimage.measure import blur_effect

        require(restored, self.SMALLEST)
        measure: Any = blur_effect
        return float(measure(restored.pixels, h_size=11, channel_axis=-1))


def require(picture: Picture, side: int) -> None:
    """Raise `Unscorable` if the picture is shorter or narrower than ``side`` pixels."""
    height, width = picture.size
    if min(height, width) < side:
        raise Unscorable(
            f"the image is {width}x{height} pixels; this metric needs at least {side}x{side}"
        )


def _squared_error(restored: Picture, reference: Picture) -> float:
    # OpenCV may square a root: the sum is a whole number again once rounded.
    total = round(cv2.norm(restored.pixels, reference.pixels, cv2.NORM_L2SQR))
    return total / restored.pixels.size
