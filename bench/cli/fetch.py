"""``bench fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import ShownProgress, print_json, say
from bench.cli.options import Json
from bench.core.errors import BenchError
from bench.core.names import choose
from bench.core.plugins import load_object
from bench.suites.table import suite_cards


def fetch(
    what: Annotated[
        str,
        typer.Argument(help="A suite's name, or 'weights': networks under metrics and losses."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder.", show_default="data/SUITE or results/weights")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Take the file from here instead.", show_default="official")
    ] = None,
    as_json: Json = False,
) -> None:
    """Download, verify and unpack. A broken download goes on where it stopped."""
    from dataclasses import replace

    from bench.suites.fetch import Download, digest_found
    from bench.suites.fetch import fetch as download_to

    downloads: list[Download]
    if what == "weights":
        from bench.core.layout import backbones_folder
        from bench.metrics.backbones import BACKBONES

        downloads = [
            Download(
                urls=(backbone.url,),
                file=backbone.file,
                licence=backbone.licence,
                page="https://docs.pytorch.org/vision/stable/models.html",
                sha256=backbone.digest,
                bytes=backbone.size,
            )
            for backbone in BACKBONES.values()
        ]
        target = out or backbones_folder()
    else:
        card = suite_cards()[choose("suite", what, [*suite_cards(), "weights"])]
        if card.download is None:
            from bench.suites.folder import how_to_get

            there = f"it is {card.size}" if not card.source else how_to_get(card)
            raise BenchError(f"suite '{what}' is nothing to download from here: {there}")
        downloads = [load_object(card.download)]
        target = out or Path("data") / what
    ready: list[dict[str, str | None]] = []
    with ShownProgress() as progress:
        for download in downloads:
            wanted = replace(download, urls=(url,)) if url else download
            progress.note(f"{wanted.file} from {wanted.urls[0]}")
            progress.note(f"  licence: {wanted.licence}; read more at {wanted.page}")
            done = download_to(wanted, target, progress=progress.update)
            digest = digest_found(wanted, target)
            ready.append({"path": str(done), "sha256": digest})
            if not as_json:
                say(f"ready: {done}" + (f" (sha256 {digest})" if digest else ""))
    if as_json:
        print_json(ready)
