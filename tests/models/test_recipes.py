"""Recipes as data: what the papers give is there, and what they do not give is named."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, fields, replace

import pytest
import torch

from bench.core.errors import BenchError
from models.catalogue import MODELS, Card
from models.loading import build_network
from models.recipes import QUICK, QUICK_FEW, Recipe, Schedule
from models.training.augment import AUGMENTATIONS
from models.training.budget import parse_budget
from models.training.losses import LOSSES
from models.training.methods import METHODS
from models.training.perceptual import PERCEPTUAL

TRAINABLE = [card for card in MODELS.values() if card.recipe is not None]
PRESETS = [(card, preset) for card in TRAINABLE for preset in ("quick", "paper")]


def paper(name: str) -> Recipe:
    return MODELS[name].preset("paper")


@pytest.mark.parametrize(("card", "preset"), PRESETS, ids=lambda v: getattr(v, "name", v))
def test_every_network_has_two_recipes_that_can_be_followed(card: Card, preset: str) -> None:
    recipe = card.preset(preset)
    assert recipe.source
    assert recipe.method in METHODS
    assert set(recipe.losses) <= {*LOSSES, *PERCEPTUAL}
    assert set(recipe.augment) <= AUGMENTATIONS
    parse_budget(recipe.budget)
    assert (recipe.adversary is not None) == (recipe.method != "plain")
    assert bool(card.discriminator) == (recipe.method != "plain")
    assert recipe.losses or recipe.method == "cyclegan"
    if recipe.begin == "identity":
        assert callable(build_network(card, seed=0).begin_at_identity)
    output = recipe.crop * int(card.options.get("scale", 1))
    assert output >= 32  # what SSIM and the discriminators need at least


@pytest.mark.parametrize("card", TRAINABLE, ids=lambda card: card.name)
def test_what_a_paper_does_not_give_is_a_field_of_the_recipe(card: Card) -> None:
    names = {item.name for item in fields(Recipe)}
    for missing in card.preset("paper").not_given:
        assert missing.split(":")[0].split(".")[0] in names


def test_the_two_stage_paper_is_followed_to_its_numbers() -> None:
    recipe = paper("t1t4-gan")
    assert recipe.losses == {"mse": 1.0, "1-ssim": 0.3}
    assert recipe.adversary is not None
    assert (recipe.adversary.loss, recipe.adversary.weight) == ("bce", 0.01)
    assert (recipe.optimiser, recipe.learning_rate, recipe.weight_decay) == ("adam", 5e-4, 5e-4)
    assert (recipe.batch, recipe.budget, recipe.patience) == (4, "100epochs", 10)
    plateau, step = recipe.schedule
    assert (plateau.kind, plateau.factor, plateau.patience) == ("plateau", 0.5, 5)
    assert (step.kind, step.factor, step.every) == ("step", 0.1, 30)
    assert recipe.augment == ("flip", "rotate")
    assert recipe.watch == "val_loss"


def test_deblurgan_is_followed_to_its_numbers() -> None:
    recipe = paper("deblurgan")
    assert recipe.losses == {"vgg": 100.0}
    assert recipe.adversary is not None
    assert (recipe.adversary.loss, recipe.adversary.steps, recipe.adversary.penalty) == (
        "wgan-gp",
        5,
        10.0,
    )
    assert (recipe.learning_rate, recipe.budget, recipe.schedule[0].start) == (
        1e-4,
        "300epochs",
        0.5,
    )


@pytest.mark.parametrize("name", ["esrgan", "swinir", "swinir-light", "swinir-denoise"])
def test_whose_authors_average_the_weights_has_them_averaged(name: str) -> None:
    assert paper(name).average == 0.999  # ema_decay and E_decay in their files of options


def test_litenet_departs_from_the_quick_recipe_as_it_says_alone() -> None:
    recipe = MODELS["litenet"].preset("quick")
    augment = (*QUICK.augment, "colours", "contrast")
    twice = 2 * (QUICK.validate_every or 0)  # as many crops between validations
    changed = replace(QUICK, source=recipe.source, augment=augment, batch=4, validate_every=twice)
    mean = replace(changed, average=0.998, schedule=(Schedule("cosine", floor=0.3),))
    assert recipe == replace(mean, optimiser="muon", weight_decay=0.1)


@pytest.mark.parametrize(
    "name", ["cnn", "gan", "autoencoder", "deblurgan", "deepdeblur", "srn", "cyclegan"]
)
def test_who_learns_from_few_crops_a_step_has_no_batch_normalisation(name: str) -> None:
    card = MODELS[name]
    assert card.preset("quick").batch <= QUICK_FEW.batch < QUICK.batch
    layers = build_network(card, seed=0).modules()
    assert not [layer for layer in layers if isinstance(layer, torch.nn.BatchNorm2d)]


def test_a_paper_that_gives_nothing_says_so() -> None:
    for name in ("cnn", "gan", "unet", "resnet"):
        assert {"losses", "learning_rate", "budget"} <= set(paper(name).not_given)
    assert "learning_rate" in paper("autoencoder").not_given
    assert "learning_rate" not in paper("unet-gan").not_given


def test_a_card_without_recipe_or_an_unknown_preset_is_refused() -> None:
    with pytest.raises(BenchError, match="'wiener' is not trained: it has no recipe"):
        MODELS["wiener"].preset("quick")
    with pytest.raises(BenchError, match="'unet' has not a recipe 'slow'; known: quick, paper"):
        MODELS["unet"].preset("slow")


def test_recipes_are_plain_data_and_need_no_torch() -> None:
    row = asdict(paper("cyclegan"))
    assert row["adversary"]["pool"] == 50
    code = "import models.recipes, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
