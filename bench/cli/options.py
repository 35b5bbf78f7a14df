"""Options that several verbs share, defined once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.console import say_prose
from bench.metrics.set_table import set_metric_cards
from bench.metrics.table import DEFAULT, metric_cards
from bench.runs.executors.table import executors
from models.catalogue import NONCOMMERCIAL, Card
from models.shipped.table import shipped_of
from models.shipped.telling import told
from models.weights_folder import WeightsFolder

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

Device = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option(help="Where it runs; auto: CUDA if there is any.")
]

Tile = Annotated[
    str,
    typer.Option(
        metavar="auto|whole|N",
        help="Work in tiles of N pixels; auto: of what the free memory holds, and on whole images "
        "where it holds them.",
    ),
]
"""Read by `bench.records.tile_of`."""


EXECUTOR_HELP = (
    "Where models work: "
    + "; ".join(f"{name}: {row.about}" for name, row in executors().items())
    + "."
)


def _permit(given: bool) -> bool:
    os.environ[NONCOMMERCIAL] = "1" if given else ""  # for the processes that measure costs, too
    return given


Noncommercial = Annotated[
    bool,
    typer.Option(
        "--noncommercial",
        envvar=NONCOMMERCIAL,
        callback=_permit,
        help="Also load published networks whose licences forbid commercial use, such as Restormer "
        "and MPRNet: your use is none.",
    ),
]

OwnWeights = Annotated[
    Path | None,
    typer.Option(help="Weights of a catalogue model.", show_default="the only ones trained here"),
]


def weights_of(card: Card | None, given: Path | None, quiet: bool) -> Path | None:
    """Return `OwnWeights`: those given, else the only ones of a network of the catalogue that were
    trained here, else those that come with it, and say which unless ``quiet``. Raises `BenchError`
    where there are none, or several."""
    if given is not None or card is None or (card.recipe is None and card.shipped is None):
        return given
    kept = WeightsFolder()
    row = card.shipped or (None if kept.all_of(card.name) else shipped_of(card.name))
    found = kept.only(card.name) if row is None else row.file
    if not quiet:
        say_prose(f"weights: {found}" if row is None else f"weights: {told(row)}")
    return found


Study = Annotated[
    str | None,
    typer.Option(
        metavar="DB[#NAME]",
        help="What people said: a study database, and which study in it.",
        show_default="none; without a name, the latest study of the run",
    ),
]

METRICS_HELP = (
    f"Metrics, separated by commas: all, {', '.join([*metric_cards(), *set_metric_cards()])}; "
    "pyiqa:NAME, where pyiqa is installed."
)

DEFAULT_METRICS = f"{', '.join(DEFAULT)}, where their weights are"

MODEL_FORMS = (
    "a name of 'bench models', FILE.safetensors, FILE.pth, FILE.onnx, package.module:factory, "
    "outputs:FOLDER; after any but the last @VARIANT, as @x8, @onnx or @float16+compile"
)
