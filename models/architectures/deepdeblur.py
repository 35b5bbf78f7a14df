"""DeepDeblur: three residual networks from coarse to fine, each beginning with what came before.

Nah et al. 2017, doi:10.1109/CVPR.2017.35: 5x5 convolutions, residual blocks without normalisation
and without the ReLU after the sum, a loss at every scale. Images are centred to [-0.5,0.5] inside.
No sum with the input: with random weights the network is far from the identity, and takes hours on
a CPU to come near. `DeepDeblur.begin_at_identity` sets weights with which it begins there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from models.architectures.unet import silence


@dataclass(frozen=True, slots=True)
class DeepDeblurConfig:
    """``blocks`` residual blocks of ``width`` channels at each of ``scales`` sizes."""

    width: int = 64
    blocks: int = 19
    scales: int = 3


class DeepDeblur(nn.Module):
    """(B,3,H,W) in [0,1], multiples of 4 -> (B,3,H,W). 11,721,321 parameters.

    335.9 GMAC at 256x256.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = DeepDeblurConfig(**options)
        finer = config.scales - 1
        inputs = [3] + [6] * finer  # all but the coarsest also see the coarser result
        self.networks = nn.ModuleList(
            _residual_network(inside, config.width, config.blocks) for inside in inputs
        )
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(3, 12, 5, padding=2), nn.PixelShuffle(2)) for _ in range(finer)
        )

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.pyramid(degraded)[-1]

    def begin_at_identity(self) -> None:
        """Set weights with which every scale puts its image out as it came in.

        The image travels in the first three channels, to which no block adds anything yet. All
        other weights in the way there stay as drawn.
        """
        with torch.no_grad():
            for layers in self.networks:
                for block in layers.modules():
                    if isinstance(block, WideResidualBlock):
                        silence(block.second)
                last = self.config.blocks + 1
                nn.init.dirac_(layers.get_parameter("0.weight")[:3])
                nn.init.zeros_(layers.get_parameter("0.bias")[:3])
                nn.init.dirac_(layers.get_parameter(f"{last}.weight"))
                nn.init.zeros_(layers.get_parameter(f"{last}.bias"))

    def pyramid(self, degraded: torch.Tensor) -> list[torch.Tensor]:
        """Return the results at all scales, coarse to fine: (B,3,H/4,W/4) .. (B,3,H,W)."""
        images = [degraded - 0.5]
        for _ in self.up:
            images.append(F.avg_pool2d(images[-1], 2))
        coarser = self.networks[0](images.pop())  # (B,3,H/4,W/4)
        results = [coarser]
        for network, up in zip(self.networks[1:], self.up, strict=True):
            both = torch.cat([images.pop(), up(coarser)], dim=1)  # (B,6,..) at twice the size
            coarser = network(both)
            results.append(coarser)
        return [result + 0.5 for result in results]


class WideResidualBlock(nn.Module):
    """(B,C,H,W) -> (B,C,H,W): x + conv5x5(relu(conv5x5(x))). SRN-DeblurNet has them too."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 5, padding=2)
        self.second = nn.Conv2d(width, width, 5, padding=2)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        result: torch.Tensor = features + self.second(F.relu(self.first(features)))
        return result


def _residual_network(inside: int, width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, width, 5, padding=2),
        *(WideResidualBlock(width) for _ in range(blocks)),
        nn.Conv2d(width, 3, 5, padding=2),
    )
