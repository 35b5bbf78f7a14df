"""The one image contract: files, 8-bit pixels and float tensors.

On disk and in scoring an image is ``(H, W, 3)`` uint8 sRGB, channels in RGB order. In models it is
``(B, 3, H, W)`` float32 in [0, 1]. What a model returns is clipped and rounded to 8 bits before
anything is measured, so a live run and its saved PNGs score the same.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.colour import converted, profile_name, to_srgb
from bench.core.blobs import read_bytes
from bench.core.errors import BenchError
from bench.core.extras import extra
from bench.core.files import write_atomic
from bench.deep import decode_grey_alpha, decode_heif, grey_alpha_tags

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Plane = NDArray[np.float64]

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".avif", ".heic", ".heif"}
)
MOST_PIXELS = 178_956_970
"""More are not read: at twice the size that it warns of, Pillow takes a file for an attack."""
_PNG_SPEED = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG)
"""Fast: size matters less. One filter for all rows takes less time than a choice for each."""


class ImageError(BenchError):
    """A file that is not an image this contract can hold."""


class ImageSizeError(BenchError):
    """Images whose sizes do not fit together."""


def read(path: Path) -> Pixels:
    """Decode an image file to (H, W, 3) uint8 sRGB.

    Grey becomes three equal channels, 16 bits are rounded to 8, an opaque alpha channel is dropped,
    EXIF orientation is applied and colours of another ICC profile are converted. Raises
    `ImageError` for unreadable files and for transparency, which has no colour until it is laid on
    a background, and for animations and several pages.
    """
    data = data_of(path)
    decoded = decode(data, path)
    if decoded.dtype == np.uint16:
        decoded = np.rint(decoded / 257.0).astype(np.uint8)
    if decoded.shape[2] in (2, 4):
        if int(decoded[:, :, -1].min()) != 255:
            raise ImageError(f"'{path}' has transparent pixels; lay it on a background first")
        decoded = decoded[:, :, :-1]
    grey = decoded.shape[2] == 1
    decoded = converted(decoded[:, :, 0] if grey else decoded, icc_profile(data))
    if decoded.ndim == 2:
        decoded = np.repeat(decoded[:, :, None], 3, axis=2)
    return np.require(decoded, np.uint8, ["C", "W"])  # torch warns of arrays that are read-only


def data_of(path: Path) -> bytes:
    """Return an image file's bytes. Raises `ImageError` where they cannot be read."""
    try:
        return read_bytes(path)
    except OSError as error:
        raise ImageError(f"cannot read image '{path}': {error.strerror or error}") from error


def decode(data: bytes, path: Path) -> NDArray[Any]:
    """Decode an image file to (H, W, C) uint8 or uint16, upright, C of 1 to 4: grey or RGB, alpha.

    Its numbers are those of its own colour profile, but for inks, which become sRGB. ``path`` names
    it in errors. Raises `ImageError` for unreadable and huge files, animations and several pages.
    """
    _refuse_huge(data, path)
    if (count := _frames_in(data)) > 1:
        raise ImageError(f"'{path}' holds {count} images (frames or pages); save the one meant")
    decoded = _decode_deep(data, path)
    if decoded is None and data.startswith(_DEEP):
        decoded = _decode_opencv(data, path)
    if decoded is None:
        decoded = _decode_pillow(data, path)
    if decoded.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"'{path}' holds {decoded.dtype} samples; expected 8 or 16 bits")
    return decoded[:, :, None] if decoded.ndim == 2 else decoded


def _refuse_huge(data: bytes, path: Path) -> None:
    """Refuse what would take gigabytes: a file of some kilobytes can hold that."""
    from PIL import Image

    try:
        if data.startswith(_PNG):
            pixels = int.from_bytes(data[16:20]) * int.from_bytes(data[20:24])
        else:
            with Image.open(io.BytesIO(data)) as image:
                pixels = image.width * image.height
    except Image.DecompressionBombError:
        pixels = MOST_PIXELS + 1
    except Exception:  # noqa: BLE001  of a damaged file; decoding says what it is
        return
    if pixels > MOST_PIXELS:
        raise ImageError(too_large(path))


