"""LiteNet: a lightweight attention network for blind restoration on constrained devices. Ours.

An encoder-decoder as `unet` here; what is different is in the block, and why:

- Depthwise 3x3 between pointwise convolutions (Howard et al. 2017, arXiv:1704.04861): a ninth of
  the work of a full 3x3 at these widths, and channels-last both are fast on a CPU.
- A gated linear unit (Dauphin et al. 2017, arXiv:1612.08083) for the activation, as the simple gate
  of NAFNet (Chen et al. 2022, doi:10.1007/978-3-031-20071-7_2). Its gate is bounded, so features
  do not multiply each other from block to block, and no normalisation is needed to train: each one
  passes over the memory twice, which costs more than the convolutions here.
- Channel attention (Hu et al. 2018, doi:10.1109/CVPR.2018.00745) at the bottom only, where it
  nearly costs nothing; from means over squares of 64x64 pixels instead of the whole image (Chu et
  al. 2022, doi:10.1007/978-3-031-20071-7_4), so that a frame shows it what the crops of training
  did, and tiles what the whole image does.
- Sub-pixel rearrangement (Shi et al. 2016, doi:10.1109/CVPR.2016.207) at both ends: nothing but
  the last sum runs at full resolution. That sum makes an untrained network the identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from models.architectures.unet import silence

SQUARE = 64
"""Side in pixels of the squares whose means the channel attention sees: that of training crops."""


@dataclass(frozen=True, slots=True)
class LiteNetConfig:
    """``widths`` channels and ``blocks`` blocks at 1/2, 1/4, 1/8 .. of the input's size.

    The last entry is the bottom; all others have as many blocks again on the way up. Heights and
    widths of images are multiples of 2 ** len(widths).
    """

    widths: tuple[int, ...] = (24, 48, 96)
    blocks: tuple[int, ...] = (1, 2, 4)


class LiteNet(nn.Module):
    """(B,3,H,W) in [0,1], H and W multiples of 8 -> (B,3,H,W). 245,028 parameters.

    0.48 GMAC at 256x256.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = LiteNetConfig(**options)
        widths, blocks = config.widths, config.blocks
        steps = list(pairwise(widths))
        square = max(1, SQUARE // 2 ** len(widths))  # at the bottom, a pixel is several
        self.head = nn.Conv2d(12, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(
            nn.Sequential(*(GatedBlock(width) for _ in range(count)))
            for width, count in zip(widths[:-1], blocks[:-1], strict=True)
        )
        self.down = nn.ModuleList(nn.Conv2d(upper, lower, 2, stride=2) for upper, lower in steps)
        self.bottom = nn.Sequential(*(GatedBlock(widths[-1], square) for _ in range(blocks[-1])))
        self.up = nn.ModuleList(nn.Conv2d(lower, 4 * upper, 1) for upper, lower in steps)
        self.decoder = nn.ModuleList(
            nn.Sequential(*(GatedBlock(width) for _ in range(count)))
            for width, count in zip(widths[:-1], blocks[:-1], strict=True)
        )
        self.tail = nn.Conv2d(widths[0], 12, 3, padding=1)
        silence(self.tail)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        features = self.head(F.pixel_unshuffle(degraded, 2))  # (B,12,H/2,W/2) -> (B,24,H/2,W/2)
        skips = []
        for blocks, down in zip(self.encoder, self.down, strict=True):
            features = blocks(features)
            skips.append(features)
            features = down(features)  # half the size
        features = self.bottom(features)  # (B,96,H/8,W/8)
        for blocks, up in zip(reversed(self.decoder), reversed(self.up), strict=True):
            features = blocks(F.pixel_shuffle(up(features), 2) + skips.pop())  # twice the size
        return degraded + F.pixel_shuffle(self.tail(features), 2)


class GatedBlock(nn.Module):
    """(B,C,H,W) -> (B,C,H,W): x + project(gate(depthwise(expand(x)))).

    With ``square``, the gated features are weighted by channel attention from the means over
    squares of that side before they are projected.
    """

    def __init__(self, width: int, square: int | None = None) -> None:
        super().__init__()
        self.expand = nn.Conv2d(width, 2 * width, 1)
        self.depthwise = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.attention = None if square is None else LocalChannelAttention(width, square)
        self.project = nn.Conv2d(width, width, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        gated = F.glu(self.depthwise(self.expand(features)), dim=1)  # (B,2C,H,W) -> (B,C,H,W)
        if self.attention is not None:
            gated = self.attention(gated)
        result: torch.Tensor = features + self.project(gated)
        return result


class LocalChannelAttention(nn.Module):
    """(B,C,H,W) -> (B,C,H,W): each channel weighted in 0..1 by what all channels are around.

    The weights belong to the centres of the squares, and are interpolated between them.
    """

    def __init__(self, width: int, square: int) -> None:
        super().__init__()
        self.square = square
        self.weigh = nn.Conv2d(width, width, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        means = F.avg_pool2d(features, self.square, ceil_mode=True)
        weights = torch.sigmoid(self.weigh(means))
        size = features.shape[-2:]
        return features * F.interpolate(weights, size=size, mode="bilinear", align_corners=False)
