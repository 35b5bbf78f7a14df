"""The normalisation of any network, and spectral norm: exchanged, trained, and loaded again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from bench.core.errors import BenchError
from bench.records import Pair
from models.catalogue import MODELS, Card
from models.construction import NORMS, construct, options_of
from models.loading import build_network, load_restorer
from models.recipe_files import changed
from models.recipes import Adversary, Recipe
from models.training.data import validation_crops
from models.training.discriminators import after_step
from models.training.gan import Adversarial
from models.training.plan import Task
from models.training.train import train
from tests.support.training import DISCRIMINATOR, NORMALISING_DISCRIMINATOR, job_of

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = {
    "batch": nn.BatchNorm2d,
    "instance": nn.InstanceNorm2d,
    "group": nn.GroupNorm,
    "none": nn.Identity,
}
SMALL = {
    "cyclegan": {"width": 4, "blocks": 1},
    "deblurgan": {"width": 4, "blocks": 1},
    "t1t4-gan": {"width": 8},
    "unet-classic": {"widths": (4, 8)},
    "unet-gan": {"widths": (8, 12)},
}
"""The networks that normalise, each as small as it can be."""
IMAGE = torch.linspace(0, 1, 3 * 32 * 32).view(1, 3, 32, 32)


def layers(network: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(layer, kind) for layer in network.modules())


def card(name: str, **options: object) -> Card:
    return replace(MODELS[name], options={**SMALL[name], **options})


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("norm", NORMS)
def test_every_normalisation_of_a_network_is_exchanged_and_no_other_layer(
    name: str, norm: str
) -> None:
    before, after = build_network(card(name), 0), build_network(card(name, norm=norm), 0)
    normalising = layers(before, KINDS["batch"]) + layers(before, KINDS["instance"])
    assert normalising > 1
    assert layers(after, KINDS[norm]) == normalising
    assert layers(after, nn.modules.batchnorm._NormBase) == normalising * (
        norm in ("batch", "instance")
    )
    assert layers(after, nn.Conv2d) == layers(before, nn.Conv2d)
    assert after(IMAGE).shape == IMAGE.shape
    convolutions = [
        [layer.weight for layer in network.modules() if isinstance(layer, nn.Conv2d)]
        for network in (before, after)
    ]
    assert all(map(torch.equal, *convolutions))  # drawn alike


def test_a_held_convolution_has_no_singular_value_above_1() -> None:
    network = build_network(card("deblurgan", spectral=True), 0)
    for _ in range(30):  # each pass in training comes nearer
        network(IMAGE)
    held = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert all(is_parametrized(layer) for layer in held)
    for layer in held:
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
        assert float(largest.detach()) == pytest.approx(1, abs=0.05)


def test_what_begins_at_0_is_left_free_by_spectral_norm() -> None:
    network = build_network(replace(MODELS["litenet"], options={"spectral": True}), 0)
    assert is_parametrized(network.head)
    assert not is_parametrized(network.tail)
    assert torch.equal(network(IMAGE), IMAGE)  # no 0 / 0


@pytest.mark.parametrize(
    ("build", "options", "said"),
    [
        ("models.architectures.unet:UNet", {"norm": "batch"}, "UNet normalises nowhere"),
        ("models.architectures.t1t4:T1T4", {"norm": "groups"}, "did you mean 'group'"),
    ],
)
def test_what_cannot_be_exchanged_says_why(build: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(BenchError, match=said):
        construct(build, options)


def test_an_option_of_the_networks_own_stays_its_own() -> None:
    assert options_of("models.architectures.dncnn:DnCNN").count("norm") == 1
    network = construct("models.architectures.dncnn:DnCNN", {"norm": False, "layers": 3})
    assert layers(network, nn.BatchNorm2d) == 0
    assert {"norm", "spectral", "width"} <= set(
        options_of("models.architectures.cyclegan:CycleGANGenerator")
    )
    assert "norm" not in options_of("models.architectures.swinir:swinir_light")


# --- in a training --------------------------------------------------------------------------------

RECIPE = Recipe(batch=2, crop=32, validate_every=2, learning_rate=1e-3)
GAN = replace(RECIPE, method="gan", adversary=Adversary("wgan", 0.01, 1e-3, steps=2))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("unet-classic", ("network.norm=group",)),
        ("cyclegan", ("network.norm=none", "network.spectral=true")),
        ("unet-gan", ("network.norm=instance", "begin=identity")),
    ],
)
def test_weights_are_loaded_back_into_the_layers_that_they_were_trained_in(
    pairs: list[Pair], tmp_path: Path, name: str, changes: tuple[str, ...]
) -> None:
    recipe = changed(RECIPE, changes)
    trained = train(job_of(pairs, tmp_path, card(name), recipe))
    assert trained.header.options.items() >= recipe.network.items()
    by_file = load_restorer(str(trained.weights))
    kind = KINDS[recipe.network["norm"] or "none"]
    assert by_file.network is not None
    assert layers(by_file.network, kind) > 1
    stored = load_file(trained.weights)
    assert by_file.network.state_dict().keys() == stored.keys()
    assert all(torch.equal(v, stored[k]) for k, v in by_file.network.state_dict().items())
    assert by_file.restore(IMAGE).shape == IMAGE.shape


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("network.norm=none", "begin=identity"), "without its normalisation UNetGAN cannot begin"),
        (("network.spectral=true", "begin=identity"), "held to a slope of 1 .* begin=random"),
        (("network.norms=none",), "did you mean 'norm'"),
    ],
)
def test_a_training_that_cannot_begin_so_says_why(
    pairs: list[Pair], tmp_path: Path, changes: tuple[str, ...], said: str
) -> None:
    with pytest.raises(BenchError, match=said):
        train(job_of(pairs, tmp_path, card("unet-gan"), changed(RECIPE, changes)))


# --- a critic whose weights are cut ---------------------------------------------------------------


def test_a_wgans_critic_stays_in_its_range_and_any_other_is_left() -> None:
    critic = nn.Linear(2, 1)
    nn.init.constant_(critic.weight, 0.5)
    after_step(critic, Adversary("wgan-gp", 0.01))
    assert critic.weight.tolist() == [[0.5, 0.5]]
    after_step(critic, Adversary("wgan", 0.01, clip=0.02))
    assert critic.weight.tolist() == [pytest.approx([0.02, 0.02])]


def test_a_step_ends_with_the_critic_in_its_range(pairs: list[Pair]) -> None:
    small = replace(MODELS["gan"], options={"widths": (8, 12)}, discriminator=DISCRIMINATOR)
    crops = validation_crops(pairs)
    task = Task(
        network=build_network(small, 0), recipe=GAN, pairs=pairs, validation=crops, card=small
    )
    module = Adversarial(task)
    largest = [float(weight.detach().abs().max()) for weight in module.discriminator.parameters()]
    assert max(largest) > 0.01
    batch = tuple(side[:2, :, :32, :32] for side in crops)
    module.learn((batch[0], batch[1]), module.configure_optimizers())
    largest = [float(weight.detach().abs().max()) for weight in module.discriminator.parameters()]
    assert max(largest) == pytest.approx(0.01)


def test_a_discriminator_without_normalisation_is_asked_for_as_a_recipe_says_it() -> None:
    recipe = changed(GAN, ("adversary.network.norm=none",))
    assert recipe.adversary is not None
    built = construct("models.architectures.patchgan:PatchGAN", recipe.adversary.network)
    assert layers(built, nn.modules.batchnorm._NormBase) == 0


def test_a_range_of_nothing_is_refused(pairs: list[Pair], tmp_path: Path) -> None:
    small = replace(
        MODELS["gan"], options={"widths": (8, 12)}, discriminator=NORMALISING_DISCRIMINATOR
    )
    with pytest.raises(BenchError, match=r"adversary\.clip=0; expected more than 0"):
        train(job_of(pairs, tmp_path, small, changed(GAN, ("adversary.clip=0",))))
