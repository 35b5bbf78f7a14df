"""A small recurrent network for video: what it saw of earlier frames is carried in hidden features.

Nah et al. 2019 (IFI-RNN), doi:10.1109/CVPR.2019.00829, and Zhong et al. 2020 (ESTRNN),
doi:10.1007/978-3-030-58539-6_12, in small: a cell of residual blocks at half resolution sees a
frame and the hidden features, and makes a correction of the frame and new features. They are
bounded by a tanh, so that after a hundred frames they are of the size that five frames taught. It
looks back only: a frame is restored as soon as it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from models.architectures.unet import residual_blocks, silence


@dataclass(frozen=True, slots=True)
class VideoRNNConfig:
    """``frames`` in a row to learn from; channels and blocks at half the size; ``state`` channels
    that are carried, at full size: there are four times as many at half."""

    frames: int = 5
    width: int = 32
    blocks: int = 4
    state: int = 8


class VideoRNN(nn.Module):
    """A step: (B,3+state,H,W), H and W even -> (B,3+state,H,W), the frame in [0,1] first. 99,404
    parameters, 24.8 kMAC a pixel. Frames in a row: (B,T,3,H,W) -> (B,T,3,H,W).
    """

    recurrent = True

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = VideoRNNConfig(**options)
        self.frames, self.state = config.frames, config.state
        hidden = 4 * config.state
        self.head = nn.Conv2d(12 + hidden, config.width, 3, padding=1)
        self.body = residual_blocks(config.width, config.blocks)
        self.carry = nn.Conv2d(config.width, hidden, 3, padding=1)
        self.tail = nn.Conv2d(config.width, 12, 3, padding=1)
        silence(self.tail)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """See the class."""
        if frames.ndim == 4:
            return torch.cat(self._step(frames[:, :3], frames[:, 3:]), dim=1)
        state = frames.new_zeros((len(frames), self.state, *frames.shape[-2:]))
        restored = []
        for frame in frames.unbind(1):
            made, state = self._step(frame, state)
            restored.append(made)
        return torch.stack(restored, dim=1)

    def _step(self, frame: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen = F.pixel_unshuffle(torch.cat([frame, state], dim=1), 2)  # (B,12+hidden,H/2,W/2)
        features = self.body(self.head(seen))
        restored = frame + F.pixel_shuffle(self.tail(features), 2)
        return restored, F.pixel_shuffle(torch.tanh(self.carry(features)), 2)
