"""The U-Net of 64 to 1024 channels that papers compare with, padded so that it keeps the size.

Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28, with batch normalisation, as it is mostly
reimplemented, and three channels put out for the classes. It is no restorer by design: no sum with
the input, so the untrained network puts out noise. `models.architectures.unet` is the one to use.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class ClassicUNetConfig:
    """Channels at 1/1, 1/2, 1/4 .. of the input's size."""

    widths: tuple[int, ...] = (64, 128, 256, 512, 1024)


class ClassicUNet(nn.Module):
    """(B,3,H,W) in [0,1], H and W multiples of 16 -> (B,3,H,W). 31,037,763 parameters.

    48.2 GMAC at 256x256.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = ClassicUNetConfig(**options)
        widths = config.widths
        self.encoder = nn.ModuleList(two_convolutions(i, o) for i, o in pairwise((3, *widths)))
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(nn.ConvTranspose2d(v, u, 2, stride=2) for u, v in pairwise(widths))
        self.decoder = nn.ModuleList(two_convolutions(2 * width, width) for width in widths[:-1])
        self.output = nn.Conv2d(widths[0], 3, 1)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        features, skips = degraded, []
        for convolutions in self.encoder[:-1]:
            features = convolutions(features)
            skips.append(features)
            features = self.pool(features)  # half the size
        features = self.encoder[-1](features)  # (B,1024,H/16,W/16)
        for up, convolutions in zip(reversed(self.up), reversed(self.decoder), strict=True):
            features = torch.cat([skips.pop(), up(features)], dim=1)  # twice the size
            features = convolutions(features)
        restored: torch.Tensor = self.output(features)
        return restored


def two_convolutions(inside: int, outside: int) -> nn.Sequential:
    """(B,inside,H,W) -> (B,outside,H,W): convolution, batch norm and ReLU, twice."""
    layers: list[nn.Module] = []
    for channels in (inside, outside):
        layers += [
            nn.Conv2d(channels, outside, 3, padding=1, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)
