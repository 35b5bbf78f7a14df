"""Plain supervised training: pairs in, weights out.

In ``folder`` it leaves ``<model>.safetensors``, the best weights seen in validation, with a header
that says how they came about; ``<model>.csv``, the curves; and ``<model>.plan.json``. While it
works there are also ``<model>.last.ckpt``, from which the same call resumes, bit for bit on a
CPU, and ``<model>.best.ckpt``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import signal
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from bench.records import SCHEMA, BenchError, Pair
from models.catalogue import Card
from models.loading import build_network
from models.training.budget import parse_budget
from models.training.data import split_off_validation, validation_crops
from models.training.plan import Plan, Progress, Task, make_plan, threads
from models.weights import read_header, read_state, save_weights

LARGEST_GRADIENT = 1.0
"""Norm to which a step's gradient is cut: one bad batch must not throw a training out."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training. ``header`` is what the file of weights says of it."""

    weights: Path
    header: dict[str, Any]


class Files:
    """Where the training of a model keeps what."""

    def __init__(self, folder: Path, model: str) -> None:
        self.folder = folder
        self.weights = folder / f"{model}.safetensors"
        self.curves = folder / f"{model}.csv"
        self.plan = folder / f"{model}.plan.json"
        self.last = folder / f"{model}.last.ckpt"
        self.best = folder / f"{model}.best.ckpt"


def train(
    card: Card,
    suite_spec: str,
    train_pairs: Sequence[Pair],
    val_pairs: Sequence[Pair],
    folder: Path,
    budget: str,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Trained:
    """Train a network of the catalogue, or go on where an interrupted call stopped.

    ``budget`` is ``90s``, ``10m``, ``1h`` or ``300steps``. A time is turned into a number of steps
    once, by timing a few; what takes 1.3 times as long is stopped. Without ``val_pairs`` a part of
    the training pairs, whole clusters, is held out. A finished training is returned as it is.

    Raises `BenchError` for a model without recipe, unusable pairs, a loss that explodes, a full
    disk, or another training in the folder; KeyboardInterrupt leaves a state that resumes.
    """
    limits = parse_budget(budget)
    recipe = card.recipe
    if recipe is None:
        raise BenchError(f"'{card.name}' is not trained: it has no recipe in the catalogue")
    if not val_pairs:
        train_pairs, val_pairs = split_off_validation(train_pairs)
    if not train_pairs:
        raise BenchError(f"suite '{suite_spec}' has no training images")
    made_for = {
        "schema": SCHEMA,
        "model": card.name,
        "options": dict(card.options),
        "recipe": asdict(recipe),
        "suite": suite_spec,
        "budget": budget,
        "seed": seed,
        "pairs": {"train": _digest(train_pairs), "validation": _digest(val_pairs)},
    }
    files = Files(folder, card.name)
    plan = Plan.read(files.plan, made_for)
    if plan is None or not files.weights.is_file():
        with _quiet():
            import lightning.pytorch  # noqa: F401  seconds of start-up, once: not in the budget
        since = time.monotonic()
        network = build_network(card, seed)
        task = Task(network, recipe, train_pairs, validation_crops(val_pairs), device)
        if plan is None:
            if progress and limits.seconds:
                progress(0, 1, "timing a few steps")
            plan = make_plan(task, made_for, limits, seed, since)
            _cleared(files)
            plan.write(files.plan)
        stopped = _fit(task, plan, files, since, progress)
        header = {**made_for, **_outcome(files, plan, stopped, device)}
        _best_into(network, files)
        save_weights(files.weights, network, header)
    for checkpoint in (files.last, files.best):
        checkpoint.unlink(missing_ok=True)
    return Trained(files.weights, read_header(files.weights))


def _fit(task: Task, plan: Plan, files: Files, since: float, progress: Progress | None) -> str:
    """Train to the plan's end; return why it ended there."""
    with _quiet():
        from lightning.pytorch import Trainer
        from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

        from models.training.module import AtomicCheckpoints, Restoration, Watch

        watch = Watch(plan, files.curves, since, progress)
        best, last = (
            ModelCheckpoint(
                dirpath=files.folder,
                filename=path.name.removesuffix(".ckpt"),
                monitor=monitor,
                mode="max",
                save_weights_only=monitor is not None,
                save_on_train_epoch_end=True,
                enable_version_counter=False,
            )
            for path, monitor in ((files.best, "val_psnr"), (files.last, None))
        )
        early = EarlyStopping(
            "val_psnr", mode="max", patience=task.recipe.patience, check_on_train_epoch_end=True
        )
        place = torch.device(task.device)
        trainer = Trainer(
            accelerator="gpu" if place.type == "cuda" else "cpu",
            devices=[place.index or 0] if place.type == "cuda" else 1,
            max_epochs=math.ceil(plan.steps / plan.period),
            gradient_clip_val=LARGEST_GRADIENT,
            reload_dataloaders_every_n_epochs=1,
            callbacks=[watch, early, best, last],
            plugins=[AtomicCheckpoints()],
            default_root_dir=files.folder,
            num_sanity_val_steps=0,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module = Restoration(task, plan)
        resume = files.last if files.last.is_file() else None
        try:
            with _interruptible(), threads(plan.threads):
                trainer.fit(module, ckpt_path=resume, weights_only=True)
        except OSError as error:
            raise BenchError(
                f"cannot write to '{files.folder}': {error.strerror or error}; make room and give "
                "the same command again: training goes on from its last checkpoint"
            ) from error
    if watch.out_of_time:
        return "out of time"
    return "no improvement" if trainer.global_step < plan.steps else "as planned"


def _outcome(files: Files, plan: Plan, stopped: str, device: str) -> dict[str, Any]:
    best = read_state(files.best)
    return {
        "planned_steps": plan.steps,
        "best_step": best["global_step"],
        "stopped": stopped,
        "validation": {
            **best["validation"],
            "input_psnr": plan.input_psnr,
            "input_ssim": plan.input_ssim,
        },
        "device": torch.device(device).type,
        "threads": plan.threads,
        "code_version": version("restoration-bench"),
        "torch_version": torch.__version__,
    }


def _best_into(network: torch.nn.Module, files: Files) -> None:
    state = read_state(files.best)["state_dict"]
    network.load_state_dict({name.removeprefix("network."): value for name, value in state.items()})


def _digest(pairs: Sequence[Pair]) -> str:
    """Return the number of pairs, and eight hexadecimal digits that name them."""
    text = json.dumps([pair.id for pair in pairs])
    return f"{len(pairs)} pairs {hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _cleared(files: Files) -> None:
    """Take away what a training without a plan left: nobody could say how it came about."""
    for path in (files.weights, files.curves, files.last, files.best):
        path.unlink(missing_ok=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM through, which Lightning turns into exit status 1 and 0.

    It also leaves Ctrl-C disabled.
    """
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from None
        if isinstance(end, SIGTERMException):
            signal.raise_signal(signal.SIGTERM)  # its usual effect: Lightning has stepped aside
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's hints and advertisements out of the output."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
