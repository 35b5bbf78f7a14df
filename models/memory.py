"""How large a tile the free memory holds, before a network runs out of it.

`models.restorer.NetworkRestorer` halves its tiles after it ran out. On a processor there may be no
such error: the system swaps, or ends the process. So tiles are chosen beforehand.
"""

from __future__ import annotations

import math
import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench.core.allocator import give_back
from bench.core.limits import memory
from models.contract import layers_of
from models.restorer import OVERLAP, NetworkRestorer, Restorer

PROBE = 64
"""The side of the image on which a network's memory is measured."""
SMALL = 512 * 512
"""Pixels of an image that is never cut: measuring would take longer than restoring."""
SCRATCH = 2.0
"""Peak of a process over the tensors that a network holds: what convolutions lay out anew. Measured
on two cores at 768x768, over what torch's profiler counted: 1.6 (rescnn), 1.8 (unet), 1.0
(t1t4-gan). On a GPU it is assumed, not measured."""
SHARE = 0.7
"""Of the free memory that a tile may take."""
IMAGES = 4 * 3 * 4
"""Bytes a pixel of the whole image at its size and at its result's: input, sum, weights, result."""


class Held(TorchDispatchMode):  # type: ignore[no-untyped-call]  # of torch's
    """Counts the bytes of the tensors that are held: made inside and not yet freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._known: set[int] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and importing the compiler takes ten seconds

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        place = storage.data_ptr()
        if place in self._known or not storage.nbytes():
            return
        self._known.add(place)
        self.now += storage.nbytes()
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._freed, place, storage.nbytes())

    def _freed(self, place: int, size: int) -> None:
        self._known.discard(place)
        self.now -= size


def bytes_per_pixel(restorer: NetworkRestorer) -> float:
    """Return the bytes of memory that a pixel of a tile takes, measured on a small image."""
    probe = torch.rand(1, 3, PROBE, PROBE, generator=torch.Generator().manual_seed(0))
    with Held() as held:
        restorer.restore(probe)
    most: int = held.most
    return SCRATCH * most / PROBE**2


def free_bytes(device: torch.device) -> int:
    """Return the memory that is free on a device now; what is kept for later use is."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    give_back()
    return memory().available


def choose_tiles(restorer: Restorer) -> None:
    """Have a network choose its tiles by the free memory from now on (`cut_to_fit`).

    It chooses at the first image of each size and keeps to that: images of a size are done alike.
    After memory ran out nevertheless, it keeps to the smaller tiles of that.
    """
    inner = layers_of(restorer)[-1]
    if not isinstance(inner, NetworkRestorer):
        return
    chosen: dict[tuple[int, int], int | None] = {}

    def fit(height: int, width: int) -> None:
        size = min(height, width), max(height, width)  # an ensemble turns images
        if size in chosen:
            inner.cut(chosen[size])
            return
        inner.fit = None  # what is measured is restored, too
        try:
            chosen[size] = cut_to_fit(inner, height, width)
        finally:
            inner.fit = fit

    inner.fit = fit


def cut_to_fit(
    restorer: Restorer, height: int, width: int, *, batch: int = 1, free: int | None = None
) -> int | None:
    """Have a network work on an image in tiles where the free memory holds no more.

    ``batch``: images in a pass. ``free``: bytes, those of the device where None. Returns the tiles'
    side, None for the image as a whole and for what is no network or has tiles of its own. A tile
    has room for what is shared.
    """
    inner = layers_of(restorer)[-1]
    if not isinstance(inner, NetworkRestorer) or inner.fixed:
        return None
    inner.cut(None)
    if batch * height * width <= SMALL:
        return None
    free = free_bytes(inner.device) if free is None else free
    if inner.device.type == "cpu":
        free -= IMAGES * batch * height * width * max(1, inner.scale or 1) ** 2
    side = math.isqrt(max(0, int(SHARE * free / batch / bytes_per_pixel(inner))))
    if side * side >= height * width:
        return None
    side = max(side // 64 * 64, 4 * OVERLAP)
    inner.cut(side)
    return side
