"""``bench train``."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.checks import check_training
from bench.cli.console import ShownProgress, complain, next_line, print_json, say, split_specs
from bench.cli.options import Device, Json
from bench.core.errors import BenchError
from bench.core.formats import to_json
from bench.core.progress import Unheard
from bench.prepare import STEPS
from bench.suites.table import suite_cards
from models.recipe_files import changed, changes_of, tag_of

if TYPE_CHECKING:
    from models.weights import WeightsHeader

PresetName = Annotated[
    Literal["quick", "paper"],
    typer.Option(
        help="Recipe of a training: quick takes minutes on two cores, paper does what the "
        "network's paper says ('bench models NAME' shows both)."
    ),
]

RecipeFile = Annotated[
    Path | None,
    typer.Option(
        help="TOML file of a recipe's fields, over those of the preset: 'bench models NAME "
        "--recipe quick' writes one to begin with.",
        show_default="none",
    ),
]
SetFields = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A field of the recipe, over the file's: batch=4, losses.l1=1, "
        "adversary.loss=wgan-gp, schedule.kind=cyclic, network.width=32. Repeat it.",
        show_default="none",
    ),
]

BUDGET_HELP = "Length of a training: 90s, 10m, 1h, 300steps or 20epochs."


def train(
    model: Annotated[str, typer.Argument(help="A network of 'bench models'.")],
    suite: Annotated[
        str, typer.Option(help=f"Suite spec name[:key=value,..]: {', '.join(suite_cards())}.")
    ],
    data: Annotated[
        Path | None, typer.Option(help="The suite's folder.", show_default="data/SUITE")
    ] = None,
    preset: PresetName = "quick",
    budget: Annotated[
        str | None, typer.Option(help=BUDGET_HELP, show_default="the preset's own")
    ] = None,
    recipe: RecipeFile = None,
    set_: SetFields = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Only go on: an error where nothing was begun. The same command goes "
            "on by itself where something was.",
        ),
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Throw away what was begun or finished, and begin.")
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Begin with the weights of this file.", show_default="random weights"
        ),
    ] = None,
    prepare: Annotated[
        str,
        typer.Option(
            help=f"Steps before the model, separated by commas: {', '.join(STEPS)}.",
            show_default="none",
        ),
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of weights, crops and their order.")] = 0,
    seeds: Annotated[
        int, typer.Option(help="Train so many times, from this seed and those after it.", min=1)
    ] = 1,
    device: Device = "auto",
    devices: Annotated[
        int, typer.Option(help="Work on so many devices, each with its part of a batch.", min=1)
    ] = 1,
    nodes: Annotated[
        int,
        typer.Option(
            help="Work on so many machines, on each of which this command is given.", min=1
        ),
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the training.", show_default="results/training/SUITE"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a network on a suite, never on its test images.

    Stopped or killed at any moment, the same command goes on, and on a CPU ends with the same
    weights, bit for bit. It leaves the weights, their curves and sample rows in its folder, and a
    copy of the weights where 'bench run' finds them.
    """
    if resume and anew:
        raise BenchError("--resume goes on and --anew begins again; give one of them")
    steps = split_specs(prepare)
    changes = changes_of(recipe, set_ or ())
    card = check_training(
        model,
        suite,
        data=data,
        preset=preset,
        prepare=steps,
        budget=budget,
        start=start,
        recipe=changes,
    )

    from bench.compute.environment import pick_device
    from bench.core.layout import training_folder
    from bench.runs.splits import nothing_to_learn, training_splits
    from bench.suites.table import open_suite
    from models.training.files import Files
    from models.training.train import Job
    from models.training.train import train as train_network
    from models.weights_folder import WeightsFolder

    first = not int(os.environ.get("LOCAL_RANK", "0"))  # of several processes, one a device
    began = time.monotonic()
    with ShownProgress() if first else nullcontext(Unheard()) as progress:
        opened = open_suite(suite, data, progress=progress.update)
        if why := nothing_to_learn(opened):
            raise BenchError(f"cannot train on '{suite}': {why}")
        card = card.enlarging(opened.scale)
        own = changed(card.preset(preset), changes)
        tag = tag_of(own, card.preset(preset))
        folder = out or training_folder(opened.key, tag)
        files = Files(folder, card.name)
        if resume and not files.plan.is_file():
            raise BenchError(f"--resume: no training of '{model}' was begun in '{folder}'")
        if anew and first:
            for number in range(seed, seed + seeds):
                place = folder if number == seed else folder / f"seed-{number}"
                Files(place, card.name).forget()
        splits = training_splits(opened, steps, progress.update)
        how = ", ".join(filter(None, (preset, tag, own.method)))
        progress.note(
            f"{card.name} ({how}) on {opened.spec}: {len(splits.train)} training "
            f" images; none is a test image ({splits.compared}); {folder}"
        )
        jobs = [
            Job(
                card=card,
                recipe=own,
                suite=opened.key,
                train=splits.train,
                val=splits.val,
                folder=folder if number == seed else folder / f"seed-{number}",
                budget=budget,
                seed=number,
                device=pick_device(device),
                devices=devices,
                nodes=nodes,
                initial=start,
            )
            for number in range(seed, seed + seeds)
        ]
        try:
            every = [train_network(job, progress.update, progress.note) for job in jobs]
        except KeyboardInterrupt:
            complain("stopped; the same command goes on from here")
            raise typer.Exit(130) from None
    trained = every[0]
    learned = trained.header.learned
    # a plain run should find neither weights for prepared images nor a narrower network
    if learned and not steps and not trained.header.compressed:
        WeightsFolder().keep(trained.weights, opened.key, learned.digest, tag)
    if as_json:
        rows = [{"weights": str(one.weights), "header": to_json(one.header)} for one in every]
        print_json(rows[0] if seeds == 1 else {"seeds": rows})
        return
    for one in every:
        say(_closing(model, one.header, time.monotonic() - began))
    if seeds > 1:
        say(_spread([one.header.validation.psnr for one in every]))
    if trained.header.undertrained:
        say(f"undertrained, no result: {trained.header.undertrained}")
    say(f"weights: {trained.weights}")
    given = () if data is None else ("--data", data)
    # a narrower network, or one of another recipe, is named by its file
    named = trained.weights if tag or trained.header.compressed else model
    say(next_line("run", "--suite", suite, *given, "--models", f"input,{named}"))


def _spread(found: Sequence[float]) -> str:
    """Return one line: how far seeds are apart."""
    return (
        f"{len(found)} seeds: {mean(found):.2f} dB on the validation crops, standard deviation "
        f"{stdev(found):.2f} dB, from {min(found):.2f} to {max(found):.2f} dB; 'bench sweep' with "
        "seeds = [..] shows it on test images beside the spread between them"
    )


def _closing(model: str, header: WeightsHeader, seconds: float) -> str:
    """Return one line: how good it is on the validation crops, where it ended and why."""
    found = header.validation
    gain = found.psnr - found.input_psnr
    return (
        f"{model}: {found.psnr:.2f} dB, SSIM {found.ssim:.4f} on the validation crops "
        f"(untouched {found.input_psnr:.2f} dB, {found.input_ssim:.4f}: {gain:+.2f} dB); "
        f"best at step {header.best_step} of {header.planned_steps}; ended "
        f"{header.stopped}; {seconds:.0f} s"
    )
