"""Which images a CPU's cores restore abreast, one each, instead of one after the other together.

All cores on one image wait for each other after every operation. On two idle cores a U-Net and its
PNGs of 512x512 took 90 ms an image so, and 74 ms abreast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

import torch

from models.memory import bytes_per_pixel, free_bytes
from models.restorer import NetworkRestorer, Restorer

SHARE = 0.3
"""Of the memory that is free may be taken by all that are worked on abreast."""


class Abreast:
    """``count`` images at once, each on one thread; 1: none are."""

    def __init__(self, restorers: Mapping[str, Restorer], one_by_one: bool = False) -> None:
        threads = 1 if one_by_one else torch.get_num_threads()
        self._able = {name: one for name, one in restorers.items() if threads > 1 and safe(one)}
        self.count = threads if self._able else 1
        self._largest: dict[str, int] = {}

    def takes(self, name: str, image: torch.Tensor) -> bool:
        """Say whether ``count`` images of this size, (..,H,W), may be restored by it at once."""
        if name not in self._able:
            return False
        if name not in self._largest:
            one = self._able[name]
            free = SHARE * free_bytes(one.device) / self.count
            self._largest[name] = int(free / bytes_per_pixel(one))
        return image.shape[-1] * image.shape[-2] <= self._largest[name]


def safe(restorer: Restorer) -> TypeGuard[NetworkRestorer]:
    """Say whether threads may restore by it at once: a network of ours, on whole images, on a CPU.

    What others wrote may keep a state between images, and chosen tiles are one.
    """
    return (
        type(restorer) is NetworkRestorer
        and restorer.device.type == "cpu"
        and restorer.network is not None
        and restorer.call is restorer.network
        and type(restorer.network).__module__.startswith("models.architectures.")
        and restorer.whole
    )
