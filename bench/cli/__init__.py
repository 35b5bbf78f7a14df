"""The command line: a table of verbs, one file each. Heavy imports stay inside the verbs."""

from __future__ import annotations

import io
import sys
from contextlib import nullcontext
from typing import Annotated

import typer

from bench.cli.verbs import HELP_OPTIONS, Verb, group_of
from bench.core.errors import BenchError, disk_fault
from bench.core.layout import move_results
from bench.core.limits import tell_torch
from bench.core.version import VERSION

VERBS: dict[str, Verb] = {
    "run": Verb("bench.cli.run:run", "bench run --suite gopro --data data/gopro --limit 50"),
    "train": Verb("bench.cli.train:train", "bench train unet --suite gopro --preset paper"),
    "score": Verb(
        "bench.cli.score:score", "bench score my_outputs --reference data/gopro/test --metrics all"
    ),
    "rescore": Verb("bench.cli.rescore:rescore", "bench rescore demo --metrics gmsd,haarpsi"),
    "profile": Verb("bench.cli.profile:profile", "bench profile unet --size 720x1280 --threads 1"),
    "sweep": Verb("bench.cli.sweep:sweep", "bench sweep docs/sweep.toml --dry"),
    "report": Verb("bench.cli.report:report", "bench report demo"),
    "compare": Verb("bench.cli.compare:compare", "bench compare demo unet input --metric ssim"),
    "pick": Verb("bench.cli.pick:pick", "bench pick demo --quality psnr --max latency_ms=50"),
    "restore": Verb(
        "bench.cli.restore:restore", "bench restore weights.safetensors photo.jpg --out restored"
    ),
    "demo": Verb("bench.cli.demo:demo", "bench demo --models nlm,tv"),
    "export": Verb(
        "bench.cli.export:export", "bench export weights.safetensors --to onnx --out exported.onnx"
    ),
    "compress": Verb(
        "bench.cli.compress:compress",
        "bench compress weights.safetensors --method prune --amount 0.4 --suite demo",
    ),
    "fetch": Verb("bench.cli.fetch:fetch", "bench fetch gopro --out data/gopro"),
    "models": Verb("bench.cli.listing:models", "bench models"),
    "metrics": Verb("bench.cli.listing:metrics", "bench metrics"),
    "doctor": Verb("bench.cli.doctor:doctor", "bench doctor"),
    "suites": Verb(
        "bench.cli.suites:app", help="List suites, show one, check a copy, or make your own."
    ),
    "runs": Verb("bench.cli.runs:app", help="List runs, show one, or remove some."),
    "rate": Verb("bench.cli.rate:app", help="Ask people, blindly: a study made of a run."),
}

app = typer.Typer(
    cls=group_of(VERBS),
    name="bench",
    help="Which image-restoration model to use: how good it is, and what it costs, "
    "each number with its uncertainty and its exact convention.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
    rich_markup_mode="rich",
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"restoration-bench {VERSION}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("-V", "--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
    results: Annotated[
        str | None,
        typer.Option(
            "--results",
            help="Root of all that runs, trainings and studies write; also $BENCH_RESULTS. An "
            "address such as s3://BUCKET/FOLDER is shared: runs are read from there and published "
            "to it.",
            show_default="results",
        ),
    ] = None,
) -> None:
    """Take the options that come before the verb."""
    if results is not None:
        move_results(results)


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 finished with failures, 2 cannot, 130 Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # in the locale C, what has no letter is a "?"
            stream.reconfigure(errors="replace")
    tell_torch()
    from bench.cli.console import complain, reserving_stdout  # and what prints tables

    try:
        with reserving_stdout() if "--json" in sys.argv else nullcontext():
            app()
    except BenchError as error:
        complain(str(error))
        sys.exit(2)
    except OSError as error:
        if (fault := disk_fault(error)) is None:
            raise
        complain(fault)
        sys.exit(2)
