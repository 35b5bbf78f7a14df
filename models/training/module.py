"""The Lightning side that every training method shares: data, validation, rates, what is watched.

Optimisation is manual (`Training.descend`), because an adversarial training has several optimisers,
and one way for all is one way to be right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningModule
from torch.utils.data import DataLoader, TensorDataset

from bench.core.errors import BenchError
from models.training.data import Batches, Item, PairedCrops, ViewCache
from models.training.execution import compile_in_place, computing
from models.training.layout import laid_out, lay_out
from models.training.losses import Losses, psnr, rounded, ssim
from models.training.optimisation import Rates, averaged, optimiser_for
from models.training.plan import Plan, Task
from models.training.resident import views_for
from models.windows import ALONE, target_of

VALIDATION_BATCH = 4

LOOK_EVERY = 10
"""Steps of a period between two looks at PSNR and SSIM of a batch, and at whether all is finite."""


class Training(LightningModule):
    """Training of ``task.network``: one epoch of Lightning's is one validation period.

    A method is a subclass: it says what a step is (`learn`), and, where it has discriminators,
    which optimisers there are (`configure_optimizers`, the restoring network's first) and what
    validation measures (`validation_terms`). It works without a trainer too: so steps are timed.
    """

    automatic_optimization = False

    guarded: ClassVar[str] = "loss"
    """The term whose explosion ends the training."""

    crops: ClassVar[type[PairedCrops]] = PairedCrops
    """What the batches are of."""

    def __init__(self, task: Task, plan: Plan | None = None) -> None:
        super().__init__()
        if task.reach != ALONE and (task.recipe.method != "plain" or task.teacher is not None):
            how = "a teacher" if task.recipe.method == "plain" else f"method {task.recipe.method}"
            raise BenchError(
                f"a network that sees {task.reach.frames} frames learns by a plain recipe alone, "
                f"not by {how}"
            )
        self.task, self.recipe, self.plan = task, task.recipe, plan
        self.network = lay_out(task.network)
        self.averaged = averaged(self.network, task.recipe.average)
        compile_in_place(self.network, task.recipe.execution)
        self.losses = Losses(task.recipe.losses)
        self.rates = Rates(task.recipe, plan.steps if plan else 1, task.epoch)
        self.steps = 0
        """Steps of the restoring network that are done."""
        self.seconds = 0.0
        """Of the clock, up to the last validation."""
        self.tally: dict[str, list[torch.Tensor]] = {}
        """What each step since the last validation found, detached."""
        self.sample: Sequence[torch.Tensor] = ()
        """Degraded, restored and reference of the first validation crop, each (3,H,W)."""
        self._views: ViewCache | None = None
        self._attached = False

    # --- what a method says -----------------------------------------------------------------------

    def learn(
        self, batch: Item, optimisers: Sequence[Any]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Do one step. Return what the network restored, and every term with their sum ``loss``."""
        raise NotImplementedError

    def validation_terms(
        self, restored: torch.Tensor, reference: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return every term of validation with their weighted sum ``loss``."""
        terms = self.losses.terms(restored, reference)
        return {"loss": self.losses.total(terms), **terms}

    def look(self, restored: torch.Tensor, reference: torch.Tensor) -> None:
        """Take note of a batch of validation, for figures of all its images together."""

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the optimisers, the restoring network's first."""
        return [optimiser_for(self.network.parameters(), self.recipe)]

    def state(self) -> dict[str, Any]:
        """Return what a resumed training must know beyond weights and optimisers."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Undo `state`."""

    # --- what all have ----------------------------------------------------------------------------

    def forward(self, degraded: torch.Tensor) -> torch.Tensor:
        """Return what the network makes of (B,3,H,W); in validation, with what is kept of it."""
        if self.training:
            return self.restored_by(self.network, degraded)
        kept = self.network if self.averaged is None else self.averaged.module
        whole: torch.Tensor = kept(laid_out(degraded, kept))
        return target_of(whole, self.task.reach)

    def restored_by(self, network: torch.nn.Module, degraded: torch.Tensor) -> torch.Tensor:
        """Return what a network that learns makes of (B,3,H,W), or of windows of frames."""
        restored: torch.Tensor = network(laid_out(degraded, network))
        return restored.flatten(0, -4)  # frames that are restored in a row are images

    def step(
        self, batch: Item, optimisers: Sequence[Any]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Do one step, computed as the recipe's execution says. See `learn`."""
        with computing(self.recipe.execution, self.task.device):
            return self.learn((batch[0], batch[1].flatten(0, -4), *batch[2:]), optimisers)

    def descend(self, loss: torch.Tensor, optimiser: Any) -> None:
        """Take one step of an optimiser down a loss, its gradient cut as the recipe says."""
        optimiser.zero_grad()
        if self._attached:
            self.manual_backward(loss)
        else:
            loss.backward()  # type: ignore[no-untyped-call]
        self.follow(optimiser)

    def follow(self, optimiser: Any) -> None:
        """Take one step of an optimiser along the gradients there are, cut as the recipe says."""
        if self.recipe.clip is not None:
            groups = _bare(optimiser).param_groups
            parameters = [parameter for group in groups for parameter in group["params"]]
            torch.nn.utils.clip_grad_norm_(parameters, self.recipe.clip)
        optimiser.step()

    def training_step(self, batch: Item, index: int) -> None:
        """Do a step of the method at its learning rate, and remember what it found."""
        assert self.plan is not None
        optimisers = self.optimizers()
        optimisers = optimisers if isinstance(optimisers, list) else [optimisers]
        factor = self.rates.at(self.steps)
        for optimiser in optimisers:
            for group in _bare(optimiser).param_groups:
                group["lr"] = group["initial_lr"] * factor
        # dropout and whatever else a method draws follow from seed and step, interrupted or not
        torch.manual_seed(1_000_003 * self.plan.seed + self.steps)
        restored, terms = self.step(batch, optimisers)
        for name, value in terms.items():
            self.tally.setdefault(name, []).append(value.detach())
        if self.looks_at(self.steps):
            with torch.no_grad():
                restored = restored.detach().float()
                reference = batch[1].flatten(0, -4)
                self.tally.setdefault("psnr", []).append(psnr(restored, reference).mean())
                similarity = ssim(rounded(restored), reference).mean()
                self.tally.setdefault("ssim", []).append(similarity)
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)
        self.steps += 1

    def looks_at(self, step: int) -> bool:
        """Say whether a step is one of those whose batch is looked at."""
        assert self.plan is not None
        return step % self.plan.period % LOOK_EVERY == 0

    def validation_step(self, batch: Item, index: int) -> None:
        """Measure the terms, and PSNR and SSIM of the fixed crops as 8-bit images."""
        degraded, reference = batch
        restored = self(degraded).float()
        self.look(restored, reference)
        found = {
            **self.validation_terms(restored, reference),
            "psnr": psnr(restored, reference).mean(),
            "ssim": ssim(rounded(restored), reference).mean(),
        }
        for name, value in found.items():
            self.log(f"val_{name}", value, batch_size=len(degraded), on_epoch=True)
        if index == 0:
            seen = target_of(degraded, self.task.reach)
            self.sample = [images[0].cpu() for images in (seen, restored, reference)]

    def watched(self) -> dict[str, float]:
        """Return the means since the last validation, what that found, and the learning rate."""
        means = {
            f"train_{name}": float(torch.stack(values).mean())
            for name, values in self.tally.items()
        }
        self.tally.clear()
        logged: Mapping[str, torch.Tensor] = self.trainer.callback_metrics
        rate = float(self.trainer.optimizers[0].param_groups[0]["lr"])
        validation = {name: float(value) for name, value in logged.items() if name[:4] == "val_"}
        return {**means, **validation, "learning_rate": rate}

    def on_fit_start(self) -> None:
        """Let the trainer do the backward passes."""
        self._attached = True

    def on_train_epoch_end(self) -> None:
        """Let a plateau schedule know what validation found."""
        self.rates.observe(float(self.trainer.callback_metrics[self.recipe.watch]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep where the training is, and the validation figures that belong to the weights."""
        metrics = self.trainer.callback_metrics
        checkpoint["training"] = {
            "steps": self.steps,
            "seconds": self.seconds,
            "rates": self.rates.state(),
            "method": self.state(),
        }
        checkpoint["validation"] = {
            "psnr": float(metrics["val_psnr"]),
            "ssim": float(metrics["val_ssim"]),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Undo `on_save_checkpoint`."""
        kept = checkpoint["training"]
        self.steps = kept["steps"]
        self.rates.load(kept["rates"])
        self.load_state(kept["method"])

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the batches from here to the next validation. Asked for anew every epoch.

        With several devices each gets its share of every batch.
        """
        assert self.plan is not None
        stop = min(self.steps + self.plan.period, self.plan.steps)
        batch, ranks = self.recipe.batch, self.trainer.world_size
        if self._views is None:  # a device of several is known now
            self._views = views_for(self.device, self.recipe)
        crops = self.crops(
            self.task.pairs,
            side=self.recipe.crop,
            seed=self.plan.seed,
            augment=self.recipe.augment,
            start=self.steps * batch,
            stop=stop * batch,
            cache=self._views,
            curriculum=self.task.curriculum(self.plan.steps),
            share=(self.trainer.global_rank, ranks),
            told_noise=self.task.told_noise,
            fit=self.recipe.fit,
            reach=self.task.reach,
        )
        batches = Batches(crops, batch // ranks, pinned=self.device.type == "cuda")
        return DataLoader(batches, batch_size=None)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the validation crops: all of them on every device, so that all agree."""
        return DataLoader(TensorDataset(*self.task.validation), batch_size=VALIDATION_BATCH)


def _bare(optimiser: Any) -> torch.optim.Optimizer:
    """Return the optimiser inside Lightning's, whose own view of it goes stale on resuming."""
    bare: torch.optim.Optimizer = getattr(optimiser, "optimizer", optimiser)
    return bare
