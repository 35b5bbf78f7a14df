"""How long PNGs take to encode, over what they took before, and their size. 1 on a miss.

Run as ``python tests/performance/png.py``: scikit-image's photographs, sharp and blurred as
restorations are, of 8 and of 16 bits. Every file is decoded, and has to hold every bit.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import skimage
from numpy.typing import NDArray

from bench.image import encode_png, read
from bench.photographs import writing
from bench.photographs.reading import Photograph

PHOTOGRAPHS = ("astronaut.png", "retina.jpg", "hubble_deep_field.jpg", "ihc.png", "page.png")
TIME, SIZE, ROUNDS = 0.8, 1.15, 5
Encode = Callable[[NDArray[Any]], bytes]


def as_before(pixels: NDArray[Any]) -> bytes:
    """Encode as runs did: level 1, the filter chosen for each row."""
    return cv2.imencode(".png", pixels[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def photograph(pixels: NDArray[Any]) -> bytes:
    """Encode as `bench restore` does."""
    return writing._png(Photograph(colour=pixels), b"")


def photograph_before(pixels: NDArray[Any]) -> bytes:
    """Encode as it did, at zlib's level 4: with its own packer for a moment."""

    class Packer:
        def compress(self, data: memoryview) -> bytes:
            return zlib.compress(data, 4)

        def flush(self) -> bytes:
            return b""

    packer, zlib.compressobj = zlib.compressobj, lambda *_, **__: Packer()
    try:
        return photograph(pixels)
    finally:
        zlib.compressobj = packer


def compared(name: str, images: list[NDArray[Any]], before: Encode, now: Encode) -> bool:
    """Print the ratios of time and size; return whether they are small enough."""
    ratios, sizes = [], (0, 0)
    for _ in range(ROUNDS):
        seconds, sizes = [], (0, 0)
        for encode in (before, now):
            begin = time.thread_time()
            files = [encode(image) for image in images]
            seconds.append(time.thread_time() - begin)
            sizes = sizes[1], sum(map(len, files))
        for image, data in zip(images, files, strict=True):
            decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(decoded[:, :, ::-1], image)
        ratios.append(seconds[1] / seconds[0])
    larger = sizes[1] / sizes[0]
    print(
        f"{name}: {median(ratios):.2f} of the time (at most {TIME}), {larger:.2f} of the size (at "
        f"most {SIZE})"
    )
    return median(ratios) <= TIME and larger <= SIZE


if __name__ == "__main__":
    sharp = [read(Path(skimage.data_dir) / name)[:720, :1280] for name in PHOTOGRAPHS]
    blurred = [np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5), np.uint8) for image in sharp]
    images: list[NDArray[Any]] = [np.ascontiguousarray(image) for image in sharp + blurred]
    deep: list[NDArray[Any]] = [
        np.asarray(cv2.GaussianBlur(image.astype(np.float32) * 257, (0, 0), 1.0)).astype(np.uint16)
        for image in sharp
    ]
    reached = [
        compared("a run's image", images, as_before, encode_png),
        compared("a photograph of 8 bits", images, photograph_before, photograph),
        compared("a photograph of 16 bits", deep, photograph_before, photograph),
    ]
    sys.exit(not all(reached))
