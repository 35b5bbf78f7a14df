"""Self-ensemble: the mean of what a model makes of an image's 8 flips and rotations, turned back.

Timofte et al. 2016, arXiv:1511.02228: "enhanced prediction"; Lim et al. 2017, arXiv:1707.02921,
call it geometric self-ensemble, and tables mark it with a plus.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from bench.core.errors import BenchError
from models.restorer import NOTHING_KNOWN, Hints, Restorer

SYMMETRIES = tuple((turns, flip) for flip in (False, True) for turns in range(4))
"""The dihedral group of the square: quarter turns, after a flip from left to right or none."""


class Ensemble:
    """A restorer that works on each of the `SYMMETRIES` of an image, and returns the mean.

    A PSF that is known is flipped and turned with the image.
    """

    def __init__(self, inner: Restorer) -> None:
        self.inner = inner
        self.name, self.device, self.network = inner.name, inner.device, inner.network
        self.needs_psf, self.scale = inner.needs_psf, inner.scale
        self.uses_noise: bool = getattr(inner, "uses_noise", False)
        self.frames: int = getattr(inner, "frames", 1)

    def restore(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> torch.Tensor:
        """See `Restorer.restore`."""
        total: torch.Tensor | None = None
        for turns, flip in SYMMETRIES:
            image = torch.rot90(degraded.flip(-1) if flip else degraded, turns, (-2, -1))
            restored = self.inner.restore(image.contiguous(), _seen(hints, turns, flip))
            back = torch.rot90(restored, -turns, (2, 3))
            back = back.flip(3) if flip else back
            total = back.clone() if total is None else total + back
        assert total is not None
        return total / len(SYMMETRIES)

    @property
    def remarks(self) -> list[str]:
        """What a reader of the scores should know."""
        return list(getattr(self.inner, "remarks", []))


def _seen(hints: Hints, turns: int, flip: bool) -> Hints:
    """Return what is known of the image once it is flipped and turned."""
    if hints.psf is None:
        return hints
    psf = hints.psf[:, ::-1] if flip else hints.psf
    return replace(hints, psf=np.ascontiguousarray(np.rot90(psf, turns)))


def over_symmetries(restorer: Restorer) -> Restorer:
    """Return the self-ensemble of a restorer. Raises `BenchError` for a recurrent one."""
    if getattr(restorer, "recurrent", False):
        raise BenchError(
            f"'{restorer.name}' carries one state from frame to frame, not one of each orientation"
        )
    return Ensemble(restorer)
