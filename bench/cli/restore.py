"""``bench restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import ShownProgress, complain, print_json, say
from bench.cli.options import MODEL_FORMS, Device, Json, Noncommercial, Tile
from bench.core.errors import said


def restore(
    model: Annotated[str, typer.Argument(help=f"Model spec: {MODEL_FORMS}.")],
    images: Annotated[list[Path], typer.Argument(help="Photographs.")],
    out: Annotated[Path, typer.Option(help="Folder for the restored PNGs.")] = Path("restored"),
    device: Device = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="Weights of a catalogue model.", show_default="the latest")
    ] = None,
    tile: Tile = None,
    noncommercial: Noncommercial = False,
    as_json: Json = False,
) -> None:
    """Apply a model to photographs."""
    from bench.compute.environment import pick_device
    from bench.image import read, to_pixels, to_tensor, write_png
    from models.loading import card_of, load_restorer
    from models.weights_folder import WeightsFolder

    card = card_of(model)
    if card and card.recipe and weights is None:
        weights = WeightsFolder().latest(card.name)
        if not as_json:
            say(f"weights: {weights}")
    restorer = load_restorer(model, device=pick_device(device), weights=weights, tile=tile)
    rows: list[dict[str, str | None]] = []
    with ShownProgress() as progress:
        for done, image in enumerate(images, 1):
            try:
                restored = to_pixels(restorer.restore(to_tensor(read(image))))
                write_png(out / f"{image.stem}.png", restored)
                rows.append({"image": str(image), "restored": str(out / f"{image.stem}.png"),
                             "error": None})  # fmt: skip
            except Exception as error:  # noqa: BLE001  one photograph never stops the others
                complain(f"{image}: {said(error)}")
                rows.append({"image": str(image), "restored": None, "error": said(error)})
            progress.update("restore", done, len(images), image.name)
    if as_json:
        print_json({"weights": str(weights) if weights else None, "images": rows})
    else:
        say(f"restored images: {out}")
    if any(row["error"] for row in rows):
        raise typer.Exit(1)
