"""Crops of images for the page, lossless, at places that are chosen the same way every time.

A few images are held at a time: memory does not depend on how many there are.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.image import Picture, Pixels, read

CROP = 88
"""Pixels of a side; shown twice as large."""
CONTEXT = 372
"""Pixels of the whole image's width on the page, at most."""

KEPT = 16
"""Decoded images held at a time: as many as a row of samples shows."""
FLAT = 1e-6
"""Squared levels of lightness below which a difference is the rounding of its computation."""

Luma = NDArray[np.float64]
Size = tuple[int, int]
"""Height and width in pixels."""
WINDOW: Size = (CROP, CROP)


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of an image in pixels."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, pixels: Pixels, full: Size) -> Pixels:
        """Return the part of ``pixels``; ``full`` is the size (H, W) that the window is of.

        An image of another size (a low-resolution input) is cut in proportion.
        """
        down, across = pixels.shape[0] / full[0], pixels.shape[1] / full[1]
        top, left = round(self.top * down), round(self.left * across)
        height = max(1, round(self.height * down))
        width = max(1, round(self.width * across))
        return pixels[top : top + height, left : left + width]


@dataclass(frozen=True, slots=True)
class Tile:
    """A crop as the page shows it. ``source`` is a data URI; empty where the file is gone."""

    title: str
    source: str
    alt: str
    lines: tuple[str, ...] = ()
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The whole image, made small, and the window in percent of its sides."""

    source: str
    alt: str
    width: int
    height: int
    left: float
    top: float
    across: float
    down: float


Found = tuple[Window, Size]
"""A window, and the size of the images that it is of."""


def where_to_look(
    paths: Sequence[Path], reference: Path | None, size: Size = WINDOW
) -> Found | None:
    """Return where the images differ most; where all are alike, where they are most wrong.

    Without a reference, or where they equal it, the place of the finest detail. None if no image
    can be read.
    """
    found = where_they_differ(paths, size)
    if found is None and reference:
        found = next(filter(None, (where_it_is_wrong(p, reference, size) for p in paths)), None)
    return found or next(filter(None, (_where_detail_is(p, size) for p in paths)), None)


def where_they_differ(
    paths: Iterable[Path], size: Size = WINDOW, inside: Window | None = None
) -> Found | None:
    """Return the window where the images' lightness varies most from one to the next, and the size.

    It is looked for ``inside`` a part, where one is given. Files that cannot be read, or are not of
    the first one's size, do not count. None without two, and where all are alike.
    """
    total = squares = None
    count = 0
    for path in paths:
        luma = _luma(path)
        if luma is None or (total is not None and luma.shape != total.shape):
            continue
        total = luma if total is None else total + luma
        squares = luma**2 if squares is None else squares + luma**2
        count += 1
    if total is None or squares is None or count < 2:
        return None
    variance = squares / count - (total / count) ** 2
    if inside is None:
        return _peak(variance, size)
    rows = slice(inside.top, inside.top + inside.height)
    found = _peak(variance[rows, inside.left : inside.left + inside.width], size)
    if found is None:
        return None
    window = replace(found[0], left=found[0].left + inside.left, top=found[0].top + inside.top)
    return window, (variance.shape[0], variance.shape[1])


def where_it_is_wrong(restored: Path, reference: Path, size: Size = WINDOW) -> Found | None:
    """Return the window of the largest squared error of lightness, and the images' size.

    None where one cannot be read, sizes differ, or the two are alike.
    """
    first, second = _luma(restored), _luma(reference)
    if first is None or second is None or first.shape != second.shape:
        return None
    return _peak((first - second) ** 2, size)


def _where_detail_is(path: Path, size: Size) -> Found | None:
    luma = _luma(path)
    if luma is None:
        return None
    height, width = min(size[0], luma.shape[0]), min(size[1], luma.shape[1])
    middle = Window((luma.shape[1] - width) // 2, (luma.shape[0] - height) // 2, width, height)
    smooth = cv2.GaussianBlur(luma, (0, 0), 2)
    return _peak((luma - smooth) ** 2, size) or (middle, (luma.shape[0], luma.shape[1]))


def pixels_of(path: Path) -> Pixels:
    """Return an image; the last few are kept, for each is looked at before a part of it is cut.

    Raises `BenchError` for a file that is gone or cannot be read.
    """
    try:
        stamp = path.stat()
    except OSError:
        return read(path)  # says what is wrong
    return _kept(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=KEPT)
def _kept(path: Path, changed: int, size: int) -> Pixels:
    return read(path)


def _luma(path: Path) -> Luma | None:
    try:
        return Picture(pixels_of(path)).luma_full
    except BenchError:
        return None


def _peak(density: Luma, size: Size) -> Found | None:
    """Return the window with the largest sum; the first in reading order where several have it.

    None where the density is nothing but rounding: there is no peak.
    """
    if density.max(initial=0) < FLAT:
        return None
    height, width = min(size[0], density.shape[0]), min(size[1], density.shape[1])
    sums = cv2.integral(density)
    windows = (
        sums[height:, width:]
        - sums[:-height, width:]
        - sums[height:, :-width]
        + sums[:-height, :-width]
    )
    top, left = np.unravel_index(int(np.rint(windows * 256).argmax()), windows.shape)
    return Window(int(left), int(top), width, height), (density.shape[0], density.shape[1])


def tile(
    title: str,
    path: Path,
    *,
    window: Window,
    full: Size,
    alt: str,
    lines: Sequence[str] = (),
    mark: str = "",
) -> Tile:
    """Cut a tile out of an image file. A file that cannot be read gives a tile that says so."""
    try:
        crop = window.cut(pixels_of(path), full)
    except BenchError:
        return Tile(title, "", f"{alt}: the image file cannot be read", tuple(lines), mark)
    return Tile(title, png_uri(crop), alt, tuple(lines), mark)


def overview(path: Path, window: Window, full: Size, alt: str) -> Overview | None:
    """Return the whole image, averaged down to the page's width; None where it cannot be read."""
    try:
        pixels = pixels_of(path)
    except BenchError:
        return None
    height, width = pixels.shape[:2]
    shrink = min(1.0, CONTEXT / width)
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if shrink < 1 else pixels
    return Overview(
        source=png_uri(np.asarray(small, np.uint8)),
        alt=alt,
        width=size[0],
        height=size[1],
        left=100 * window.left / full[1],
        top=100 * window.top / full[0],
        across=100 * window.width / full[1],
        down=100 * window.height / full[0],
    )


def png_uri(pixels: Pixels) -> str:
    """Return a lossless data URI. Level 6: 9 takes five times as long to save one part in fifty."""
    bgr = np.ascontiguousarray(pixels[:, :, ::-1])
    done, data = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise BenchError(f"could not encode a crop of shape {pixels.shape}")
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode()
