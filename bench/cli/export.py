"""``bench export``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bench.checks import check_profile
from bench.cli.console import parse_size, print_json, say, say_prose
from bench.cli.options import MODEL_FORMS, Json, Noncommercial
from bench.core.errors import BenchError
from bench.core.layout import file_name
from bench.core.names import choose
from models.specs import card_of, label
from models.weights_folder import WeightsFolder


def export(
    model: Annotated[str, typer.Argument(help=f"Model spec: {MODEL_FORMS}.")],
    to: Annotated[str, typer.Option(help="onnx, torch.export or torchscript.")] = "onnx",
    out: Annotated[
        Path | None, typer.Option(help="File.", show_default="the model's name, here")
    ] = None,
    size: Annotated[
        str, typer.Option(help="HEIGHTxWIDTH of the image that it is traced with.")
    ] = "256x256",
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Weights of a catalogue model.", show_default="the only ones trained here"
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there already.")
    ] = False,
    noncommercial: Noncommercial = False,
    as_json: Json = False,
) -> None:
    """Write a model's network for other programs, and prove that the file makes the same pictures.

    The file takes float images (1,C,H,W) of [0,1] whose sides are multiples of what is said, and is
    run on two sizes; one that makes other pictures is refused. An ONNX file is a model like any
    other of 'bench models'.
    """
    height_width = parse_size(size)
    check_profile(model, size=height_width, seconds=1, weights=weights)
    known = ("onnx", "torch.export", "torchscript")
    choose("format", to, dict.fromkeys(known))
    card = card_of(model)
    if card and card.recipe and weights is None:
        weights = WeightsFolder().only(card.name)
        if not as_json:
            say(f"weights: {weights}")

    from models.export import FORMATS
    from models.export import export as write
    from models.loading import load_restorer

    form = FORMATS[to]
    path = out or Path(f"{file_name(label(model))}{form.suffix}")
    if path.exists() and not overwrite:
        raise BenchError(f"'{path}' is there already; give --overwrite, or another --out")
    made = write(load_restorer(model, weights=weights), path, form, height_width)
    if as_json:
        print_json(asdict(made) | {"path": str(made.path)})
        return
    say(f"{made.path}: {form.title}; {made.megabytes:.2f} MB")
    sizes = "images of every size" if made.sizes else f"images of {size} only"
    say_prose(
        f"same pictures as the network's: at most {made.largest:.2g} apart in [0, 1], "
        f"{made.mean:.2g} in the mean; runs on {sizes}"
    )
