"""LiteNet: a lightweight attention network for blind restoration on constrained devices. Ours.

A plain residual CNN at half resolution, as `rescnn` here; what is different, and why:

- It sees the bands of a Haar wavelet (as Liu et al. 2018, arXiv:1805.07071) of luma and chroma
  instead of raw pixels, and puts out what to add to them. Blur takes from the high bands, which are
  a tenth of the low one in a photograph, so those of luma are made louder by as much as leaves
  them a little below it. Those of chroma, in which there is less to see and more noise, are made
  less loud.
- Channel attention (Hu et al. 2018, doi:10.1109/CVPR.2018.00745) in every second block, as simple
  as that of NAFNet (Chen et al. 2022, doi:10.1007/978-3-031-20071-7_2): the means of rectified
  features are the energies of bands, by which blur and noise of an image show, and one matrix
  turns them into weights. Each one passes over the memory several times, which takes about a
  third of the time of a convolution on a CPU, hence not in every block.
- The means are over squares of 64x64 pixels instead of the whole image (Chu et al. 2022,
  doi:10.1007/978-3-031-20071-7_4), so that a frame shows it what the crops of training did, and
  tiles what the whole image does.
- No normalisation, and dense convolutions of 32 channels: on a CPU these reach three times as many
  multiply-accumulates a second as depthwise and pointwise ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from models.architectures.unet import silence

SQUARE = 64
"""Side in pixels of the squares whose means the channel attention sees: that of training crops."""


@dataclass(frozen=True, slots=True)
class LiteNetConfig:
    """``width`` channels and ``blocks`` blocks at half the input's size.

    Every block whose number is a multiple of ``attend`` has channel attention. The high bands of
    luma and of chroma are made ``luma`` and ``chroma`` times as large.
    """

    width: int = 32
    blocks: int = 8
    attend: int = 2
    luma: float = 6.0
    chroma: float = 2.0


class LiteNet(nn.Module):
    """(B,3,H,W) in [0,1], H and W even -> (B,3,H,W). 159,148 parameters.

    2.53 GMAC at 256x256.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = LiteNetConfig(**options)
        self.bands = HaarBands(config.luma, config.chroma)
        self.head = nn.Conv2d(12, config.width, 3, padding=1)
        self.body = nn.Sequential(
            *(
                AttentionBlock(config.width, SQUARE // 2 if number % config.attend == 0 else None)
                for number in range(1, config.blocks + 1)
            )
        )
        self.tail = nn.Conv2d(config.width, 12, 3, padding=1)
        silence(self.tail)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        features = self.head(self.bands(degraded - 0.5))  # (B,12,H/2,W/2) -> (B,w,H/2,W/2)
        correction = self.tail(self.body(features))  # (B,12,H/2,W/2)
        return degraded + self.bands.inverse(correction)


class HaarBands(nn.Module):
    """(B,3,H,W) -> (B,12,H/2,W/2): of luma and both chromas, one low band and three high ones.

    The high ones are made ``luma`` and ``chroma`` times as large as an orthonormal transform puts
    them out. ``inverse`` is that of the orthonormal transform: it leaves them as they are.
    """

    def __init__(self, luma: float, chroma: float) -> None:
        super().__init__()
        colours = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]])
        colours /= colours.norm(dim=1, keepdim=True)  # rows: luma, red against blue, green
        haar = torch.tensor([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / 2
        bands = torch.kron(colours, haar)  # rows are bands, columns the pixels of each colour
        loud = torch.tensor([1.0, luma, luma, luma] + 2 * [1.0, chroma, chroma, chroma])
        self.register_buffer("analysis", (loud[:, None] * bands)[..., None, None], persistent=False)
        self.register_buffer("synthesis", bands.T[..., None, None].contiguous(), persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return F.conv2d(F.pixel_unshuffle(image, 2), self.get_buffer("analysis"))

    def inverse(self, bands: torch.Tensor) -> torch.Tensor:
        """(B,12,H/2,W/2) -> (B,3,H,W)."""
        return F.pixel_shuffle(F.conv2d(bands, self.get_buffer("synthesis")), 2)


class AttentionBlock(nn.Module):
    """(B,C,H,W) -> (B,C,H,W): x + conv(attention(relu(conv(x)))).

    Without ``square`` there is no attention.
    """

    def __init__(self, width: int, square: int | None = None) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.attention = None if square is None else LocalChannelAttention(width, square)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        inner = F.relu(self.first(features))
        if self.attention is not None:
            inner = self.attention(inner)
        result: torch.Tensor = features + self.second(inner)
        return result


class LocalChannelAttention(nn.Module):
    """(B,C,H,W) -> (B,C,H,W): each channel weighted by what all channels are on average around.

    The weights, near 1 before training, belong to the centres of squares of side ``square``, and
    are interpolated between them.
    """

    def __init__(self, width: int, square: int) -> None:
        super().__init__()
        self.square = square
        self.weigh = nn.Conv2d(width, width, 1)
        nn.init.ones_(self.weigh.get_parameter("bias"))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        means = F.avg_pool2d(features, self.square, ceil_mode=True)
        weights: torch.Tensor = self.weigh(means)
        if self.training and means.shape[-2:] == (1, 1):  # a crop: one weight holds all over it
            return features * weights
        size = features.shape[-2:]
        return features * F.interpolate(weights, size=size, mode="bilinear", align_corners=False)
