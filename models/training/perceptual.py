"""Losses that compare deep features: VGG layers, and LPIPS.

The networks' weights are files that are looked for where `bench.metrics.backbones` says. There is
no training with random ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F

from bench.metrics.backbones import find_backbone
from bench.metrics.lpips import DEVIATION, MEAN, TINY, load_network

Perceptual = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Features:
    """A loss on the output of the first ``layers`` of VGG19's list of layers.

    15 ends with the convolution conv3_3 and 35 with conv5_4, both before their ReLU.
    """

    layers: int
    criterion: Literal["mse", "l1"]
    backbone: str = "vgg19"

    def load(self, device: torch.device) -> Perceptual:
        """Return the loss. Raises `Unscorable` where the weights are not found."""
        from torchvision.models import vgg19

        state = torch.load(find_backbone(self.backbone), map_location="cpu", weights_only=True)
        with torch.device("meta"):
            layers = vgg19(weights=None).features[: self.layers]
        own = {
            f"{index}.{kind}": state[f"features.{index}.{kind}"]
            for index, layer in enumerate(layers)
            if isinstance(layer, torch.nn.Conv2d)
            for kind in ("weight", "bias")
        }
        layers.load_state_dict(own, assign=True)
        for layer in layers:
            if isinstance(layer, torch.nn.ReLU):
                layer.inplace = False
        network = layers.eval().requires_grad_(False).to(device)
        mean, deviation = _channels(IMAGENET_MEAN, device), _channels(IMAGENET_DEVIATION, device)
        compare = F.mse_loss if self.criterion == "mse" else F.l1_loss

        def loss(restored: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
            ours = network((restored - mean) / deviation)
            with torch.no_grad():
                theirs = network((reference - mean) / deviation)
            return compare(ours, theirs)

        return loss


@dataclass(frozen=True, slots=True)
class LpipsLoss:
    """LPIPS as a loss: that of `bench.metrics.lpips`, differentiable, mean over the batch."""

    backbone: str

    def load(self, device: torch.device) -> Perceptual:
        """Return the loss. Raises `Unscorable` where the weights are not found."""
        network = load_network(self.backbone, find_backbone(self.backbone), str(device))
        for part in network.slices:
            for layer in part:
                if isinstance(layer, torch.nn.ReLU):
                    layer.inplace = False
        mean, deviation = _channels(MEAN, device), _channels(DEVIATION, device)

        def features(images: torch.Tensor) -> list[torch.Tensor]:
            activation, found = (2 * images - 1 - mean) / deviation, []
            for part, root in zip(network.slices, network.roots, strict=True):
                activation = part(activation)
                length = activation.square().sum(1, keepdim=True).add(TINY**2).sqrt()
                found.append(activation / (length + TINY) * root)
            return found

        def loss(restored: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                theirs = features(reference)
            differences = [
                (mine - other).square().sum(1).mean()
                for mine, other in zip(features(restored), theirs, strict=True)
            ]
            return torch.stack(differences).sum()

        return loss


PERCEPTUAL: dict[str, Features | LpipsLoss] = {
    "vgg": Features(15, "mse"),
    "vgg54": Features(35, "l1"),
    "lpips-alex": LpipsLoss("alex"),
    "lpips-vgg": LpipsLoss("vgg"),
}
"""Name in a recipe -> loss. vgg: Kupyn et al. 2018, conv3_3; vgg54: Wang et al. 2018."""


def _channels(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    return torch.tensor(values, device=device).view(1, 3, 1, 1)
