"""The one image contract: files, 8-bit pixels and float tensors.

On disk and in scoring an image is ``(H, W, 3)`` uint8 sRGB, channels in RGB order. In models it is
``(B, 3, H, W)`` float32 in [0, 1]. What a model returns is clipped and rounded to 8 bits before
anything is measured, so a live run and its saved PNGs score the same.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.records import BenchError

if TYPE_CHECKING:
    import torch

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float64]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp"})
_PNG_SPEED = [cv2.IMWRITE_PNG_COMPRESSION, 1]


class ImageError(BenchError):
    """A file that is not an image this contract can hold."""


class ImageSizeError(BenchError):
    """Images whose sizes do not fit together."""


def read(path: Path) -> Pixels:
    """Decode an image file to (H, W, 3) uint8 sRGB.

    Grey becomes three equal channels, 16 bits are rounded to 8, an opaque alpha channel is dropped
    and EXIF orientation is applied. Raises `ImageError` for unreadable files and for transparency,
    which has no colour until it is laid on a background.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read image '{path}': {error.strerror or error}") from error
    decoded = _decode_deep(data) if data[:4] == b"\x89PNG" or data[:2] in _DEEP else None
    if decoded is None:
        decoded = _decode_pillow(data, path)
    if decoded.dtype == np.uint16:
        decoded = np.rint(decoded / 257.0).astype(np.uint8)
    if decoded.dtype != np.uint8:
        raise ImageError(f"'{path}' holds {decoded.dtype} samples; expected 8 or 16 bits")
    if decoded.ndim == 2:
        decoded = decoded[:, :, None]
    if decoded.shape[2] in (2, 4):
        if int(decoded[:, :, -1].min()) != 255:
            raise ImageError(f"'{path}' has transparent pixels; lay it on a background first")
        decoded = decoded[:, :, :-1]
    if decoded.shape[2] == 1:
        decoded = np.repeat(decoded, 3, axis=2)
    return np.ascontiguousarray(decoded)


_DEEP = (b"II", b"MM", b"BM")  # TIFF and BMP: OpenCV, which keeps 16 bits, reads these as PNG


def _decode_deep(data: bytes) -> NDArray[Any] | None:
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.ndim == 2:
        return decoded
    order = [2, 1, 0, 3][: decoded.shape[2]] if decoded.shape[2] >= 3 else slice(None)
    return decoded[:, :, order]


def _decode_pillow(data: bytes, path: Path) -> NDArray[Any]:
    import io

    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            upright = ImageOps.exif_transpose(image)
            alpha = upright.mode in ("LA", "PA", "RGBA") or "transparency" in upright.info
            return np.asarray(upright.convert("RGBA" if alpha else "RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ImageError(f"'{path}' is not a readable image ({error})") from error


def encode_png(pixels: Pixels) -> bytes:
    """Return PNG bytes that decode to the same pixels. Fast compression: size matters less."""
    done, data = cv2.imencode(".png", pixels[:, :, ::-1], _PNG_SPEED)
    if not done:
        raise ImageError(f"could not encode an image of shape {pixels.shape}")
    return data.tobytes()


def write_png(path: Path, pixels: Pixels) -> None:
    """Write a PNG so that the name never stands for half a file."""
    write_atomic(path, encode_png(pixels))


def write_atomic(path: Path, data: bytes) -> None:
    """Write beside the name, then rename: a crash leaves the old file or the new one.

    Raises OSError, the disk-full kind too, with the half-written file removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def to_tensor(pixels: Pixels) -> torch.Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255.0


def to_pixels(tensor: torch.Tensor) -> Pixels:
    """(1, 3, H, W) float -> (H, W, 3) uint8: clip to [0, 1], round to the nearest of 256 levels.

    Raises `ImageError` if a value is NaN or infinite: clipping would hide that the model broke.
    """
    if tensor.ndim != 4 or tensor.shape[0] != 1 or tensor.shape[1] != 3:
        raise ImageSizeError(f"expected a tensor of shape (1,3,H,W), got {tuple(tensor.shape)}")
    if not bool(tensor.isfinite().all()):
        raise ImageError("the model returned values that are not finite (NaN or infinity)")
    quantised = tensor[0].clamp(0, 1).mul(255).round().byte()
    return np.ascontiguousarray(quantised.permute(1, 2, 0).cpu().numpy())


class Picture:
    """One decoded image and the planes that metrics share, each computed once, when asked for.

    ``border`` pixels are cut from every side first, as a suite's convention asks.
    """

    def __init__(self, pixels: Pixels, border: int = 0) -> None:
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise ImageError(f"expected (H,W,3) uint8, got {pixels.shape} {pixels.dtype}")
        if border and min(pixels.shape[:2]) <= 2 * border:
            raise ImageSizeError(f"image {pixels.shape[:2]} is all border (crop {border})")
        inner = pixels[border : pixels.shape[0] - border, border : pixels.shape[1] - border]
        self.pixels: Pixels = np.ascontiguousarray(inner)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @cached_property
    def planes(self) -> list[Plane]:
        """Red, green and blue, each (H, W) float64 in 0..255."""
        return [np.ascontiguousarray(self.pixels[:, :, c], dtype=np.float64) for c in range(3)]

    @cached_property
    def luma_studio(self) -> Plane:
        """BT.601 luma in 16..235, unrounded: MATLAB's rgb2ycbcr, as super-resolution papers use."""
        red, green, blue = self.planes
        luma: Plane = 16.0 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255.0
        return luma

    @cached_property
    def luma_full(self) -> Plane:
        """BT.601 luma in 0..255 (0.299 R + 0.587 G + 0.114 B), unrounded: what VIF uses."""
        red, green, blue = self.planes
        luma: Plane = 0.299 * red + 0.587 * green + 0.114 * blue
        return luma


def same_size(restored: Picture, reference: Picture) -> None:
    """Raise `ImageSizeError` unless both pictures have one size."""
    if restored.size != reference.size:
        raise ImageSizeError(
            f"restored image is {restored.size[1]}x{restored.size[0]} but its reference is "
            f"{reference.size[1]}x{reference.size[0]}; compare images of one size"
        )
