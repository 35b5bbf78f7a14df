"""DRUNet: a U-Net of residual blocks that is told how strong the noise is.

Zhang et al. 2021, doi:10.1109/TPAMI.2021.3088914. The network is spandrel's class. Without biases,
and it has no sum with its input: untrained, it puts out noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class DRUNetConfig:
    """Channels at 1/1, 1/2, 1/4 and 1/8 of the input's size, and residual blocks at each."""

    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: int = 4


class DRUNet(nn.Module):
    """(B,3,H,W) in [0,1] and noise, H and W multiples of 8 -> (B,3,H,W). 32,640,960 parameters.

    A fourth channel of the input is the standard deviation of its noise, in [0,1]. Where there is
    none, it is ``level`` everywhere.
    """

    told_noise = True

    def __init__(self, **options: Any) -> None:
        super().__init__()
        from spandrel.architectures.DRUNet import DRUNet as Layers

        self.config = config = DRUNetConfig(**options)
        self.layers = Layers(in_nc=4, out_nc=3, nc=list(config.widths), nb=config.blocks)
        self.level = 0.0

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        if degraded.shape[1] == 3:
            level = degraded.new_full((len(degraded), 1, *degraded.shape[2:]), self.level)
            degraded = torch.cat([degraded, level], dim=1)
        restored: torch.Tensor = self.layers(degraded)
        return restored
