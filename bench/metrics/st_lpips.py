"""ST-LPIPS: LPIPS whose backbone hardly notices a shift of a pixel, with weights of its own.

It differs from `bench.metrics.lpips` in its backbones alone: every pooling and AlexNet's first
convolution work at stride 1 and are thinned by a blur of [1, 2, 1] / 4 in each direction, reflected
two pixels beyond the edges. The whole networks, trained as published, lie in the wheel of
``stlpips-pytorch``, which is read and never imported: no download, a value on every machine.

Ghildyal and Liu 2022, doi:10.1007/978-3-031-19797-0_6, arXiv:2207.13686.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import Unscorable
from bench.core.files import sha256_of
from bench.metrics.lpips import DeepDistance, Network

if TYPE_CHECKING:
    from torch import Tensor, nn

PACKAGE = "stlpips_pytorch"
CUTS = {"alex": (3, 7, 11, 13, 15), "vgg": (4, 10, 18, 26, 34)}
"""Where the list of layers is tapped: after so many of them."""
SMALLEST = {"alex": 21, "vgg": 18}
"""Shortest side of which every blur can reflect two pixels."""


class StLpips(DeepDistance):
    """ST-LPIPS with one backbone."""

    def __init__(self, net: str, device: str = "cpu") -> None:
        super().__init__(net, SMALLEST[net], device)

    @property
    def weights(self) -> str:
        """Which weights there are; see `bench.metrics.scorer.Scorer.digest`."""
        try:
            return sha256_of(weights_file(self.net))
        except Unscorable:
            return "none"

    def build(self) -> Network:
        """Load the network. Raises Unscorable without the package that holds it."""
        file = weights_file(self.net)  # before torch is imported for nothing
        import torch

        state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
        layers = _layers(self.net)
        own = {  # "net.slice2.5.weight" is that of layer 5; the blurs' filters are no weights
            key.split(".", 2)[2]: value
            for key, value in state.items()
            if key.startswith("net.") and not key.endswith(".filt")
        }
        layers.load_state_dict(own, assign=True)
        linear = [state[f"lin{index}.model.1.weight"] for index in range(len(CUTS[self.net]))]
        return Network(layers, CUTS[self.net], linear, self.device)


alex = partial(StLpips, "alex")
vgg = partial(StLpips, "vgg")


def weights_file(net: str) -> Path:
    """Return the file of a whole network in the package's wheel. Raises Unscorable without it."""
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise Unscorable("the package stlpips-pytorch is not installed; it holds the weights")
    file = Path(package.origin).parent / "weights" / "vST0.0" / f"{net}_shift_tolerant.pth"
    if not file.is_file():
        raise Unscorable(f"the package stlpips-pytorch has no '{file.name}'; install it again")
    return file


def _layers(net: str) -> nn.Sequential:
    """Return the layers without storage for weights."""
    import torch

    with torch.device("meta"):
        return torch.nn.Sequential(*(_alex() if net == "alex" else _vgg()))


def _alex() -> list[nn.Module]:
    from torch import nn

    layers: list[nn.Module] = [nn.Conv2d(3, 64, 11, padding=2), _blur(), nn.ReLU(inplace=True)]
    for channels, more in ((64, 192), (192, 384)):
        side = 5 if more == 192 else 3
        layers += [nn.MaxPool2d(3, stride=1), _blur()]
        layers += [nn.Conv2d(channels, more, side, padding=side // 2), nn.ReLU(inplace=True)]
    for channels in (384, 256):
        layers += [nn.Conv2d(channels, 256, 3, padding=1), nn.ReLU(inplace=True)]
    return layers


def _vgg() -> list[nn.Module]:
    from torch import nn

    layers: list[nn.Module] = []
    channels = 3
    for block, (more, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        layers += [nn.MaxPool2d(2, stride=1), _blur()] if block else []
        for _ in range(count):
            layers += [nn.Conv2d(channels, more, 3, padding=1), nn.ReLU(inplace=True)]
            channels = more
    return layers


def _blur() -> nn.Module:
    from torch import nn
    from torch.nn import functional

    class Blur(nn.Module):
        """(B,C,H,W) -> (B,C,H',W') at half the size: a binomial blur, then every second pixel."""

        def forward(self, image: Tensor) -> Any:
            taps = image.new_tensor([0.25, 0.5, 0.25])
            channels = image.shape[1]
            wide = functional.pad(image, (2, 2, 2, 2), mode="reflect")
            down = taps.view(1, 1, 3, 1).expand(channels, 1, 3, 1)
            across = taps.view(1, 1, 1, 3).expand(channels, 1, 1, 3)
            rows = functional.conv2d(wide, down, stride=(2, 1), groups=channels)
            return functional.conv2d(rows, across, stride=(1, 2), groups=channels)

    return Blur()
