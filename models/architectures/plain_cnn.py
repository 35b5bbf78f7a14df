"""A plain convolutional encoder-decoder, and the same as the generator of a GAN.

What Bueso Vega et al. train on modest hardware (Computational Limits and Breakthroughs in Deep
Learning-Based Image Restoration): convolutions, pooling, nothing that was found out later. They
give no sizes; those here are ours. No skips, so the decoder has to draw every detail anew, and no
sum with the input, so the untrained network puts out noise and not the image. Encoder-decoders of
this form go back to Masci et al. 2011, doi:10.1007/978-3-642-21735-7_7; with a discriminator as in
Goodfellow et al. 2014, arXiv:1406.2661.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from models.architectures.patchgan import PatchGAN


@dataclass(frozen=True, slots=True)
class PlainCNNConfig:
    """Channels at 1/1, 1/2, 1/4 .. of the input's size."""

    widths: tuple[int, ...] = (64, 128, 256)


class PlainCNN(nn.Module):
    """(B,3,H,W) in [0,1], H and W multiples of 4 -> (B,3,H,W). 1,368,387 parameters."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = PlainCNNConfig(**options)
        widths = config.widths
        encoder: list[nn.Module] = [*convolution(3, widths[0]), *convolution(widths[0], widths[0])]
        for upper, lower in pairwise(widths):
            encoder += [nn.MaxPool2d(2), *convolution(upper, lower)]
        decoder: list[nn.Module] = [*convolution(widths[-1], widths[-1])]
        for lower, upper in pairwise(reversed(widths)):
            decoder += [nn.Upsample(scale_factor=2, mode="nearest"), *convolution(lower, upper)]
        decoder.append(nn.Conv2d(widths[0], 3, 3, padding=1))
        self.encoder = nn.Sequential(*encoder)
        self.decoder = nn.Sequential(*decoder)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        features = self.encoder(degraded)  # (B,3,H,W) -> (B,256,H/4,W/4)
        restored: torch.Tensor = self.decoder(features)  # -> (B,3,H,W)
        return restored

    def begin_at_identity(self) -> None:
        """Set weights with which the image comes out as near to itself as pooling lets it.

        Its colours x travel in the first three channels, 1 - x in the next: between what both keep
        of a pool, the greatest and the least value, lies the result. All other weights stay as
        drawn, but for those of the last layer.
        """
        way = [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]
        head, tail = way[0], way[-1]
        with torch.no_grad():
            for layer in way[:-1]:
                assert layer.bias is not None
                nn.init.dirac_(layer.weight[:6])
                nn.init.zeros_(layer.bias[:6])
            assert head.bias is not None
            assert tail.bias is not None
            nn.init.dirac_(head.weight[3:6]).neg_()
            nn.init.ones_(head.bias[3:6])
            nn.init.zeros_(tail.weight)
            nn.init.dirac_(tail.weight[:, :3]).mul_(0.5)
            nn.init.dirac_(tail.weight[:, 3:6]).mul_(-0.5)
            nn.init.constant_(tail.bias, 0.5)


def convolution(inside: int, outside: int) -> tuple[nn.Module, nn.Module]:
    """Return a 3x3 convolution that keeps the size, and its ReLU."""
    return nn.Conv2d(inside, outside, 3, padding=1), nn.ReLU()


def discriminator(**options: Any) -> PatchGAN:
    """Return the generator's discriminator: a PatchGAN with batch normalisation."""
    return PatchGAN(**{"norm": "batch", **options})
