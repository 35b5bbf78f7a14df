"""``bench restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import ShownProgress, complain, say
from bench.cli.options import MODEL_FORMS, Device, Noncommercial, Tile
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
) -> None:
    """Apply a model to photographs."""
    from bench.compute.environment import pick_device
    from bench.image import read, to_pixels, to_tensor, write_png
    from models.loading import card_of, load_restorer
    from models.weights_folder import WeightsFolder

    card = card_of(model)
    if card and card.recipe and weights is None:
        weights = WeightsFolder().latest(card.name)
        say(f"weights: {weights}")
    restorer = load_restorer(model, device=pick_device(device), weights=weights, tile=tile)
    failed = False
    with ShownProgress() as progress:
        for done, image in enumerate(images, 1):
            try:
                restored = to_pixels(restorer.restore(to_tensor(read(image))))
                write_png(out / f"{image.stem}.png", restored)
            except Exception as error:  # noqa: BLE001  one photograph never stops the others
                complain(f"{image}: {said(error)}")
                failed = True
            progress.update("restore", done, len(images), image.name)
    say(f"restored images: {out}")
    if failed:
        raise typer.Exit(1)
