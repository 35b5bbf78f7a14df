"""What a camera's own processing takes away, in 8-bit sRGB: noise reduction and JPEG."""

from __future__ import annotations

import io
import math

import numpy as np

from bench.image import Pixels


def detail_loss(pixels: Pixels, spatial: float, levels: float) -> Pixels:
    """Smooth (H, W, 3) uint8 with a bilateral filter: fine texture goes, strong edges stay.

    That is loss of detail and no blur: it has no PSF and does not keep the light. ``spatial`` is in
    pixels, ``levels`` in 8-bit levels summed over the channels, both standard deviations; the
    window reaches two of ``spatial``. Tomasi and Manduchi 1998, doi:10.1109/ICCV.1998.710815.
    """
    import cv2

    diameter = 2 * max(1, math.ceil(2 * spatial)) + 1
    smooth = cv2.bilateralFilter(
        pixels, diameter, levels, spatial, borderType=cv2.BORDER_REFLECT_101
    )
    return np.asarray(smooth, np.uint8)


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Compress and decode (H, W, 3) uint8 with Pillow's JPEG, ``quality`` from 1 to 100.

    Colour is always subsampled 4:2:0, at high quality too: what most cameras and web pages do.
    """
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    with Image.open(file) as image:
        return np.array(image)
