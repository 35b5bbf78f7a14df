"""Every network of the catalogue: as large as its card says, and whole in its calling contract."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.compute.operations import count
from bench.core.plugins import load_object
from models.catalogue import MODELS, Card
from models.loading import build_network, load_restorer
from models.weights import save_weights
from tests.support.training import header_of

CARDS = [card for card in MODELS.values() if card.recipe is not None]


def shape(card: Card, side: int, learns: bool = False) -> tuple[int, ...]:
    """Return the shape of what a card's network takes for one image; of a recurrent one, with the
    state that it carries, or where it learns the frames in a row."""
    if card.recurrent and not learns:
        return 1, 3 + load_object(card.build)(**card.options).state, side, side
    return (1, card.frames, 3, side, side) if card.frames > 1 else (1, 3, side, side)


every_network = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)


@every_network
def test_a_network_is_as_large_and_as_slow_as_its_card_says(card: Card) -> None:
    # SwinIR looks at values while it is built; its work grows as the area
    swinir = card.name.startswith("swinir")
    side = 16 if swinir else 256
    with torch.device("cpu" if swinir else "meta"):
        network = load_object(card.build)(**card.options)
    found = count(network, shape(card, side))
    assert found.params == card.params
    assert found.macs * (256 / side) ** 2 / 1e9 == pytest.approx(card.gmacs, rel=1e-3)
    assert found.uncovered == ()


@every_network
def test_an_odd_sized_image_comes_out_whole_and_saved_weights_restore_it_alike(
    card: Card, tmp_path: Path
) -> None:
    image = torch.rand(1, 3, 13, 21, generator=torch.Generator().manual_seed(0))
    first = load_restorer(card.name, random_weights=True)
    assert first.scale == int(card.options.get("scale", 1))
    assert first.network is not None
    with torch.no_grad():
        for parameter in first.network.parameters():
            parameter.mul_(1.01)
    restored = first.restore(image)
    assert restored.shape == (1, 3, 13 * first.scale, 21 * first.scale)
    assert restored.isfinite().all()

    path = tmp_path / "saved.safetensors"
    save_weights(path, first.network, header_of(card.name))
    second = load_restorer(card.name, weights=path)
    assert second.network is not None
    state = second.network.state_dict()
    assert all(
        torch.equal(value, state[name]) for name, value in first.network.state_dict().items()
    )
    assert torch.allclose(second.restore(image), restored, rtol=1e-4, atol=1e-5)


@every_network
def test_the_gradient_reaches_every_parameter(card: Card) -> None:
    network = build_network(card, seed=0).eval()  # the same function of each image, no dropout
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():  # what begins at nothing hides what comes before it
                parameter.normal_(std=0.05)
    side = max(8, card.multiple)
    generator = torch.Generator().manual_seed(0)
    image = 0.25 + 0.5 * torch.rand(shape(card, side, learns=True), generator=generator)
    network(image).square().mean().backward()
    silent = {name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    assert not silent
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    "card", [c for c in CARDS if c.discriminator is not None], ids=lambda card: card.name
)
def test_a_discriminator_scores_what_its_generator_makes(card: Card) -> None:
    assert card.discriminator is not None
    discriminator = load_object(card.discriminator)()
    images = torch.rand(2, 3, 128, 128, requires_grad=True)
    scores = discriminator(images)
    assert scores.shape[0] == 2
    scores.mean().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_a_run_that_names_no_models_stays_short() -> None:
    standard = [card.name for card in CARDS if card.standard]
    assert standard == ["unet", "rescnn"]
    assert sum(MODELS[name].gmacs or 0 for name in standard) < 5
