"""Adversarial training as a whole: it learns, counts, resumes, and is the same twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.core.errors import BenchError
from bench.records import Pair
from models.catalogue import MODELS, Card
from models.checkpoints import read_state
from models.loading import build_network, load_restorer
from models.recipes import Adversary, Recipe
from models.training.adversarial import GAMES
from models.training.data import validation_crops
from models.training.discriminators import ImagePool, discriminator_loss, discriminator_of
from models.training.gan import Adversarial, middle
from models.training.losses import psnr
from models.training.plan import Task
from models.training.train import Job, train
from tests.support.progress import steps
from tests.support.training import (
    DISCRIMINATOR,
    NORMALISING_DISCRIMINATOR,
    content_of,
    curves,
    discriminator,
    job_of,
    processes,
    train_until_killed,
)

pytestmark = pytest.mark.usefixtures("one_thread")

ADVERSARY = Adversary("bce", weight=0.01, learning_rate=5e-4)
RECIPE = Recipe(
    method="gan", adversary=ADVERSARY, batch=2, crop=32, validate_every=10, learning_rate=5e-3
)
SMALL = replace(MODELS["gan"], options={"widths": (8, 12)}, discriminator=DISCRIMINATOR)
DROPPING = replace(
    MODELS["deblurgan"], options={"width": 4, "blocks": 1}, discriminator=DISCRIMINATOR
)  # its dropout draws random numbers, as the penalty and the pool do
EVERYTHING = replace(RECIPE, adversary=Adversary("wgan-gp", 0.01, 5e-4, steps=2, pool=3))


def job(
    pairs: list[Pair],
    folder: Path,
    steps: int,
    recipe: Recipe = RECIPE,
    card: Card = SMALL,
    **changes: Any,
) -> Job:
    return job_of(pairs, folder, card, recipe, budget=f"{steps}steps", **changes)


@pytest.mark.parametrize("loss", list(GAMES))
def test_a_generator_learns_against_every_kind_of_discriminator(
    loss: Any, pairs: list[Pair], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, adversary=replace(ADVERSARY, loss=loss))
    trained = train(job(pairs, tmp_path, 60, recipe))
    degraded, reference = validation_crops(pairs[4:])
    with torch.no_grad():
        untrained = float(psnr(build_network(SMALL, 0)(degraded), reference).mean())
    assert trained.header.validation.psnr > untrained + 3
    found = curves(tmp_path / "gan.csv")
    assert found["train_loss"][-1] < 0.8 * found["train_loss"][0]
    assert found["val_loss"][-1] < found["val_loss"][0]


def test_every_term_and_score_is_in_the_curves(pairs: list[Pair], tmp_path: Path) -> None:
    recipe = replace(EVERYTHING, losses={"charbonnier": 1.0, "1-ssim": 0.3})
    train(job(pairs, tmp_path, 20, recipe))
    found = curves(tmp_path / "gan.csv")
    watched = {
        "loss",
        "content",
        "charbonnier",
        "1-ssim",
        "ssim",
        "adversarial",
        "discriminator",
        "penalty",
        "score_real",
        "score_restored",
        "psnr",
    }
    assert {name.removeprefix("train_") for name in found if name[:6] == "train_"} == watched
    assert {len(values) for values in found.values()} == {2}
    for epoch in range(2):
        content = found["val_content"][epoch]
        assert found["val_loss"][epoch] == pytest.approx(
            content + 0.01 * found["val_adversarial"][epoch], rel=1e-5
        )
        assert found["train_discriminator"][epoch] == pytest.approx(
            found["train_score_restored"][epoch] - found["train_score_real"][epoch], abs=1e-6
        )  # Wasserstein


def test_a_discriminator_without_weight_changes_nothing(pairs: list[Pair], tmp_path: Path) -> None:
    """The generator's dropout, gradients and optimiser are then those of plain training."""
    adversary = replace(EVERYTHING.adversary or ADVERSARY, weight=0.0)
    against = train(
        job(pairs, tmp_path / "gan", 12, replace(EVERYTHING, adversary=adversary), DROPPING)
    )
    alone = train(
        job(
            pairs, tmp_path / "plain", 12, replace(RECIPE, method="plain", adversary=None), DROPPING
        )
    )
    ours, theirs = read_state(against.weights), read_state(alone.weights)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    weighty = train(job(pairs, tmp_path / "weighty", 12, EVERYTHING, DROPPING))
    assert not torch.equal(*(read_state(t.weights)["layers.1.weight"] for t in (against, weighty)))


