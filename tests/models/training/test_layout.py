"""Gradients of networks that normalise instances, against the definition and against sums."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from models.catalogue import MODELS
from models.loading import build_network
from models.recipes import Adversary, Recipe
from models.training.cyclegan import Cycle
from models.training.gan import Adversarial
from models.training.layout import laid_out, lay_out, layout_of
from models.training.plan import Task
from tests.support.training import DISCRIMINATOR

ADVERSARY = Adversary("lsgan", weight=1.0, identity=5.0)
METHODS: dict[str, Any] = {
    "gan": (
        Adversarial,
        replace(MODELS["deblurgan"], options={"width": 4, "blocks": 1, "dropout": 0.0}),
        Recipe(method="gan", crop=32, clip=None, adversary=ADVERSARY),
    ),
    "cyclegan": (
        Cycle,
        replace(MODELS["cyclegan"], options={"width": 4, "blocks": 1}),
        Recipe(method="cyclegan", losses={}, crop=32, clip=None, adversary=ADVERSARY),
    ),
}


class Kept:
    """In place of an optimiser: keeps each network's gradient and takes no step."""

    def __init__(self, *networks: nn.Module) -> None:
        self.networks = networks
        self.param_groups: list[Any] = []

    def zero_grad(self) -> None:
        for network in self.networks:
            network.zero_grad()

    def step(self) -> None:
        pass

    def gradient(self) -> torch.Tensor:
        found = [p.grad for network in self.networks for p in network.parameters()]
        return torch.cat([gradient.flatten() for gradient in found if gradient is not None])


def gradients(method: str, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both sides' gradients at the start for a batch (2,B,3,H,W): degraded and sharp."""
    kind, card, recipe = METHODS[method]
    card = replace(card, discriminator=DISCRIMINATOR)
    network = build_network(card, 0).double()
    module = kind(
        Task(network=network, recipe=recipe, pairs=[], validation=(batch[0], batch[1]), card=card)
    ).double()
    others = [child for name, child in module.named_children() if name.startswith("discriminator")]
    restoring, judging = Kept(module.network), Kept(*others)
    module.train().learn((batch[0], batch[1]), [restoring, judging])
    return restoring.gradient(), judging.gradient()


@pytest.mark.parametrize("method", list(METHODS))
def test_the_gradient_of_a_batch_is_the_mean_of_its_images(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No loss here and no layer looks at more than one image: so it is, exactly."""
    torch.manual_seed(0)
    batch = torch.rand(2, 2, 3, 32, 32, dtype=torch.float64)
    monkeypatch.setattr("models.training.discriminators.judge", lambda o, x: o(laid_out(x, o)))
    both = gradients(method, batch)
    each = [gradients(method, batch[:, index : index + 1]) for index in range(2)]
    for side in range(2):
        mean = (each[0][side] + each[1][side]) / 2
        assert float((both[side] - mean).norm() / both[side].norm()) < 1e-5


def test_a_single_images_gradient_is_the_definitions() -> None:
    """As a residual block hands it on; channels last, torch 2.15 returns another one on CPUs."""
    torch.manual_seed(0)
    images = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4), nn.Conv2d(4, 2, 3)).double()
    lay_out(block)

    def instance_norm(x: torch.Tensor) -> torch.Tensor:
        centred = x - x.mean((2, 3), keepdim=True)
        return centred / (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()

    weight = torch.rand(1, 2, 4, 4, dtype=torch.float64)
    first, _, last = block
    ours, expected = (
        torch.autograd.grad((function(laid_out(images, block)) * weight).sum(), first.weight)[0]
        for function in (block, lambda x: last(instance_norm(first(x))))
    )
    assert torch.allclose(ours, expected, rtol=1e-9)


def test_only_networks_that_normalise_instances_are_kept_contiguous() -> None:
    assert layout_of(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))) is torch.channels_last
    assert layout_of(nn.Sequential(nn.InstanceNorm2d(4))) is torch.contiguous_format
    assert layout_of(build_network(MODELS["unet"], 0)) is torch.channels_last
    assert layout_of(build_network(MODELS["cyclegan"], 0)) is torch.contiguous_format
