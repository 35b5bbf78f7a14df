"""What every network of ours must be: as large as it says, the identity at first, trainable."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.architectures.rescnn import ResidualCNN
from models.architectures.unet import UNet
from models.catalogue import MODELS

NETWORKS = [UNet, ResidualCNN]


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def kilo_macs_per_pixel(network: nn.Module) -> float:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.rand(1, 3, 64, 64))
    return counter.get_total_flops() / 2 / 64**2 / 1e3


def test_the_unet_is_as_large_as_it_says() -> None:
    def conv(inside: int, outside: int, side: int) -> int:
        return inside * outside * side**2 + outside

    # head and tail; blocks of two convolutions, upper scales twice; down and up
    expected = conv(12, 32, 3) + conv(32, 12, 3)
    expected += 2 * 2 * (conv(32, 32, 3) + conv(48, 48, 3)) + 2 * 2 * conv(64, 64, 3)
    expected += conv(32, 48, 2) + conv(48, 64, 2) + conv(48, 4 * 32, 1) + conv(64, 4 * 48, 1)
    assert parameters(UNet()) == expected == 312_092
    assert kilo_macs_per_pixel(UNet()) == pytest.approx(19.584)


def test_the_residual_cnn_is_as_large_as_it_says() -> None:
    # 12 convolutions 32 -> 32, one 12 -> 32, one 32 -> 12, all 3x3 at a quarter of the pixels
    weights = 9 * (12 * 32 * 32 + 2 * 12 * 32)
    assert parameters(ResidualCNN()) == weights + 13 * 32 + 12 == 117_932
    assert kilo_macs_per_pixel(ResidualCNN()) == pytest.approx(weights / 4 / 1e3)


@pytest.mark.parametrize("build", NETWORKS)
def test_an_untrained_network_is_the_identity(build: type[nn.Module]) -> None:
    image = torch.rand(2, 3, 32, 48)
    assert torch.equal(build()(image), image)


@pytest.mark.parametrize("build", NETWORKS)
def test_every_parameter_learns(build: type[nn.Module]) -> None:
    network = build()
    nn.init.normal_(network.tail.weight)  # type: ignore[union-attr,arg-type]
    network(torch.rand(1, 3, 32, 32)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("name", ["unet", "rescnn"])
def test_the_catalogue_says_the_size_multiple(name: str) -> None:
    card, network = MODELS[name], {"unet": UNet, "rescnn": ResidualCNN}[name]()
    side = 3 * card.multiple
    assert network(torch.rand(1, 3, side, side)).shape == (1, 3, side, side)
    with pytest.raises(RuntimeError):
        network(torch.rand(1, 3, side + card.multiple // 2, side))


def test_what_a_pixel_depends_on_reaches_29_pixels_far_in_the_residual_cnn() -> None:
    network = ResidualCNN()
    nn.init.normal_(network.tail.weight)
    image = torch.rand(1, 3, 128, 128, requires_grad=True)
    network(image)[0, :, 64, 64].sum().backward()
    assert image.grad is not None
    rows = image.grad.abs().sum(dim=(0, 1, 3)).nonzero()[:, 0]
    assert int(rows.min()) >= 64 - 29
    assert int(rows.max()) <= 64 + 29


@pytest.mark.parametrize("build", NETWORKS)
def test_options_survive_json_and_typos_do_not(build: type[nn.Module]) -> None:
    options = {UNet: {"widths": (16, 24), "blocks": (1, 2)}, ResidualCNN: {"width": 8}}[build]
    again = build(**json.loads(json.dumps(options)))
    assert parameters(again) == parameters(build(**options)) != parameters(build())
    with pytest.raises(TypeError, match="widht"):
        build(widht=3)
