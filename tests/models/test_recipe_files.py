"""Recipes of one's own: written, read again, changed one by one, and refused with the nearest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.core.errors import BenchError
from models.architectures.patchgan import PatchGAN
from models.catalogue import MODELS
from models.construction import options_of
from models.recipe_files import changed, read_file, tag_of, written
from models.recipes import QUICK, QUICK_GAN, Schedule
from tests.support.commands import called, typed

RECIPES = [
    (card, preset)
    for card in MODELS.values()
    if card.recipe is not None
    for preset in ("quick", "paper")
]


@pytest.mark.parametrize(("card", "preset"), RECIPES, ids=lambda v: getattr(v, "name", v))
def test_a_recipe_that_was_written_is_read_again_as_it_was(
    card: object, preset: str, tmp_path: Path
) -> None:
    recipe = card.preset(preset)  # type: ignore[attr-defined]
    file = tmp_path / "my.toml"
    file.write_text(written(recipe, "a recipe"))
    other = replace(QUICK_GAN, learning_rate=0.5, schedule=(Schedule("step"),), losses={"l1": 9})
    assert changed(other, read_file(file)) == recipe


def test_the_command_writes_what_reading_it_again_changes_nothing_of(tmp_path: Path) -> None:
    called("models", "deblurgan", *typed("--recipe paper --json"))
    recipe = MODELS["deblurgan"].preset("paper")
    assert changed(recipe, read_file(_file(tmp_path, written(recipe, "paper")))) is recipe
    assert "--recipe prints that of one model" in called("models", "--recipe", "paper", status=2)


def _file(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_fields_are_changed_one_by_one() -> None:
    found = changed(
        QUICK,
        [
            "losses.l1=0.5", "losses.charbonnier=0", "batch=4", "schedule.kind=cyclic",
            "schedule.every=2", "clip=none", "augment=flip,jitter", "epochs=3", "network.width=8",
            "method=gan", "adversary.loss=wgan-gp", "adversary.network.norm=group",
        ],
    )  # fmt: skip
    assert found.losses == {"l1": 0.5}
    assert (found.batch, found.clip, found.budget) == (4, None, "3epochs")
    assert found.schedule == (Schedule("cyclic", every=2),)
    assert found.augment == ("flip", "jitter")
    assert found.network == {"width": 8}
    assert found.adversary is not None
    assert (found.adversary.loss, found.adversary.network) == ("wgan-gp", {"norm": "group"})
    assert "changed by hand: adversary, augment, batch, budget" in found.source
    assert tag_of(found, QUICK) != tag_of(replace(found, batch=8), QUICK) != tag_of(QUICK, QUICK)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("lerning_rate=1", "did you mean 'learning_rate'?"),
        ("adversary.los=bce", "did you mean 'loss'?"),
        ("schedule.evry=2", "did you mean 'every'?"),
        ("schedule.3.every=2", "has 1 schedules"),
        ("batch=0", "the recipe's batch is 0; expected 1 to 4096"),
        ("batch=two", "'batch' is \"two\", expected a whole number"),
        ("batch", "expected KEY=VALUE"),
        ("optimiser=adagrad", "'optimiser' is \"adagrad\", expected one of"),
        ("method=gan", "needs an adversary"),
        ("budget=soon", "budget 'soon': expected a time"),
        ("crop.side=3", "'crop' has no keys inside"),
    ],
)
def test_what_means_nothing_is_refused(change: str, says: str) -> None:
    with pytest.raises(BenchError) as refused:
        changed(QUICK, [change])
    assert says in str(refused.value)


def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="did you mean 'schedule'"):
        read_file(_file(tmp_path, "shedule = 'cosine'"))
    with pytest.raises(BenchError, match=r"cannot read a recipe .* --recipe quick"):
        read_file(tmp_path / "none.toml")


def test_networks_say_which_options_they_have() -> None:
    assert "layers" in options_of("models.architectures.dncnn:DnCNN")
    assert options_of("models.architectures.swinir:swinir_light") == ("scale",)


@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
@pytest.mark.parametrize("spectral", [False, True])
def test_a_discriminator_takes_any_normalisation_and_spectral_norm(
    norm: str, spectral: bool
) -> None:
    network = PatchGAN(width=8, strided=2, norm=norm, spectral=spectral)
    network(torch.rand(2, 3, 32, 32)).mean().backward()
    kinds = {type(layer).__name__ for layer in network.modules()}
    wanted = {"batch": "BatchNorm2d", "instance": "InstanceNorm2d", "group": "GroupNorm"}.get(norm)
    assert {kind for kind in kinds if kind[-6:] in ("Norm2d", "upNorm")} == {wanted} - {None}
    if spectral:  # the largest singular value of a convolution's matrix is held at 1
        for _ in range(80):
            network(torch.rand(1, 3, 32, 32))
        first = next(layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d))
        assert float(
            torch.linalg.matrix_norm(first.weight.detach().flatten(1), 2)
        ) == pytest.approx(1, rel=0.05)
