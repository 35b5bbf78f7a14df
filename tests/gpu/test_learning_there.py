"""Training on a GPU: every method learns, goes on after an end, and its weights work elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bench.records import Pair
from models.catalogue import MODELS, Card
from models.loading import build_network
from models.recipes import Adversary, Recipe
from models.restorer import NetworkRestorer
from models.training.train import Job, train
from tests.support.training import DISCRIMINATOR, curves, job_of, teacher_in

SMALL: dict[str, dict[str, Any]] = {
    "unet": {"widths": (8, 12), "blocks": (1, 1)},
    "gan": {"widths": (8, 12)},
    "cyclegan": {"width": 12, "blocks": 0},
    "litenet": {"blocks": 2},
}
COMMON = Recipe(batch=2, crop=32, validate_every=4, learning_rate=2e-3)
JUDGE = Adversary("bce", weight=0.01, learning_rate=5e-4)
STRICT = Adversary("wgan-gp", weight=0.01, learning_rate=5e-4, steps=2, pool=3)
CIRCLE = Adversary("lsgan", weight=1.0, learning_rate=5e-4, pool=50, identity=5.0)
WAYS: dict[str, tuple[str, Recipe]] = {
    "plain": ("unet", COMMON),
    "averaged": ("unet", replace(COMMON, average=0.9)),
    "muon": ("litenet", replace(COMMON, optimiser="muon")),
    "adversarial": ("gan", replace(COMMON, method="gan", adversary=JUDGE)),
    "penalised": ("gan", replace(COMMON, method="gan", adversary=STRICT)),
    "circle": ("cyclegan", replace(COMMON, method="cyclegan", losses={}, adversary=CIRCLE)),
    "taught": ("litenet", COMMON),
}
NEAR = 5e-3
"""How far values of [0, 1] are apart where a GPU multiplies with TF32."""


def card_of(model: str) -> Card:
    return replace(MODELS[model], options=SMALL[model], discriminator=DISCRIMINATOR)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    return teacher_in(tmp_path)


@pytest.fixture
def job(pairs: list[Pair], tmp_path: Path, teacher: Path, device: str) -> Callable[..., Job]:
    """Return a training of eight steps in a way, in a folder of the test's."""

    def made(way: str, folder: str = "trained", **changed: Any) -> Job:
        model, recipe = WAYS[way]
        return job_of(
            pairs,
            tmp_path / folder,
            card_of(model),
            recipe,
            budget="8steps",
            device=device,
            teacher=teacher if way == "taught" else None,
            **changed,
        )

    return made


@pytest.mark.parametrize("way", list(WAYS))
def test_every_way_learns_and_its_weights_restore_alike_elsewhere(
    job: Callable[..., Job], way: str, device: str
) -> None:
    wanted = job(way)
    trained = train(wanted)
    assert trained.header.device.partition(":")[0] == device
    assert trained.header.best_step in (4, 8)
    assert math.isfinite(trained.header.validation.psnr)
    cost = trained.header.cost
    assert cost is not None
    assert cost.device_seconds > 0
    assert cost.memory_mb > 0
    found = curves(trained.weights.with_suffix(".csv"))
    assert all(map(math.isfinite, found["train_loss"]))
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    restored = []
    for place in (device, "cpu"):
        network = build_network(wanted.card, 1)
        network.load_state_dict(load_file(trained.weights))
        restored.append(NetworkRestorer("trained", network.eval(), place).restore(image))
    assert (restored[0] - restored[1]).abs().max() < NEAR


@pytest.mark.parametrize("way", ["plain", "penalised", "circle"])
def test_interrupted_it_goes_on_to_what_it_would_have_come_to(
    job: Callable[..., Job], way: str, device: str
) -> None:
    def interrupt(stage: str, done: float, total: float, text: str = "") -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(job(way), interrupt)
    steps: list[float] = []
    again = train(job(way), lambda stage, done, total, text="": steps.append(done))
    assert min(steps) >= 4  # that of the checkpoint
    whole = train(job(way, "whole"))
    assert again.header.best_step == whole.header.best_step
    apart = 1e-6 if device == "cpu" else 0.05
    assert again.header.validation.psnr == pytest.approx(whole.header.validation.psnr, abs=apart)


def test_what_it_multiplies_in_is_what_the_header_says(job: Callable[..., Job]) -> None:
    for precision in ("float32", "bfloat16"):
        wanted = job("plain", precision)
        recipe = replace(
            wanted.recipe, execution=replace(wanted.recipe.execution, precision=precision)
        )
        header = train(replace(wanted, recipe=recipe)).header
        assert header.execution["precision"] == precision
