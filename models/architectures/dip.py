"""The network of the deep image prior: an encoder-decoder with skips, fed with noise.

Ulyanov et al. 2018, doi:10.1109/CVPR.2018.00984: not trained on images but fitted to a single
degraded one. Convolutions draw natural images sooner than noise, so that fitting, stopped early,
restores. This file is the network only; nothing here knows of an image to restore.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class DeepImagePriorConfig:
    """``code`` channels of noise go in; ``width`` and ``skip`` channels at each of ``scales``."""

    code: int = 32
    width: int = 128
    skip: int = 4
    scales: int = 5


class DeepImagePrior(nn.Module):
    """(B,32,H,W) noise, multiples of 32, 64 at least -> (B,3,H,W) in (0,1). 2,217,831 parameters.

    The authors draw the noise evenly from [0,0.1], once for each image.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = DeepImagePriorConfig(**options)
        inner: Scale | None = None
        for index in reversed(range(config.scales)):
            inside = config.width if index else config.code
            inner = Scale(inside, config.width, config.skip, inner)
        assert inner is not None
        self.outermost = inner
        self.output = nn.Conv2d(config.width, 3, 1)

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return torch.sigmoid(self.output(self.outermost(code)))


class Scale(nn.Module):
    """(B,inside,H,W) -> (B,width,H,W): itself in a few channels, beside all that lies deeper."""

    def __init__(self, inside: int, width: int, skip: int, inner: Scale | None) -> None:
        super().__init__()
        self.skip = _convolution(inside, skip, 1)
        self.down = _convolution(inside, width, 3, stride=2)
        self.deeper = _convolution(width, width, 3)
        self.inner = inner
        self.norm = nn.BatchNorm2d(skip + width)
        self.up = _convolution(skip + width, width, 3)
        self.mix = _convolution(width, width, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        deep = self.deeper(self.down(features))  # (B,width,H/2,W/2)
        if self.inner is not None:
            deep = self.inner(deep)
        deep = F.interpolate(deep, scale_factor=2, mode="bilinear", align_corners=False)
        both = self.norm(torch.cat([self.skip(features), deep], dim=1))
        result: torch.Tensor = self.mix(self.up(both))
        return result


def _convolution(inside: int, outside: int, side: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, side, stride, padding=side // 2, padding_mode="reflect"),
        nn.BatchNorm2d(outside),
        nn.LeakyReLU(0.2),
    )
