"""``bench restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.checks import check_restoring
from bench.cli.console import ShownProgress, complain, print_json, say
from bench.cli.options import MODEL_FORMS, Device, Json, Noncommercial, OwnWeights, Tile, weights_of
from bench.core.errors import message_of
from bench.core.mirror import mirrored, refuse_collisions


def restore(
    model: Annotated[str, typer.Argument(help=f"Model spec: {MODEL_FORMS}.")],
    images: Annotated[list[Path], typer.Argument(help="Photographs, or folders of them.")],
    out: Annotated[
        Path, typer.Option(help="Folder for the restored PNGs; the photographs' folders are kept.")
    ] = Path("restored"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace restored images that are there already.")
    ] = False,
    device: Device = "auto",
    weights: OwnWeights = None,
    tile: Tile = None,
    noncommercial: Noncommercial = False,
    as_json: Json = False,
) -> None:
    """Apply a model to photographs. No photograph is ever written over."""
    card = check_restoring(model, weights=weights, images=images)

    from bench.suites.folder import named_images

    files: dict[Path, Path] = {}  # each with the folder below which it is mirrored
    for given in images:
        if given.is_dir():
            files |= dict.fromkeys(named_images(given).values(), given)
        else:
            files[given] = given.parent
    targets = mirrored(files, out, ".png")
    refuse_collisions(targets, overwrite)
    weights = weights_of(card, weights, quiet=as_json)

    from bench.compute.environment import pick_device
    from bench.image import read, to_pixels, to_tensor, write_png
    from models.loading import load_restorer

    restorer = load_restorer(model, device=pick_device(device), weights=weights, tile=tile)
    rows: list[dict[str, str | None]] = []
    with ShownProgress() as progress:
        for done, (image, target) in enumerate(targets.items(), 1):
            try:
                restored = to_pixels(restorer.restore(to_tensor(read(image))))
                write_png(target, restored)
                rows.append({"image": str(image), "restored": str(target), "error": None})
            except Exception as error:  # noqa: BLE001  one photograph never stops the others
                complain(f"{image}: {message_of(error)}")
                rows.append({"image": str(image), "restored": None, "error": message_of(error)})
            progress.update("restore", done, len(targets), image.name)
    failed = sum(row["error"] is not None for row in rows)
    if as_json:
        print_json({"weights": str(weights) if weights else None, "images": rows})
    else:
        say(f"restored images: {len(rows) - failed} of {len(rows)}, in {out}")
    if failed:
        raise typer.Exit(1)
