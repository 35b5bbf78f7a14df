"""FLIP: what a person sees who alternates between two images on one screen.

Computed by the authors' package, ``flip-evaluator``, an optional extra. Andersson et al. 2020,
doi:10.1145/3406183.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import Unscorable
from bench.image import Picture, Pixels
from bench.metrics.card import OnCpu
from bench.metrics.pixel import require

INSTALL = "pip install 'restoration-bench[flip]'"


class Flip(OnCpu):
    """Mean of the LDR-FLIP map at 67 pixels a degree (0.7 m from a 4K screen of 0.7 m)."""

    SMALLEST = 2

    def features(self, reference: Picture) -> NDArray[np.float32]:
        """Return the reference, (H, W, 3) float32 in 0..1."""
        require(reference, self.SMALLEST)
        return _unit(reference.pixels)

    def compare(self, restored: Picture, features: NDArray[np.float32]) -> float:
        """Return 0 (no difference is seen) to 1. Raises Unscorable without the package."""
        try:
            from flip_evaluator import evaluate
        except ImportError:
            raise Unscorable(f"the package flip-evaluator is not installed; {INSTALL}") from None
        _, mean, _ = evaluate(features, _unit(restored.pixels), "LDR", applyMagma=False)
        return float(mean)


def _unit(pixels: Pixels) -> NDArray[np.float32]:
    return np.asarray(pixels / np.float32(255), np.float32)
