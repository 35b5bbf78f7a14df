"""Training: pairs in, weights out. The one way in, whatever the method.

In ``folder`` it leaves ``<model>.safetensors``, the best weights seen in validation, with a header
that says how they came about; ``<model>.csv``, the curves; ``<model>/epoch-0007.png`` and so on,
sample rows; and ``<model>.plan.json``. While it works there are also ``<model>.last.ckpt``, from
which the same call resumes, bit for bit on a CPU, and ``<model>.best.ckpt``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import torch
from torch.nn.utils.parametrize import is_parametrized

from bench.core.errors import BenchError
from bench.core.files import remove_partials, sha256_of
from bench.core.formats import to_json
from bench.core.names import choose
from bench.core.progress import Update, unheard
from bench.records import Learned, Pair
from bench.suites.learned import joined, learned_from
from models.catalogue import Card
from models.checkpoints import read_state
from models.construction import options_of
from models.loading import build_network, scale_of, tells_noise
from models.recipe_files import tag_of
from models.recipes import Begin, Recipe
from models.structure import hold_zeros
from models.training.budget import parse_budget
from models.training.cost import Meter, cost_of
from models.training.data import split_off_validation, validation_crops
from models.training.distribution import unwatched
from models.training.execution import told
from models.training.files import Files, name_pairs
from models.training.layout import layout_name
from models.training.losses import left_out
from models.training.outcome import undertrained
from models.training.plan import Plan, Task, Tell
from models.training.quiet import interruptible, quiet
from models.training.timing import StepTiming, dealt_out, make_plan, threads, time_steps
from models.training.windows import required_reach
from models.weights import (
    MASKED,
    Compressed,
    PairDigests,
    Stopped,
    TrainingTerms,
    ValidationFigures,
    WeightsHeader,
    header_of,
    load_weights,
    read_header,
    save_weights,
)

Note = Callable[[str], None]

ESTIMATE_SECONDS = 2.0
"""About how long steps are timed where only their duration is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A training that is wanted: of which network, how, on what, where.

    ``budget`` overrides the recipe's. Without ``val`` a part of the training pairs, whole
    clusters, is held out. ``initial`` is a file of weights to begin with, ``teacher`` one of a
    network that is followed too (`models.training.distil`). ``devices`` are those of one machine;
    on each of several ``nodes`` the same training is started, in the same folder.
    """

    card: Card
    recipe: Recipe
    suite: str
    train: Sequence[Pair]
    val: Sequence[Pair]
    folder: Path
    budget: str | None = None
    seed: int = 0
    device: str = "cpu"
    devices: int = 1
    nodes: int = 1
    initial: Path | None = None
    teacher: Path | None = None

    def tag(self, preset: str) -> str:
        """Return what sets its weights apart from those of a preset; nothing where it is that."""
        return tag_of(self.recipe, self.card.preset(preset))

    @property
    def length(self) -> str:
        """The budget that holds."""
        return self.budget or self.recipe.budget


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training. ``header`` is what the file of weights says of it."""

    weights: Path
    header: WeightsHeader


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """What a training will take: steps, each of so many seconds as measured, and all in all."""

    steps: int
    step_seconds: float
    seconds: float


