"""Opaque images: the same pixels for all who judge them, and nothing else.

A file here is a PNG of the chunks IHDR, IDAT and IEND and one padding chunk, which gives all
stimuli of one crop the same length: the size of a download would tell sharp from blurred. None is
without: that would be the one with most detail, hence often of the same model. Whenever one is
served, its padding is other bytes, so that no digest tells that a file has been seen before.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.degrade.pipeline import Degradation, degrade
from bench.image import ImageError, Pixels, encode_png

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PADDING = b"paDd"
"""Ancillary, private, safe to copy: every decoder skips it."""
LEAST_PADDING = 64


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the data of each chunk of a PNG."""
    stream = io.BytesIO(png)
    if stream.read(8) != SIGNATURE:
        raise ImageError("not a PNG")
    while head := stream.read(8):
        length, name = struct.unpack(">I4s", head)
        data = stream.read(length)
        stream.read(4)
        yield name, data


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _bare(png: bytes) -> list[bytes]:
    """Return the chunks that a PNG needs. All pixels in one: their number would tell the size."""
    parts = list(chunks(png))
    pixels = b"".join(data for name, data in parts if name == b"IDAT")
    return [_chunk(*parts[0]), _chunk(b"IDAT", pixels), _chunk(b"IEND", b"")]


def decoded(png: bytes) -> Pixels:
    """Return the pixels of a stimulus, (H, W, 3) uint8, as they were encoded."""
    bgr = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ImageError("a stimulus that is no PNG")
    return np.ascontiguousarray(np.asarray(bgr, np.uint8)[:, :, ::-1])


def opaque_pngs(images: Sequence[Pixels]) -> list[bytes]:
    """Encode (H, W, 3) uint8 images of one size losslessly, all to the same number of bytes.

    The padding is zero until `padded_anew` fills it.
    """
    if len({image.shape for image in images}) > 1:
        raise ImageError(f"stimuli of several sizes: {sorted({i.shape for i in images})}")
    # a server that compressed again would tell by the length how well each one compresses
    bare = [_bare(encode_png(image, searched=True)) for image in images]
    longest = max(sum(map(len, parts)) for parts in bare)
    files = []
    for parts in bare:
        room = LEAST_PADDING + longest - sum(map(len, parts))
        padding = _chunk(PADDING, bytes(room))
        files.append(b"".join([SIGNATURE, *parts[:-1], padding, parts[-1]]))
    return files


def padded_anew(png: bytes, padding: Callable[[int], bytes]) -> bytes:
    """Return a stimulus with other padding: ``padding`` of its length, in bytes."""
    at = len(SIGNATURE)
    while at < len(png):  # from head to head: the pixels are not looked at
        length, name = struct.unpack_from(">I4s", png, at)
        end = at + 12 + length
        if name == PADDING:
            return png[:at] + _chunk(PADDING, padding(length)) + png[end:]
        at = end
    return png


def copied(pixels: Pixels, noise: bytes) -> Pixels:
    """Return an image that nobody can tell from ``pixels`` by looking, and that is not the same.

    One value in sixteen is a level off (60.2 dB), where ``noise`` says so: as many random bytes as
    there are values. What is shown as known to be good would else be known by its digest.
    """
    off = np.frombuffer(noise, np.uint8).reshape(pixels.shape) < 256 // 16
    return np.asarray(pixels ^ off.astype(np.uint8), np.uint8)


def spread(outputs: Sequence[Pixels]) -> NDArray[np.float64]:
    """How far models lie apart at each pixel: (H, W) variance over outputs, mean over channels."""
    total = np.zeros(outputs[0].shape, np.float64)
    squares = np.zeros_like(total)
    for output in outputs:
        values = output.astype(np.float64)
        total += values
        squares += values**2
    n = len(outputs)
    variance: NDArray[np.float64] = np.maximum(squares / n - (total / n) ** 2, 0.0).mean(axis=2)
    return variance


def widest(variance: NDArray[np.float64], height: int, width: int) -> tuple[int, int, float]:
    """Return top, left and mean of the window of that size with the largest mean."""
    sums = cv2.integral(variance, sdepth=cv2.CV_64F)
    windows = (
        sums[height:, width:]
        - sums[:-height, width:]
        - sums[height:, :-width]
        + sums[:-height, :-width]
    )
    top, left = np.unravel_index(int(np.argmax(windows)), windows.shape)
    return int(top), int(left), float(windows[top, left]) / (height * width)


GOLDEN_DEGRADATIONS = {
    "defocus": Degradation(blur="defocus", size=5.0, electrons=400.0, read_noise=4.0),
    "motion": Degradation(blur="motion", size=17.0, angle=30.0, electrons=400.0, read_noise=4.0),
    "noise": Degradation(electrons=60.0, read_noise=4.0),
}
"""What makes an image visibly worse: out of focus, shaken, noisy. All have some noise, so that a
flat image is degraded too."""


def damage(number: int) -> str:
    """Return what is done to the ``number``-th image that is made worse: its name in the table."""
    return list(GOLDEN_DEGRADATIONS)[number % len(GOLDEN_DEGRADATIONS)]


def degrade_golden(pixels: Pixels, number: int, seed: int) -> Pixels:
    """Return a visibly worse version, (H, W, 3) uint8; ``number`` varies how, ``seed`` the noise.

    Who knows the seed and the image can compute the result: it is drawn from the study's secret.
    """
    how = GOLDEN_DEGRADATIONS[damage(number)]
    seeded = {**how.as_dict(), "seed": seed}
    return degrade(pixels, Degradation(**seeded)).pixels
