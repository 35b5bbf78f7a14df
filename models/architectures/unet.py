"""U-Net for restoration, small enough to learn something in a minute on two CPU cores.

Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28, with what restoration has learned since:
residual blocks without normalisation (Lim et al. 2017, doi:10.1109/CVPRW.2017.151), strided
convolutions for pooling, skips that are added instead of concatenated, and sub-pixel rearrangement
(Shi et al. 2016, doi:10.1109/CVPR.2016.207) at both ends, so that nothing but the last sum runs at
full resolution. The network puts out what has to be added to its input.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """``widths`` channels and ``blocks`` residual blocks at 1/2, 1/4, 1/8 .. of the input's size.

    The last entry is the bottom; all others have as many blocks again on the way up. Heights and
    widths of images are multiples of 2 ** len(widths).
    """

    widths: tuple[int, ...] = (32, 48, 64)
    blocks: tuple[int, ...] = (1, 1, 2)


class UNet(nn.Module):
    """(B,3,H,W) in [0,1] -> (B,3,H,W). 312,092 parameters, 19.6 kMAC a pixel by default."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = UNetConfig(**options)
        widths = config.widths
        self.head = nn.Conv2d(12, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(
            residual_blocks(width, count)
            for width, count in zip(widths, config.blocks, strict=True)
        )
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(upper, lower, 2, stride=2) for upper, lower in steps)
        self.up = nn.ModuleList(nn.Conv2d(lower, 4 * upper, 1) for upper, lower in steps)
        self.decoder = nn.ModuleList(
            residual_blocks(width, count)
            for width, count in zip(widths[:-1], config.blocks[:-1], strict=True)
        )
        self.tail = nn.Conv2d(widths[0], 12, 3, padding=1)
        silence(self.tail)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        features = self.head(F.pixel_unshuffle(degraded, 2))  # (B,12,H/2,W/2) -> (B,w0,H/2,W/2)
        skips = []
        for blocks, down in zip(self.encoder[:-1], self.down, strict=True):
            features = blocks(features)
            skips.append(features)
            features = down(features)  # half the size
        features = self.encoder[-1](features)
        for blocks, up in zip(reversed(self.decoder), reversed(self.up), strict=True):
            features = F.pixel_shuffle(up(features), 2) + skips.pop()  # twice the size
            features = blocks(features)
        return degraded + F.pixel_shuffle(self.tail(features), 2)


class ResidualBlock(nn.Module):
    """(B,C,H,W) -> (B,C,H,W): x + conv(relu(conv(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        result: torch.Tensor = features + self.second(F.relu(self.first(features)))
        return result


def silence(convolution: nn.Conv2d) -> None:
    """Set everything to 0: a network that adds this to its input begins at the identity."""
    for parameter in convolution.parameters():
        nn.init.zeros_(parameter)


def residual_blocks(width: int, count: int) -> nn.Sequential:
    """Return ``count`` residual blocks in a row."""
    return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))
