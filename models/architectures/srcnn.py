"""SRCNN: three convolutions on the luma of an image that was enlarged by bicubic interpolation.

Dong et al. 2016, doi:10.1109/TPAMI.2015.2439281. Put out is the luma itself, not a correction: the
untrained network is far from the identity. Chroma stays bicubic, as in the paper. Here too is what
the luma networks share, since all of them take and return RGB.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""BT.601 luma in 16..235 of 255, as in MATLAB's rgb2ycbcr, that such networks are trained on."""

STEP = 255 / 219
"""By how much red, green and blue all rise when the luma rises by 1 and the chroma stays."""


@dataclass(frozen=True, slots=True)
class SRCNNConfig:
    """Sides of the three kernels, and channels between; ``scale`` enlarges before."""

    scale: int = 4
    kernels: tuple[int, int, int] = (9, 1, 5)
    widths: tuple[int, int] = (64, 32)


class SRCNN(nn.Module):
    """(B,3,H,W) in [0,1] -> (B,3,H*scale,W*scale).

    8,129 parameters with kernels 9-1-5, 57,281 with 9-5-5; 3.748 GMAC for 256x256 put out.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = SRCNNConfig(**options)
        self.scale = config.scale
        sizes = zip(pairwise((1, *config.widths, 1)), config.kernels, strict=True)
        self.patches, self.mapping, self.reconstruction = (
            nn.Conv2d(i, o, side, padding=side // 2, padding_mode="replicate")
            for (i, o), side in sizes
        )

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        enlarged = enlarge(degraded, self.scale)  # (B,3,H*scale,W*scale)
        luma = luma_of(enlarged)  # (B,1,H*scale,W*scale)
        restored = self.reconstruction(F.relu(self.mapping(F.relu(self.patches(luma)))))
        return replace_luma(enlarged, restored - luma)


def enlarge(image: torch.Tensor, scale: int) -> torch.Tensor:
    """(B,C,H,W) -> (B,C,H*scale,W*scale) by bicubic interpolation, Keys's kernel of a = -0.5.

    That is MATLAB's imresize but for the last two pixels at the edges, which it mirrors. Torch has
    this kernel under ``antialias`` only, which otherwise changes nothing where an image grows.
    """
    if scale == 1:
        return image
    return F.interpolate(image, scale_factor=scale, mode="bicubic", antialias=True)


def luma_of(image: torch.Tensor) -> torch.Tensor:
    """(B,3,H,W) RGB in [0,1] -> (B,1,H,W) luma in [16/255,235/255]."""
    red, green, blue = image[:, :1], image[:, 1:2], image[:, 2:]
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue + 16 / 255


def replace_luma(image: torch.Tensor, difference: torch.Tensor) -> torch.Tensor:
    """Add (B,1,H,W) to the luma of (B,3,H,W) RGB; the chroma stays."""
    return image + STEP * difference
