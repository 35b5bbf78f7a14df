"""Optimiser and learning rate, as a recipe names them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, get_args

import torch
from torch.optim.swa_utils import AveragedModel

from bench.core.errors import BenchError
from models.recipes import Recipe, Schedule, ScheduleKind
from models.training.muon import Muon

OPTIMISERS: dict[str, type[torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "muon": Muon,
}

Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]

SMALLEST_GAIN = 1e-4
"""A validation is better where it is so: by this part of a loss, or by so many dB."""


def optimiser_for(
    parameters: Iterable[torch.nn.Parameter], recipe: Recipe, learning_rate: float | None = None
) -> torch.optim.Optimizer:
    """Return the recipe's optimiser, at its learning rate unless another is given."""
    if recipe.optimiser not in OPTIMISERS:
        known = ", ".join(OPTIMISERS)
        raise BenchError(f"no optimiser '{recipe.optimiser}'; known: {known}")
    memory: dict[str, Any] = (
        {"momentum": recipe.betas[0]} if recipe.optimiser == "sgd" else {"betas": recipe.betas}
    )
    optimiser = OPTIMISERS[recipe.optimiser](
        parameters,
        lr=recipe.learning_rate if learning_rate is None else learning_rate,  # type: ignore[call-arg]
        weight_decay=recipe.weight_decay,
        fused=recipe.execution.fused or None,
        **memory,
    )
    for group in optimiser.param_groups:
        group["initial_lr"] = group["lr"]  # kept with the optimiser's state, so that it resumes
    return optimiser


def averaged(network: torch.nn.Module, decay: float) -> AveragedModel | None:
    """Return a running mean of a network's weights and buffers; None where ``decay`` is 0.

    The mean forgets faster at first, so that it is not of the weights before the training. Raises
    `BenchError` for a decay outside [0,1).
    """
    if not 0 <= decay < 1:
        raise BenchError(f"an average of weights that keeps {decay:g}; expected 0 to less than 1")
    if decay == 0:
        return None

    def mean(old: Tensors, new: Tensors, count: torch.Tensor | int) -> None:
        if old[0].is_floating_point():
            torch._foreach_lerp_(old, new, 1 - min(decay, (1 + int(count)) / (10 + int(count))))
        else:  # a buffer that counts
            torch._foreach_copy_(old, new)

    return AveragedModel(network, multi_avg_fn=mean, use_buffers=True).requires_grad_(False)


class Rates:
    """The learning rate of each step as a part of the recipe's.

    It follows from the step alone, but for plateau schedules: those are told what each validation
    found, and what they remember is a state.
    """

    def __init__(self, recipe: Recipe, steps: int, epoch: int) -> None:
        for schedule in recipe.schedule:
            if schedule.kind not in get_args(ScheduleKind):
                known = ", ".join(get_args(ScheduleKind))
                raise BenchError(f"no schedule '{schedule.kind}'; known: {known}")
        self._schedules = recipe.schedule
        self._warm_up, self._steps, self._epoch = recipe.warm_up, steps, epoch
        self._higher_is_better = recipe.watch != "val_loss"
        self._best: float | None = None
        self._bad = [0 for _ in recipe.schedule]
        self._reductions = [0 for _ in recipe.schedule]

    def at(self, step: int) -> float:
        """Return the part for a step, the first being 0: warm-up, then the schedules' product."""
        warm = max(1, round(self._warm_up * self._steps)) if self._warm_up else 0
        if step < warm:
            return (step + 1) / warm
        part = min((step - warm) / max(1, self._steps - warm), 1.0)
        factor = 1.0
        for index, schedule in enumerate(self._schedules):
            if schedule.kind == "plateau":
                factor *= schedule.factor ** self._reductions[index]
            else:
                factor *= factor_at(schedule, part, step / self._epoch)
        return factor

    def observe(self, value: float) -> None:
        """Tell what a validation found of the quantity that the recipe watches."""
        if self._best is None or self._is_better(value, self._best):
            self._best, self._bad = value, [0 for _ in self._bad]
            return
        for index, schedule in enumerate(self._schedules):
            self._bad[index] += 1
            if schedule.kind == "plateau" and self._bad[index] > schedule.patience:
                self._reductions[index] += 1
                self._bad[index] = 0

    def state(self) -> dict[str, Any]:
        """Return what a resumed training must know."""
        return {"best": self._best, "bad": self._bad, "reductions": self._reductions}

    def load(self, state: dict[str, Any]) -> None:
        """Undo `state`."""
        self._best, self._bad = state["best"], list(state["bad"])
        self._reductions = list(state["reductions"])

    def _is_better(self, value: float, best: float) -> bool:
        if self._higher_is_better:
            return value > best + SMALLEST_GAIN
        return value < best - SMALLEST_GAIN * abs(best)


def factor_at(schedule: Schedule, part: float, epoch: float) -> float:
    """Return a schedule's factor after ``part`` of the steps (0 to 1) and so many epochs."""
    floor = schedule.floor
    if schedule.kind == "cosine":
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * part))
    if schedule.kind == "linear":
        left = min(1.0, (1 - part) / max(1 - schedule.start, 1e-12))
        return floor + (1 - floor) * math.pow(left, schedule.power)
    if schedule.kind == "step":
        by_epochs = int(epoch / schedule.every) if schedule.every else 0
        times = by_epochs + sum(part >= at for at in schedule.at)
        return schedule.factor**times
    if schedule.kind == "cyclic":
        phase = epoch / (schedule.every or 1.0) % 1.0
        return floor + (1 - floor) * (1 - abs(2 * phase - 1))
    return 1.0
