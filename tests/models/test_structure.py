"""Narrower networks: what is kept of a layer, what a header may say of it, zeros that stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bench.core.errors import BenchError
from models.architectures.rescnn import ResidualCNN
from models.loading import load_restorer
from models.structure import hold_zeros, keep, narrow, narrowed, width_of
from models.weights import read_header, save_weights
from tests.support.training import header_of

OPTIONS = {"width": 8, "blocks": 1}


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_what_is_kept_of_a_convolution_makes_what_it_made(kind: Any) -> None:
    layer, image = kind(5, 6, 3, padding=1), torch.rand(1, 5, 8, 8)
    image[:, [0, 3]] = 0  # what is taken away came in as nothing
    expected = layer(image)[:, [1, 2, 5]]
    keep(layer, [1, 2, 4], [1, 2, 5])
    assert width_of(layer) == (3, 3)
    assert torch.allclose(layer(image[:, [1, 2, 4]]), expected, atol=1e-6)


def test_widths_make_a_fresh_network_as_narrow_as_the_one_they_were_read_from() -> None:
    whole, smaller = ResidualCNN(**OPTIONS), ResidualCNN(**OPTIONS)
    keep(smaller.get_submodule("body.0.first"), range(8), [1, 2, 6])
    keep(smaller.get_submodule("body.0.second"), [1, 2, 6], range(8))
    widths = narrowed(smaller, whole)
    assert widths == {"body.0.first": (8, 3), "body.0.second": (3, 8)}
    narrow(whole, widths, "a file")
    whole.load_state_dict(smaller.state_dict())
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(whole(image), smaller(image))


@pytest.mark.parametrize(
    ("widths", "said"),
    [
        ({"body.7": (8, 8)}, "has no layer 'body.7'"),
        ({"body": (8, 8)}, "has Sequential, not narrowed, as 'body'"),
        ({"head": (12, 9)}, "leaves 'head' 12 channels in and 9 out; the network has 12 and 8"),
        ({"head": (12, 0)}, "at least 1 each"),
        ({"head": (12, 4)}, "does not fit 'rescnn'"),
    ],
)
def test_a_header_whose_widths_are_not_the_networks_is_refused(
    tmp_path: Path, widths: dict[str, tuple[int, int]], said: str
) -> None:
    path = tmp_path / "w.safetensors"
    header = header_of("rescnn", options=OPTIONS, widths=widths)
    save_weights(path, ResidualCNN(**OPTIONS), header)
    found = read_header(path)
    assert found is not None
    assert replace(found, widths={}) == replace(header, widths={})
    with pytest.raises(BenchError, match=said):
        load_restorer(str(path))


def test_weights_at_zero_stay_there_in_training_and_others_move() -> None:
    network = ResidualCNN(**OPTIONS)
    with torch.no_grad():
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.1)
        network.head.weight[:, :6] = 0.0
    before = network.head.weight.detach().clone()
    hold_zeros(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        network(torch.rand(1, 3, 8, 8)).square().mean().backward()
        optimiser.step()
    assert bool((network.head.weight[:, :6] == 0).all())
    assert bool((network.head.weight[:, 6:] != before[:, 6:]).all())
