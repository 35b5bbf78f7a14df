"""Schedules against torch's own, and what a resumed training remembers of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch.optim import lr_scheduler

from bench.core.errors import BenchError
from models.recipes import Recipe, Schedule
from models.training.optimisation import Rates, averaged, optimiser_for

STEPS, EPOCH = 120, 10


def rates(*schedules: Schedule, watch: str = "val_loss") -> Rates:
    recipe = Recipe(schedule=schedules, warm_up=0.0, watch=watch)  # type: ignore[arg-type]
    return Rates(recipe, STEPS, EPOCH)


def torchs(make: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]) -> list[float]:
    """The rate of every step as torch's scheduler has it, which is stepped after each."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, found = make(optimiser), []
    for _ in range(STEPS):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "theirs"),
    [
        (Schedule("step", factor=0.1, every=3), lambda o: lr_scheduler.StepLR(o, 3 * EPOCH, 0.1)),
        (
            Schedule("step", factor=0.5, at=(0.5, 0.75)),
            lambda o: lr_scheduler.MultiStepLR(o, [60, 90], 0.5),
        ),
        (
            Schedule("cosine", floor=0.01),
            lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=0.01),
        ),
        (
            Schedule("linear", power=0.3, floor=0.0),
            lambda o: lr_scheduler.PolynomialLR(o, STEPS, power=0.3),
        ),
        (Schedule("constant"), lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        (
            Schedule("cyclic", every=4, floor=0.1),
            lambda o: lr_scheduler.CyclicLR(o, 0.1, 1.0, step_size_up=20, cycle_momentum=False),
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_schedule_is_torchs(
    schedule: Schedule,
    theirs: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler],
) -> None:
    ours = rates(schedule)
    assert [ours.at(step) for step in range(STEPS)] == pytest.approx(torchs(theirs))


def test_the_linear_decay_of_papers_is_constant_first() -> None:
    ours = rates(Schedule("linear", start=0.5, floor=0.0))
    assert [ours.at(step) for step in (0, 59, 60, 90, 120)] == [1, 1, 1, 0.5, 0]


def test_schedules_multiply_each_other() -> None:
    ours = rates(Schedule("step", factor=0.1, every=3), Schedule("step", factor=0.5, at=(0.5,)))
    assert ours.at(60) == pytest.approx(0.1**2 * 0.5)


@pytest.mark.parametrize("watch", ["val_loss", "val_psnr"])
def test_a_plateau_is_torchs(watch: str) -> None:
    losses = [1.0, 0.9, 0.91, 0.92, 0.93, 0.94, 0.8, 0.81, 0.79995, 0.82, 0.83, 0.84, 0.85, 0.9]
    higher = watch == "val_psnr"
    values = [30 - 10 * loss for loss in losses] if higher else losses
    ours = rates(Schedule("plateau", factor=0.5, patience=2), watch=watch)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = lr_scheduler.ReduceLROnPlateau(
        optimiser,
        "max" if higher else "min",
        factor=0.5,
        patience=2,
        threshold=1e-4,
        threshold_mode="abs" if higher else "rel",
    )
    for value in values:
        ours.observe(value)
        theirs.step(value)
        assert ours.at(7) == optimiser.param_groups[0]["lr"]
    # 0.79995 is better than 0.8 by 0.0005 dB, but not by a ten-thousandth of the loss
    assert ours.at(7) == (0.25 if higher else 0.125)


def test_a_resumed_plateau_remembers() -> None:
    schedule = Schedule("plateau", factor=0.5, patience=1)
    whole, first = rates(schedule), rates(schedule)
    for value in (1.0, 1.1, 1.2, 1.3):
        whole.observe(value)
        first.observe(value)
    resumed = rates(schedule)
    resumed.load(first.state())
    for value in (1.4, 1.5):
        whole.observe(value)
        resumed.observe(value)
    assert resumed.at(0) == whole.at(0) == 0.25


def test_each_optimiser_moves_as_torchs_with_these_numbers() -> None:
    start = torch.tensor([1.0, -2.0])

    def moved(make: Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]) -> torch.Tensor:
        parameter = torch.nn.Parameter(start.clone())
        optimiser = make([parameter])
        for _ in range(3):
            optimiser.zero_grad()
            parameter.square().sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        return parameter.detach()

    numbers = {"lr": 0.1, "weight_decay": 0.01}
    for name, theirs in (
        ("adam", lambda p: torch.optim.Adam(p, betas=(0.5, 0.9), **numbers)),
        ("adamw", lambda p: torch.optim.AdamW(p, betas=(0.5, 0.9), **numbers)),
        ("sgd", lambda p: torch.optim.SGD(p, momentum=0.5, **numbers)),
    ):
        recipe = Recipe(
            optimiser=name,
            learning_rate=0.1,
            weight_decay=0.01,
            betas=(0.5, 0.9),  # type: ignore[arg-type]
        )
        assert torch.equal(moved(lambda p, r=recipe: optimiser_for(p, r)), moved(theirs))  # type: ignore[misc]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        slow = optimiser_for([torch.nn.Parameter(start)], Recipe(), learning_rate=1e-5)
    assert slow.param_groups[0]["initial_lr"] == 1e-5


def test_the_average_of_weights_forgets_faster_at_first() -> None:
    layer = torch.nn.BatchNorm1d(1)
    mean = averaged(layer, 0.5)
    assert mean is not None
    for value in (8.0, 0.0, 0.0):
        with torch.no_grad():
            layer.weight.fill_(value)
            layer.running_mean.fill_(value)
        mean.update_parameters(layer)
    # the first is taken whole; then 2/11 and 3/12 of what was are kept, both less than a half
    expected = 8 * (2 / 11) * (3 / 12)
    assert float(mean.module.weight) == pytest.approx(expected)
    assert float(mean.module.running_mean) == pytest.approx(expected)
    assert averaged(layer, 0.0) is None
    with pytest.raises(BenchError, match="keeps 1; expected 0 to less than 1"):
        averaged(layer, 1.0)
