"""Budgets, plans and learning rates."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from bench.core.errors import BenchError
from bench.records import Pair
from models.architectures.unet import UNet
from models.recipes import Recipe, Schedule
from models.training import timing
from models.training.budget import Budget, parse_budget
from models.training.data import validation_crops
from models.training.optimisation import Rates, optimiser_for
from models.training.plan import Plan, Task
from models.training.timing import make_plan, threads, time_steps

RECIPE = Recipe(batch=2, crop=16, validate_every=30)


@pytest.fixture
def task(folder_suite: Path) -> Task:
    pairs = [
        Pair(path.stem, path, folder_suite / "target" / path.name, path.stem)
        for path in sorted((folder_suite / "input").iterdir())
    ]
    return Task(
        network=UNet(widths=(8,), blocks=(1,)),
        recipe=RECIPE,
        pairs=pairs,
        validation=validation_crops(pairs),
    )


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("90s", Budget(seconds=90)),
        ("10m", Budget(seconds=600)),
        ("1h", Budget(seconds=3600)),
        ("1.5 M", Budget(seconds=90)),
        ("300steps", Budget(steps=300)),
        ("20 epochs", Budget(epochs=20)),
    ],
)
def test_a_budget_is_a_time_or_a_number_of_steps(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["soon", "90", "-3s", "0s", "1.5steps", "0steps", "", "10m30s"])
def test_what_is_no_budget_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(BenchError, match=f"budget '{text}': expected"):
        parse_budget(text)


def test_a_budget_in_steps_is_the_plan(task: Task) -> None:
    plan = make_plan(task, {}, Budget(steps=40), 5, time.monotonic())
    assert (plan.steps, plan.period, plan.seed) == (40, 30, 5)
    assert plan.limit_seconds is None
    assert make_plan(task, {}, Budget(steps=7), 5, time.monotonic()).period == 7


def test_a_budget_in_time_becomes_the_steps_that_fit(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[timing.Timing] = []

    def time_and_keep(task: Task, seconds: float) -> timing.Timing:
        seen.append(time_steps(task, seconds))
        return seen[-1]

    monkeypatch.setattr(timing, "time_steps", time_and_keep)
    before = {key: value.clone() for key, value in task.network.state_dict().items()}
    since = time.monotonic()
    plan = make_plan(task, {}, Budget(seconds=600), 0, since)
    left = 600 - (time.monotonic() - since)
    (taken,) = (one for one in seen if one.step == plan.step_seconds)
    each = taken.step + taken.validation / 30  # a validation of six crops every 30 steps
    assert left / each - 1 < plan.steps <= 600 / each
    assert plan.limit_seconds == pytest.approx(780)
    assert plan.threads in (1, torch.get_num_threads())
    after = task.network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)  # a copy was timed


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_a_plan_is_read_back_and_that_of_another_training_refused(
    task: Task, tmp_path: Path
) -> None:
    path = tmp_path / "unet.plan.json"
    made_for = {"seed": 1, "widths": (8,)}
    assert Plan.read(path, made_for) is None
    plan = make_plan(task, made_for, Budget(steps=40), 1, time.monotonic())
    plan.write(path)
    assert Plan.read(path, made_for) == replace(plan, made_for={"seed": 1, "widths": [8]})
    with pytest.raises(BenchError, match=r"seed was 1, now 2\); train in another folder"):
        Plan.read(path, {**made_for, "seed": 2})
    path.write_text("{}")
    with pytest.raises(BenchError, match="is damaged"):
        Plan.read(path, made_for)


def rates(*schedules: Schedule, steps: int = 200, epoch: int = 10, **changes: object) -> Rates:
    return Rates(replace(RECIPE, schedule=schedules, **changes), steps, epoch)  # type: ignore[arg-type]


def test_the_rate_rises_then_falls_to_a_hundredth() -> None:
    cosine = rates(Schedule("cosine"))
    found = [cosine.at(step) for step in range(200)]
    assert found[0] == pytest.approx(0.1)  # 5 % of 200: ten steps up
    assert found[9] == found[10] == 1
    assert all(a > b for a, b in pairwise(found[10:]))
    assert found[105] == pytest.approx((1 + 0.01) / 2)  # half way down
    assert cosine.at(200) == pytest.approx(0.01)
    assert rates(Schedule("constant")).at(150) == 1
    assert rates(Schedule("cosine"), steps=1).at(0) == 1


def test_a_recipe_with_a_typo_says_what_is_known() -> None:
    network = UNet(widths=(8,), blocks=(1,))
    with pytest.raises(BenchError, match="no optimiser 'adma'; known: adamw, adam, sgd, muon"):
        optimiser_for(network.parameters(), Recipe(optimiser="adma"))  # type: ignore[arg-type]
    with pytest.raises(BenchError, match="no schedule 'cosin'; known: constant, cosine"):
        rates(Schedule("cosin"))  # type: ignore[arg-type]
