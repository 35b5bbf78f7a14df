"""ESRGAN: residual-in-residual dense blocks, enlarging by four, and the discriminator.

Wang et al. 2018, arXiv:1809.00219. The generator is spandrel's class. It has no sum with its input:
untrained, it puts out noise.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

CROP = 128
"""Side of the images that the discriminator sees."""


def rrdbnet(scale: int = 4, blocks: int = 23, width: int = 64) -> nn.Module:
    """Return the generator, (B,3,H,W) in [0,1] -> (B,3,H*scale,W*scale). 16,697,987 parameters."""
    from spandrel.architectures.ESRGAN import ESRGAN

    network: nn.Module = ESRGAN(num_filters=width, num_blocks=blocks, scale=scale)
    return network


class VGGDiscriminator(nn.Module):
    """(B,3,128,128) in [0,1] -> (B,1) scores. 14,502,281 parameters.

    As VGG (Simonyan and Zisserman 2015, arXiv:1409.1556), halved five times by strided convolutions
    to 4x4 pixels. The relativistic average loss compares the scores of real and made images.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.LeakyReLU(0.2)]
        layers += _halving(width)
        for inside, outside in pairwise(widths):
            layers += [
                nn.Conv2d(inside, outside, 3, padding=1),
                nn.BatchNorm2d(outside),
                nn.LeakyReLU(0.2),
                *_halving(outside),
            ]
        self.features = nn.Sequential(*layers)
        self.score = nn.Sequential(
            nn.Flatten(),
            nn.Linear(widths[-1] * (CROP // 2**5) ** 2, 100),
            nn.LeakyReLU(0.2),
            nn.Linear(100, 1),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        scores: torch.Tensor = self.score(self.features(images))
        return scores


def _halving(width: int) -> list[nn.Module]:
    return [
        nn.Conv2d(width, width, 4, stride=2, padding=1),
        nn.BatchNorm2d(width),
        nn.LeakyReLU(0.2),
    ]
