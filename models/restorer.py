"""The calling contract: every restorer takes and returns one image tensor the same way.

Size multiples, tiling, dtype and device are handled here once, never inside an architecture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of the image being restored beside its pixels; most models use nothing of it.

    ``psf`` is the blur's (h, w) point spread function, sum 1. ``image`` is the pair's id.
    """

    image: str | None = None
    psf: NDArray[np.float64] | None = None


NOTHING_KNOWN = Hints()


class Restorer(Protocol):
    """A model ready to run."""

    name: str
    device: torch.device
    needs_psf: bool
    scale: int
    """Output size over input size: 1, or 2, 3, 4 for super-resolution."""
    network: torch.nn.Module | None
    """The network behind it, for counting parameters and operations; None where there is none."""

    def restore(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> torch.Tensor:
        """(1,3,H,W) float32 in [0,1] on the CPU -> (1,3,H*scale,W*scale) float32 on the CPU.

        The result need not be clipped. Raises `bench.records.NotApplicable` where the model cannot
        do this image (no PSF, no such output file).
        """
        ...
