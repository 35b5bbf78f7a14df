"""How long a step takes here, and so how many steps a budget buys."""

from __future__ import annotations

import copy
import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from bench.core.errors import BenchError
from models.architectures.srcnn import enlarge
from models.training.budget import Budget
from models.training.data import PairedCrops
from models.training.losses import psnr, ssim
from models.training.methods import training_of
from models.training.plan import Plan, Task
from models.training.replicas import most_replicas
from models.training.resident import views_for
from models.windows import target_of

if TYPE_CHECKING:
    from models.training.module import Training

PATIENCE = 1.3
"""A training that takes so many times its budget is stopped, and its best weights are kept."""

WARM_STEPS, TIMED_STEPS = 3, 30
TIMING_SHARE = 0.05
"""The part of a time budget that timing may take, once a few steps were timed."""

FEWEST = 2
"""Steps that a budget in time has to buy: one step teaches nothing."""

WORTH_IT = 2.0
"""All threads are taken for each operation if a step is so many times as fast as with one."""

WORTH_PARTING = 1.2
"""Batches are dealt out to threads if a step is so many times as fast as with one."""


def make_plan(
    task: Task, made_for: Mapping[str, Any], budget: Budget, seed: int, since: float
) -> Plan:
    """Turn a budget into steps, timing a few real ones on a copy of the network if it is a time.

    ``since`` is the monotonic time at which the budget began to run.
    """
    threads, step_seconds, limit = torch.get_num_threads(), None, None
    steps = budget.steps or round((budget.epochs or 0) * task.epoch)
    if budget.seconds is None:
        threads, task = dealt_out(task)
    else:
        threads, task, timing = _choose_threads(task, TIMING_SHARE * budget.seconds)
        step_seconds, limit = timing.step, PATIENCE * budget.seconds
        left = since + budget.seconds - time.monotonic()
        steps = int(left / (timing.step + timing.validation / task.period))
        if steps < FEWEST:
            needed = FEWEST * timing.step + timing.validation + (budget.seconds - left)
            raise BenchError(
                f"a budget of {budget.seconds:g} s buys {max(0, steps)} steps here: one takes "
                f"{timing.step:.2g} s, a validation {timing.validation:.2g} s, and to time them "
                f"took {budget.seconds - left:.2g} s; give {math.ceil(1.2 * needed)} s at least, "
                f"or steps (--budget {FEWEST}steps)"
            )
    steps = max(1, steps)
    degraded, reference = task.validation
    untouched = target_of(degraded, task.reach)
    untouched = enlarge(untouched, reference.shape[-1] // degraded.shape[-1])
    return Plan(
        made_for=made_for,
        steps=steps,
        period=min(task.period, steps),
        seed=seed,
        limit_seconds=limit,
        step_seconds=step_seconds,
        threads=threads,
        replicas=task.replicas,
        input_psnr=float(psnr(untouched, reference).mean()),
        input_ssim=float(ssim(untouched, reference).mean()),
    )


@dataclass(frozen=True, slots=True)
class StepTiming:
    """Seconds of training steps, data included, and of a validation.

    ``step`` is what the fastest quarter of the steps took at most.
    """

    mean: float
    step: float
    validation: float


def dealt_out(task: Task) -> tuple[int, Task]:
    """Return the threads for each operation, and the task with as many replicas as there can be."""
    most = torch.get_num_threads()
    count = most_replicas(task, most)
    return (most if count == 1 else 1), replace(task, replicas=count)


def _choose_threads(task: Task, seconds: float) -> tuple[int, Task, StepTiming]:
    """Return the threads for each operation, the task with its replicas, and the time of a step.

    One thread, unless more are much faster: replicas before threads for each operation, which
    wait for each other (see `models.training.replicas`).
    """
    most = torch.get_num_threads()
    if torch.device(task.device).type != "cpu":
        return most, task, time_steps(task, seconds)
    with threads(1):
        one = time_steps(task, seconds)
        if (count := most_replicas(task, most)) > 1:
            parted = replace(task, replicas=count)
            timing = time_steps(parted, seconds)
            if one.mean > WORTH_PARTING * timing.mean:
                return 1, parted, timing
    if most <= WORTH_IT:
        return 1, task, one
    every = time_steps(task, seconds)
    return (most, task, every) if one.mean > WORTH_IT * every.mean else (1, task, one)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use so many CPU threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def time_steps(task: Task, seconds: float) -> StepTiming:
    """Time training steps and one validation.

    Of the timed steps the fastest quarter decides: what else the machine does for these few seconds
    is not taken to go on. Stops after ``seconds``, but not before a few steps. The task's network
    is left as it was.
    """
    copied = copy.deepcopy(task.network).to(task.device)
    with torch.random.fork_rng([]):
        module = training_of(replace(task, network=copied)).to(task.device)
        optimisers = module.configure_optimizers()
        module.train()
        taken = _timed(module, optimisers, task, seconds)
    began = time.monotonic()
    with torch.inference_mode():
        for images in torch.split(task.validation[0], 4):
            module.eval()(images.to(task.device)).cpu()
    timed = taken[WARM_STEPS:]
    quarter = statistics.quantiles(timed, n=4, method="inclusive")[0]
    return StepTiming(statistics.mean(timed), quarter, time.monotonic() - began)


def _timed(module: Training, optimisers: Sequence[Any], task: Task, seconds: float) -> list[float]:
    """Return the seconds of each of a few training steps, the first ones too."""
    batch, cache = task.recipe.batch, views_for(task.device, task.recipe)
    stop = (WARM_STEPS + TIMED_STEPS) * batch
    crops = PairedCrops(
        task.pairs,
        side=task.recipe.crop,
        seed=0,
        augment=task.recipe.augment,
        start=0,
        stop=stop,
        cache=cache,
        told_noise=task.told_noise,
        fit=task.recipe.fit,
        reach=task.reach,
    )
    taken: list[float] = []
    for step in range(WARM_STEPS + TIMED_STEPS):
        began = time.monotonic()
        numbers = range(step * batch, (step + 1) * batch)
        degraded, reference = (side.to(task.device) for side in crops.batch(numbers))
        module.step((degraded, reference), optimisers)
        _wait(task.device)
        taken.append(time.monotonic() - began)
        if len(taken) >= WARM_STEPS + 5 and sum(taken) > seconds:
            break
    return taken


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
