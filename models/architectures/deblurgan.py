"""DeblurGAN: the residual generator with a global skip, and its Wasserstein critic.

Kupyn et al. 2018, doi:10.1109/CVPR.2018.00854. The generator is CycleGAN's, but it puts out what
has to be added to its input.

The paper describes residual blocks of two convolutions with dropout between. The released code
builds the list of a block's layers as ``first + [dropout] if use_dropout else [] + second``, in
which Python's conditional takes everything to its left and to its right: with dropout, as trained,
the second convolution is missing, and its normalisation with it. What was published, weights and
numbers, is therefore a network of 6.07 M parameters and not of 11.38 M. ``as_released`` chooses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from models.architectures.cyclegan import resnet_generator
from models.architectures.patchgan import PatchGAN


@dataclass(frozen=True, slots=True)
class DeblurGANConfig:
    """``width`` channels at full size, four times as many in the ``blocks`` at a quarter of it."""

    width: int = 64
    blocks: int = 9
    dropout: float = 0.5
    as_released: bool = True
    """Blocks of one convolution, as in the released code; False: of two, as in the paper."""


class DeblurGAN(nn.Module):
    """(B,3,H,W) in [0,1], multiples of 4, 8 at least -> (B,3,H,W) in [0,1].

    6,067,459 parameters and 27.8 GMAC at 256x256 as released; 11,378,179 as intended. The sum with
    the input is clamped in training too, as the authors do.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = DeblurGANConfig(**options)
        block = partial(DropoutBlock, dropout=config.dropout, as_released=config.as_released)
        self.layers = resnet_generator(config.width, config.blocks, block)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        image = 2 * degraded - 1
        restored: torch.Tensor = torch.tanh(self.layers(image)) + image
        return (restored.clamp(-1, 1) + 1) / 2


class DropoutBlock(nn.Module):
    """(B,C,H,W) -> (B,C,H,W): x + dropout(relu(norm(conv(x)))), or that convolved once more."""

    def __init__(self, width: int, dropout: float, as_released: bool) -> None:
        super().__init__()
        first = [*_convolution(width), nn.ReLU(), nn.Dropout(dropout)]
        second = [] if as_released else _convolution(width)
        self.layers = nn.Sequential(*first, *second)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        result: torch.Tensor = features + self.layers(features)
        return result


def critic(**options: Any) -> PatchGAN:
    """Return the Wasserstein critic: the 70x70 PatchGAN with instance normalisation.

    The gradient penalty looks at one image at a time, and so must the normalisation.
    """
    return PatchGAN(**{"norm": "instance", **options})


def _convolution(width: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)]
