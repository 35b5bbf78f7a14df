"""Training data: crops of degraded and reference images, cut and turned together.

What item number ``index`` of a training is follows from (seed, index) alone, so neither workers nor
interruptions change the order.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from bench.image import ImageSizeError, Pixels, read
from bench.records import BenchError, Pair
from bench.suites.table import spread

CACHE_BYTES = 2 * 1024**3
AUGMENTATIONS = frozenset({"flip", "rot90"})

VALIDATION_CROPS, VALIDATION_SIDE = 12, 160
Item = tuple[torch.Tensor, torch.Tensor]
"""Degraded and reference, each (3,S,S) float32 in [0,1]."""


class ImageCache:
    """Decoded images, the most recently used ones up to ``limit`` bytes. Safe among threads."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self.readers = ThreadPoolExecutor(os.cpu_count() or 1, "decode")
        self._limit, self._used = limit, 0
        self._images: OrderedDict[Path, Pixels] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: Path) -> Pixels:
        """Return the image, (H, W, 3) uint8, decoded unless it is still here."""
        with self._lock:
            if path in self._images:
                self._images.move_to_end(path)
                return self._images[path]
        pixels = read(path)
        with self._lock:
            if path not in self._images:
                self._images[path] = pixels
                self._used += pixels.nbytes
                while self._used > self._limit and len(self._images) > 1:
                    self._used -= self._images.popitem(last=False)[1].nbytes
        return pixels


class PairedCrops(Dataset[Item]):
    """Random square crops numbers ``start`` to ``stop`` of an endless sequence of them."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        side: int,
        seed: int,
        augment: Sequence[str],
        start: int,
        stop: int,
        cache: ImageCache,
    ) -> None:
        if unknown := sorted(set(augment) - AUGMENTATIONS):
            known = ", ".join(sorted(AUGMENTATIONS))
            raise BenchError(f"no augmentation {', '.join(unknown)}; known: {known}")
        self._pairs, self._side, self._seed = pairs, side, seed
        self._augment, self._cache = frozenset(augment), cache
        self._start, self._length = start, stop - start

    def __len__(self) -> int:
        return self._length

    def __getitems__(self, indices: list[int]) -> list[Item]:
        """Return a batch; what is not in the cache is decoded on all cores at once."""
        return list(self._cache.readers.map(self.__getitem__, indices))

    def __getitem__(self, index: int) -> Item:
        rng = np.random.Generator(np.random.PCG64([self._seed, self._start + index]))
        pair = self._pairs[int(rng.integers(len(self._pairs)))]
        degraded, reference = read_pair(pair, self._cache)
        top, left = (
            int(rng.integers(max(side - self._side, 0) + 1)) for side in degraded.shape[:2]
        )
        turns, mirrored = int(rng.integers(4)), rng.integers(2)

        def cut(image: Pixels) -> torch.Tensor:
            piece = square(image, top, left, self._side)
            if "rot90" in self._augment:
                piece = np.rot90(piece, turns)
            if "flip" in self._augment and mirrored:
                piece = piece[:, ::-1]
            return as_tensor(piece)

        return cut(degraded), cut(reference)


def read_pair(pair: Pair, cache: ImageCache) -> tuple[Pixels, Pixels]:
    """Return degraded and reference. Raises `BenchError` where one is missing or they differ."""
    if pair.reference is None:
        raise BenchError(f"'{pair.id}' has no reference image to learn from")
    degraded, reference = cache.read(pair.degraded), cache.read(pair.reference)
    if degraded.shape != reference.shape:
        raise ImageSizeError(
            f"'{pair.id}': degraded image {degraded.shape[:2]} and reference "
            f"{reference.shape[:2]} differ in size"
        )
    return degraded, reference


def square(image: Pixels, top: int, left: int, side: int) -> Pixels:
    """Cut a (side, side, 3) piece; an image that is too small is mirrored at its end."""
    piece = image[top : top + side, left : left + side]
    missing = [side - length for length in piece.shape[:2]]
    if any(missing):
        piece = np.pad(piece, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
    return piece


def as_tensor(pixels: Pixels) -> torch.Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in [0,1], in memory as convolutions like it."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).float() / 255.0


def split_off_validation(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Split training pairs for suites without a validation split: whole clusters, a tenth of them.

    Where there is one cluster only, every tenth pair; they are then not independent.
    """
    clusters = list(dict.fromkeys(pair.cluster for pair in pairs))
    if len(clusters) > 1:
        held = set(clusters[:: max(2, min(10, len(clusters)))])
        chosen = [pair.cluster in held for pair in pairs]
    else:
        chosen = [index % 10 == 0 for index in range(len(pairs))]
    kept = [pair for pair, out in zip(pairs, chosen, strict=True) if not out]
    held_out = [pair for pair, out in zip(pairs, chosen, strict=True) if out]
    if not kept or not held_out:
        raise BenchError(
            f"{len(pairs)} training pairs: at least 2 are needed, one to validate with"
        )
    return kept, held_out


def validation_crops(pairs: Sequence[Pair]) -> Item:
    """Return the centres of up to 12 pairs, spread over the clusters: two (N,3,160,160) tensors."""
    cache = ImageCache()
    degraded: list[torch.Tensor] = []
    reference: list[torch.Tensor] = []
    for pair in spread(pairs, VALIDATION_CROPS):
        images = read_pair(pair, cache)
        top, left = (max(0, (side - VALIDATION_SIDE) // 2) for side in images[0].shape[:2])
        for image, found in zip(images, (degraded, reference), strict=True):
            found.append(as_tensor(square(image, top, left, VALIDATION_SIDE)))
    return torch.stack(degraded), torch.stack(reference)
