"""Options of every suite: its images cut to their middle, and resized, as some papers test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.core.errors import BenchError
from bench.core.names import choose, sides_of
from bench.records import Pair, Sizing
from bench.suites.listing import Listing

if TYPE_CHECKING:
    from bench.image import Pixels
    from bench.suites.table import Split, Suite

LEAST, MOST = 16, 20_000
"""Pixels that a side may have."""
KERNELS = {
    "bicubic": "bicubic as MATLAB's imresize, against aliasing",
    "area": "area averages (OpenCV's INTER_AREA)",
    "bilinear": "bilinear without a guard against aliasing (OpenCV's INTER_LINEAR)",
}
"""What ``kernel=`` may be, the default first."""
OPTIONS = ("crop", "resize", "kernel")


def read_sizing(spec: str, given: Mapping[str, str]) -> tuple[Sizing | None, dict[str, str]]:
    """Return what ``crop=WxH,resize=WxH,kernel=NAME`` of a suite ask for, and their full form.

    None and nothing where none is given. Raises `BenchError`, with the suite's spec, for nonsense.
    """
    options = {key: given[key] for key in OPTIONS if key in given}
    if not options:
        return None, {}
    if "kernel" in options and "resize" not in options:
        raise BenchError(f"'{spec}': kernel= says how to resize; give resize=WxH, too")
    sizes = {key: _size(spec, key, given[key]) for key in ("crop", "resize") if key in given}
    if "resize" in options:
        default = next(iter(KERNELS))
        options["kernel"] = choose("kernel", options.get("kernel", default), KERNELS)
    return Sizing(sizes.get("crop"), sizes.get("resize"), options.get("kernel", "")), options


def with_sizing(suite: Suite, sizing: Sizing) -> Suite:
    """Return the suite with every image cut and resized on reading, and a note that says so."""
    listed = suite.pairs

    def pairs(split: Split) -> Listing[int]:
        own = listed(split)
        return Listing(range(len(own)), _sized(own.__getitem__, sizing))

    return replace(suite, pairs=pairs, notes=(*suite.notes, note(sizing)))


def _sized(own: Callable[[int], Pair], sizing: Sizing) -> Callable[[int], Pair]:
    return lambda index: replace(own(index), sizing=sizing)


def note(sizing: Sizing) -> str:
    """Say what is done to the images, for whoever compares the numbers with others."""
    steps = []
    if sizing.crop:
        steps.append("cut to their middle {}x{}".format(*sizing.crop))
    if sizing.resize:
        steps.append("resized to {}x{}, {}".format(*sizing.resize, KERNELS[sizing.kernel]))
    return f"all images (width x height): {', then '.join(steps)}"


def sized(pixels: Pixels, sizing: Sizing, scale: int = 1) -> Pixels:
    """Cut (H, W, 3) uint8 to its middle and resize it; ``scale``: how much smaller it is than what
    the sizes are of.

    Raises `bench.image.ImageSizeError` for an image that is smaller than the piece, and where a
    smaller image was stored for super-resolution and cannot be had at another size.
    """
    from bench.image import ImageSizeError

    if sizing.resize and scale > 1:
        raise ImageSizeError(
            "resize={}x{}: the images that are to be enlarged are stored, {} times smaller, and "
            "cannot be made anew; use crop=".format(*sizing.resize, scale)
        )
    if sizing.crop:
        width, height = sizing.crop
        if width % scale or height % scale:
            raise ImageSizeError(
                f"crop={width}x{height}: the images that are to be enlarged are stored, "
                f"{scale} times smaller; expected multiples of {scale}"
            )
        width, height = width // scale, height // scale
        if pixels.shape[0] < height or pixels.shape[1] < width:
            raise ImageSizeError(
                f"crop={width}x{height}: got an image of {pixels.shape[1]}x{pixels.shape[0]} "
                "(width x height); expected one at least as large"
            )
        top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
        pixels = pixels[top : top + height, left : left + width]
    return _resized(pixels, *sizing.resize, sizing.kernel) if sizing.resize else pixels.copy()


def _resized(pixels: Pixels, width: int, height: int, kernel: str) -> Pixels:
    import cv2
    import numpy as np

    from bench.degrade.resample import resize

    if kernel == "bicubic":
        return resize(pixels, (height, width))
    how = cv2.INTER_AREA if kernel == "area" else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=how))


def _size(spec: str, key: str, text: str) -> tuple[int, int]:
    if (size := sides_of(text)) and min(size) >= LEAST and max(size) <= MOST:
        return size
    raise BenchError(
        f"'{spec}': {key}={text}; expected WIDTHxHEIGHT in pixels, each from {LEAST} to {MOST}, "
        f"as {key}=800x450"
    )
