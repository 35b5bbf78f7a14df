"""Training images as bytes on the device that learns, where crops are cut, turned and degraded.

Only which crop comes next is drawn on the CPU: the device is handed work, and waited for never.
"""

from __future__ import annotations

import threading

import torch

from bench.records import Pair
from models.recipes import Recipe
from models.training.augment import Image
from models.training.data import ViewCache

DEVICE_SHARE = 0.25
"""So much of the device's memory that is free may hold images; the network needs the rest."""


class DeviceViews(ViewCache):
    """Pairs of 8 bits stay on a device until ``limit`` bytes are there.

    Others are cut where they were read, and follow as crops.
    """

    def __init__(self, device: torch.device, limit: float | None = None) -> None:
        super().__init__()
        self._device = device
        if limit is None:
            limit = DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]
        self._room = limit
        self._there: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._placing = threading.Lock()

    def open(self, pair: Pair) -> tuple[Image, Image]:
        """Return degraded and reference, on the device where they are there."""
        if (held := self._there.get(pair.id)) is not None:
            return held
        degraded, reference = self._read(pair)
        size = degraded.nbytes + reference.nbytes
        with self._placing:
            if degraded.dtype != reference.dtype or size > self._room:
                return degraded, reference
            self._room -= size
        one, other = (torch.from_numpy(image).to(self._device) for image in (degraded, reference))
        self._there[pair.id] = one, other
        self._forget(pair)
        return one, other

    def _missing(self, pair: Pair) -> bool:
        return pair.id not in self._there and super()._missing(pair)


def views_for(device: str | torch.device, recipe: Recipe) -> ViewCache:
    """Return where a training's images are kept: on its device, or in the memory of the CPU.

    Those that the recipe shows whole are shrunk by the CPU.
    """
    device = torch.device(device)
    if device.type != "cuda" or recipe.fit != "crop":
        return ViewCache()
    return DeviceViews(device)
