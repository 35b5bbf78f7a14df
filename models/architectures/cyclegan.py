"""CycleGAN: unpaired translation between degraded and sharp images.

Zhu et al. 2017, doi:10.1109/ICCV.2017.244. Two generators (degraded to sharp, and back) and two
PatchGANs are trained together; only the first generator restores. The generator is the residual
network of Johnson et al. 2016, doi:10.1007/978-3-319-46475-6_43, with instance normalisation.
Images are in [-1,1] inside.

Such a generator is blind to colour: the first instance normalisation takes any constant that is
added to a channel out again, so that the result does not depend on it, and the colour of an image
has to be guessed from its texture. No training changes that; a sum with the input, as in DeblurGAN,
does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from models.architectures.patchgan import PatchGAN


@dataclass(frozen=True, slots=True)
class CycleGANConfig:
    """``width`` channels at full size, four times as many in the ``blocks`` at a quarter of it."""

    width: int = 64
    blocks: int = 9


class CycleGANGenerator(nn.Module):
    """(B,3,H,W) in [0,1], multiples of 4, 8 at least -> (B,3,H,W) in (0,1). 11,378,179 parameters.

    49.6 GMAC at 256x256.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = CycleGANConfig(**options)
        self.layers = resnet_generator(config.width, config.blocks, InstanceNormBlock)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        restored: torch.Tensor = (torch.tanh(self.layers(2 * degraded - 1)) + 1) / 2
        return restored


def resnet_generator(width: int, blocks: int, block: Callable[[int], nn.Module]) -> nn.Sequential:
    """Return the layers, (B,3,H,W) -> (B,3,H,W): down to a quarter, residual blocks, up again."""
    down, up = (width, 2 * width), (4 * width, 2 * width)
    return nn.Sequential(
        nn.ReflectionPad2d(3),
        nn.Conv2d(3, width, 7),  # (B,64,H,W)
        *_norm(width),
        *(
            layer
            for inside in down  # (B,128,H/2,W/2), (B,256,H/4,W/4)
            for layer in (
                nn.Conv2d(inside, 2 * inside, 3, stride=2, padding=1),
                *_norm(2 * inside),
            )
        ),
        *(block(4 * width) for _ in range(blocks)),
        *(
            layer
            for inside in up  # (B,128,H/2,W/2), (B,64,H,W)
            for layer in (
                nn.ConvTranspose2d(inside, inside // 2, 3, stride=2, padding=1, output_padding=1),
                *_norm(inside // 2),
            )
        ),
        nn.ReflectionPad2d(3),
        nn.Conv2d(width, 3, 7),
    )


class InstanceNormBlock(nn.Module):
    """(B,C,H,W) -> (B,C,H,W): x + norm(conv(relu(norm(conv(x))))), mirrored at the edges."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            *_norm(width),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        result: torch.Tensor = features + self.layers(features)
        return result


def discriminator(**options: Any) -> PatchGAN:
    """Return the judge of one side, sharp or degraded: the 70x70 PatchGAN, least-squares loss."""
    return PatchGAN(**{"norm": "instance", **options})


def _norm(width: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(width), nn.ReLU()
