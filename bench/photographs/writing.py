"""How a photograph is written: pixels, colour profile and EXIF, in one of four formats."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.files import write_atomic
from bench.image import ImageError, samples_repeat
from bench.photographs.reading import Photograph

QUALITY = 95
"""Of JPEG and WebP."""
LONGEST_XMP = 65_502
"""Bytes of XMP in a segment of a JPEG (XMP, part 3, 1.1.3); more are spread over several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A kind of file: ``bits`` of a channel at most, and whether it holds alpha."""

    suffix: str
    encode: Callable[[Photograph, bytes], bytes]
    """From a photograph and its EXIF block, which may be empty."""
    bits: int
    alpha: bool


def write_photograph(path: Path, photograph: Photograph, form: str) -> tuple[str, ...]:
    """Write a photograph in a format of `FORMATS`, whole or not at all.

    Returns what the format could not hold, in words. Raises `ImageError` for transparency and sides
    that it cannot hold, and OSError.
    """
    kind, notes = FORMATS[form], []
    if photograph.alpha is not None and not kind.alpha:
        raise ImageError(f"{form} holds no transparency; give --format png, webp or tiff")
    if kind.bits == 8 and photograph.most > 255:
        notes.append(f"{form} holds 8 bits: its 16 were rounded; --format png or tiff keeps them")
        photograph = _of_8_bits(photograph)
    if form == "jpeg" and len(photograph.xmp) > LONGEST_XMP:
        notes.append("jpeg holds 64 kB of XMP: it is left out; --format png or tiff keeps it")
        photograph = replace(photograph, xmp=b"")
    try:
        data = kind.encode(photograph, _exif_block(photograph))
    except (OSError, ValueError, struct.error) as error:
        high, wide = photograph.size
        raise ImageError(
            f"{form} cannot hold {wide}x{high} ({error}); give --format png"
        ) from error
    write_atomic(path, data)
    return tuple(notes)


def _of_8_bits(photograph: Photograph) -> Photograph:
    def rounded(samples: NDArray[Any]) -> NDArray[np.uint8]:
        return np.rint(samples / 257.0).astype(np.uint8)

    alpha = photograph.alpha
    return replace(
        photograph,
        colour=rounded(photograph.colour),
        alpha=None if alpha is None else rounded(alpha),
    )


def _exif_block(photograph: Photograph) -> bytes:
    """Return EXIF as JPEG has it, ``Exif\\0\\0`` before it; empty without any."""
    if photograph.exif is None:
        return b""
    high, wide = photograph.size
    details = photograph.exif.get_ifd(0x8769)
    for tag, side in ((0xA002, wide), (0xA003, high)):
        if tag in details:
            details[tag] = side
    return photograph.exif.tobytes()


def _stacked(photograph: Photograph) -> NDArray[Any]:
    """(H, W, C): grey or RGB, and alpha where there is any."""
    planes = [photograph.colour]
    if photograph.alpha is not None:
        planes.append(photograph.alpha[:, :, None])
    return np.concatenate(planes, axis=2)


def _png(photograph: Photograph, exif: bytes) -> bytes:
    """Encode as PNG: Pillow writes no colour of 16 bits, OpenCV no grey with alpha and no profile.

    W3C PNG, third edition; each row is stored as its difference from the one above (filter 2).
    """
    pixels = _stacked(photograph)
    high, wide, channels = pixels.shape
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(high, -1).view(np.uint8)
    filtered = np.full((high, rows.shape[1] + 1), 2, np.uint8)
    filtered[0, 1:], filtered[1:, 1:] = rows[0], rows[1:] - rows[:-1]
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", wide, high, 8 * pixels.itemsize, colour, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    if photograph.profile:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(photograph.profile)))
    if photograph.xmp:  # W3C PNG, third edition, 11.3.2.4: not packed, no language, no translation
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + photograph.xmp))
    if exif:
        chunks.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
    strategy = zlib.Z_DEFAULT_STRATEGY if samples_repeat(pixels) else zlib.Z_RLE
    packer = zlib.compressobj(1, strategy=strategy)
    packed = packer.compress(filtered.data) + packer.flush()
    chunks += [(b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _by_pillow(photograph: Photograph, exif: bytes, form: str, **options: Any) -> bytes:
    from PIL import Image

    pixels = _stacked(photograph)
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    if photograph.xmp:
        options["xmp"] = photograph.xmp
    with io.BytesIO() as file:
        image.save(file, form, exif=exif, icc_profile=photograph.profile, **options)
        return file.getvalue()


def _jpeg(photograph: Photograph, exif: bytes) -> bytes:
    return _by_pillow(photograph, exif, "JPEG", quality=QUALITY, subsampling=0)


def _webp(photograph: Photograph, exif: bytes) -> bytes:
    return _by_pillow(photograph, exif, "WEBP", quality=QUALITY)


def _tiff(photograph: Photograph, exif: bytes) -> bytes:
    """Encode as an uncompressed TIFF 6.0 of one strip: Pillow writes no colour of 16 bits."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory

    pixels = _stacked(photograph)
    high, wide, channels = pixels.shape
    tags: Any = Directory(prefix=b"II")
    for tag, value in (photograph.exif or {}).items():
        tags[tag] = value
    if photograph.exif is not None:
        for place in (0x8769, 0x8825):
            if found := photograph.exif.get_ifd(place):
                tags[place] = found
    tags[256], tags[257] = wide, high
    tags[258] = (8 * pixels.itemsize,) * channels
    tags[259], tags[262], tags[277], tags[278] = 1, 2 if channels > 2 else 1, channels, high
    tags[273], tags[279] = 0, pixels.nbytes
    if photograph.alpha is not None:
        tags[338] = 2  # not multiplied into the colour
    if photograph.xmp:
        tags.tagtype[700] = 1
        tags[700] = photograph.xmp
    if photograph.profile:
        tags.tagtype[34675] = 7
        tags[34675] = photograph.profile
    with io.BytesIO() as file:
        tags.save(file)  # strips begin where it ends: it adds that to tag 273
        return file.getvalue() + pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()


FORMATS = {
    "png": Format(suffix=".png", encode=_png, bits=16, alpha=True),
    "jpeg": Format(suffix=".jpg", encode=_jpeg, bits=8, alpha=False),
    "webp": Format(suffix=".webp", encode=_webp, bits=8, alpha=True),
    "tiff": Format(suffix=".tif", encode=_tiff, bits=16, alpha=True),
}
"""What a restored photograph can be written as."""
