"""A hybrid of convolutions, a transformer and an adversary, for three tasks.

Singh and Sharma 2023, Image Restoration Using Deep Learning, IJSRTM 2(2):6-10. Residual
convolutions encode (He et al. 2016, doi:10.1109/CVPR.2016.90), a transformer at the bottleneck
relates every part of the image to every other (Vaswani et al. 2017, arXiv:1706.03762; normalised
first, Xiong et al. 2020, arXiv:2002.04745), and a decoder with skips draws the result. The paper
gives no sizes; those here are ours. Positions are told to the transformer by a depthwise
convolution (Chu et al. 2021, arXiv:2102.10882), so that any size goes through. As in the denoisers
and enlargers that it cites, the network puts out what has to be added to its input, or to that
enlarged by bicubic interpolation, and begins at nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from models.architectures.patchgan import PatchGAN
from models.architectures.srcnn import enlarge
from models.architectures.unet import residual_blocks, silence


@dataclass(frozen=True, slots=True)
class HybridConfig:
    """Channels at 1/1, 1/2, 1/4 .. of the input's size; the last is the transformer's."""

    widths: tuple[int, ...] = (32, 64, 128, 256)
    blocks: int = 2
    """Residual blocks at each size, on either way."""
    layers: int = 4
    heads: int = 4
    scale: int = 1


class Hybrid(nn.Module):
    """(B,3,H,W) in [0,1], H and W multiples of 8 -> (B,3,H*scale,W*scale). 4,058,467 parameters.

    Attention is between all (H/8)(W/8) places, so its work grows with the square of the area.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = HybridConfig(**options)
        self.scale, widths, blocks = config.scale, config.widths, config.blocks
        self.head = nn.Conv2d(3, widths[0], 3, padding=1)
        steps = list(pairwise(widths))
        self.encoder = nn.ModuleList(residual_blocks(width, blocks) for width in widths[:-1])
        self.down = nn.ModuleList(nn.Conv2d(u, v, 2, stride=2) for u, v in steps)
        self.transformer = nn.Sequential(
            *(TransformerLayer(widths[-1], config.heads) for _ in range(config.layers))
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(v, u, 2, stride=2) for u, v in steps)
        self.fuse = nn.ModuleList(nn.Conv2d(2 * width, width, 1) for width in widths[:-1])
        self.decoder = nn.ModuleList(residual_blocks(width, blocks) for width in widths[:-1])
        self.tail = nn.Conv2d(widths[0], 3 * config.scale**2, 3, padding=1)
        silence(self.tail)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        features = self.head(degraded)  # (B,32,H,W)
        skips = []
        for blocks, down in zip(self.encoder, self.down, strict=True):
            features = blocks(features)
            skips.append(features)
            features = down(features)  # half the size, twice the channels
        features = self.transformer(features)  # (B,256,H/8,W/8)
        levels = zip(reversed(self.up), reversed(self.fuse), reversed(self.decoder), strict=True)
        for up, fuse, blocks in levels:
            features = torch.cat([up(features), skips.pop()], dim=1)  # twice the size
            features = blocks(fuse(features))
        correction = F.pixel_shuffle(self.tail(features), self.scale)  # (B,3,H*scale,W*scale)
        return enlarge(degraded, self.scale) + correction


class TransformerLayer(nn.Module):
    """(B,C,H,W) -> (B,C,H,W): self-attention of all places, then each place by itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.position = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm1 = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 2 * width)
        self.contract = nn.Linear(2 * width, width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        height, width = features.shape[-2:]
        features = features + self.position(features)
        tokens = features.flatten(2).transpose(1, 2)  # (B,HW,C)
        tokens = tokens + self.attend(self.norm1(tokens))
        tokens = tokens + self.contract(F.gelu(self.expand(self.norm2(tokens))))
        result: torch.Tensor = tokens.transpose(1, 2).unflatten(2, (height, width))
        return result

    def attend(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B,N,C) -> (B,N,C)."""
        heads = self.query_key_value(tokens).unflatten(2, (3, self.heads, -1))  # (B,N,3,h,C/h)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each (B,h,N,C/h)
        mixed = F.scaled_dot_product_attention(query, key, value)
        result: torch.Tensor = self.project(mixed.transpose(1, 2).flatten(2))
        return result


def discriminator(**options: Any) -> PatchGAN:
    """Return the generator's discriminator: the 70x70 PatchGAN with batch normalisation."""
    return PatchGAN(**{"norm": "batch", **options})
