"""Small trainings for tests: pairs, a discriminator of a few channels, a process to be killed."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from bench.core.identity import digest_of
from bench.records import Pair
from models.architectures.patchgan import PatchGAN
from models.catalogue import MODELS, Card
from models.loading import build_network
from models.recipes import Recipe
from models.training.train import Job, train
from models.weights import (
    PairDigests,
    ValidationFigures,
    WeightsHeader,
    header_as_found,
    save_weights,
)

DISCRIMINATOR = "tests.support.training:discriminator"
NORMALISING_DISCRIMINATOR = "tests.support.training:normalising_discriminator"


def discriminator() -> PatchGAN:
    """Return a judge of images one at a time, of 16 pixels at least."""
    return PatchGAN(width=8, strided=2, norm="instance")


def normalising_discriminator() -> PatchGAN:
    """Return a judge that sees a batch as a whole."""
    return PatchGAN(width=8, strided=2, norm="batch")


def job_of(pairs: Sequence[Pair], folder: Path, card: Card, recipe: Recipe, **changed: Any) -> Job:
    """Return a training of two steps on the first four pairs, validated on the others, but for what
    is ``changed``."""
    wanted = Job(
        card=card,
        recipe=recipe,
        suite="demo",
        train=pairs[:4],
        val=pairs[4:],
        folder=folder,
        budget="2steps",
    )
    return replace(wanted, **changed)


def header_of(model: str, **changed: Any) -> WeightsHeader:
    """Return the header of a training of ``model`` that is made up, but for what is ``changed``."""
    made_up = WeightsHeader(
        model=model,
        options={},
        recipe={},
        left_out={},
        initial=None,
        suite="demo",
        prepare=(),
        budget="3steps",
        seed=0,
        devices=1,
        pairs=PairDigests(train="4 pairs 01234567", validation="2 pairs 89abcdef"),
        teacher=None,
        execution={},
        learned=None,
        planned_steps=3,
        best_step=3,
        stopped="as planned",
        validation=ValidationFigures(psnr=30.0, ssim=0.9, input_psnr=29.0, input_ssim=0.8),
        unwatched={},
        undertrained="",
        cost=None,
        device="cpu",
        threads=1,
        compressed=(),
        widths={},
        code_version="0.1.0",
        torch_version="2.10.0",
    )
    return replace(made_up, **changed)


def teacher_in(folder: Path) -> Path:
    """Write weights of a large network that does something, and return their file."""
    network = build_network(MODELS["rescnn"], 0)
    torch.nn.init.normal_(network.get_submodule("tail").weight, std=0.01)  # type: ignore[arg-type]
    save_weights(folder / "large.safetensors", network, header_of("rescnn"))
    return folder / "large.safetensors"


def content_of(weights: Path) -> str:
    """Return a digest of a file of weights but for what clocks told: they never tell the same."""
    tensors = load_file(weights)
    header = {**header_as_found(weights), "cost": None, "undertrained": None}
    parts = [(name, tensors[name].numpy().tobytes().hex()) for name in sorted(tensors)]
    return digest_of(header, parts)


def pairs_in(root: Path) -> list[Pair]:
    """Return the pairs of a folder of ``input/`` and ``target/``, each a scene of its own."""
    return [
        Pair(path.stem, path, root / "target" / path.name, path.stem)
        for path in sorted((root / "input").iterdir())
    ]


def curves(path: Path) -> dict[str, list[float]]:
    """Return each quantity's values, epoch by epoch."""
    found = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["quantity"]].append(float(row["value"]))
    return dict(found)


def processes() -> ForkServerContext:
    """Return how to start processes at once: a server without threads has imported the trainer."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["models.training.watch", "torch._dynamo"])
    return context


def train_until_killed(context: ForkServerContext, job: Job, step: int) -> None:
    """Train in a process of its own, and kill it once ``step`` is done."""
    report: multiprocessing.Queue[Any] = context.Queue()
    child = context.Process(target=_in_child, args=(job, report))
    child.start()
    while (said := report.get(timeout=120)) != step:
        assert isinstance(said, int), said
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join(60)
    assert child.exitcode == -signal.SIGKILL


def _in_child(job: Job, report: multiprocessing.Queue[Any]) -> None:
    torch.set_num_threads(1)

    def tell(stage: str, done: float, total: float, text: str = "") -> None:
        report.put(done)
        time.sleep(0.02)  # a step of a real network takes as long

    try:
        train(job, tell)
    except BaseException as error:
        report.put(repr(error))
        raise
    report.put("finished")
