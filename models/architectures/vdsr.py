"""VDSR: twenty convolutions that put out what bicubic interpolation leaves out.

Kim et al. 2016, doi:10.1109/CVPR.2016.182, on the luma, without biases. The sum with the enlarged
input is the paper's, so an untrained network is made to begin at bicubic interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from models.architectures.srcnn import enlarge, luma_of, replace_luma
from models.architectures.unet import silence


@dataclass(frozen=True, slots=True)
class VDSRConfig:
    """``layers`` convolutions of ``width`` channels; ``scale`` enlarges before."""

    scale: int = 4
    layers: int = 20
    width: int = 64


class VDSR(nn.Module):
    """(B,3,H,W) in [0,1] -> (B,3,H*scale,W*scale). 664,704 parameters.

    43.562 GMAC for 256x256 put out.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = VDSRConfig(**options)
        self.scale, width = config.scale, config.width
        layers: list[nn.Module] = []
        for index in range(config.layers - 1):
            inside = width if index else 1
            layers += [nn.Conv2d(inside, width, 3, padding=1, bias=False), nn.ReLU()]
        for layer in layers[::2]:
            assert isinstance(layer, nn.Conv2d)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.body = nn.Sequential(*layers)
        self.tail = nn.Conv2d(width, 1, 3, padding=1, bias=False)
        silence(self.tail)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        enlarged = enlarge(degraded, self.scale)  # (B,3,H*scale,W*scale)
        luma = luma_of(enlarged)  # (B,1,H*scale,W*scale)
        return replace_luma(enlarged, self.tail(self.body(luma)))