def too_large(path: Path) -> str:
    """Say that an image has more pixels than are read."""
    return f"'{path}' has more than {MOST_PIXELS:,} pixels; no more are read: cut it"


def icc_profile(data: bytes) -> bytes | None:
    """Return the ICC profile in an image file, None without one. Only headers are read."""
    if data.startswith(_PNG) and b"iCCP" not in data[: max(data.find(b"IDAT"), 0)]:
        return None
    tags = grey_alpha_tags(data)
    if tags is not None:
        profile = tags.get(34675)
    else:
        profile = peek(data, lambda image: image.info.get("icc_profile"))
    return profile if isinstance(profile, bytes) else None


def converted_from(path: Path) -> str | None:
    """Return the name of the colour profile from which `read` converts, None where it does not.

    Raises OSError for a file that cannot be read.
    """
    return profile_name(icc_profile(read_bytes(path)))


def is_grey(path: Path) -> bool:
    """Say whether an image file stores one channel (and alpha). Only its header is read.

    Raises OSError for a file that cannot be read.
    """
    data = read_bytes(path)
    with_alpha = data.startswith(_PNG) and data[25:26] == b"\4"  # Pillow calls that of 16 bits RGBA
    return peek(data, lambda image: with_alpha or image.mode in _GREY_MODES) or False


_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
_PNG = b"\x89PNG"
_TIFF = (b"II", b"MM")
_DEEP = (_PNG, *_TIFF, b"BM")  # PNG, TIFF, BMP: OpenCV is faster here and keeps 16 bits
_ORIENTATION = 0x0112


def _decode_deep(data: bytes, path: Path) -> NDArray[Any] | None:
    """Return the samples of a file whose depth or alpha the other readers lose, None for others."""
    try:
        if _is_heif(data) and _knows_heif(data):
            return decode_heif(data)
        if (tags := grey_alpha_tags(data)) is not None:
            if tags.get(256, 0) * tags.get(257, 0) > MOST_PIXELS:
                raise ImageError(too_large(path))
            decoded = decode_grey_alpha(data)
            if _is_white_zero(tags):
                decoded[:, :, 0] = 65535 - decoded[:, :, 0]
            return _turn(decoded, tags.get(_ORIENTATION, 1))
    except BenchError:
        raise
    except Exception as error:  # Pillow raises what it likes over a damaged file
        raise ImageError(f"'{path}' is not a readable image ({error})") from error
    return None


def _decode_opencv(data: bytes, path: Path) -> NDArray[Any] | None:
    """Return the samples as stored, or None where Pillow has to read the file."""
    is_png, decoded = data.startswith(_PNG), None
    with suppress(cv2.error):  # of a header that promises more than it will read
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        if is_png:  # no second opinion: Pillow does not verify all of a PNG's checksums
            raise ImageError(f"'{path}' is a damaged or truncated PNG; get or make it again")
        return None
    if data.startswith(_TIFF) and peek(data, lambda image: image.mode == "CMYK"):
        return None  # OpenCV knows nothing of inks' profile
    if not is_png and decoded.dtype == np.uint8 and decoded.shape[2:] == (4,):
        return None  # OpenCV multiplies alpha into the colour
    if decoded.ndim == 2:
        # OpenCV drops the alpha of some grey images in silence.
        if decoded.dtype == np.uint8 and peek(data, _has_alpha):
            return None
    elif decoded.shape[2] >= 3:
        decoded = decoded[:, :, [2, 1, 0, 3][: decoded.shape[2]]]
    if decoded.dtype == np.uint16 and not is_png and _is_white_zero(peek(data, _tags)):
        decoded = 65535 - decoded  # OpenCV sees to that with 8 bits only
    if is_png and b"eXIf" in data:  # OpenCV turns TIFF upright but not PNG
        decoded = _turn(decoded, peek(data, lambda image: image.getexif().get(_ORIENTATION, 1)))
    return decoded


