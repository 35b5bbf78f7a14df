"""Channels taken out: those that do nothing go first, and the picture stays the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from bench.core.errors import BenchError
from models.architectures.rescnn import ResidualCNN
from models.architectures.t1t4 import T1T4
from models.architectures.unet import UNet
from models.compression.pruning import parameters, prune
from models.compression.unstructured import mask
from models.structure import narrowed, width_of

IMAGE = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(1))


def drawn(network: nn.Module) -> nn.Module:
    """A network none of whose weights is 0."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.1)
    return network.eval()


def embedded(small: nn.Module, large: nn.Module) -> nn.Module:
    """The small network's weights in the large one, at every other channel, 0 between them."""
    with torch.no_grad():
        own = dict(small.named_parameters())
        for name, parameter in large.named_parameters():
            parameter.zero_()
            steps = [a // b for a, b in zip(parameter.shape, own[name].shape, strict=True)]
            if name.startswith("up.") and parameter.ndim == 4:  # the 4 places of a channel together
                inside = own[name].unflatten(0, (-1, 4))
                parameter.unflatten(0, (-1, 4))[::2, :, ::2] = inside
            elif name.startswith("up."):
                parameter.unflatten(0, (-1, 4))[::2] = own[name].unflatten(0, (-1, 4))
            else:
                parameter[tuple(slice(None, None, step) for step in steps)] = own[name]
    return large.eval()


@pytest.mark.parametrize(
    ("build", "small", "large", "multiple"),
    [
        (ResidualCNN, {"width": 8, "blocks": 2}, {"width": 16, "blocks": 2}, 2),
        (UNet, {"widths": (8, 8), "blocks": (1, 1)}, {"widths": (16, 16), "blocks": (1, 1)}, 4),
    ],
)
def test_channels_that_do_nothing_are_those_that_go(
    build: Any, small: dict[str, Any], large: dict[str, Any], multiple: int
) -> None:
    inside = drawn(build(**small))
    whole = embedded(inside, build(**large))
    wanted = 1 - parameters(inside) / parameters(whole)
    found = prune(whole, wanted, multiple)
    assert found.after == parameters(inside)  # 3 of 4 parameters of a layer went, but for the ends
    assert torch.allclose(found.network(IMAGE), inside(IMAGE), atol=1e-5)
    assert torch.allclose(whole(IMAGE), inside(IMAGE), atol=1e-5)
    assert found.before == parameters(whole)  # the network itself is as it was


def test_shared_convolutions_lose_the_same_channels_wherever_they_serve() -> None:
    whole = drawn(T1T4())
    found = prune(whole, 0.4)
    widths = narrowed(found.network, whole)
    assert 0.4 <= 1 - found.after / found.before < 0.6
    double = width_of(found.network.get_submodule("l2.0"))[1]
    assert double < 64
    # l8 and l9 are both of reduce8, and go where l3 and l7 go: one width for all of them
    assert widths["reduce8"] == (2 * double, double)
    assert widths["t2.bottleneck"][0] == double
    assert widths["reduce6"] == (3 * double, double)
    assert found.network(IMAGE).shape == IMAGE.shape


class Grouped(nn.Module):
    """Nothing but convolutions of which each sees half of the channels, between two ends."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 8, 1)
        self.middle = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.tail = nn.Conv2d(8, 3, 1)

    def forward(self, image: torch.Tensor) -> Any:
        return self.tail(torch.relu(self.middle(torch.relu(self.head(image)))))


class Normalised(nn.Module):
    """A norm over channels: without one of them, the others change."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.tail = nn.Conv2d(3, 16, 1), nn.Conv2d(16, 3, 1)

    def forward(self, image: torch.Tensor) -> Any:
        features = self.head(image)
        return self.tail(features / (1 + features.std(1, keepdim=True)))


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (Grouped, "the grouped convolution 'middle' has its channels"),
        (Normalised, "without its channels the picture is"),
    ],
)
def test_channels_that_cannot_be_proved_to_go_are_refused_with_the_reason(
    network: Any, said: str
) -> None:
    with pytest.raises(BenchError, match=said):
        prune(drawn(network()), 0.3)


def test_more_than_there_is_to_take_is_refused_with_the_most() -> None:
    with pytest.raises(BenchError, match=r"--amount 0\.95: at most 0\.\d\d of the parameters"):
        prune(drawn(ResidualCNN(width=8, blocks=1)), 0.95, 2)


@torch.no_grad()
def test_a_mask_sets_the_smallest_weights_to_zero_and_no_bias() -> None:
    network = drawn(ResidualCNN(width=8, blocks=1))
    sizes = torch.cat([p.abs().flatten() for p in network.parameters() if p.ndim > 1])
    zeros, weights = mask(network, 0.5)
    assert (zeros, weights) == (sizes.numel() // 2, sizes.numel())
    left = torch.cat([p.abs().flatten() for p in network.parameters() if p.ndim > 1])
    assert float(left[left > 0].min()) > float(sizes.sort().values[zeros - 1])
    assert all(bool((p != 0).all()) for p in network.parameters() if p.ndim == 1)
    with pytest.raises(BenchError, match="so many weights are 0 already"):
        mask(network, 0.4)
