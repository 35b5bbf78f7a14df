"""Colour profiles: what a photograph's numbers mean, and the same colours in sRGB.

Telephones write Display P3, cameras Adobe RGB. Taken for sRGB, such numbers are other colours: by
some ten levels, which no restorer is to blame for.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

SAME = 1
"""Levels of 255 by which a profile may differ from sRGB and count as it: rounding inside it."""
_GRID = 17


def converted(pixels: NDArray[np.uint8], profile: bytes | None) -> NDArray[np.uint8]:
    """Return (H, W, 3) or (H, W) uint8 with the same colours in sRGB: (H, W, 3), or as it was.

    ``profile`` is an ICC profile. One that is sRGB, is of another kind of image, or cannot be read
    changes nothing.
    """
    mode = "RGB" if pixels.ndim == 3 else "L"
    transform = _transform(profile, mode) if profile else None
    if transform is None:
        return pixels
    from PIL import Image, ImageCms

    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(ImageCms.applyTransform(image, transform), np.uint8)


def to_srgb(image: Image) -> Image:
    """Return an image of four inks in sRGB as its profile says; others as they are."""
    profile = image.info.get("icc_profile")
    transform = _transform(profile, image.mode) if profile and image.mode == "CMYK" else None
    if transform is None:
        return image
    from PIL import ImageCms

    converted = ImageCms.applyTransform(image, transform)
    return image if converted is None else converted


def profile_name(profile: bytes | None) -> str | None:
    """Return what a profile is called where its colours are converted; None where they are not."""
    if not profile or not any(_transform(profile, mode) for mode in ("RGB", "L", "CMYK")):
        return None
    from PIL import ImageCms

    try:
        description = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError):
        description = ""
    return description.strip() or "an unnamed profile"


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> Any:
    """Return littleCMS's transform from a profile to sRGB; None where nothing is to be done."""
    from PIL import Image, ImageCms

    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}[mode] != given.profile.xcolor_space.strip():
            return None
        transform = ImageCms.buildTransform(
            given,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    if mode == "CMYK":
        return transform
    levels = np.linspace(0, 255, _GRID if mode == "RGB" else 256).round().astype(np.uint8)
    grid = (
        np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, _GRID, 3)
        if mode == "RGB"
        else levels[None]
    )
    there = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform), np.int64)
    before = grid.astype(np.int64) if mode == "RGB" else grid[:, :, None].astype(np.int64)
    return transform if int(np.abs(there - before).max()) > SAME else None
