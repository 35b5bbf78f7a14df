"""The command line: a table of verbs, one file each. Heavy imports stay inside the verbs."""

from __future__ import annotations

import io
import sys
from contextlib import nullcontext
from typing import Annotated

import typer

from bench.cli import (
    compare,
    demo,
    doctor,
    export,
    fetch,
    listing,
    pick,
    profile,
    rate,
    report,
    rescore,
    restore,
    run,
    runs,
    score,
    suites,
    sweep,
    train,
)
from bench.cli.console import complain, reserving_stdout
from bench.cli.options import Verbs, add_verbs
from bench.core.errors import BenchError, disk_fault
from bench.core.layout import move_results
from bench.core.version import VERSION

app = typer.Typer(
    name="bench",
    help="Which image-restoration model to use: how good it is, and what it costs, "
    "each number with its uncertainty and its exact convention.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},  # of every verb below, too
    rich_markup_mode="rich",
)

VERBS: Verbs = {
    "run": (run.run, "bench run --suite gopro --data data/gopro --limit 50"),
    "train": (train.train, "bench train unet --suite gopro --preset paper"),
    "score": (score.score, "bench score my_outputs --reference data/gopro/test --metrics all"),
    "rescore": (rescore.rescore, "bench rescore demo --metrics gmsd,haarpsi"),
    "profile": (profile.profile, "bench profile unet --size 720x1280 --threads 1"),
    "sweep": (sweep.sweep, "bench sweep docs/sweep.toml --dry"),
    "report": (report.report, "bench report demo"),
    "compare": (compare.compare, "bench compare demo unet input --metric ssim"),
    "pick": (pick.pick, "bench pick demo --quality psnr --max latency_ms=50"),
    "restore": (restore.restore, "bench restore weights.safetensors photo.jpg --out restored"),
    "demo": (demo.demo, "bench demo --models nlm,tv"),
    "export": (export.export, "bench export weights.safetensors --to onnx --out exported.onnx"),
    "fetch": (fetch.fetch, "bench fetch gopro --out data/gopro"),
    "models": (listing.models, "bench models"),
    "metrics": (listing.metrics, "bench metrics"),
    "doctor": (doctor.doctor, "bench doctor"),
}

add_verbs(app, VERBS)


app.add_typer(
    suites.app, name="suites", help="List suites, show one, check a copy, or make your own."
)
app.add_typer(runs.app, name="runs", help="List runs, show one, or remove some.")
app.add_typer(rate.app, name="rate", help="Ask people, blindly: a study made of a run.")


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