def train(job: Job, update: Update = unheard, note: Note | None = None) -> Trained:
    """Train a network of the catalogue, or go on where an interrupted call stopped.

    A budget in time is turned into a number of steps once, by timing a few; what takes 1.3 times as
    long is stopped. A finished training is returned as it is. ``note`` is told what is left out.

    Raises `BenchError` for unusable pairs, a loss that explodes, a full disk, or another training
    in the folder; KeyboardInterrupt leaves a state that resumes.
    """
    job, terms = _resolved(job)
    files = Files(job.folder, job.card.name)
    plan = Plan.read(files.plan, to_json(terms))
    if plan is None or not files.weights.is_file():
        if job.nodes == 1:  # what another machine is writing looks left over here
            remove_partials(files.folder)
        for term, why in terms.left_out.items():
            if note:
                note(f"{job.card.name}: trains without its loss '{term}': {why}")
        for figure, why in unwatched(job.recipe).items():
            if note:
                note(f"{job.card.name}: {figure} is not watched: {why}")
        _import_trainer()
        since = time.monotonic()
        task = _task(job)
        if plan is None:
            plan = _planned(job, task, files=files, terms=terms, since=since, update=update)
        task = replace(task, replicas=plan.replicas)
        tell = partial(update, f"train {job.card.name}")
        learned = learned_from([*job.train, *job.val], update)
        ended = _fit(task, plan, files=files, since=since, job=job, tell=tell)
        header = _header(terms, files, task=task, plan=plan, ended=ended, job=job, learned=learned)
        _best_into(task, files)
        save_weights(files.weights, task.network, header)
    files.finished()
    written = read_header(files.weights)
    if written is None:
        raise BenchError(
            f"'{files.weights}' was not written by a training; delete it to train anew"
        )
    return Trained(files.weights, written)


def estimate(job: Job) -> TimeEstimate:
    """Return what a training will take, from steps measured here and now.

    A budget in time is planned for good: `train` then does just so many steps.
    """
    job, terms = _resolved(job)
    files = Files(job.folder, job.card.name)
    plan = Plan.read(files.plan, to_json(terms))
    limits = parse_budget(job.length)
    _import_trainer()
    task = _task(job)
    if plan is None and limits.seconds is not None:
        plan = _planned(job, task, files=files, terms=terms, since=time.monotonic(), update=unheard)
    if plan is not None and plan.step_seconds is not None:
        return TimeEstimate(plan.steps, plan.step_seconds, limits.seconds or 0.0)
    steps = max(1, limits.steps or round((limits.epochs or 0) * task.epoch))
    count, task = dealt_out(task)
    with threads(count):
        timing: StepTiming = time_steps(task, ESTIMATE_SECONDS)
    each = timing.step + timing.validation / min(task.period, steps)
    return TimeEstimate(steps, timing.step, steps * each)


def _resolved(job: Job) -> tuple[Job, TrainingTerms]:
    """Return the job as it will be done, and all that makes it what it is."""
    parse_budget(job.length)  # one that cannot be read is told before anything is opened
    train, val = job.train, job.val
    if not val:
        train, val = split_off_validation(train)
    if not train:
        raise BenchError(f"suite '{job.suite}' has no training images")
    if job.recipe.batch % (job.devices * job.nodes):
        asked = f"--devices {job.devices}" + (f" --nodes {job.nodes}" if job.nodes > 1 else "")
        raise BenchError(
            f"{asked}: a batch of {job.recipe.batch} cannot be dealt out evenly; "
            "give a divisor of it"
        )
    if job.nodes > 1 and parse_budget(job.length).seconds is not None:
        raise BenchError(
            f"--nodes {job.nodes} with a budget of '{job.length}': each node would time its own "
            "steps; give it in steps or epochs"
        )
    if job.initial is not None and not job.initial.is_file():
        raise BenchError(f"no weights to begin with at '{job.initial}': there is no such file")
    teacher = None
    if job.teacher is not None:
        from models.training.distil import taught_by  # and the trainer

        teacher = taught_by(job.teacher)
    missing = left_out(job.recipe)
    if job.recipe.network:
        for key in job.recipe.network:
            choose(f"option of the network of '{job.card.name}'", key, options_of(job.card.build))
        options = {**job.card.options, **job.recipe.network}
        job = replace(job, card=replace(job.card, options=options))
    terms = TrainingTerms(
        model=job.card.name,
        options=to_json(job.card.options),
        recipe=to_json(job.recipe),
        left_out=missing,
        initial=None if job.initial is None else sha256_of(job.initial),
        suite=job.suite,
        prepare=train[0].prepare,
        budget=job.length,
        seed=job.seed,
        devices=job.devices * job.nodes,
        pairs=PairDigests(train=name_pairs(train), validation=name_pairs(val)),
        teacher=teacher,
        execution=told(job.recipe.execution, job.device),
    )
    kept = {name: weight for name, weight in job.recipe.losses.items() if name not in missing}
    resolved = replace(job, train=train, val=val, recipe=replace(job.recipe, losses=kept))
    return resolved, terms


