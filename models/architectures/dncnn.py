"""DnCNN: convolutions with batch normalisation that put out the noise in their input.

Zhang et al. 2017, doi:10.1109/TIP.2017.2662206: 17 layers for grey images and one level of noise,
20 for colour and all levels. The network is spandrel's class, which its published weights fit (they
are published with the normalisation folded into the convolutions, and then loaded by file).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class DnCNNConfig:
    """``channels`` 3 for colour, 1 for grey; ``layers`` convolutions of ``width`` channels."""

    channels: int = 3
    layers: int = 20
    width: int = 64
    norm: bool = True


class DnCNN(nn.Module):
    """(B,C,H,W) in [0,1] -> (B,C,H,W), less the noise found. 670,531 parameters in colour.

    Grey, ``channels=1, layers=17``: 557,057 parameters; each channel of the input is then an image
    of its own. Without normalisation: 555,137. Untrained, it takes away a noise that is not there.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        from spandrel.architectures.DnCNN import DnCNN as Layers

        self.config = config = DnCNNConfig(**options)
        self.layers = Layers(
            in_nc=config.channels,
            out_nc=config.channels,
            nc=config.width,
            nb=config.layers,
            act_mode="BR" if config.norm else "R",
        )

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        restored: torch.Tensor
        if self.config.channels == 1:
            restored = self.layers(degraded.flatten(0, 1)[:, None])  # (B*C,1,H,W)
            return restored.view_as(degraded)
        restored = self.layers(degraded)
        return restored
