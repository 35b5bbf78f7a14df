"""Plain supervised training: a step down the weighted sum of the recipe's losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from bench.core.errors import BenchError
from models.training.data import Item
from models.training.layout import laid_out
from models.training.module import Training


class Plain(Training):
    """See the module."""

    def learn(
        self, batch: Item, optimisers: Sequence[Any]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """See `Training.learn`."""
        degraded, reference = batch
        if self.recipe.pyramid:
            results = self._pyramid(degraded)
            restored, terms = results[-1], self.losses.pyramid(results, reference)
        else:
            restored = self(degraded)
            terms = self.losses.terms(restored, reference)
        loss = self.losses.total(terms)
        self.descend(loss, optimisers[0])
        return restored, {"loss": loss, **terms}

    def _pyramid(self, degraded: torch.Tensor) -> list[torch.Tensor]:
        pyramid = getattr(self.network, "pyramid", None)
        if pyramid is None:
            raise BenchError(
                f"the recipe asks for losses at all scales, but {type(self.network).__name__} has "
                "no method 'pyramid'; take 'pyramid' out of the recipe"
            )
        results: list[torch.Tensor] = pyramid(laid_out(degraded, self.network))
        return results