def _task(job: Job) -> Task:
    try:
        built = build_network(job.card, job.seed)
    except BenchError:
        raise
    except (TypeError, ValueError, RuntimeError, KeyError, ZeroDivisionError) as error:
        given = dict(job.recipe.network)
        if not given:
            raise
        raise BenchError(
            f"'{job.card.name}' cannot be built with {given}: {type(error).__name__}: {error}"
        ) from error
    network = _begun(built, job.recipe.begin)
    if job.initial is not None:
        load_weights(network, job.initial, job.card.name)
        if any(step.method == MASKED for step in _begun_with(job.initial)):
            hold_zeros(network)
    if (scale := job.train[0].scale) != scale_of(network):
        raise BenchError(
            f"'{job.card.name}' enlarges x{scale_of(network)}; '{job.suite}' asks for x{scale}"
        )
    reach = required_reach(job.card.name, network, job.train)
    crops = validation_crops(job.val, tells_noise(network), reach)
    return Task(
        network=network,
        recipe=job.recipe,
        pairs=job.train,
        validation=crops,
        device=job.device,
        card=job.card,
        seed=job.seed,
        teacher=job.teacher,
        devices=job.devices * job.nodes,
    )


def _begun_with(weights: Path | None) -> tuple[Compressed, ...]:
    """Return the steps by which the weights that a training begins with were compressed."""
    header = None if weights is None else header_of(weights)
    return header.compressed if header else ()


def _begun(network: torch.nn.Module, begin: Begin) -> torch.nn.Module:
    if choose("beginning", begin, get_args(Begin)) == "identity":
        begin_at_identity = getattr(network, "begin_at_identity", None)
        if begin_at_identity is None:
            raise BenchError(
                f"the recipe begins at the identity, but {type(network).__name__} has no method "
                "'begin_at_identity'; take 'begin' out of the recipe"
            )
        if any(is_parametrized(layer) for layer in network.modules()):
            raise BenchError(
                "weights held to a slope of 1 (network.spectral) cannot be those of the identity; "
                "--set begin=random"
            )
        try:
            begin_at_identity()
        except AttributeError as error:
            raise BenchError(
                f"without its normalisation {type(network).__name__} cannot begin at the identity "
                f"({error}); --set begin=random"
            ) from error
    return network


def _planned(
    job: Job,
    task: Task,
    files: Files,
    terms: TrainingTerms,
    since: float,
    update: Update,
) -> Plan:
    limits = parse_budget(job.length)
    if limits.seconds:
        update(f"train {job.card.name}", 0, 1, "timing a few steps")
    plan = make_plan(task, to_json(terms), limits, job.seed, since)
    files.clear()
    plan.write(files.plan)
    return plan


def _import_trainer() -> None:
    with quiet():
        import lightning.pytorch  # noqa: F401  seconds of start-up, once: not in the budget


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """Why a training ended, after how many steps and seconds, and what has measured it."""

    stopped: Stopped
    steps: int
    seconds: float
    meter: Meter


