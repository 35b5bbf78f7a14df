"""Training data: crops of degraded and reference images, cut and turned together.

What item number ``index`` of a training is follows from (seed, index) alone, so neither workers nor
interruptions nor the number of devices change it.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from bench.core.errors import BenchError
from bench.core.limits import cores, memory
from bench.image import Floats, Pixels
from bench.records import Pair
from bench.suites.opening import Views, open_pair
from bench.suites.table import spread
from models.training.augment import AUGMENTATIONS, Image, Jitter, Warp, colour_order, turned
from models.training.curriculum import Curriculum
from models.training.fresh import degraded_anew, with_noise_map
from models.training.pieces import Piece, as_tensor, floats, resized, square, stacked
from models.training.windows import window_pieces
from models.windows import ALONE, Reach

CACHE_BYTES, CACHE_SHARE = 2 * 1024**3, 0.25
"""Opened pairs may take so many bytes, or this part of the memory that is free, if that is more."""

VALIDATION_CROPS, VALIDATION_SIDE = 12, 160
Item = tuple[torch.Tensor, torch.Tensor]
"""Degraded and reference, (3,S,S) and (3,S*scale,S*scale) float32 in [0,1]. For a network that is
told the noise, the degraded one has a fourth channel: its standard deviation. For one that sees
neighbouring frames it is a window of them, (T,3,S,S); for a recurrent one the reference is, too."""


class ViewCache:
    """Opened pairs, the most recently used ones up to ``limit`` bytes. Safe among threads."""

    def __init__(self, limit: float | None = None) -> None:
        self._readers = ThreadPoolExecutor(cores(), "decode")
        roomy = max(CACHE_BYTES, CACHE_SHARE * memory().available)
        self._limit, self._used = roomy if limit is None else limit, 0
        self._views: OrderedDict[str, Views] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, pair: Pair) -> tuple[Image, Image]:
        """Return degraded and reference. Raises `BenchError` where the one or the other is missing.

        A pair is read, and degraded if its suite does that, unless it is still here.
        """
        return self._read(pair)

    def fill(self, pairs: Sequence[Pair]) -> None:
        """Open pairs that are not here, several at once. See `open`."""
        with self._lock:
            missing = [pair for pair in pairs if self._missing(pair)]
        if missing:
            list(self._readers.map(self._read, missing))

    def _read(self, pair: Pair) -> tuple[Pixels | Floats, Pixels]:
        with self._lock:
            views = self._views.get(pair.id)
            if views is not None:
                self._views.move_to_end(pair.id)
        if views is None:
            views = open_pair(pair)
            with self._lock:
                if pair.id not in self._views:
                    self._views[pair.id] = views
                    self._used += views.nbytes
                    while self._used > self._limit and len(self._views) > 1:
                        self._used -= self._views.popitem(last=False)[1].nbytes
        if views.reference is None:
            raise BenchError(f"'{pair.id}' has no reference image to learn from")
        return views.degraded, views.reference

    def _missing(self, pair: Pair) -> bool:
        return pair.id not in self._views

    def _forget(self, pair: Pair) -> None:
        with self._lock:
            if (views := self._views.pop(pair.id, None)) is not None:
                self._used -= views.nbytes


class PairedCrops(Dataset[Item]):
    """Random square crops numbers ``start`` to ``stop`` of an endless sequence of them.

    ``share`` (rank, ranks) takes one of so many equal parts of every batch's crops.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        side: int,
        seed: int,
        augment: Sequence[str],
        start: int,
        stop: int,
        cache: ViewCache,
        curriculum: Curriculum | None = None,
        share: tuple[int, int] = (0, 1),
        told_noise: bool = False,
        fit: str = "crop",
        reach: Reach = ALONE,
    ) -> None:
        if unknown := sorted(set(augment) - AUGMENTATIONS):
            known = ", ".join(sorted(AUGMENTATIONS))
            raise BenchError(f"no augmentation {', '.join(unknown)}; known: {known}")
        self._pairs, self._side, self._seed = pairs, side, seed
        self._augment, self._cache = frozenset(augment), cache
        self._numbers = range(start + share[0], stop, share[1])
        self._curriculum, self._told_noise, self._whole = curriculum, told_noise, fit == "resize"
        self._reach = reach

    def __len__(self) -> int:
        return len(self._numbers)

    def batch(self, indices: Sequence[int]) -> tuple[torch.Tensor, ...]:
        """Return crops as (B,3,S,S) batches; their pairs are decoded on all cores at once.

        They are cut here, in the thread that trains: another one that computes with torch gets a
        team of threads of its own, and from then on both teams sleep where they would have waited.
        """
        drawn = [
            (number, *self._drawn(number)) for number in map(self._numbers.__getitem__, indices)
        ]
        self._cache.fill([_to_learn(self._pairs[chosen]) for chosen in {row[1] for row in drawn}])
        cuts = [self._shown(*row) for row in drawn]
        return tuple(stacked(side) for side in zip(*cuts, strict=True))

    def __getitems__(self, indices: list[int]) -> list[Any]:
        return list(zip(*self.batch(indices), strict=True))

    def __getitem__(self, index: int) -> Any:
        return tuple(side[0] for side in self.batch([index]))

    def _shown(self, number: int, chosen: int, rng: np.random.Generator) -> tuple[Piece, ...]:
        """Return what crop ``number``, of pair ``chosen``, shows."""
        del number
        return self._cut(self._pairs[chosen], rng)

    def _drawn(self, number: int) -> tuple[int, np.random.Generator]:
        """Return which pair crop ``number`` is of, and where its further draws come from."""
        rng = np.random.Generator(np.random.PCG64([self._seed, number]))
        if self._curriculum is None:
            return int(rng.integers(len(self._pairs))), rng
        return self._curriculum.draw(number, rng), rng

    def _cut(self, pair: Pair, rng: np.random.Generator) -> tuple[Piece, Piece]:
        degraded, reference = self._cache.open(_to_learn(pair))
        warp = Warp.drawn(self._augment, self._side, rng)
        side = self._side if warp is None else warp.source
        top, left = (int(rng.integers(max(length - side, 0) + 1)) for length in degraded.shape[:2])
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        turns = turns if "rot90" in self._augment else 0
        mirrored = mirrored and "flip" in self._augment
        jitter = Jitter.drawn(self._augment, rng)
        order = colour_order(rng) if "colours" in self._augment else None

        def cut(image: Image, scale: int) -> Piece:
            piece: Image
            if self._whole:
                piece = resized(image, side * scale)
            else:
                piece = square(image, top * scale, left * scale, side * scale)
            if warp is not None:
                piece = warp.apply(piece, scale)
            piece = turned(piece, turns, mirrored)
            if warp is None and jitter is None:
                return piece if order in (None, [0, 1, 2]) else piece[..., order]
            tensor = as_tensor(piece)
            tensor = tensor if jitter is None else jitter.apply(tensor)
            return tensor if order is None else tensor[order]

        level = (pair.degradation or {}).get("sigma")
        if (fresh := _fresh(pair)) is not None:
            sharp = floats(cut(reference, 1))
            grey = bool((pair.degradation or {}).get("grey"))
            made, level = degraded_anew(sharp, fresh, rng, grey=grey)
            return (with_noise_map(made, level) if self._told_noise else made), sharp
        if self._reach != ALONE:
            return window_pieces(pair, self._reach, self._cache, cut)
        found, whole = cut(degraded, 1), cut(reference, pair.scale)
        return (with_noise_map(floats(found), level) if self._told_noise else found), whole


