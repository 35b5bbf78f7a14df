"""Distillation: a network learns from the references, and from what a larger one makes and sees.

To the recipe's losses come two terms. ``output`` is the mean difference from the teacher's restored
image (Hinton et al. 2015, arXiv:1503.02531, for images). ``features`` compares where the two
networks look: the maps of the squared features that enter their last convolutions, of which each
image's are made of unit norm (Zagoruyko and Komodakis 2017, arXiv:1612.03928); so the numbers of
channels and the sizes may differ. The teacher learns nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from bench.core.errors import BenchError
from bench.core.files import sha256_of
from models.loading import load_restorer
from models.restorer import NetworkRestorer
from models.training.data import Item
from models.training.layout import laid_out, lay_out
from models.training.module import Training
from models.training.plan import Plan, Task
from models.weights import Compressed, Teacher

OUTPUT, FEATURES = 0.5, 5.0
"""Weights of the two terms. Maps differ by a hundredth of what images do."""


def taught_by(weights: Path) -> Teacher:
    """Return what a training's terms say of its teacher."""
    return Teacher(model=weights.stem, sha256=sha256_of(weights), output=OUTPUT, features=FEATURES)


def distilled(teacher: Teacher, budget: str) -> Compressed:
    """Return the step that a header records."""
    done = {
        "learned": f"for {budget}",
        "losses": f"the recipe's, {teacher.output:g} x output, {teacher.features:g} x features",
    }
    return Compressed(
        method="distil", of=teacher.model, sha256=teacher.sha256, amount=None, done=done
    )


class Distilled(Training):
    """See the module. For recipes of method ``plain``."""

    def __init__(self, task: Task, plan: Plan | None = None) -> None:
        assert task.teacher is not None
        restorer = load_restorer(str(task.teacher), device=task.device)
        if not isinstance(restorer, NetworkRestorer) or restorer.network is None:
            raise BenchError(f"'{task.teacher}' is no network of torch, which could teach")
        if task.recipe.method != "plain" or task.recipe.pyramid:
            raise BenchError(
                f"a network whose recipe is of method '{task.recipe.method}'"
                f"{', with losses at all scales,' if task.recipe.pyramid else ''} learns from no "
                "teacher; name one with a plain recipe"
            )
        super().__init__(task, plan)
        teacher = lay_out(restorer.network)
        probe = task.validation[0][:1, :, :64, :64]
        self._teacher = [LastFeatures(teacher, probe)]  # in a list: no part of what is trained
        self._student = [LastFeatures(self.network, probe)]

    def learn(
        self, batch: Item, optimisers: Sequence[Any]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """See `Training.learn`."""
        degraded, reference = batch
        (teacher,), (student,) = self._teacher, self._student
        with torch.no_grad():
            example, seen = teacher(degraded)
        restored, own = student(degraded)
        terms = self.losses.terms(restored, reference)
        taught = {
            "output": F.l1_loss(restored.float(), example.float()),
            "features": looks_apart(own.float(), seen.float()),
        }
        loss = self.losses.total(terms)
        loss = loss + OUTPUT * taught["output"] + FEATURES * taught["features"]
        self.descend(loss, optimisers[0])
        return restored, {"loss": loss, **terms, **taught}


class LastFeatures:
    """A network that tells what enters its last convolution: (B,3,H,W) -> image, (B,C,h,w)."""

    def __init__(self, network: nn.Module, probe: torch.Tensor) -> None:
        self._network = network
        order: list[nn.Module] = []
        hooks = [
            layer.register_forward_pre_hook(lambda layer, _: order.append(layer))
            for layer in network.modules()
            if isinstance(layer, nn.Conv2d)
        ]
        try:
            with torch.no_grad():
                device = next(network.parameters()).device
                network(laid_out(probe.to(device), network))
        finally:
            for hook in hooks:
                hook.remove()
        if not order:
            raise BenchError(f"{type(network).__name__} has no convolution whose features compare")
        self._last = order[-1]

    def __call__(self, degraded: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See the class."""
        seen: list[torch.Tensor] = []
        hook = self._last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            restored: torch.Tensor = self._network(laid_out(degraded, self._network))
        finally:
            hook.remove()
        return restored, seen[-1]


def looks_apart(own: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return how far apart two (B,C,h,w) are in where they are strong: 0 for the same places.

    The larger map is averaged down to the smaller one.
    """
    maps = [features.square().mean(1, keepdim=True) for features in (own, other)]
    sides = min(one.shape[-2] for one in maps), min(one.shape[-1] for one in maps)
    flat = [F.adaptive_avg_pool2d(one, sides).flatten(1) for one in maps]
    first, second = (F.normalize(one, dim=1) for one in flat)
    apart: torch.Tensor = (first - second).square().sum(1).mean()
    return apart
