"""A photograph as it was and as it is, side by side in one picture, with a line and labels."""

from __future__ import annotations

import cv2
import numpy as np

from bench.image import Pixels
from bench.photographs.reading import Photograph

MOST = 4096
"""Pixels of the longer side of each half: more is made smaller, for it is there to be looked at."""
_LINE = (255, 255, 255)


def before_after(before: Photograph, after: Photograph, labels: tuple[str, str]) -> Photograph:
    """Return (H, 2W + line, 3) uint8: before left, after right, both at the result's size.

    Transparent parts are laid on grey. It has a colour result's profile.
    """
    high, wide = after.size
    shrunk = min(1.0, MOST / max(high, wide))
    size = max(1, round(wide * shrunk)), max(1, round(high * shrunk))
    halves = [
        _labelled(cv2.resize(_shown(one), size, interpolation=_kernel(one, size)), text)
        for one, text in zip((before, after), labels, strict=True)
    ]
    line = np.full((size[1], max(2, size[0] // 300), 3), _LINE, np.uint8)
    joined = np.concatenate([halves[0], line, halves[1]], axis=1)
    return Photograph(colour=joined, profile=after.profile if after.colour.shape[2] == 3 else None)


def _kernel(photograph: Photograph, size: tuple[int, int]) -> int:
    return cv2.INTER_AREA if photograph.size[1] > size[0] else cv2.INTER_CUBIC


def _shown(photograph: Photograph) -> Pixels:
    """(H, W, 3) uint8."""
    seen = photograph.colour.astype(np.float32) * (255 / photograph.most)
    if photograph.alpha is not None:
        share = photograph.alpha[:, :, None].astype(np.float32) / photograph.most
        seen = share * seen + (1 - share) * 128
    return np.repeat(np.rint(seen).astype(np.uint8), 3 // seen.shape[2], axis=2)


def _labelled(pixels: np.ndarray, text: str) -> np.ndarray:
    """Write a label on a dark plate in the upper left, as large as the picture asks."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(pixels).convert("RGB")
    points = max(11, min(image.size) // 28)
    font = ImageFont.load_default(points)
    draw = ImageDraw.Draw(image, "RGBA")
    gap = points // 2
    left, top, right, bottom = draw.textbbox((2 * gap, 2 * gap), text, font)
    plate = (left - gap, top - gap, right + gap, bottom + gap)
    draw.rounded_rectangle(plate, gap, fill=(0, 0, 0, 170))
    draw.text((2 * gap, 2 * gap), text, font=font, fill=(255, 255, 255, 255))
    return np.asarray(image)