def test_a_discriminator_of_one_size_judges_the_middle_in_validation(
    pairs: list[Pair], tmp_path: Path
) -> None:
    card = replace(SMALL, discriminator="models.architectures.esrgan:VGGDiscriminator")
    recipe = replace(RECIPE, crop=128, validate_every=1)
    train(job(pairs, tmp_path, 1, recipe, card))  # validation crops have 160 pixels
    assert curves(tmp_path / "gan.csv")["val_adversarial"][0] > 0
    images = torch.arange(2 * 3 * 5 * 7.0).view(2, 3, 5, 7)
    assert torch.equal(middle(images, 3), images[..., 1:4, 2:5])
    assert torch.equal(middle(images, 9), images)


def test_the_discriminator_learns_to_tell_restored_from_real(
    pairs: list[Pair], tmp_path: Path
) -> None:
    still = replace(RECIPE, learning_rate=0.0, adversary=replace(ADVERSARY, learning_rate=2e-3))
    train(job(pairs, tmp_path, 40, still))
    found = curves(tmp_path / "gan.csv")
    assert found["train_discriminator"][-1] < 0.7 * found["train_discriminator"][0]
    assert found["train_score_real"][-1] > found["train_score_restored"][-1] + 0.5


# --- counting, saving, resuming -------------------------------------------------------------------


def test_steps_are_the_generators_and_the_checkpoint_holds_both_sides(
    pairs: list[Pair], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []

    def tell(done: float, total: float) -> None:
        told.append((done, total))
        if done == 21:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(job(pairs, tmp_path, 40, EVERYTHING, DROPPING), steps(tell))
    assert told == [(step, 40) for step in range(1, 22)]
    last = read_state(tmp_path / "deblurgan.last.ckpt")
    assert last["training"]["steps"] == 20
    generator, judge = last["optimizer_states"]
    assert {float(one["step"]) for one in generator["state"].values()} == {20}
    assert {float(one["step"]) for one in judge["state"].values()} == {40}  # two each
    rates = [side["param_groups"][0]["lr"] for side in (generator, judge)]
    assert rates[0] / rates[1] == pytest.approx(5e-3 / 5e-4)  # one schedule for both
    sides = {name.partition(".")[0] for name in last["state_dict"]}
    assert sides == {"network", "discriminator"}
    kept = last["training"]["method"]["pool"]
    assert [tuple(image.shape) for image in kept] == [(3, 32, 32)] * 3

    trained = train(job(pairs, tmp_path, 40, EVERYTHING, DROPPING))
    assert trained.header.planned_steps == 40
    restorer = load_restorer(str(trained.weights))
    assert restorer.network is not None
    assert set(read_state(trained.weights)) == set(restorer.network.state_dict())


@pytest.mark.slow
def test_killed_and_called_again_gives_the_same_file_and_curves(
    pairs: list[Pair], tmp_path: Path
) -> None:
    whole = train(job(pairs, tmp_path / "whole", 24, EVERYTHING, DROPPING))
    broken = job(pairs, tmp_path / "broken", 24, EVERYTHING, DROPPING)
    context = processes()
    for step in (17, 23):  # between two checkpoints, and in the last, short period
        train_until_killed(context, broken, step)
        assert not (broken.folder / "deblurgan.safetensors").exists()
    resumed: list[int] = []
    train(broken, steps(lambda done, total: resumed.append(done)))
    assert resumed == [21, 22, 23, 24]
    assert content_of(broken.folder / "deblurgan.safetensors") == content_of(whole.weights)
    files = [folder / "deblurgan.csv" for folder in (broken.folder, tmp_path / "whole")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_same_training_twice_gives_the_same_file(pairs: list[Pair], tmp_path: Path) -> None:
    once, again, other = (
        train(job(pairs, tmp_path / name, 12, EVERYTHING, DROPPING, seed=seed))
        for name, seed in (("once", 3), ("again", 3), ("other", 4))
    )
    assert content_of(once.weights) == content_of(again.weights)
    assert content_of(once.weights) != content_of(other.weights)


# --- what cannot be trained so --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "card", "said"),
    [
        (replace(RECIPE, adversary=None), SMALL, "method is 'gan', but it names no adversary"),
        (RECIPE, MODELS["unet"], "'unet' has no discriminator.*take method 'plain'"),
        (replace(RECIPE, crop=8), SMALL, "cannot judge images of 8x8 .*another crop"),
        (
            replace(RECIPE, adversary=replace(ADVERSARY, loss="wgan-gp")),
            replace(SMALL, discriminator=NORMALISING_DISCRIMINATOR),
            "normalises over the batch",
        ),
        (
            replace(RECIPE, adversary=replace(ADVERSARY, loss="wgan-pg")),  # type: ignore[arg-type]
            SMALL,
            "no adversarial loss 'wgan-pg'; did you mean 'wgan-gp'",
        ),
        (
            replace(RECIPE, adversary=replace(ADVERSARY, steps=0)),
            SMALL,
            "expected at least 1 step",
        ),
    ],
)
def test_what_cannot_be_trained_adversarially_is_refused(
    pairs: list[Pair], tmp_path: Path, recipe: Recipe, card: Card, said: str
) -> None:
    with pytest.raises(BenchError, match=said):
        train(job(pairs, tmp_path, 8, recipe, card))


# --- parts ----------------------------------------------------------------------------------------


def numbered(*numbers: int) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)


