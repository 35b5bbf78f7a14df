"""Training without pairs: CycleGAN. Zhu et al. 2017, doi:10.1109/ICCV.2017.244.

The network learns to restore degraded images, another, ``back``, to degrade sharp ones; one
discriminator judges each. There and back an image has to come out as it went in. No degraded image
is ever shown beside its own reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, ClassVar

import torch
import torch.nn.functional as F

from bench.core.errors import BenchError
from models.loading import build_network
from models.training.data import UnpairedCrops
from models.training.discriminators import (
    ImagePool,
    Terms,
    after_step,
    discriminator_loss,
    discriminator_of,
    frozen,
    generator_loss,
)
from models.training.layout import laid_out, lay_out
from models.training.optimisation import optimiser_for
from models.training.plan import Plan, Task
from models.training.with_discriminator import WithDiscriminator


class Cycle(WithDiscriminator):
    """In each step both networks learn first, together, then both discriminators.

    A batch is degraded crops, their own references, which are only watched, and other references.
    """

    guarded: ClassVar[str] = "cycle"
    crops: ClassVar[type[UnpairedCrops]] = UnpairedCrops

    def __init__(self, task: Task, plan: Plan | None = None) -> None:
        super().__init__(task, plan)
        recipe = task.recipe
        if recipe.losses:
            raise BenchError(
                f"method 'cyclegan' learns without pairs, so it has no use for the losses "
                f"{', '.join(recipe.losses)}; give the recipe none"
            )
        if getattr(task.network, "scale", 1) != 1:
            raise BenchError("method 'cyclegan' cannot train a network that enlarges")
        # checkpoints hold the discriminators under these names
        self.discriminator = discriminator_of(task, 1, recipe.crop)
        self.discriminator_back = discriminator_of(task, 2, recipe.crop)
        assert task.card is not None
        self.back = lay_out(build_network(task.card, task.seed + 3))
        self.pool, self.pool_back = (ImagePool(self.adversary.pool) for _ in range(2))

    def learn(
        self, batch: Sequence[torch.Tensor], optimisers: Sequence[Any]
    ) -> tuple[torch.Tensor, Terms]:
        """See `Training.learn`."""
        degraded, sharp = batch[0], batch[-1]
        with frozen(self.discriminator, self.discriminator_back):
            restored, degraded_again = self(degraded), self._back(sharp)
            sides = [
                generator_loss(self.discriminator, self.adversary, sharp, restored),
                generator_loss(self.discriminator_back, self.adversary, degraded, degraded_again),
            ]
            cycle = _distance(self._back(restored), degraded) + _distance(
                self(degraded_again), sharp
            )
            terms = {"cycle": cycle, "adversarial": torch.stack(sides).sum()}
            if self.adversary.identity:
                kept = _distance(self(sharp), sharp) + _distance(self._back(degraded), degraded)
                terms["identity"] = kept
            loss = self._total(terms)
            self.descend(loss, optimisers[0])
        judged = self._train_discriminators(
            degraded, sharp, restored.detach(), degraded_again.detach(), optimisers[1]
        )
        return restored, {"loss": loss, **terms, **judged}

    def validation_terms(self, restored: torch.Tensor, reference: torch.Tensor) -> Terms:
        """See `Training.validation_terms`: those of the half that begins with a sharp image."""
        terms = {
            "cycle": _distance(self(self._back(reference)), reference),
            "adversarial": generator_loss(self.discriminator, self.adversary, reference, restored),
        }
        return {"loss": self._total(terms), **terms}

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """See `Training.configure_optimizers`; one for the networks, one for the discriminators."""
        restoring = chain(self.network.parameters(), self.back.parameters())
        judging = chain(self.discriminator.parameters(), self.discriminator_back.parameters())
        return [
            optimiser_for(restoring, self.recipe),
            optimiser_for(judging, self.recipe, self.adversary.learning_rate),
        ]

    def state(self) -> dict[str, Any]:
        """See `Training.state`."""
        return {"pool": self.pool.images, "pool_back": self.pool_back.images}

    def load_state(self, state: dict[str, Any]) -> None:
        """See `Training.load_state`."""
        self.pool.images, self.pool_back.images = list(state["pool"]), list(state["pool_back"])

    def _back(self, images: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.back(laid_out(images, self.back))
        return made

    def _total(self, terms: Terms) -> torch.Tensor:
        weights = {
            "cycle": self.adversary.cycle,
            "adversarial": self.adversary.weight,
            "identity": self.adversary.identity,
        }
        return torch.stack([weights[name] * value for name, value in terms.items()]).sum()

    def _train_discriminators(
        self,
        degraded: torch.Tensor,
        sharp: torch.Tensor,
        restored: torch.Tensor,
        degraded_again: torch.Tensor,
        optimiser: Any,
    ) -> Terms:
        shown, shown_back = self.pool.exchange(restored), self.pool_back.exchange(degraded_again)
        found: Terms = {}
        for _ in range(self.adversary.steps):
            loss, found = discriminator_loss(self.discriminator, self.adversary, sharp, shown)
            other, found_back = discriminator_loss(
                self.discriminator_back, self.adversary, degraded, shown_back
            )
            self.descend(loss + other, optimiser)
            for judge in (self.discriminator, self.discriminator_back):
                after_step(judge, self.adversary)
            found |= {f"{name}_back": value for name, value in found_back.items()}
        return found


def _distance(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return F.l1_loss(first.float(), second.float())
