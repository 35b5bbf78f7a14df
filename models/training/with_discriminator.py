"""What adversarial methods share: their adversary, and figures of all validation images."""

from __future__ import annotations

from contextlib import suppress

import torch

from bench.core.errors import Unscorable
from models.training.discriminators import adversary_of
from models.training.distribution import DistributionMetrics
from models.training.module import Training
from models.training.plan import Plan, Task


class WithDiscriminator(Training):
    """A training with discriminators. Watches FID and the inception score where it can."""

    def __init__(self, task: Task, plan: Plan | None = None) -> None:
        super().__init__(task, plan)
        self.adversary = adversary_of(task.recipe)
        self._distribution: DistributionMetrics | None = None
        if plan is not None:  # a training, not the timing of a few steps
            with suppress(Unscorable):  # the header of the weights says why
                self._distribution = DistributionMetrics()

    def look(self, restored: torch.Tensor, reference: torch.Tensor) -> None:
        """See `Training.look`."""
        if self._distribution is not None:
            self._distribution.add(restored, reference)

    def on_validation_epoch_end(self) -> None:
        """Watch what only all images together can tell."""
        if self._distribution is not None:
            for name, value in self._distribution.figures().items():
                self.log(f"val_{name}", value)
