"""The t1-t4 generator and its PatchGAN ("two-stage CNN"), as its author lists them.

Gençaslan, Two-Stage CNN Framework for Single-Image Deblurring and Restoration. A deblurring network
at full resolution: pooling of stride 1 stands for an encoder, concatenation of earlier features for
skips, and three convolutions serve more than one place each. Without strides, one output pixel
depends on input at most 13 pixels away, which is less than many a GoPro blur. After DenseNet (Huang
et al. 2017, doi:10.1109/CVPR.2017.243) and Inception (Szegedy et al. 2015,
doi:10.1109/CVPR.2015.7298594). Images are in [-1,1] inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class T1T4Config:
    """``width`` channels in the first layer and the last, twice as many between."""

    width: int = 32


class T1T4(nn.Module):
    """(B,3,H,W) in [0,1] -> (B,3,H,W). 253,155 parameters, 24.1 GMAC at 256x256.

    tanh(..) + input may leave [0,1]. The author leaves it so; here it is clamped, but not in
    training, where a clamp would stop the gradient of just those pixels.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = T1T4Config(**options)
        width, double = config.width, 2 * config.width
        self.l1 = _convolution_norm(3, width)
        self.l2 = _convolution_norm(width, double)
        self.t2 = ParallelConvolutions(double)
        self.reduce6 = nn.Conv2d(3 * double, double, 3, padding=1)
        self.reduce8 = nn.Conv2d(2 * double, double, 3, padding=1)
        self.reduce11 = nn.Conv2d(double + width, width, 3, padding=1)
        self.output = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        image = 2 * degraded - 1
        l1 = self.l1(image)  # (B,32,H,W)
        l2 = self.l2(l1)  # (B,64,H,W), and all that follows until l11
        l3 = t1(l2)
        l4 = self.t2(l3)
        l5 = t4(l4)  # (B,128,H,W)
        l6 = self.reduce6(torch.cat([l5, l4], dim=1))
        l7 = self.t2(l6)
        l8 = self.reduce8(torch.cat([l7, l3], dim=1))
        l9 = self.reduce8(torch.cat([l8, l2], dim=1))
        l10 = self.t2(l9)
        l11 = self.reduce11(torch.cat([l10, l1], dim=1))  # (B,32,H,W)
        l12 = t1(l11)
        restored: torch.Tensor = (torch.tanh(self.output(l12)) + image + 1) / 2
        return restored if self.training else restored.clamp(0, 1)


class ParallelConvolutions(nn.Module):
    """t2, (B,C,H,W) -> (B,C,H,W): 1x1 to half the channels, four 3x3 beside each other.

    Concatenated, four convolutions of the same input are one with as many filters. They are kept
    apart as they are listed: each begins with weights drawn for itself.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        half, quarter = width // 2, width // 4
        self.bottleneck = nn.Conv2d(width, half, 1)
        self.branches = nn.ModuleList(nn.Conv2d(half, quarter, 3, padding=1) for _ in range(4))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        narrow = self.bottleneck(features)
        return torch.cat([branch(narrow) for branch in self.branches], dim=1)


def t1(features: torch.Tensor) -> torch.Tensor:
    """(B,C,H,W) -> (B,C,H,W): the features and their maxima of 3x3, added."""
    return features + F.max_pool2d(features, 3, stride=1, padding=1)


def t4(features: torch.Tensor) -> torch.Tensor:
    """(B,C,H,W) -> (B,2C,H,W): the features and their maxima of 3x3, one after the other."""
    maxima = F.max_pool2d(features, 3, stride=1, padding=1)
    return F.relu(torch.cat([features, maxima], dim=1))


class T1T4Discriminator(nn.Module):
    """(B,3,H,W) in [0,1], sides of 64 at least -> (B,1,H/16-3,W/16-3) scores, one a patch.

    2,766,529 parameters. The listing ends in a sigmoid; it belongs to the loss here, where binary
    cross-entropy with it is exact for scores of any size.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for inside in (width, 2 * width, 4 * width):
            layers += [
                nn.Conv2d(inside, 2 * inside, 4, stride=2, padding=1),
                nn.BatchNorm2d(2 * inside),
                nn.LeakyReLU(0.2),
            ]
        layers.append(nn.Conv2d(8 * width, 1, 4))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        scores: torch.Tensor = self.layers(2 * images - 1)
        return scores


def _convolution_norm(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU()
    )
