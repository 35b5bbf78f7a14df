"""U-Net with residual blocks as the generator of a GAN, and its PatchGAN.

U-Net: Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28. Residual blocks: He et al. 2016,
doi:10.1109/CVPR.2016.90. As an adversarial generator with batch normalisation: Isola et al. 2017,
doi:10.1109/CVPR.2017.632. The deblurring paper that combines them gives no widths; those here are
pix2pix's. It asks for no sum with the input, so there is none, and the untrained network is far
from the identity; the skips at full resolution carry the detail. Images are in [-1,1] inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from models.architectures.patchgan import PatchGAN


@dataclass(frozen=True, slots=True)
class UNetGANConfig:
    """Channels at 1/1, 1/2, 1/4 .. of the input's size; a residual block at each, both ways."""

    widths: tuple[int, ...] = (64, 128, 256, 512)


class UNetGAN(nn.Module):
    """(B,3,H,W) in [0,1], H and W multiples of 8 -> (B,3,H,W) in (0,1). 11,612,227 parameters."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = UNetGANConfig(**options)
        widths = config.widths
        self.head = _convolution(3, widths[0])
        self.encoder = nn.ModuleList(NormalisedBlock(width) for width in widths)
        self.down = nn.ModuleList(_convolution(u, v, stride=2) for u, v in pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(v, u, 2, stride=2) for u, v in pairwise(widths))
        self.fuse = nn.ModuleList(_convolution(2 * width, width) for width in widths[:-1])
        self.decoder = nn.ModuleList(NormalisedBlock(width) for width in widths[:-1])
        self.tail = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        features = self.head(2 * degraded - 1)  # (B,64,H,W)
        skips = []
        for block, down in zip(self.encoder[:-1], self.down, strict=True):
            features = block(features)
            skips.append(features)
            features = down(features)  # half the size, twice the channels
        features = self.encoder[-1](features)  # (B,512,H/8,W/8)
        levels = zip(reversed(self.up), reversed(self.fuse), reversed(self.decoder), strict=True)
        for up, fuse, block in levels:
            features = torch.cat([up(features), skips.pop()], dim=1)  # twice the size
            features = block(fuse(features))
        restored: torch.Tensor = (torch.tanh(self.tail(features)) + 1) / 2
        return restored

    def begin_at_identity(self) -> None:
        """Set weights with which the colours of the image come out in their order.

        Normalisation takes their level and contrast, which are soon learned. They travel through
        the skip at full resolution: what is above the mean in the first three channels, what is
        below it in the next. Residual blocks add nothing yet.
        """
        head, fuse = self.head.get_parameter("0.weight"), self.fuse.get_parameter("0.0.weight")
        width = self.config.widths[0]
        with torch.no_grad():
            for blocks in (self.encoder, self.decoder):
                nn.init.zeros_(blocks.get_parameter("0.norm.weight"))
            nn.init.zeros_(fuse[:6])
            nn.init.zeros_(self.tail.weight)
            for sign, first in ((1, 0), (-1, 3)):
                nn.init.dirac_(head[first : first + 3]).mul_(sign)
                skip = slice(width + first, width + first + 3)
                for other, channel in ((1, 0), (-1, 3)):
                    nn.init.dirac_(fuse[channel : channel + 3, skip]).mul_(sign * other)
                nn.init.dirac_(self.tail.weight[:, first : first + 3]).mul_(0.5 * sign)


class NormalisedBlock(nn.Module):
    """(B,C,H,W) -> (B,C,H,W): relu(x + norm(conv(relu(norm(conv(x))))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return F.relu(features + self.norm(self.second(self.first(features))))


def discriminator(**options: Any) -> PatchGAN:
    """Return the generator's discriminator: the 70x70 PatchGAN with batch normalisation."""
    return PatchGAN(**{"norm": "batch", **options})


def _convolution(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
    )
