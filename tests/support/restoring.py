"""A small network, and runs of it without the command around them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.metrics.scorer import Scorer
from bench.records import Failure, Pair, RunSpec
from bench.runs.executors.restoring import restore_and_score
from bench.runs.store import RunFolder
from models.architectures.unet import UNet
from models.restorer import NetworkRestorer, Restorer
from tests.support.progress import Told

Fault = Callable[[torch.Tensor], None]


def restorer(at_work: Fault | None = None) -> NetworkRestorer:
    """A small network; ``at_work`` is called with each image in the thread that restores it."""
    torch.manual_seed(0)
    network = UNet(widths=(8, 12), blocks=(1, 1))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.05)

    def look(module: nn.Module, given: tuple[torch.Tensor]) -> None:
        if at_work is not None and threading.current_thread() is not threading.main_thread():
            at_work(given[0])

    network.register_forward_pre_hook(look)
    return NetworkRestorer("small", network, multiple=4)


def restored(
    pairs: list[Pair], folder: Path, made: Restorer, progress: Any = None
) -> tuple[RunFolder, list[Failure]]:
    metrics = ("psnr", "ssim", "st-lpips-alex")
    spec = RunSpec(suite="folder", data=str(folder), models=("small",), metrics=metrics)
    run = RunFolder(folder) if folder.exists() else RunFolder.create(folder, spec)
    scorer, progress = Scorer(metrics), progress or Told()
    return run, restore_and_score(pairs, {"small": made}, scorer, run, progress, {"small": "0"})
