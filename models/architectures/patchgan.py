"""PatchGAN: a discriminator that judges every patch of an image apart.

Isola et al. 2017, doi:10.1109/CVPR.2017.632. Used by most adversarial networks here, each with its
own normalisation; three strided convolutions see patches of 70x70 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from bench.core.names import choose


@dataclass(frozen=True, slots=True)
class PatchGANConfig:
    """``strided`` convolutions halve the size; ``channels`` 6 also sees what was degraded.

    ``norm`` is "batch"; or "instance", "group" (8 of them) or "none" where the loss looks at the
    gradient of each image. ``spectral`` holds each convolution to a slope of 1 (Miyato et al. 2018,
    arXiv:1802.05957).
    """

    channels: int = 3
    width: int = 64
    strided: int = 3
    norm: Literal["batch", "instance", "group", "none"] | None = "batch"
    spectral: bool = False


class PatchGAN(nn.Module):
    """(B,channels,H,W) in [0,1], sides of 32 at least -> (B,1,H/8-2,W/8-2) scores, one a patch.

    Scores are unbounded, larger for real: what makes probabilities of them belongs to the loss.
    2,765,633 parameters with batch and 2,764,737 with instance normalisation.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = config = PatchGANConfig(**options)
        width, last = config.width, 8 * config.width
        layers: list[nn.Module] = [
            nn.Conv2d(config.channels, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
        ]
        for index in range(1, config.strided + 1):
            stride = 2 if index < config.strided else 1
            wider = min(2 * width, last)
            norm = config.norm or "none"  # as a recipe has it, where none is no value
            layers += [*_normalised(width, wider, stride, norm), nn.LeakyReLU(0.2)]
            width = wider
        layers.append(nn.Conv2d(width, 1, 4, padding=1))
        if config.spectral:
            layers = [
                spectral_norm(layer) if isinstance(layer, nn.Conv2d) else layer for layer in layers
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        scores: torch.Tensor = self.layers(2 * images - 1)
        return scores


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "instance": nn.InstanceNorm2d,
    "group": partial(nn.GroupNorm, 8),
}


def _normalised(inside: int, outside: int, stride: int, norm: str) -> list[nn.Module]:
    # batch normalisation has an offset of its own; instance normalisation here has none
    convolution = nn.Conv2d(inside, outside, 4, stride, padding=1, bias=norm != "batch")
    if norm == "none":
        return [convolution]
    return [convolution, NORMS[choose("normalisation", norm, NORMS)](outside)]