def peek(data: bytes, question: Callable[[Image], Any]) -> Any:
    """Return what Pillow finds in the header, or None where it cannot open the file.

    Of a damaged file OpenCV may decode what Pillow will not.
    """
    from PIL import Image

    _knows_heif(data)
    try:
        image = Image.open(io.BytesIO(data))
    except Exception:  # noqa: BLE001  Pillow raises what it likes; whoever reads the file says so
        return None
    with image:
        return question(image)


def _frames_in(data: bytes) -> int:
    """Return how many frames or pages an animation or a TIFF has, thumbnails not counted.

    What a phone adds to a JPEG is no page of it. A damaged file has one: decoding says the rest.
    """
    if data.startswith(_PNG):
        still = b"acTL" not in data[: max(data.find(b"IDAT"), 0)]
    else:
        still = not data.startswith((b"GIF8", b"II", b"MM", b"RIFF"))
    if still:
        return 1
    try:
        return peek(data, _pages) or 1
    except Exception:  # noqa: BLE001  as of a second page that has no size
        return 1


def _pages(image: Image) -> int:
    count = int(getattr(image, "n_frames", 1))
    if image.format != "TIFF":
        return count
    sizes = []
    for page in range(count):
        image.seek(page)
        sizes.append(image.size)
    return sizes.count(sizes[0])


def _is_heif(data: bytes) -> bool:
    """Say whether a file is one that Pillow leaves to pillow-heif; AVIF is its own."""
    return data[4:8] == b"ftyp" and not is_avif(data)


def is_avif(data: bytes) -> bool:
    """Say whether a file is an AVIF."""
    return data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis")


def _knows_heif(data: bytes) -> bool:
    """Let Pillow read HEIC and HEIF, and say whether it can; True for files of other kinds."""
    if not _is_heif(data):
        return True
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _has_alpha(image: Image) -> bool:
    return image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info


def _tags(image: Image) -> Mapping[int, Any]:
    return dict(getattr(image, "tag_v2", {}))


def _is_white_zero(tags: Mapping[int, Any] | None) -> bool:
    """Say whether a TIFF's zero is white (MINISWHITE)."""
    return bool(tags and tags.get(262, 1) == 0)


def _turn(decoded: NDArray[Any], orientation: int | None) -> NDArray[Any]:
    """Turn upright what was stored in this EXIF orientation, 1 to 8."""
    if orientation in (5, 6, 7, 8):
        decoded = decoded.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        decoded = decoded[::-1]
    if orientation in (2, 3, 6, 7):
        decoded = decoded[:, ::-1]
    return decoded


def _decode_pillow(data: bytes, path: Path) -> NDArray[Any]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not _knows_heif(data):
        raise ImageError(f"'{path}' is HEIC, which needs pillow-heif: {extra('heif')}")
    try:
        with Image.open(io.BytesIO(data)) as image:
            upright = to_srgb(ImageOps.exif_transpose(image))
            if upright.mode.startswith(("I", "F")):  # convert() would clip these to 8 bits
                return np.asarray(upright)
            return np.asarray(upright.convert("RGBA" if _has_alpha(upright) else "RGB"))
    except UnidentifiedImageError as error:
        kinds = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
        raise ImageError(f"'{path}' is not an image of a kind read here ({kinds})") from error
    except BenchError:
        raise
    except Exception as error:  # Pillow raises what it likes over a damaged file
        raise ImageError(f"'{path}' is not a readable image ({error})") from error


