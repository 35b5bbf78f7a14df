"""The Lightning side of plain training. Imported by `models.training.plain` when it trains."""

from __future__ import annotations

import io
import math
import time
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader, TensorDataset

from bench.image import write_atomic
from bench.records import BenchError
from models.training.curves import Curves
from models.training.data import Item, PairedCrops, ViewCache
from models.training.losses import LOSSES, psnr, ssim
from models.training.optimisation import optimiser_for, rate_at
from models.training.plan import Plan, Progress, Task

EXPLODED = 10.0
"""A mean loss so many times that of the first period ends the training."""

VALIDATION_BATCH = 4


class Restoration(LightningModule):
    """Supervised training of a network on pairs: one epoch is one validation period."""

    def __init__(self, task: Task, plan: Plan) -> None:
        super().__init__()
        recipe = task.recipe
        if recipe.loss not in LOSSES:
            raise BenchError(f"no loss '{recipe.loss}'; known: {', '.join(LOSSES)}")
        self.network = task.network.to(memory_format=torch.channels_last)
        self.task, self.recipe, self.plan = task, recipe, plan
        self.losses: list[torch.Tensor] = []
        self._loss = LOSSES[recipe.loss]
        self._cache = ViewCache()

    def training_step(self, batch: Item, index: int) -> torch.Tensor:
        """Return the loss of one batch."""
        degraded, reference = batch
        restored = self.network(degraded.contiguous(memory_format=torch.channels_last))
        loss = self._loss(restored, reference)
        self.losses.append(loss.detach())
        return loss

    def validation_step(self, batch: Item, index: int) -> None:
        """Measure PSNR and SSIM of the fixed crops, as 8-bit images."""
        degraded, reference = batch
        restored = self.network(degraded.contiguous(memory_format=torch.channels_last))
        rounded = restored.clamp(0, 1).mul(255).round().div(255)
        count = len(degraded)
        self.log("val_psnr", psnr(restored, reference).mean(), batch_size=count, on_epoch=True)
        self.log("val_ssim", ssim(rounded, reference).mean(), batch_size=count, on_epoch=True)

    def configure_optimizers(self) -> Any:
        """Return the optimiser, and the schedule that follows the plan step by step."""
        optimiser = optimiser_for(self.network, self.recipe)
        steps, schedule = self.plan.steps, self.recipe.schedule
        rates = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: rate_at(step, steps, schedule)
        )
        return [optimiser], [{"scheduler": rates, "interval": "step"}]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the validation figures beside the weights that they belong to."""
        metrics = self.trainer.callback_metrics
        checkpoint["validation"] = {
            "psnr": float(metrics["val_psnr"]),
            "ssim": float(metrics["val_ssim"]),
        }

    def train_dataloader(self) -> DataLoader[Item]:
        """Return the batches from here to the next validation. Asked for anew every epoch."""
        done = self.trainer.global_step
        stop = min(done + self.plan.period, self.plan.steps)
        crops = PairedCrops(
            self.task.pairs,
            self.recipe.crop,
            self.plan.seed,
            self.recipe.augment,
            done * self.recipe.batch,
            stop * self.recipe.batch,
            self._cache,
        )
        return DataLoader(crops, batch_size=self.recipe.batch)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the validation crops."""
        return DataLoader(TensorDataset(*self.task.validation), batch_size=VALIDATION_BATCH)


class Watch(Callback):
    """Writes the curves, tells the progress, and stops what explodes or takes far too long."""

    def __init__(self, plan: Plan, curves: Path, since: float, progress: Progress | None) -> None:
        self._plan, self._path, self._progress = plan, curves, progress
        self._spent, self._since = 0.0, since
        self._first_loss: float | None = None
        self._text = ""
        self.out_of_time = False

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of this training, those before an interruption included."""
        return self._spent + time.monotonic() - self._since

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training must know."""
        return {"seconds": self.seconds, "first_loss": self._first_loss}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Undo `state_dict`."""
        self._spent, self._first_loss = state_dict["seconds"], state_dict["first_loss"]

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Open the curves where this training, perhaps resumed, begins."""
        self._curves = Curves(self._path, trainer.current_epoch)

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tell the progress, and look at the clock."""
        if self._progress:
            self._progress(trainer.global_step, self._plan.steps, self._text)
        limit = self._plan.limit_seconds
        if limit is not None and self.seconds > limit:
            self.out_of_time = trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Write the period's row; before any checkpoint is written."""
        assert isinstance(module, Restoration)
        loss = float(torch.stack(module.losses).mean())
        module.losses.clear()
        found = {name: float(trainer.callback_metrics[name]) for name in ("val_psnr", "val_ssim")}
        self._first_loss = loss if self._first_loss is None else self._first_loss
        broken = [value for value in (loss, *found.values()) if not math.isfinite(value)]
        if broken or loss > EXPLODED * self._first_loss:
            kept = "; the best weights before are kept in its .best.ckpt"
            raise BenchError(
                f"training came apart by step {trainer.global_step}: the loss is {loss:.3g}, it "
                f"began at {self._first_loss:.3g}; give the recipe a learning rate under "
                f"{module.recipe.learning_rate:g}{kept if trainer.current_epoch else ''}"
            )
        rate = float(module.trainer.optimizers[0].param_groups[0]["lr"])
        values = {"train_loss": loss, **found, "learning_rate": rate}
        self._curves.append(trainer.current_epoch + 1, values)
        gain = found["val_psnr"] - self._plan.input_psnr
        self._text = f"loss {loss:.4f}, validation {found['val_psnr']:.2f} dB ({gain:+.2f})"


class AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoints that are whole or absent.

    Lightning's own writes to the temporary folder and moves the file: across file systems that is
    a copy, which a kill tears.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Write beside the name, then rename."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_atomic(Path(path), buffer.getvalue())
