"""LPIPS: distance of deep features, weighted as people judged. Version 0.1 of the lpips package.

The package's linear weights come with its wheel; the backbones are torchvision's (see
`bench.metrics.backbones`). The sum over layers l of the mean over positions of

    w_l . (f_l(x) / |f_l(x)| - f_l(y) / |f_l(y)|)^2

Zhang et al. 2018, doi:10.1109/CVPR.2018.00068.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bench.core.errors import Unscorable
from bench.image import Picture, Pixels
from bench.metrics.backbones import BACKBONES, find_backbone
from bench.metrics.pixel import require

if TYPE_CHECKING:
    from torch import Tensor, nn

CUTS = {
    "alex": (2, 5, 8, 10, 12),
    "vgg": (4, 9, 16, 23, 30),
    "squeeze": (2, 5, 8, 10, 11, 12, 13),
}
"""Where torchvision's list of layers is tapped: after so many of them."""
SMALLEST = {"alex": 31, "vgg": 16, "squeeze": 17}
"""Shortest side of which every tapped layer makes at least one position."""
MEAN = (-0.030, -0.088, -0.188)
DEVIATION = (0.458, 0.448, 0.450)
"""Of R, G and B in [-1, 1], as the package scales its input."""
TINY = 1e-10


class Extractor(Protocol):
    """What a deep distance computes with: images are (H, W, 3) uint8."""

    def features(self, pixels: Pixels) -> Iterator[Tensor]:
        """Yield what is compared, layer by layer, (1, C, H, W)."""
        ...

    def distance(self, pixels: Pixels, features: list[Tensor]) -> float:
        """Return the distance from features of the same size."""
        ...


class DeepDistance(ABC):
    """A distance of deep features. The network is built when first used.

    One image is worked on at a time: that bounds memory, and torch shares the cores by itself.
    """

    def __init__(self, net: str, smallest: int, device: str) -> None:
        self.net, self.smallest, self.device = net, smallest, device
        self._lock = threading.Lock()
        self._network: Extractor | None = None

    @abstractmethod
    def build(self) -> Extractor:
        """Load the network. Raises Unscorable where its weights are not found or not right."""

    def features(self, reference: Picture) -> list[Tensor]:
        """Return the weighted features of every layer, (1, C, H, W) float32.

        For 1280x720 pixels LPIPS' take 36 (alex), 121 (squeeze) or 430 MiB (vgg). Raises Unscorable
        without weights, or for an image that is too small.
        """
        with self._lock:
            if self._network is None:
                self._network = self.build()
            require(reference, self.smallest)
            return list(self._network.features(reference.pixels))

    def compare(self, restored: Picture, features: list[Tensor]) -> float:
        """Return the distance, 0 for identical images."""
        with self._lock:
            if self._network is None:
                raise RuntimeError("features() comes first: it builds the network")
            return self._network.distance(restored.pixels, features)


class Lpips(DeepDistance):
    """LPIPS with one of torchvision's backbones."""

    def __init__(self, net: str, device: str = "cpu") -> None:
        super().__init__(net, SMALLEST[net], device)

    @property
    def weights(self) -> str:
        """Which weights there are; see `bench.metrics.scorer.Scorer.digest`."""
        try:
            find_backbone(self.net)
        except Unscorable:
            return "none"
        return BACKBONES[self.net].file  # the same of a whole file and of the part that is used

    def build(self) -> Network:
        """Load the network, once its file is known good. Raises Unscorable where it is not."""
        return load_network(self.net, find_backbone(self.net), self.device)


alex = partial(Lpips, "alex")
vgg = partial(Lpips, "vgg")
squeeze = partial(Lpips, "squeeze")


class Network:
    """A loaded backbone, tapped after each of ``cuts`` layers, with its layers' linear weights.

    These are (1, C, 1, 1) for each cut, none negative.
    """

    def __init__(
        self, layers: nn.Sequential, cuts: Sequence[int], linear: Sequence[Tensor], device: str
    ) -> None:
        import torch

        layers = layers.eval().requires_grad_(False)
        layers = layers.to(device).to(memory_format=torch.channels_last)
        self.slices = [layers[a:b] for a, b in pairwise((0, *cuts))]
        # No weight is negative: w (f - g)^2 = (sqrt(w) f - sqrt(w) g)^2, which is less to compute.
        self.roots = [weights.sqrt().to(device) for weights in linear]
        self.device = device

    def features(self, pixels: Pixels) -> Iterator[Tensor]:
        """Yield the features of each slice, of length 1 at each position, times sqrt(w)."""
        import torch

        with torch.inference_mode():
            activation = _scaled(pixels, self.device)
            for part, root in zip(self.slices, self.roots, strict=True):
                activation = part(activation)
                length = torch.linalg.vector_norm(activation, dim=1, keepdim=True)
                yield (activation / (length + TINY)).mul_(root)

    def distance(self, pixels: Pixels, features: list[Tensor]) -> float:
        """Return LPIPS of (H, W, 3) pixels from features of the same size."""
        import torch

        total = 0.0
        with torch.inference_mode():
            for ours, theirs in zip(self.features(pixels), features, strict=True):
                positions = ours.shape[2] * ours.shape[3]
                total += float(torch.linalg.vector_norm(ours.sub_(theirs))) ** 2 / positions
        return total


def load_network(net: str, backbone: Path, device: str) -> Network:
    """Load one of torchvision's backbones from its file, with the package's linear weights."""
    import torch

    state: dict[str, Tensor] = torch.load(backbone, map_location="cpu", weights_only=True)
    prefix = "features."
    own = {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
    layers = _layers(net)
    layers.load_state_dict(own, assign=True)
    return Network(layers, CUTS[net], _linear_weights(net), device)


def _layers(net: str) -> nn.Sequential:
    """Return torchvision's feature layers without storage for weights."""
    import torch
    from torchvision import models

    make = {"alex": models.alexnet, "vgg": models.vgg16, "squeeze": models.squeezenet1_1}[net]
    with torch.device("meta"):
        layers: nn.Sequential = make(weights=None).features
    return layers


def _linear_weights(net: str) -> list[Tensor]:
    """Return the lpips package's weights, (1, C, 1, 1) for each slice in order, none negative.

    The package itself is not imported: it would import a trainer and half of SciPy.
    """
    import torch

    package = find_spec("lpips")
    if package is None or package.origin is None:
        raise Unscorable("the lpips package is not installed; it holds the linear weights")
    file = Path(package.origin).parent / "weights" / "v0.1" / f"{net}.pth"
    state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return [state[f"lin{index}.model.1.weight"] for index in range(len(CUTS[net]))]


def _scaled(pixels: Pixels, device: str) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 as the backbones expect it."""
    import torch

    image = torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None].float()
    mean, deviation = (
        torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (MEAN, DEVIATION)
    )
    return (image / 127.5 - 1 - mean) / deviation
