"""``bench restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.checks import check_restoring
from bench.cli.console import ShownProgress, complain, print_json, say
from bench.cli.options import MODEL_FORMS, Device, Json, Noncommercial, OwnWeights, Tile, weights_of
from bench.core.allocator import keep_memory
from bench.records import tile_of


def restore(
    model: Annotated[str, typer.Argument(help=f"Model spec: {MODEL_FORMS}.")],
    images: Annotated[
        list[Path], typer.Argument(help="Photographs and films, or folders of them.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the results; the photographs' folders are kept.")
    ] = Path("restored"),
    form: Annotated[
        Literal["png", "jpeg", "webp", "tiff"],
        typer.Option(
            "--format",
            help="What photographs are written as. png and tiff keep 16 bits, all keep EXIF and "
            "colour profile.",
        ),
    ] = "png",
    before_after: Annotated[
        bool,
        typer.Option("--before-after", help="Also write both side by side, beside each result."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace restored images that are there already.")
    ] = False,
    device: Device = "auto",
    weights: OwnWeights = None,
    tile: Tile = "auto",
    noncommercial: Noncommercial = False,
    as_json: Json = False,
) -> None:
    """Apply a model to photographs and films. None is ever written over.

    EXIF, colour profile, 16 bits, transparency and grey are kept, and a film's rate and sound.
    """
    side = tile_of(tile)
    keep_memory()
    card = check_restoring(model, weights=weights, images=images)

    from bench.photographs.work import as_row, plan, restore_all

    items = plan(images, out, form=form, before_after=before_after, overwrite=overwrite)
    weights = weights_of(card, weights, quiet=as_json)

    from bench.compute.environment import pick_device
    from models.loading import load_restorer

    restorer = load_restorer(model, device=pick_device(device), weights=weights, tile=side)
    rows = []
    with ShownProgress() as progress:
        for done in restore_all(restorer, items, form=form, heard=progress.update):
            rows.append(as_row(done))
            if done.error:
                complain(f"{done.source}: {done.error}")
            for note in done.notes:
                progress.note(f"{done.source}: {note}")
    failed = sum(row["error"] is not None for row in rows)
    if as_json:
        print_json({"weights": str(weights) if weights else None, "images": rows})
    elif failed == len(rows):
        say(f"nothing was restored: {failed} of {failed} failed, for the reasons above")
    else:
        say(f"restored images: {len(rows) - failed} of {len(rows)}, in {out}")
    if failed:
        raise typer.Exit(1)
