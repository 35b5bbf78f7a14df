"""DISTS: how alike two images are in structure and in texture, by means and covariances of deep
features.

The backbone is torchvision's VGG16 (see `bench.metrics.backbones`), its pooling replaced by the
root of a Hann window's mean of squares; what each channel counts was learned by the authors and
comes with their package, ``DISTS-pytorch``, an optional extra. Over the image itself and five
layers, 1 minus the weighted sum of

    (2 mx my + c) / (mx^2 + my^2 + c)   and   (2 cov + c) / (vx + vy + c),   c = 1e-6.

Ding et al. 2020, doi:10.1109/TPAMI.2020.3045810.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import Unscorable
from bench.core.files import sha256_of
from bench.image import Pixels
from bench.metrics.backbones import BACKBONES, find_backbone
from bench.metrics.lpips import DeepDistance

if TYPE_CHECKING:
    from torch import Tensor, nn

CUTS = (0, 4, 9, 16, 23, 30)
"""Where VGG16's list of layers is tapped; each part but the first begins with a pooling."""
CHANNELS = (3, 64, 128, 256, 512, 512)
SIDE = 256
"""The shorter side of what is looked at: larger images are made smaller first."""
SMALLEST = 16
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of R, G and B in [0, 1], as torchvision scales what its networks see."""
TINY = 1e-6


class Dists(DeepDistance):
    """DISTS with torchvision's VGG16."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__("vgg", SMALLEST, device)

    @property
    def weights(self) -> str:
        """Which weights there are; see `bench.metrics.scorer.Scorer.digest`."""
        try:
            find_backbone(self.net)
            return f"{BACKBONES[self.net].file} {sha256_of(weights_file())}"
        except Unscorable:
            return "none"

    def build(self) -> Network:
        """Load the network. Raises Unscorable without the package or without the backbone."""
        import torch
        from torchvision import models

        learned: dict[str, Tensor] = torch.load(
            weights_file(), map_location="cpu", weights_only=True
        )
        state = torch.load(find_backbone(self.net), map_location="cpu", weights_only=True)
        own = {k.removeprefix("features."): v for k, v in state.items() if k.startswith("features")}
        with torch.device("meta"):
            layers = models.vgg16(weights=None).features
        layers.load_state_dict(own, assign=True)
        return Network(layers, learned["alpha"], learned["beta"], self.device)


class Network:
    """VGG16 with its weights of structure and of texture, (1, 1475, 1, 1) each."""

    def __init__(self, layers: nn.Sequential, alpha: Tensor, beta: Tensor, device: str) -> None:
        import torch

        layers = layers.eval().requires_grad_(False).to(device)
        self.parts = [layers[a:b] for a, b in pairwise(CUTS)]
        total = alpha.sum() + beta.sum()
        self.structure, self.texture = (
            torch.split((weights / total).flatten().to(device), list(CHANNELS))
            for weights in (alpha, beta)
        )
        self.device = device

    def features(self, pixels: Pixels) -> Iterator[Tensor]:
        """Yield the image, (1, 3, H, W) in 0..1, and the activations of each part."""
        import torch

        with torch.inference_mode():
            image = _small(torch.from_numpy(pixels).to(self.device).permute(2, 0, 1)[None] / 255)
            yield image
            mean, deviation = (image.new_tensor(v).view(1, 3, 1, 1) for v in (MEAN, DEVIATION))
            activation = (image - mean) / deviation
            for number, part in enumerate(self.parts):
                activation = part[1:](_pooled(activation)) if number else part(activation)
                yield activation

    def distance(self, pixels: Pixels, features: list[Tensor]) -> float:
        """Return DISTS of (H, W, 3) pixels from features of the same size."""
        import torch

        alike = 0.0
        with torch.inference_mode():
            parts = zip(self.features(pixels), features, self.structure, self.texture, strict=True)
            for x, y, structure, texture in parts:
                mean_x, mean_y = x.mean((2, 3)), y.mean((2, 3))
                means = (2 * mean_x * mean_y + TINY) / (mean_x**2 + mean_y**2 + TINY)
                spread = x.var((2, 3), correction=0) + y.var((2, 3), correction=0)
                common = (x * y).mean((2, 3)) - mean_x * mean_y
                alike += float((structure * means).sum())
                alike += float((texture * (2 * common + TINY) / (spread + TINY)).sum())
        return 1 - alike


def _small(image: Tensor) -> Tensor:
    """(1, 3, H, W) -> the same with a shorter side of 256 pixels at most, not antialiased."""
    from torch.nn import functional

    if min(image.shape[2:]) <= SIDE:
        return image
    scale = SIDE / min(image.shape[2:])
    resized: Tensor = functional.interpolate(
        image, scale_factor=scale, recompute_scale_factor=False, mode="bilinear"
    )
    return resized


def _pooled(activation: Tensor) -> Tensor:
    """(1, C, H, W) -> (1, C, H/2, W/2): the root of the mean of squares under a Hann window."""
    from torch.nn import functional

    taps = activation.new_tensor([0.25, 0.5, 0.25])
    channels = activation.shape[1]
    window = (taps[:, None] * taps).expand(channels, 1, 3, 3)
    squares: Tensor = functional.conv2d(activation**2, window, stride=2, padding=1, groups=channels)
    pooled: Tensor = (squares + 1e-12).sqrt()
    return pooled


def weights_file() -> Path:
    """Return the authors' file of what each channel counts. Raises Unscorable without it."""
    package = find_spec("DISTS_pytorch")
    if package is None or package.origin is None:
        raise Unscorable(
            "the package DISTS-pytorch is not installed; it holds what each channel counts: "
            "pip install 'restoration-bench[dists]'"
        )
    file = Path(package.origin).parent / "weights.pt"
    if not file.is_file():
        raise Unscorable(f"the package DISTS-pytorch has no '{file.name}'; install it again")
    return file