class Batches(Dataset[tuple[torch.Tensor, ...]]):
    """Batches of ``size`` crops, in their order; ``pinned``: a GPU fetches those of the CPU's
    memory by itself."""

    def __init__(self, crops: PairedCrops, size: int, pinned: bool = False) -> None:
        self._crops, self._size, self._pinned = crops, size, pinned

    def __len__(self) -> int:
        return math.ceil(len(self._crops) / self._size)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        start = index * self._size
        batch = self._crops.batch(range(start, min(start + self._size, len(self._crops))))
        return tuple(
            side.pin_memory() if self._pinned and side.device.type == "cpu" else side
            for side in batch
        )


class UnpairedCrops(PairedCrops):
    """The same crops, each with a third image beside it: the reference of a crop of another pair.

    That is for learning without pairs. Raises `BenchError` for fewer than two pairs.
    """

    def _shown(self, number: int, chosen: int, rng: np.random.Generator) -> tuple[Piece, ...]:
        if len(self._pairs) < 2:
            raise BenchError("to learn without pairs, 2 images at least are needed; got 1")
        degraded, reference = self._cut(self._pairs[chosen], rng)
        apart = np.random.Generator(np.random.PCG64([self._seed, number, 1]))
        other = (chosen + 1 + int(apart.integers(len(self._pairs) - 1))) % len(self._pairs)
        return degraded, reference, self._cut(self._pairs[other], apart)[1]


def _fresh(pair: Pair) -> Mapping[str, tuple[float, float]] | None:
    """Return what is done anew to every crop of a pair. Prepared images were degraded before."""
    return None if pair.prepare else pair.fresh


def _to_learn(pair: Pair) -> Pair:
    """Return the pair as it is read: the sharp photograph where each crop is degraded anew."""
    return pair if _fresh(pair) is None else replace(pair, degradation=None)


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


def validation_crops(pairs: Sequence[Pair], told_noise: bool = False, reach: Reach = ALONE) -> Item:
    """Return the centres of up to 12 pairs, spread over the clusters, as two (N,3,S,S) tensors.

    S is 160 for the degraded ones, and 160 times the scale for the references. For a network that
    sees neighbouring frames the first are (N,T,3,S,S).
    """
    cache = ViewCache()
    degraded: list[torch.Tensor] = []
    reference: list[torch.Tensor] = []
    for pair in spread(pairs, VALIDATION_CROPS):
        images = cache.open(pair)
        top, left = (max(0, (side - VALIDATION_SIDE) // 2) for side in images[0].shape[:2])
        cut = partial(_validation_piece, top=top, left=left)
        for image, scale, found in zip(images, (1, pair.scale), (degraded, reference), strict=True):
            found.append(floats(cut(image, scale)))
        if reach != ALONE:
            degraded[-1] = floats(window_pieces(pair, reach, cache, cut)[0])
        if told_noise:
            level = (pair.degradation or {}).get("sigma")
            degraded[-1] = with_noise_map(degraded[-1], level)
    return torch.stack(degraded), torch.stack(reference)


def _validation_piece(image: Image, scale: int, top: int, left: int) -> Piece:
    return square(image, top * scale, left * scale, VALIDATION_SIDE * scale)
