"""Options that several verbs share, defined once."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import typer

from bench.metrics.set_table import set_metric_cards
from bench.metrics.table import DEFAULT, metric_cards
from models.catalogue import NONCOMMERCIAL

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

Device = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option(help="Where it runs; auto: CUDA if there is any.")
]

Tile = Annotated[
    int | None,
    typer.Option(min=32, help="Work in tiles of this size.", show_default="whole images"),
]


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

Study = Annotated[
    str | None,
    typer.Option(
        metavar="DB[#NAME]",
        help="What people said: a study database, and which study in it.",
        show_default="none; without a name, the latest study of the run",
    ),
]

METRICS_HELP = (
    f"Metrics, separated by commas: all, {', '.join([*metric_cards(), *set_metric_cards()])}."
)

DEFAULT_METRICS = f"{', '.join(DEFAULT)}, where their weights are"

MODEL_FORMS = (
    "a name of 'bench models', FILE.safetensors, FILE.pth, FILE.onnx, package.module:factory, "
    "outputs:FOLDER"
)
