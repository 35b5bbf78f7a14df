"""Gaussian windows, and the cutting of an image into tiles that share the cores.

The size of a tile does not depend on the number of cores, so that a score does not either.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise, product
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.core.limits import cores
from bench.core.parallel import keeps_to_one_core

Result = TypeVar("Result")
Samples = NDArray[Any]
Floats = NDArray[np.float64]

TILE = 2**18
"""Samples in a tile: a few such float64 arrays fit a core's share of the cache."""
WIDEST = 448
"""Columns of a tile at most. Rows of float64 that lie a multiple of 4096 bytes apart share one set
of the cache. OpenCV's do where there are 465 to 512 columns, or 1024: filtering then takes 1.7
times as long with a window of 17, and 1.2 times with 11."""
THREADS = min(8, cores())


def gaussian(size: int, sigma: float) -> Floats:
    """Return the ``size`` samples of a centred Gaussian, sum 1; its outer product is the window."""
    offsets = np.arange(size) - (size - 1) / 2
    samples = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel: Floats = samples / samples.sum()
    return kernel


def smooth(
    samples: Samples,
    kernel: Floats,
    scale: float = 1.0,
    offset: float = 0.0,
    into: Floats | None = None,
) -> Floats:
    """Return ``scale * filtered + offset`` in the rows where the whole window lies in the image.

    ``samples`` is (H, W[, C]) uint8, uint16 or float64; with a kernel of k samples the result is
    (H-k+1, W[, C]) float64. Whole rows are contiguous, hence faster to work on; `inside` cuts off
    the columns where the window reaches beyond the image. ``into`` is an (H, W[, C]) array to work
    in.
    """
    filtered = cv2.sepFilter2D(samples, cv2.CV_64F, kernel * scale, kernel, dst=into, delta=offset)
    margin = len(kernel) // 2
    return np.asarray(filtered, np.float64)[margin : len(filtered) - margin]


def inside(rows: Floats, kernel: Floats) -> Floats:
    """Return the columns of `smooth`'s result where the whole window lies in the image."""
    margin = len(kernel) // 2
    return rows[:, margin : rows.shape[1] - margin]


def halved(samples: Samples, kernel: Floats) -> Floats:
    """Return every second row and column of `smooth`'s result, as `inside` leaves it."""
    margin = len(kernel) // 2
    rows = cv2.filter2D(samples, cv2.CV_64F, kernel[:, None])[margin : len(samples) - margin : 2]
    columns = cv2.filter2D(rows, cv2.CV_64F, kernel[None])[:, margin : rows.shape[1] - margin : 2]
    return np.ascontiguousarray(columns, np.float64)


def bands(shape: tuple[int, ...], window: int, step: int = 1) -> list[slice]:
    """Cut an image of this shape into overlapping rows whose valid filterings tile the whole's.

    Every band's filtering begins at a multiple of ``step``.
    """
    return _cut(shape[0], window, round(math.prod(shape) / TILE), step)


def tiles(shape: tuple[int, ...], window: int) -> list[tuple[slice, slice]]:
    """Cut an image of this shape into overlapping tiles whose valid filterings tile the whole's."""
    columns = _cut(shape[1], window, math.ceil((shape[1] - window + 1) / (WIDEST - window + 1)))
    rows = _cut(shape[0], window, round(math.prod(shape) / TILE / len(columns)))
    return list(product(rows, columns))


def _cut(length: int, window: int, count: int, step: int = 1) -> list[slice]:
    """Cut into ``count`` parts, or as many as are no shorter than the window's own length."""
    outputs = length - window + 1
    count = max(1, min(outputs // window, count))
    cuts = [outputs * i // count // step * step for i in range(count)] + [outputs]
    return [slice(a, b + window - 1) for a, b in pairwise(cuts)]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "metric")


def in_parallel(work: Callable[..., Result], *items: Iterable[Any]) -> list[Result]:
    """Map ``work`` on all cores, in order. OpenCV and NumPy let go of the interpreter's lock.

    May be called from several threads, of which those that keep to one core do it all themselves;
    ``work`` itself must not call it, or it would wait for ever.
    """
    if keeps_to_one_core():
        return list(map(work, *items))
    return list(_pool().map(work, *items))


class Scratch(threading.local):
    """Arrays that a thread uses again and again.

    New arrays of this size come from the system page by page, which takes longer than the
    arithmetic done in them.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[np.uint8]] = {}

    def like(self, name: str, samples: Samples, dtype: Any = np.float64) -> Samples:
        """Return the array called ``name`` in the shape of ``samples``; what it holds is stale."""
        size = samples.size * np.dtype(dtype).itemsize
        array = self._arrays.get(name)
        if array is None or array.size < size:
            array = self._arrays[name] = np.empty(size, np.uint8)
        reshaped: Samples = array[:size].view(dtype).reshape(samples.shape)
        return reshaped


scratch = Scratch()
