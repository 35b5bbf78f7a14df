"""Plain supervised training: a step down the weighted sum of the recipe's losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from bench.core.errors import BenchError
from models.training.data import Item
from models.training.execution import computing
from models.training.layout import laid_out
from models.training.module import Training
from models.training.plan import Plan, Task
from models.training.replicas import Replicas

Found = tuple[torch.Tensor, dict[str, torch.Tensor]]
"""What the network restored, and every term with their sum ``loss``."""


class Plain(Training):
    """See the module."""

    def __init__(self, task: Task, plan: Plan | None = None) -> None:
        super().__init__(task, plan)
        self._replicas: Replicas | None = None

    def learn(self, batch: Item, optimisers: Sequence[Any]) -> Found:
        """See `Training.learn`."""
        count = self.task.replicas
        if count == 1:
            restored, terms = self._found(self.network, batch)
            self.descend(terms["loss"], optimisers[0])
            return restored, terms
        if self._replicas is None:
            self._replicas = Replicas(self.network, count)

        def part(network: torch.nn.Module, piece: Item) -> Found:
            with computing(self.recipe.execution, self.task.device):  # it holds for one thread
                restored, terms = self._found(network, piece)
                (terms["loss"] / count).backward()  # type: ignore[no-untyped-call]
            return restored.detach(), {name: term.detach() for name, term in terms.items()}

        optimisers[0].zero_grad()
        found = self._replicas.learn(batch, part)
        self.follow(optimisers[0])
        terms = {name: torch.stack([one[name] for _, one in found]).mean() for name in found[0][1]}
        return torch.cat([restored for restored, _ in found]), terms

    def _found(self, network: torch.nn.Module, batch: Item) -> Found:
        degraded, reference = batch
        if self.recipe.pyramid:
            results = _pyramid(network, degraded)
            restored, terms = results[-1], self.losses.pyramid(results, reference)
        else:
            restored = self.restored_by(network, degraded)
            terms = self.losses.terms(restored, reference)
        return restored, {"loss": self.losses.total(terms), **terms}


def _pyramid(network: torch.nn.Module, degraded: torch.Tensor) -> list[torch.Tensor]:
    pyramid = getattr(network, "pyramid", None)
    if pyramid is None:
        raise BenchError(
            f"the recipe asks for losses at all scales, but {type(network).__name__} has "
            "no method 'pyramid'; take 'pyramid' out of the recipe"
        )
    results: list[torch.Tensor] = pyramid(laid_out(degraded, network))
    return results
