"""Full-reference similarities of the ``piq`` package, computed as that package computes them.

Its functions take tensors; here they take pictures, in float64 on the processor, and what they have
no number for has a reason. piq is imported when a score is asked for.
"""

from __future__ import annotations

import math
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.core.errors import Unscorable
from bench.image import Picture, Pixels
from bench.metrics.card import OnCpu
from bench.metrics.pixel import require

if TYPE_CHECKING:
    from torch import Tensor


class Similarity(OnCpu):
    """``piq``'s function of this name with its default settings, of RGB in 0..1.

    ``smallest`` is the shortest side of which every filter of it fits into the image. One image is
    worked on at a time: that bounds memory, and torch shares the cores by itself.
    """

    def __init__(self, function: str, smallest: int, device: str = "cpu") -> None:
        super().__init__(device)
        self.function, self.smallest = function, smallest
        self._lock = threading.Lock()

    def features(self, reference: Picture) -> Tensor:
        """Return the reference, (1, 3, H, W) float64 in 0..1. Raises Unscorable if too small."""
        require(reference, self.smallest)
        return _tensor(reference.pixels)

    def compare(self, restored: Picture, features: Tensor) -> float:
        """Return piq's value. Raises Unscorable where the formula has none for these images."""
        import piq
        import torch

        linear_algebra: Any = torch.linalg  # whose types leave its error out
        try:
            with self._lock, torch.inference_mode():
                value = float(getattr(piq, self.function)(_tensor(restored.pixels), features))
        except linear_algebra.LinAlgError:
            raise Unscorable(
                "the reference has too little structure: its blocks' covariance has no inverse"
            ) from None
        if not math.isfinite(value):
            raise Unscorable("the images have no structure that this metric could weigh")
        return value


def _tensor(pixels: Pixels) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float64 in 0..1."""
    import torch

    return torch.from_numpy(pixels).permute(2, 0, 1)[None].double() / 255


fsim = partial(Similarity, "fsim", 3)
gmsd = partial(Similarity, "gmsd", 6)
ms_gmsd = partial(Similarity, "multi_scale_gmsd", 17)
haarpsi = partial(Similarity, "haarpsi", 16)
vsi = partial(Similarity, "vsi", 3)
mdsi = partial(Similarity, "mdsi", 3)
sr_sim = partial(Similarity, "srsim", 40)
dss = partial(Similarity, "dss", 32)
iw_ssim = partial(Similarity, "information_weighted_ssim", 161)
