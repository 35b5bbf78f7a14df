"""Replicas: a batch that threads share out is learned from as a whole one is, bit for bit again."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.records import Pair
from models.architectures.litenet import LiteNet
from models.architectures.unet import UNet
from models.catalogue import MODELS
from models.recipes import Execution, Recipe
from models.structure import hold_zeros
from models.training import timing
from models.training.budget import Budget
from models.training.data import validation_crops
from models.training.methods import training_of
from models.training.plan import Plan, Task
from models.training.replicas import divisible, most_replicas
from models.training.timing import StepTiming, make_plan, threads
from models.training.train import Job, train
from tests.support.training import content_of

FLOATS = Execution(precision="float32", fused=False)
RECIPE = Recipe(batch=4, crop=32, optimiser="sgd", learning_rate=0.1, execution=FLOATS)


def small_unet() -> UNet:
    torch.manual_seed(0)
    return UNet(widths=(8,), blocks=(1,))


def task_of(network: nn.Module, pairs: list[Pair], recipe: Recipe = RECIPE, **more: int) -> Task:
    return Task(
        network=network,
        recipe=recipe,
        pairs=pairs,
        validation=validation_crops(pairs),
        **more,  # type: ignore[arg-type]
    )


def learned(network: nn.Module, pairs: list[Pair], replicas: int) -> tuple[nn.Module, list[float]]:
    """Return what three steps make of a network, and the loss of each."""
    module = training_of(task_of(network, pairs, replicas=replicas)).train()
    optimisers, losses = module.configure_optimizers(), []
    for step in range(3):
        generator = torch.manual_seed(step)
        batch = torch.rand(4, 3, 32, 32, generator=generator), torch.rand(4, 3, 32, 32)
        restored, terms = module.step(batch, optimisers)
        assert restored.shape == (4, 3, 32, 32)
        losses.append(float(terms["loss"].detach()))
    return network, losses


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(map(torch.equal, one.parameters(), other.parameters()))


@pytest.mark.parametrize("replicas", [2, 4])
def test_the_step_of_a_batch_in_parts_is_the_step_of_the_batch(
    pairs: list[Pair], replicas: int
) -> None:
    begun = small_unet()
    whole, losses = learned(copy.deepcopy(begun), pairs, 1)
    parts, found = learned(copy.deepcopy(begun), pairs, replicas)
    again, _ = learned(copy.deepcopy(begun), pairs, replicas)
    assert found == pytest.approx(losses, rel=1e-5)
    assert not same(parts, begun)
    for one, other in zip(parts.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)
    assert same(parts, again)


def test_weights_that_are_held_at_zero_stay_there(pairs: list[Pair]) -> None:
    network = small_unet()
    with torch.no_grad():
        kernel = next(one for one in network.parameters() if one.ndim == 4)
        kernel[0] = 0
    hold_zeros(network)
    learned(network, pairs, 2)
    assert not kernel[0].any()
    assert kernel[1:].all()


@pytest.mark.parametrize(
    ("network", "able"),
    [
        (small_unet, True),
        (LiteNet, True),
        (lambda: nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)), False),
        (lambda: nn.BatchNorm2d(3, track_running_stats=False), False),
        (lambda: nn.Sequential(nn.Conv2d(3, 3, 1), nn.Dropout2d(0.1)), False),
    ],
)
def test_what_sees_its_batch_as_a_whole_or_draws_is_not_dealt_out(
    network: Callable[[], nn.Module], able: bool
) -> None:
    made, state = network(), torch.get_rng_state()
    before = copy.deepcopy(made.state_dict())
    assert divisible(made, (3,)) is able
    assert torch.equal(state, torch.get_rng_state())
    for name, value in made.state_dict().items():
        assert torch.equal(value, before[name])


def test_batches_are_dealt_out_in_equal_parts_where_that_is_the_same_training(
    pairs: list[Pair],
) -> None:
    task = task_of(small_unet(), pairs)
    assert [most_replicas(task, cores) for cores in (1, 2, 3, 4, 16)] == [1, 2, 2, 4, 4]
    assert most_replicas(replace(task, recipe=replace(RECIPE, batch=3)), 2) == 1
    for changed in (
        replace(task, devices=2),
        replace(task, teacher=Path("teacher.safetensors")),
        replace(task, recipe=replace(RECIPE, method="gan")),
        replace(task, recipe=replace(RECIPE, execution=replace(FLOATS, compile=True))),
    ):
        assert most_replicas(changed, 2) == 1


@pytest.mark.parametrize(("parted", "replicas"), [(0.01, 2), (0.019, 1)])
def test_a_budget_in_time_deals_out_what_is_faster_so(
    pairs: list[Pair], monkeypatch: pytest.MonkeyPatch, parted: float, replicas: int
) -> None:
    def timed(task: Task, seconds: float) -> StepTiming:
        del seconds
        taken = parted if task.replicas > 1 else 0.02
        return StepTiming(taken, taken, 0.1)

    monkeypatch.setattr(timing, "time_steps", timed)
    with threads(2):
        plan = make_plan(task_of(small_unet(), pairs), {}, Budget(seconds=20), 0, time.monotonic())
    assert (plan.threads, plan.replicas) == (1, replicas)
    assert plan.step_seconds == (parted if replicas > 1 else 0.02)


def test_a_plan_of_before_there_were_replicas_goes_on_without(
    pairs: list[Pair], tmp_path: Path
) -> None:
    plan = make_plan(task_of(small_unet(), pairs), {}, Budget(steps=9), 0, time.monotonic())
    path = tmp_path / "unet.plan.json"
    plan.write(path)
    text = path.read_text()
    path.write_text(text.replace(f',\n "replicas": {plan.replicas}', ""))
    assert path.read_text() != text
    assert Plan.read(path, {}) == replace(plan, replicas=1)


def test_a_training_of_two_replicas_resumes_bit_for_bit_and_says_what_it_was(
    pairs: list[Pair], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, optimiser="adamw", learning_rate=2e-3, validate_every=4, average=0.9)
    card = replace(MODELS["unet"], options={"widths": (8,), "blocks": (1,)}, recipe=recipe)

    def job(folder: Path) -> Job:
        return Job(
            card=card,
            recipe=recipe,
            suite="folder",
            train=pairs[1:],
            val=pairs[:1],
            folder=folder,
            budget="12steps",
        )

    def interrupt(stage: str, done: float, total: float, text: str = "") -> None:
        del stage, total, text
        if done == 7:
            raise KeyboardInterrupt

    with threads(2):
        whole = train(job(tmp_path / "whole"))
        with pytest.raises(KeyboardInterrupt):
            train(job(tmp_path / "torn"), interrupt)
        torn = train(job(tmp_path / "torn"))
        assert torch.get_num_threads() == 2
    assert whole.header.execution["replicas"] == 2
    assert whole.header.threads == 1
    assert content_of(torn.weights) == content_of(whole.weights)
