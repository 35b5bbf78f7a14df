"""Features that two networks find again: DISK and LightGlue, by kornia, an optional extra.

kornia downloads their weights when they are first used, from its own addresses. Tyszkiewicz et al.
2020, arXiv:2006.13566; Lindenberger et al. 2023, arXiv:2306.13643.
"""

from __future__ import annotations

import threading
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.errors import Unscorable, message_of
from bench.image import Picture, Pixels
from bench.metrics.use import FEATURES, FEWEST_KEYPOINTS, found_in_place

if TYPE_CHECKING:
    from torch import Tensor

INSTALL = "pip install 'restoration-bench[lightglue]'"


class LightGlueMatches:
    """Share of the reference's DISK keypoints that LightGlue finds again, in place."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self._lock = threading.Lock()

    @property
    def weights(self) -> str:
        """What its weights follow from: the package's version."""
        try:
            return f"kornia {version('kornia')}"
        except PackageNotFoundError:
            return "none"

    def features(self, reference: Picture) -> dict[str, Tensor]:
        """Return the keypoints (1, N, 2), their descriptors and the image's size.

        Raises Unscorable without the package or its weights, and for fewer than 20 keypoints.
        """
        found = self._described(reference.pixels)
        if (count := found["keypoints"].shape[1]) < FEWEST_KEYPOINTS:
            raise Unscorable(
                f"the reference has {count} DISK keypoints; expected at least {FEWEST_KEYPOINTS}"
            )
        return found

    def compare(self, restored: Picture, features: dict[str, Tensor]) -> float:
        """Return the share, 0 to 1."""
        import torch

        found = self._described(restored.pixels)
        if found["keypoints"].shape[1] < 2:
            return 0.0
        with self._lock, torch.inference_mode():
            matches = self._made[1]({"image0": features, "image1": found})["matches0"][0]
        partners = matches.cpu().numpy()
        first = np.flatnonzero(partners >= 0)
        places, others = (one["keypoints"][0].cpu().numpy() for one in (features, found))
        return found_in_place(places, others, np.column_stack([first, partners[first]]))

    def _described(self, pixels: Pixels) -> dict[str, Tensor]:
        import torch

        with self._lock:
            made = self._made
            if isinstance(made, Unscorable):
                raise made
            rgb = torch.from_numpy(pixels).to(self.device).permute(2, 0, 1)[None].float() / 255
            with torch.inference_mode():
                (found,) = made[0](rgb, n=FEATURES, pad_if_not_divisible=True)
        size = torch.tensor([[pixels.shape[1], pixels.shape[0]]], device=self.device)
        return {
            "keypoints": found.keypoints[None],
            "descriptors": found.descriptors[None],
            "image_size": size,
        }

    @cached_property
    def _made(self) -> Any:
        """Return both networks, or why there are none: that is not tried again for every image."""
        try:
            from kornia.feature import DISK, LightGlue
        except ImportError:
            return Unscorable(f"the package kornia is not installed; {INSTALL}")
        try:
            disk = DISK.from_pretrained("depth", device=self.device)
            return disk.eval(), LightGlue("disk").eval().to(self.device)
        except Exception as error:  # noqa: BLE001  it downloads, from addresses of its own
            return Unscorable(f"kornia cannot make DISK and LightGlue here: {message_of(error)}")
