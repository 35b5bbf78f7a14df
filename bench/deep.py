"""Samples of more than 8 bits that neither OpenCV nor Pillow keeps: HEIC, and grey TIFF with alpha.

(H, W, C) uint16 in files' own numbers, white at 65535.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Exif


def decode_heif(data: bytes) -> NDArray[np.uint16] | None:
    """Return the samples of a HEIC of 10 or 12 bits, upright; None for one of 8.

    pillow-heif has to be there. Raises OSError and ValueError for damaged files.
    """
    import pillow_heif

    image = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    bits = int(image.info.get("bit_depth", 8))
    if bits == 8:
        return None
    samples: NDArray[np.uint16] = np.asarray(image)
    most = (1 << bits) - 1
    wide = np.rint(
        (samples >> (16 - bits)) * (65535 / most)
    )  # theirs ends in zeros: 65472 is white
    return np.asarray(wide, np.uint16)


def bits_of_avif(data: bytes) -> int:
    """Return the bits of a channel that an AVIF says it has, in its box av1C (AV1-ISOBMFF)."""
    at = data.find(b"av1C")
    flags = data[at + 6] if 0 <= at < len(data) - 6 else 0
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


def grey_alpha_tags(data: bytes) -> Exif | None:
    """Return the tags of a TIFF of 16-bit grey with alpha, which Pillow cannot open; None of any
    other file."""
    from PIL.Image import Exif

    if not data.startswith((b"II", b"MM")):
        return None
    tags = Exif()
    try:
        tags.load(data)
        deep = tags.get(277) == 2 and tuple(np.atleast_1d(tags.get(258, 8))) == (16, 16)
    except (OSError, SyntaxError, ValueError, TypeError, struct.error):
        return None  # decoding says what is wrong with it
    return tags if deep else None


def decode_grey_alpha(data: bytes) -> NDArray[np.uint16]:
    """Return grey and alpha of a 16-bit TIFF as stored, (H, W, 2), alpha not multiplied in.

    Raises ValueError for what tifffile cannot unpack.
    """
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        if len(file.pages) > 1:
            raise ValueError(f"it holds {len(file.pages)} pages; save the one meant")
        page = file.pages.first
        samples = page.asarray()
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            samples = np.moveaxis(samples, 0, -1)
        multiplied = tuple(page.extrasamples) == (tifffile.EXTRASAMPLE.ASSOCALPHA,)
    if multiplied:
        alpha = np.maximum(samples[:, :, 1].astype(np.float64), 1)
        grey = np.minimum(np.rint(samples[:, :, 0] * 65535.0 / alpha), 65535)
        samples = np.stack([grey.astype(np.uint16), samples[:, :, 1]], axis=2)
    return np.ascontiguousarray(samples)
