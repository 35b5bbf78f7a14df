"""What looks on while a network trains: curves, sample rows, the clock, and the safe checkpoint."""

from __future__ import annotations

import io
import math
import time
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer

from bench.core.errors import BenchError
from bench.core.files import write_atomic
from models.training.cost import Meter
from models.training.curves import Curves
from models.training.module import Training
from models.training.plan import Plan, Tell
from models.training.samples import SampleRows

EXPLODED = 10.0
"""A mean loss so many times that of the first period ends the training."""


class Watch(Callback):
    """Writes curves and sample rows, tells how far it is, stops what explodes or takes too long."""

    def __init__(
        self, plan: Plan, curves: Path, rows: Path, since: float, tell: Tell, meter: Meter
    ) -> None:
        self._plan, self._path, self._tell, self.meter = plan, curves, tell, meter
        self._rows = SampleRows(rows)
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
        return {
            "seconds": self.seconds,
            "first_loss": self._first_loss,
            "cost": self.meter.state(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Undo `state_dict`."""
        self._spent, self._first_loss = state_dict["seconds"], state_dict["first_loss"]
        self.meter.load(state_dict.get("cost", {}))

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Open the curves where this training, perhaps resumed, begins."""
        if trainer.is_global_zero:
            self._curves = Curves(self._path, trainer.current_epoch)

    def on_train_batch_start(
        self, trainer: Trainer, module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Let the device's time begin."""
        self.meter.begin()

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tell how far it is, look at the clock, and now and then at the loss."""
        assert isinstance(module, Training)
        self.meter.end()
        self._tell(module.steps, self._plan.steps, self._text)
        if module.looks_at(module.steps - 1):
            loss = float(module.tally[module.guarded][-1])
            if not math.isfinite(loss):
                raise self._came_apart(module, loss, trainer.current_epoch)
        limit = self._plan.limit_seconds
        late = limit is not None and self.seconds > limit
        if trainer.world_size > 1:  # all stop, or none does: they wait for each other
            late = trainer.strategy.reduce_boolean_decision(late, all=False)
        if late:
            self.out_of_time = trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Write the period's rows and its sample; before any checkpoint is written."""
        assert isinstance(module, Training)
        found = module.watched()
        loss = found[f"train_{module.guarded}"]
        self._first_loss = loss if self._first_loss is None else self._first_loss
        broken = not all(map(math.isfinite, found.values()))
        if broken or loss > EXPLODED * self._first_loss > 0:
            raise self._came_apart(module, loss, trainer.current_epoch)
        epoch = trainer.current_epoch + 1
        if trainer.is_global_zero:
            self._curves.append(epoch, found)
            self._rows.write(epoch, module.sample)
        module.seconds = self.seconds
        gain = found["val_psnr"] - self._plan.input_psnr
        self._text = (
            f"loss {found['train_loss']:.4f}, validation {found['val_psnr']:.2f} dB ({gain:+.2f})"
        )

    def _came_apart(self, module: Training, loss: float, epoch: int) -> BenchError:
        kept = "; the best weights before are kept in its .best.ckpt" if epoch else ""
        first = loss if self._first_loss is None else self._first_loss
        return BenchError(
            f"training came apart by step {module.steps}: the loss is {loss:.3g}, it began at "
            f"{first:.3g}; give the recipe a learning rate under "
            f"{module.recipe.learning_rate:g}{kept}"
        )


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
