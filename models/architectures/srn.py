"""SRN-DeblurNet: one encoder-decoder applied at three scales, which remembers the coarser ones.

Tao et al. 2018, doi:10.1109/CVPR.2018.00853. The same weights serve all scales; a convolutional
LSTM (Shi et al. 2015, arXiv:1506.04214) at the bottom carries what was found from scale to scale.
A loss at every scale. No sum with the input: the untrained network is far from the identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from models.architectures.deepdeblur import WideResidualBlock

State = tuple[torch.Tensor, torch.Tensor]
"""Hidden state and memory cell of the LSTM, each (B,C,H,W)."""


@dataclass(frozen=True, slots=True)
class SRNConfig:
    """``width`` channels at full size, 2 and 4 times as many at 1/2 and 1/4; ``blocks`` at each."""

    width: int = 32
    blocks: int = 3
    scales: int = 3


class SRN(nn.Module):
    """(B,3,H,W) in [0,1], multiples of 16 -> (B,3,H,W). 8,061,411 parameters.

    Of those, 1,180,160 are the LSTM's.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = SRNConfig(**options)
        width, blocks = config.width, config.blocks
        self.encoder1 = nn.Sequential(
            nn.Conv2d(6, width, 5, padding=2), nn.ReLU(), *_blocks(width, blocks)
        )
        self.encoder2 = _down(width, blocks)
        self.encoder3 = _down(2 * width, blocks)
        self.memory = ConvLSTMCell(4 * width)
        self.decoder3 = _up(4 * width, blocks)
        self.decoder2 = _up(2 * width, blocks)
        self.decoder1 = nn.Sequential(*_blocks(width, blocks), nn.Conv2d(width, 3, 5, padding=2))

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.pyramid(degraded)[-1]

    def pyramid(self, degraded: torch.Tensor) -> list[torch.Tensor]:
        """Return the results at all scales, coarse to fine: (B,3,H/4,W/4) .. (B,3,H,W)."""
        images = [degraded]
        for _ in range(self.config.scales - 1):
            images.append(F.avg_pool2d(images[-1], 2))
        estimate, state = images[-1], None
        results: list[torch.Tensor] = []
        for image in reversed(images):
            if results:
                assert state is not None
                estimate = _double(estimate)
                state = (_double(state[0]), _double(state[1]))
            estimate, state = self._one_scale(torch.cat([image, estimate], dim=1), state)
            results.append(estimate)
        return results

    def _one_scale(self, both: torch.Tensor, state: State | None) -> tuple[torch.Tensor, State]:
        fine = self.encoder1(both)  # (B,6,H,W) -> (B,32,H,W)
        middle = self.encoder2(fine)  # (B,64,H/2,W/2)
        coarse = self.encoder3(middle)  # (B,128,H/4,W/4)
        state = self.memory(coarse, state)
        middle = self.decoder3(state[0]) + middle
        fine = self.decoder2(middle) + fine
        return self.decoder1(fine), state


class ConvLSTMCell(nn.Module):
    """(B,C,H,W) and the state before -> the state after. All four gates in one 3x3 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 * width, 4 * width, 3, padding=1)

    def forward(self, features: torch.Tensor, state: State | None) -> State:
        """See the class; without a state before, it is 0."""
        nothing = torch.zeros_like(features)
        hidden, cell = (nothing, nothing) if state is None else state
        gates = self.gates(torch.cat([features, hidden], dim=1))  # (B,4C,H,W)
        enter, new, forget, leave = gates.chunk(4, dim=1)
        # forgetting begins rare (+1), or nothing would reach the finest scale early in training
        kept = cell * torch.sigmoid(forget + 1)
        cell = kept + torch.sigmoid(enter) * torch.tanh(new)
        return torch.sigmoid(leave) * torch.tanh(cell), cell


def _blocks(width: int, count: int) -> list[nn.Module]:
    return [WideResidualBlock(width) for _ in range(count)]


def _down(width: int, blocks: int) -> nn.Sequential:
    """(B,C,H,W) -> (B,2C,H/2,W/2)."""
    strided = nn.Conv2d(width, 2 * width, 5, stride=2, padding=2)
    return nn.Sequential(strided, nn.ReLU(), *_blocks(2 * width, blocks))


def _up(width: int, blocks: int) -> nn.Sequential:
    """(B,C,H,W) -> (B,C/2,2H,2W)."""
    transposed = nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1)
    return nn.Sequential(*_blocks(width, blocks), transposed, nn.ReLU())


def _double(image: torch.Tensor) -> torch.Tensor:
    return F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