def test_a_pool_shows_about_as_many_old_images_as_new_ones() -> None:
    torch.manual_seed(0)
    pool, old = ImagePool(5), 0
    for index in range(200):
        shown = pool.exchange(numbered(2 * index, 2 * index + 1))
        seen = [int(image[0, 0, 0]) for image in shown]
        assert all(number <= 2 * index + 1 for number in seen)
        if index < 2:
            assert seen == [2 * index, 2 * index + 1]  # while it fills, the new ones
        old += sum(number < 2 * index for number in seen)
        assert len(pool.images) == min(5, 2 * index + 2)
    assert 160 < old < 240  # 400 shown, half of them; 10 is the standard deviation
    assert len({int(image[0, 0, 0]) for image in pool.images}) == 5  # none is kept twice


def test_a_pool_of_none_passes_all_through() -> None:
    images = numbered(1, 2)
    assert ImagePool(0).exchange(images) is images


def test_a_lesson_reaches_the_discriminator_alone() -> None:
    judge = discriminator()
    made = torch.rand(2, 3, 32, 32, requires_grad=True)
    loss, found = discriminator_loss(
        judge, Adversary("wgan-gp", 1.0, penalty=7.0), torch.rand(2, 3, 32, 32), made.detach()
    )
    expected = found["discriminator"] + 7 * found["penalty"]
    assert float(loss.detach()) == pytest.approx(float(expected))
    loss.backward()  # type: ignore[no-untyped-call]
    assert made.grad is None
    assert all(weight.grad is not None for weight in judge.parameters() if weight.ndim > 1)


@pytest.mark.parametrize("loss", list(GAMES))
def test_a_step_in_half_precision_keeps_losses_and_weights_whole(
    loss: Any, pairs: list[Pair]
) -> None:
    """As on CUDA, where the trainer puts steps under autocast."""
    recipe = replace(RECIPE, adversary=replace(ADVERSARY, loss=loss))
    network = build_network(SMALL, 0)
    module = Adversarial(
        Task(
            network=network,
            recipe=recipe,
            pairs=pairs,
            validation=validation_crops(pairs[4:]),
            card=SMALL,
        )
    )
    before = [weight.clone() for weight in module.parameters()]
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        restored, terms = module.learn(
            (torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)), module.configure_optimizers()
        )
    assert restored.dtype == torch.bfloat16
    assert {value.dtype for value in terms.values()} == {torch.float32}
    assert all(value.isfinite() for value in terms.values())
    after = list(module.parameters())
    assert {weight.dtype for weight in after} == {torch.float32}
    moved = [not torch.equal(x, y) for x, y in zip(before, after, strict=True) if x.ndim > 1]
    assert all(moved)


# --- the catalogue --------------------------------------------------------------------------------

OPPOSED = [card for card in MODELS.values() if card.discriminator is not None]


@pytest.mark.parametrize("preset", ["quick", "paper"])
@pytest.mark.parametrize("card", OPPOSED, ids=lambda card: card.name)
def test_every_card_with_a_discriminator_trains_against_it(card: Card, preset: str) -> None:
    recipe = card.preset(preset)
    assert recipe.method in ("gan", "cyclegan")
    task = Task(
        network=torch.nn.Identity(),
        recipe=recipe,
        pairs=[],
        validation=(torch.zeros(0), torch.zeros(0)),
        card=card,
    )
    scale = int(card.options.get("scale", 1))
    judge_of_it = discriminator_of(task, 1, recipe.crop * scale)  # it can judge the recipe's crops
    assert judge_of_it.training