def encode_png(pixels: Pixels, *, searched: bool = False) -> bytes:
    """Return PNG bytes that decode to the same pixels.

    ``searched``: by Deflate's own search, which leaves nothing that could be compressed again.
    """
    search = searched or samples_repeat(pixels)
    strategy = cv2.IMWRITE_PNG_STRATEGY_DEFAULT if search else cv2.IMWRITE_PNG_STRATEGY_RLE
    options = [*_PNG_SPEED, cv2.IMWRITE_PNG_STRATEGY, strategy]
    done, data = cv2.imencode(".png", pixels[:, :, ::-1], options)
    if not done:
        raise ImageError(f"could not encode an image of shape {pixels.shape}")
    return data.tobytes()


def samples_repeat(pixels: NDArray[Any]) -> bool:
    """Whether each pixel (H, W, C) repeats itself: grey in three channels, 8 bits in 16.

    Deflate then needs its search for what came before; of other photographs it finds next to
    nothing, and runs of equal bytes alone (RFC 1951; zlib's Z_RLE) are found in half the time.
    """
    if pixels.dtype == np.uint16 and np.array_equal(pixels >> 8, pixels & 255):
        return True
    channels = pixels.shape[2]
    return channels > 2 and all(
        np.array_equal(pixels[:, :, 0], pixels[:, :, index]) for index in (1, 2)
    )


def write_png(path: Path, pixels: Pixels) -> None:
    """Write a PNG so that the name never stands for half a file."""
    write_atomic(path, encode_png(pixels))


def to_tensor(image: Pixels | Floats) -> torch.Tensor:
    """(H, W, 3) uint8, or float32 in [0, 1] and noise beyond -> (1, 3, H, W) float32."""
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
    return tensor if tensor.dtype == torch.float32 else tensor.float() / 255.0


def quantise(image: Pixels | Floats) -> Pixels:
    """Clip float32 values to [0, 1] and round them to 256 levels; uint8 stays as it is."""
    if image.dtype == np.uint8:
        return np.asarray(image, np.uint8)
    levels = 255.0 * np.clip(np.asarray(image, np.float32), 0.0, 1.0)
    rounded: Pixels = np.rint(levels).astype(np.uint8)
    return rounded


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
        self.full_size = pixels.shape[0], pixels.shape[1]
        """Height and width of the image as it is, its border too."""
        if border and min(pixels.shape[:2]) <= 2 * border:
            raise ImageSizeError(f"image {pixels.shape[:2]} is all border (crop {border})")
        inner = pixels[border : pixels.shape[0] - border, border : pixels.shape[1] - border]
        self.pixels: Pixels = np.ascontiguousarray(inner)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @cached_property
    def planes(self) -> list[Pixels]:
        """Red, green and blue, each (H, W) uint8."""
        return [cast(Pixels, plane) for plane in cv2.split(self.pixels)]

    @cached_property
    def luma_studio(self) -> Plane:
        """BT.601 luma in 16..235, unrounded: MATLAB's rgb2ycbcr, as super-resolution papers use."""
        return self._luma((65.481 / 255, 128.553 / 255, 24.966 / 255, 16.0))

    @cached_property
    def luma_full(self) -> Plane:
        """BT.601 luma in 0..255 (0.299 R + 0.587 G + 0.114 B), unrounded: what VIF uses."""
        return self._luma((0.299, 0.587, 0.114, 0.0))

    def _luma(self, weights: tuple[float, float, float, float]) -> Plane:
        samples = self.pixels.astype(np.float64)
        return np.asarray(cv2.transform(samples, np.array([weights])), np.float64)


class Frame(Picture):
    """A picture of a sequence that knows the one ``before`` it, of the same size."""

    def __init__(self, pixels: Pixels, before: Picture, border: int = 0) -> None:
        super().__init__(pixels, border)
        self.before = before


def same_size(restored: Picture, reference: Picture) -> None:
    """Raise `ImageSizeError` unless both pictures have one size."""
    got, expected = restored.full_size, reference.full_size
    if got != expected:
        raise ImageSizeError(
            f"restored image is {got[1]}x{got[0]} but its reference is "
            f"{expected[1]}x{expected[0]}; compare images of one size"
        )
