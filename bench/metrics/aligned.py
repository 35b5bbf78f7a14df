"""RealBlur's protocol: bring the restored image onto the reference first, then compare.

Its pairs were taken by two cameras, so they differ by a little movement and exposure that no
deblurring should be blamed for. With z the restored image and x the reference, in 0..1:

1. one gain: z <- z sum(x z) / sum(z z);
2. the homography that maximises the enhanced correlation coefficient of the grey images (OpenCV's
   ``findTransformECC``, at most 100 iterations, Gaussian 5x5 first), from the identity;
3. z warped by it (bicubic, edges reflected), and with it a mask of ones (nearest, zeros beyond);
4. both images times the mask; scores are of the pixels inside it.

Rim et al. 2020, doi:10.1007/978-3-030-58595-2_12, after Koehler et al. 2012. Where the search does
not converge there is no score.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import ClassVar
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.core.errors import Unscorable
from bench.image import Picture
from bench.metrics.card import OnCpu
from bench.metrics.pixel import psnr, require
from bench.metrics.ssim import C1, C2, SIZE, WINDOW
from bench.metrics.window import Floats, inside, smooth

ITERATIONS, BLUR = 100, 5
SMALLEST = 16
"""Pixels a side under which a homography means nothing."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """Both images, (H, W, 3) float32 in 0..1 and beyond, zero outside the (H, W) mask of 0, 1."""

    restored: NDArray[np.float32]
    reference: NDArray[np.float32]
    mask: NDArray[np.float32]


def align(restored: Picture, reference: Picture) -> Aligned:
    """Bring ``restored`` onto ``reference``. Raises `Unscorable` where no alignment is found."""
    require(reference, SMALLEST)
    x, z = (np.asarray(p.pixels / np.float32(255), np.float32) for p in (reference, restored))
    energy = float(np.sum(z * z, dtype=np.float64))
    if energy == 0:
        raise Unscorable("the restored image is black, which nothing can be aligned with")
    z *= float(np.sum(x * z, dtype=np.float64)) / energy
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ITERATIONS, 0)
    try:
        _, warp = cv2.findTransformECC(
            cv2.cvtColor(x, cv2.COLOR_RGB2GRAY),
            cv2.cvtColor(z, cv2.COLOR_RGB2GRAY),
            np.eye(3, dtype=np.float32),
            cv2.MOTION_HOMOGRAPHY,
            criteria,
            np.ones(x.shape[:2], np.uint8),
            BLUR,
        )
    except cv2.error as error:
        raise Unscorable("the image could not be aligned: ECC did not converge") from error
    height, width = reference.size
    moved = cv2.warpPerspective(
        z,
        warp,
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    mask = cv2.warpPerspective(
        np.ones((height, width), np.float32),
        warp,
        (width, height),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    if not mask.any():
        raise Unscorable("aligned, the image has no pixel in common with its reference")
    valid = np.asarray(mask, np.float32)
    x *= valid[:, :, None]
    return Aligned(np.asarray(moved * valid[:, :, None], np.float32), x, valid)


class _AfterAlignment(OnCpu):
    """Metrics of aligned images. Aligning takes far longer than they do, so they share it."""

    _lock = threading.Lock()
    _known: ClassVar[WeakKeyDictionary[Picture, tuple[Picture, Aligned | str]]] = (
        WeakKeyDictionary()
    )

    def features(self, reference: Picture) -> Picture:
        """Return the reference itself."""
        return reference

    def aligned(self, restored: Picture, reference: Picture) -> Aligned:
        """Return what `align` returns, for the same two pictures only once. Raises as it does."""
        with self._lock:
            known = self._known.get(restored)
        if known is None or known[0] is not reference:
            found: Aligned | str
            try:
                found = align(restored, reference)
            except Unscorable as reason:
                found = str(reason)
            known = reference, found
            with self._lock:
                self._known[restored] = known
        if isinstance(known[1], str):
            raise Unscorable(known[1])
        return known[1]


class PsnrAligned(_AfterAlignment):
    """Peak signal-to-noise ratio over R, G and B of the pixels inside the mask, after `align`."""

    def compare(self, restored: Picture, features: Picture) -> float:
        """Return dB, infinite for equal images. Raises Unscorable where no alignment is found."""
        both = self.aligned(restored, features)
        if np.array_equal(restored.pixels, features.pixels):
            return math.inf  # aligning equal images leaves a rounding error of some 150 dB
        total = cv2.norm(both.restored, both.reference, cv2.NORM_L2SQR)
        return psnr(total / (3 * float(both.mask.sum())), peak=1)


class SsimAligned(_AfterAlignment):
    """Mean SSIM of R, G and B inside the mask, after `align`: Gaussian 11 sigma 1.5.

    A window counts where its centre is inside the mask and 5 pixels from the image's edge.
    """

    def compare(self, restored: Picture, features: Picture) -> float:
        """Return -1 to 1. Raises Unscorable where no alignment is found."""
        both = self.aligned(restored, features)
        margin = SIZE // 2
        mask = both.mask[margin:-margin, margin:-margin]
        if not mask.any():
            raise Unscorable("aligned, too little of the image lies over its reference for SSIM")
        x, y = (255 * image.astype(np.float64) for image in (both.restored, both.reference))
        return float((_ssim_map(x, y) * mask[:, :, None]).sum() / (3 * mask.sum(dtype=np.float64)))


def _ssim_map(x: Floats, y: Floats) -> Floats:
    """Return the SSIM of every window that lies inside, channel by channel; samples in 0..255."""
    mean_x, mean_y, xx, yy, xy = (
        inside(smooth(np.ascontiguousarray(samples), WINDOW), WINDOW)
        for samples in (x, y, x * x, y * y, x * y)
    )
    variances = xx - mean_x**2 + yy - mean_y**2
    covariance = xy - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return np.asarray(luminance * (2 * covariance + C2) / (variances + C2), np.float64)
