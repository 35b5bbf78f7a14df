"""A photograph with what its file says beside its pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.deep import bits_of_avif, grey_alpha_tags
from bench.image import data_of, decode, icc_profile, is_avif, is_grey, peek

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

Samples = NDArray[Any]
"""uint8 or uint16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """``colour``: (H, W, 3), or (H, W, 1) of a grey one, uint8 or uint16, upright, in the numbers
    of ``profile``, its ICC profile (None: sRGB). ``alpha``: (H, W) of the same kind, None where
    all is opaque. ``exif`` and ``xmp`` do not ask for a turn that was made. ``notes``: what changed
    on reading."""

    colour: Samples
    alpha: Samples | None = None
    profile: bytes | None = None
    exif: Exif | None = field(default=None, repr=False)
    xmp: bytes = field(default=b"", repr=False)
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.colour.shape[0], self.colour.shape[1]

    @property
    def most(self) -> int:
        """The value of white: 255 or 65535."""
        return int(np.iinfo(self.colour.dtype).max)


def read_photograph(path: Path) -> Photograph:
    """Read a photograph of any kind and of 8 or 16 bits. Raises `bench.image.ImageError`."""
    data = data_of(path)
    decoded: Samples = decode(data, path)
    alpha: Samples | None = None
    if decoded.shape[2] in (2, 4):
        decoded, alpha = decoded[:, :, :-1], decoded[:, :, -1]
        if int(alpha.min()) == np.iinfo(alpha.dtype).max:
            alpha = None
    if decoded.shape[2] == 3 and is_grey(path):
        decoded = decoded[:, :, :1]
    profile, notes = icc_profile(data), []
    if peek(data, lambda image: image.mode == "CMYK"):
        notes.append("its inks (CMYK) became sRGB" + ("" if profile else ", without a profile"))
        profile = None
    if is_avif(data) and (bits := bits_of_avif(data)) > 8:
        notes.append(f"its {bits} bits were read as 8; a TIFF or a PNG of 16 keeps them")
    notes += [text for text in (peek(data, _further_images), peek(data, _iptc)) if text]
    tags = grey_alpha_tags(data)
    xmp = peek(data, _xmp) or b"" if tags is None else _upright(tags.get(_XMP))
    return Photograph(
        colour=np.ascontiguousarray(decoded),
        alpha=None if alpha is None else np.ascontiguousarray(alpha),
        profile=profile,
        exif=peek(data, lambda image: _told(image.getexif())) if tags is None else _told(tags),
        xmp=xmp,
        notes=tuple(notes),
    )


_OF_THE_FILE = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 301, 317, 318, 319, 320}
    | {322, 323, 324, 325, 330, 332, 338, 339, 347, 513, 514, 529, 530, 531, 532, 700, 33723}
    | {34377, 34675}
)
"""TIFF tags of how pixels are stored, turned and coloured. TIFF 6.0, appendix A."""


def _told(exif: Any) -> Exif | None:
    for tag in _OF_THE_FILE.intersection(exif):
        del exif[tag]
    if not exif:
        return None
    for place in (_EXIF, _GPS):  # read while the file is open
        exif.get_ifd(place)
    return exif  # type: ignore[no-any-return]


def _xmp(image: Image) -> bytes:
    """Return the XMP packet of a file, which says no more that it has to be turned."""
    return _upright(image.info.get("xmp") or getattr(image, "tag_v2", {}).get(_XMP))


def _upright(found: str | bytes | None) -> bytes:
    packet = found.encode() if isinstance(found, str) else bytes(found or b"")
    return _TURNED.sub(rb"\g<1>1", packet)


_XMP = 700
_TURNED = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[0-9]")


def _further_images(image: Image) -> str | None:
    """Say which images a phone put beside the photograph are left out: a gain map, depth, a video.

    An MPO is a JPEG with others behind it (CIPA DC-007).
    """
    gain = b"hdrgm:" in _xmp(image) or b"HDRGainMap" in _xmp(image)
    count = int(getattr(image, "n_frames", 1)) - 1 if image.format == "MPO" else 0
    beside = sum(len(image.info.get(kind) or ()) for kind in ("depth_images", "aux"))
    if not gain and not count + beside:
        return None
    if gain:
        return "its gain map (HDR) is left out"
    return "the further images in its file (gain map, depth) are left out"


def _iptc(image: Image) -> str | None:
    return "its IPTC block is left out" if image.info.get("photoshop") else None


_EXIF, _GPS = 0x8769, 0x8825
