"""Adversarial training: a network restores, a discriminator tells restored images from real ones.

Goodfellow et al. 2014, arXiv:1406.2661; with terms that compare to the reference, as Isola et al.
2017, doi:10.1109/CVPR.2017.632.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from models.training.data import Item
from models.training.discriminators import (
    ImagePool,
    Terms,
    after_step,
    discriminator_loss,
    discriminator_of,
    frozen,
    generator_loss,
)
from models.training.optimisation import optimiser_for
from models.training.plan import Plan, Task
from models.training.with_discriminator import WithDiscriminator


class Adversarial(WithDiscriminator):
    """In each step the discriminator learns first, `Adversary.steps` times, then the network once.

    All losses of a step are of the same batch. What the network minimises is the recipe's
    losses, ``content`` in the curves, and `Adversary.weight` times ``adversarial``.
    """

    guarded: ClassVar[str] = "content"

    def __init__(self, task: Task, plan: Plan | None = None) -> None:
        super().__init__(task, plan)
        self.side = task.recipe.crop * getattr(task.network, "scale", 1)
        # checkpoints hold the discriminator under this name
        self.discriminator = discriminator_of(task, 1, self.side)
        self.pool = ImagePool(self.adversary.pool)

    def learn(self, batch: Item, optimisers: Sequence[Any]) -> tuple[torch.Tensor, Terms]:
        """See `Training.learn`."""
        degraded, reference = batch
        restored = self(degraded)
        judged = self._train_discriminators(restored, reference, optimisers[1])
        with frozen(self.discriminator):
            terms = self._terms(restored, reference)
            self.descend(terms["loss"], optimisers[0])
        return restored, {**terms, **judged}

    def validation_terms(self, restored: torch.Tensor, reference: torch.Tensor) -> Terms:
        """See `Training.validation_terms`."""
        return self._terms(restored, reference)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """See `Training.configure_optimizers`."""
        return [
            optimiser_for(self.network.parameters(), self.recipe),
            optimiser_for(
                self.discriminator.parameters(), self.recipe, self.adversary.learning_rate
            ),
        ]

    def state(self) -> dict[str, Any]:
        """See `Training.state`."""
        return {"pool": self.pool.images}

    def load_state(self, state: dict[str, Any]) -> None:
        """See `Training.load_state`."""
        self.pool.images = list(state["pool"])

    def _terms(self, restored: torch.Tensor, reference: torch.Tensor) -> Terms:
        terms = self.losses.terms(restored, reference)
        content = self.losses.total(terms)
        shown = (middle(image, self.side) for image in (reference, restored))
        adversarial = generator_loss(self.discriminator, self.adversary, *shown)
        loss = content + self.adversary.weight * adversarial
        return {"loss": loss, "content": content, **terms, "adversarial": adversarial}

    def _train_discriminators(
        self, restored: torch.Tensor, reference: torch.Tensor, optimiser: Any
    ) -> Terms:
        shown = self.pool.exchange(restored.detach())
        found: Terms = {}
        for _ in range(self.adversary.steps):
            loss, found = discriminator_loss(self.discriminator, self.adversary, reference, shown)
            self.descend(loss, optimiser)
            after_step(self.discriminator, self.adversary)
        return found


def middle(images: torch.Tensor, side: int) -> torch.Tensor:
    """(B,3,H,W) -> its middle (B,3,side,side): some discriminators judge one size only."""
    top, left = ((length - side) // 2 for length in images.shape[-2:])
    return images[..., max(top, 0) :, max(left, 0) :][..., :side, :side]
