"""``bench export``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bench.checks import check_export
from bench.cli.console import parse_size, print_json, say, say_prose
from bench.cli.options import MODEL_FORMS, Json, Noncommercial, OwnWeights, weights_of
from bench.core.errors import BenchError
from bench.core.layout import file_name
from bench.core.names import choose
from models.formats import FORMATS
from models.specs import label, model_file


def export(
    model: Annotated[str, typer.Argument(help=f"Model spec: {MODEL_FORMS}.")],
    to: Annotated[str, typer.Option(help=f"{', '.join(FORMATS)}.")] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(help="File, or a folder for it.", show_default="the model's name, here"),
    ] = None,
    size: Annotated[
        str, typer.Option(help="HEIGHTxWIDTH of the image that it is traced with.")
    ] = "256x256",
    weights: OwnWeights = None,
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
    form = FORMATS[choose("format", to, FORMATS)]
    name = f"{file_name(label(model))}{form.suffix}"
    path = (out / name if out.is_dir() else out) if out else Path(name)
    others = {row.suffix: row.name for row in FORMATS.values() if row is not form}
    if path.suffix in others:
        raise BenchError(
            f"--out {path}: {path.suffix} is of --to {others[path.suffix]}; expected {form.suffix} "
            f"for --to {form.name}"
        )
    card = check_export(model, size=height_width, weights=weights)
    weights = weights_of(card, weights, quiet=as_json)

    from models.export import export as write
    from models.loading import load_restorer
    from models.weights import header_of, onnx_metadata, steps_of

    if path.exists() and not overwrite:
        raise BenchError(f"'{path}' is there already; give --overwrite, or another --out")
    file = weights or model_file(model)
    about = onnx_metadata(header_of(file), steps_of(file)) if file else None
    made = write(load_restorer(model, weights=weights), path, form, height_width, about)
    if as_json:
        print_json(asdict(made) | {"path": str(made.path)})
        return
    say(f"{made.path}: {form.title}; {made.megabytes:.2f} MB")
    sizes = "images of every size" if made.sizes else f"images of {size} only"
    say_prose(
        f"same pictures as the network's: at most {made.largest:.2g} apart in [0, 1], "
        f"{made.mean:.2g} in the mean; runs on {sizes}"
    )
