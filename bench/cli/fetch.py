"""``bench fetch``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import ShownProgress, print_json, say
from bench.cli.options import Json
from bench.core.errors import BenchError
from bench.core.files import sha256_of
from bench.core.layout import published_folder, runtime_folder
from bench.core.names import choose
from bench.core.plugins import load_object
from bench.metrics.backbones import BACKBONES, Backbone, files_of, keep_part
from bench.metrics.card import MetricCard
from bench.metrics.set_table import SetMetricCard, set_metric_cards
from bench.metrics.table import ALIASES, metric_cards
from bench.suites.table import suite_cards
from models.browser import NAME as RUNTIME_NAME
from models.browser import published as published_runtime
from models.catalogue import Card, model_cards
from models.published_files import checkpoint_of, download_of, how_to_get


def backbones_named(names: Sequence[str]) -> tuple[Backbone, ...]:
    """Return the networks of these names, or under the metrics of these names; of none, all.

    Raises `BenchError` for other names, and for a metric that needs no download.
    """
    cards: dict[str, MetricCard | SetMetricCard] = {**metric_cards(), **set_metric_cards()}
    under = {name: card.backbone for name, card in cards.items() if card.backbone}
    under |= {short: under[name] for short, name in ALIASES.items() if name in under}
    under |= {name: name for name in BACKBONES}
    for name in names:
        if name in cards and name not in under:
            raise BenchError(f"'{name}' needs no download; these do: {', '.join(under)}")
    chosen = [under[choose("weights", name, under)] for name in names] or list(BACKBONES)
    return tuple(BACKBONES[name] for name in dict.fromkeys(chosen))


def published_named(names: Sequence[str]) -> tuple[Card, ...]:
    """Return the published networks of these names.

    Raises `BenchError` for other names, and for none: together they are gigabytes.
    """
    known = {name: card for name, card in model_cards().items() if card.checkpoint}
    if not names:
        raise BenchError(
            f"name the models to fetch, such as {next(iter(known))}; known: {', '.join(known)}"
        )
    for name in names:
        if name not in known and name in model_cards():
            raise BenchError(f"'{name}' is not published weights; 'bench models {name}' shows it")
    return tuple(known[choose("model", name, known)] for name in dict.fromkeys(names))


def _kept(backbone: Backbone, folder: Path) -> Path | None:
    """Return the kept part that is in a folder, where it is not damaged."""
    for path in files_of(backbone, folder):
        if path.name != backbone.file and sha256_of(path).startswith(path.stem[-8:]):
            return path
    return None


def fetch(
    what: Annotated[
        str,
        typer.Argument(
            help="A suite's name; 'models': published networks; 'weights': networks under metrics "
            "and losses; or 'onnxruntime-web', which runs a model in a report's page."
        ),
    ],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Of models: names of 'bench models'. Of weights: the metrics that need them "
            "(lpips-alex, fid), or the networks (vgg19, inception).",
            show_default="all weights, no models",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder.", show_default="data/SUITE or results/weights")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Take the file from here instead.", show_default="official")
    ] = None,
    as_json: Json = False,
) -> None:
    """Download, verify and unpack. A broken download goes on where it stopped.

    'bench fetch weights lpips-alex' fetches what that metric needs and nothing else. Of networks
    whose convolutions alone are used, only these are kept (10 of AlexNet's 244 MB), once the whole
    file is verified.

    'bench fetch models nafnet-gopro-w32' fetches that network's weights, by which it then runs. A
    digest that is not published is kept when the file first comes, and asked of it ever after. A
    file that only a person may download is verified once it lies where the command says.
    """
    backbones = backbones_named(names or ()) if what == "weights" else ()
    cards = published_named(names or ()) if what == "models" else ()
    if names and what not in ("weights", "models"):
        raise BenchError(f"'{what}' is fetched whole; got also {', '.join(names)}")
    if url and len(backbones) + len(cards) > 1:
        raise BenchError(
            f"--url is of one file, and these are {len(backbones) + len(cards)}; name one"
        )
    from dataclasses import replace

    from bench.suites.fetch import Download, digest_found
    from bench.suites.fetch import fetch as download_to

    downloads: list[Download]
    if what == "weights":
        from bench.core.layout import backbones_folder

        downloads = [
            Download(
                urls=(backbone.url,),
                file=backbone.file,
                licence=backbone.licence,
                page="https://docs.pytorch.org/vision/stable/models.html",
                sha256=backbone.digest,
                bytes=backbone.size,
            )
            for backbone in backbones
        ]
        target = out or backbones_folder()
    elif what == "models":
        downloads = [download_of(card) for card in cards]
        target = out or published_folder()
        for card, download in zip(cards, downloads, strict=True):
            checkpoint = checkpoint_of(card)
            if not checkpoint.url and not url and not (target / download.file).is_file():
                raise BenchError(
                    f"'{card.name}' is nothing that a program may download: {how_to_get(card)}, "
                    f"then 'bench fetch models {card.name}' again: it is verified and pinned"
                )
    elif what == RUNTIME_NAME:
        downloads = [published_runtime()]
        target = out or runtime_folder()
    else:
        suites = suite_cards()
        suite = suites[choose("suite", what, [*suites, "weights", "models", RUNTIME_NAME])]
        if suite.download is None:
            from bench.suites.folder import how_to_get as way_to

            there = f"it is {suite.size}" if not suite.source else way_to(suite)
            raise BenchError(f"suite '{what}' is nothing to download from here: {there}")
        downloads = [load_object(suite.download)]
        target = out or Path("data") / what
    ready: list[dict[str, str | None]] = []
    with ShownProgress() as progress:
        for number, download in enumerate(downloads):
            backbone = backbones[number] if backbones else None
            if backbone and backbone.part and (here := _kept(backbone, target)):
                ready.append({"path": str(here), "sha256": sha256_of(here)})
                if not as_json:
                    say(f"ready: {here} (sha256 {sha256_of(here)}), fetched before")
                continue
            wanted = replace(download, urls=(url,)) if url else download
            progress.note(f"{wanted.file} from {wanted.urls[0]}")
            progress.note(f"  licence: {wanted.licence}; read more at {wanted.page}")
            done = download_to(wanted, target, progress=progress.update)
            digest = digest_found(wanted, target)
            ready.append({"path": str(done), "sha256": digest})
            if backbone and backbone.part:
                part = keep_part(backbone, done)
                progress.note(
                    f"  {done.name} is right (sha256 {digest}); kept of it: {backbone.part}.*, "
                    f"{part.stat().st_size / 1e6:.1f} MB"
                )
                done, digest = part, sha256_of(part)
                ready[-1] |= {
                    "path": str(done),
                    "sha256": digest,
                    "whole_sha256": ready[-1]["sha256"],
                }
            pinned = ", not published: pinned here" if cards and wanted.sha256 is None else ""
            if not as_json:
                say(f"ready: {done}" + (f" (sha256 {digest}{pinned})" if digest else ""))
    if as_json:
        print_json(ready)
