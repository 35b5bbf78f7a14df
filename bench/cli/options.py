"""Options that several verbs share, defined once."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from bench.metrics.table import DEFAULT, metric_cards

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

Device = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option(help="Where it runs; auto: CUDA if there is any.")
]

Tile = Annotated[
    int | None,
    typer.Option(min=32, help="Work in tiles of this size.", show_default="whole images"),
]

METRICS_HELP = f"Metrics, separated by commas: all, {', '.join(metric_cards())}."

Metrics = Annotated[str, typer.Option(help=METRICS_HELP)]

DEFAULT_METRICS = ",".join(DEFAULT)

MODEL_FORMS = (
    "a name of 'bench models', FILE.safetensors, FILE.pth, FILE.onnx, package.module:factory, "
    "outputs:FOLDER"
)
