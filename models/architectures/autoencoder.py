"""Convolutional autoencoder: strided convolutions to a latent image, transposed ones back.

Masci et al. 2011, doi:10.1007/978-3-642-21735-7_7; for deblurring images of 128x128 in Aparna et
al., Convolutional Deblurring of Natural Imaging, who give no sizes; those here are ours. There are
no skips and no sum with the input: all that is restored has passed through a latent code a third as
large as the image. The code is an image too, and not a vector: any size goes through.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class AutoencoderConfig:
    """Channels at 1/2, 1/4, 1/8 .. of the input's size, and of the latent code at the last."""

    widths: tuple[int, ...] = (64, 128, 256)
    latent: int = 64


class Autoencoder(nn.Module):
    """(B,3,H,W) in [0,1], H and W multiples of 8 -> (B,3,H,W) in (0,1). 1,036,611 parameters."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = AutoencoderConfig(**options)
        widths = config.widths
        encoder: list[nn.Module] = []
        for inside, outside in pairwise((3, *widths)):
            encoder += [nn.Conv2d(inside, outside, 3, stride=2, padding=1), nn.ReLU()]
        decoder: list[nn.Module] = []
        for inside, outside in pairwise((config.latent, *reversed(widths))):
            decoder += [_doubling(inside, outside), nn.ReLU()]
        self.encoder = nn.Sequential(*encoder)
        self.latent = nn.Conv2d(widths[-1], config.latent, 3, padding=1)
        self.decoder = nn.Sequential(*decoder)
        self.output = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        code = self.encode(degraded)
        features = self.decoder(code)  # (B,64,H/8,W/8) -> (B,64,H,W)
        return torch.sigmoid(self.output(features))

    def encode(self, degraded: torch.Tensor) -> torch.Tensor:
        """(B,3,H,W) in [0,1] -> the latent code, (B,64,H/8,W/8)."""
        code: torch.Tensor = self.latent(self.encoder(degraded))
        return code


def _doubling(inside: int, outside: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inside, outside, 3, stride=2, padding=1, output_padding=1)