def _fit(task: Task, plan: Plan, files: Files, since: float, job: Job, tell: Tell) -> _Ended:
    """Train to the plan's end; return why it ended there."""
    with quiet():
        from lightning.pytorch import Trainer
        from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint

        from models.training.methods import training_of
        from models.training.watch import AtomicCheckpoints, Watch

        watched, patience = task.recipe.watch, task.recipe.patience
        mode = "min" if watched == "val_loss" else "max"
        best, last = (
            ModelCheckpoint(
                dirpath=files.folder,
                filename=path.name.removesuffix(".ckpt"),
                monitor=monitor,
                mode=mode,
                save_weights_only=monitor is not None,
                save_on_train_epoch_end=True,
                enable_version_counter=False,
            )
            for path, monitor in ((files.best, watched), (files.last, None))
        )
        meter = Meter(task.device)
        watch = Watch(plan, files.curves, files.samples, since, tell, meter)
        callbacks: list[Callback] = [watch, best, last]
        if patience is not None:
            callbacks.append(
                EarlyStopping(watched, mode=mode, patience=patience, check_on_train_epoch_end=True)
            )
        torch_device = torch.device(task.device)
        on_cuda = torch_device.type == "cuda"
        alone = [torch_device.index or 0] if on_cuda else 1
        # an adversarial step uses only some of the parameters at a time
        several = "ddp" if task.recipe.method == "plain" else "ddp_find_unused_parameters_true"
        trainer = Trainer(
            accelerator="gpu" if on_cuda else "cpu",
            devices=alone if job.devices * job.nodes == 1 else job.devices,
            num_nodes=job.nodes,
            strategy="auto" if job.devices * job.nodes == 1 else several,
            precision="32-true",  # a step says itself what it computes in lower precision
            max_epochs=math.ceil(plan.steps / plan.period),
            reload_dataloaders_every_n_epochs=1,
            use_distributed_sampler=False,
            callbacks=callbacks,
            plugins=[AtomicCheckpoints()],
            default_root_dir=files.folder,
            num_sanity_val_steps=0,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module = training_of(task, plan)
        resume = files.last if files.last.is_file() else None
        try:
            with interruptible(), threads(plan.threads), torch.random.fork_rng([]):
                trainer.fit(module, ckpt_path=resume, weights_only=True)
        except OSError as error:
            raise BenchError(
                f"cannot write to '{files.folder}': {error.strerror or error}; make room and give "
                "the same command again: training goes on from its last checkpoint"
            ) from error
    if not trainer.is_global_zero:
        raise SystemExit(0)  # one process of several: the first one writes the weights
    stopped: Stopped = "no improvement" if module.steps < plan.steps else "as planned"
    if watch.out_of_time:
        stopped = "out of time"
    return _Ended(stopped=stopped, steps=module.steps, seconds=watch.seconds, meter=meter)


def _header(
    terms: TrainingTerms,
    files: Files,
    task: Task,
    plan: Plan,
    ended: _Ended,
    job: Job,
    learned: Learned,
) -> WeightsHeader:
    best = read_state(files.best)
    begun = None if job.initial is None else header_of(job.initial)
    taught = None if job.teacher is None else header_of(job.teacher)
    for before in (begun, taught):  # what they have seen, this network has
        if before is not None and before.learned is not None:
            learned = joined(before.learned, learned)
    steps = _begun_with(job.initial)
    if terms.teacher is not None:
        from models.training.distil import distilled  # and the trainer

        steps += (distilled(terms.teacher, job.length),)
    found = ValidationFigures(
        psnr=best["validation"]["psnr"],
        ssim=best["validation"]["ssim"],
        input_psnr=plan.input_psnr,
        input_ssim=plan.input_ssim,
    )
    executed = {
        **terms.execution,
        "layout": layout_name(task.network),
        "replicas": plan.replicas,
    }
    return WeightsHeader(
        **{
            **{field.name: getattr(terms, field.name) for field in fields(TrainingTerms)},
            "execution": executed,
        },
        learned=learned,
        planned_steps=plan.steps,
        best_step=best["training"]["steps"],
        stopped=ended.stopped,
        validation=found,
        unwatched=unwatched(job.recipe),
        undertrained=undertrained(
            job.recipe,
            budget=job.length,
            stopped=ended.stopped,
            steps=ended.steps,
            epoch=task.epoch,
            seconds=ended.seconds,
            found=found,
        ),
        cost=cost_of(
            task,
            ended.meter,
            seconds=ended.seconds,
            steps=ended.steps,
            best_seconds=best["training"].get("seconds", ended.seconds),
        ),
        device=torch.device(job.device).type,
        threads=plan.threads,
        compressed=steps,
        widths=begun.widths if begun else {},
        code_version=version("restoration-bench"),
        torch_version=str(torch.__version__),
    )


def _best_into(task: Task, files: Files) -> None:
    prefix = "averaged.module." if task.recipe.average else "network."
    state = read_state(files.best)["state_dict"]
    own = {name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)}
    task.network.load_state_dict(own)
