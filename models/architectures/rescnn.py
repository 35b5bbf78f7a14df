"""A plain residual CNN: no scales, no skips but the residual ones. The smallest thing that learns.

He et al. 2016, doi:10.1109/CVPR.2016.90, without normalisation as in Lim et al. 2017,
doi:10.1109/CVPRW.2017.151, at half resolution by sub-pixel rearrangement (Shi et al. 2016,
doi:10.1109/CVPR.2016.207). The network puts out what has to be added to its input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from models.architectures.unet import residual_blocks, silence


@dataclass(frozen=True, slots=True)
class ResidualCNNConfig:
    """Channels and residual blocks, all at half the input's size."""

    width: int = 32
    blocks: int = 6


class ResidualCNN(nn.Module):
    """(B,3,H,W) in [0,1], H and W even -> (B,3,H,W). 117,932 parameters, 29.4 kMAC a pixel.

    One output pixel depends on input at most 29 pixels away.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = ResidualCNNConfig(**options)
        self.head = nn.Conv2d(12, config.width, 3, padding=1)
        self.body = residual_blocks(config.width, config.blocks)
        self.tail = nn.Conv2d(config.width, 12, 3, padding=1)
        silence(self.tail)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        features = self.head(F.pixel_unshuffle(degraded, 2))  # (B,12,H/2,W/2) -> (B,w,H/2,W/2)
        correction = self.tail(self.body(features))  # (B,12,H/2,W/2)
        return degraded + F.pixel_shuffle(correction, 2)
