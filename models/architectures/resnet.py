"""A ResNet as the encoder of a restorer: the classifier's backbone, and a decoder with skips.

He et al. 2016, doi:10.1109/CVPR.2016.90, as torchvision builds it, so that weights learned by
classifying fit; decoded as in U-Net. Nothing is downloaded here. The network puts out what has to
be added to its input, and begins at nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional as F

from models.architectures.unet import silence
from models.architectures.unet_classic import two_convolutions

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue: what such backbones expect to be taken away and divided by."""


@dataclass(frozen=True, slots=True)
class ResNetConfig:
    """``depth`` of the backbone; channels of the decoder at 1/16, 1/8, 1/4, 1/2, 1/1."""

    depth: Literal[18, 34] = 18
    widths: tuple[int, int, int, int, int] = (256, 128, 64, 64, 32)


class ResNetRestorer(nn.Module):
    """(B,3,H,W) in [0,1], H and W multiples of 32 -> (B,3,H,W). 14,414,371 parameters.

    24,522,531 with 34 layers.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, **options: Any) -> None:
        super().__init__()
        import torchvision

        self.config = config = ResNetConfig(**options)
        build = {18: torchvision.models.resnet18, 34: torchvision.models.resnet34}[config.depth]
        self.encoder = build(weights=None)
        self.encoder.fc = nn.Identity()  # nothing is classified
        skips = (256, 128, 64, 64, 0)
        self.decoder = nn.ModuleList()
        inside = 512
        for skip, width in zip(skips, config.widths, strict=True):
            self.decoder.append(two_convolutions(inside + skip, width))
            inside = width
        self.tail = nn.Conv2d(inside, 3, 3, padding=1)
        silence(self.tail)
        for name, values in (("mean", MEAN), ("deviation", DEVIATION)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """See the class."""
        backbone = self.encoder
        image = (degraded - self.mean) / self.deviation
        half = backbone.relu(backbone.bn1(backbone.conv1(image)))  # (B,64,H/2,W/2)
        quarter = backbone.layer1(backbone.maxpool(half))  # (B,64,H/4,W/4)
        eighth = backbone.layer2(quarter)  # (B,128,H/8,W/8)
        sixteenth = backbone.layer3(eighth)  # (B,256,H/16,W/16)
        features = backbone.layer4(sixteenth)  # (B,512,H/32,W/32)
        skips = (sixteenth, eighth, quarter, half, None)
        for convolutions, skip in zip(self.decoder, skips, strict=True):
            features = F.interpolate(features, scale_factor=2, mode="nearest")
            if skip is not None:
                features = torch.cat([features, skip], dim=1)
            features = convolutions(features)
        correction: torch.Tensor = self.tail(features)  # (B,32,H,W) -> (B,3,H,W)
        return degraded + correction
