"""Where the files of published networks lie, whether they are right, and how to get them.

Imports no torch. A file is known by its digest: that of the table, or the one that was found when
the file first came, which is kept beside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.core.errors import BenchError
from bench.core.files import sha256_of
from bench.core.identity import remembered
from bench.core.layout import published_folder
from bench.suites.fetch import Download, digest_found
from models.catalogue import Card
from models.published import Checkpoint, place_of


def checkpoint_of(card: Card) -> Checkpoint:
    """Return the published file of a card that has one."""
    assert card.checkpoint is not None
    return card.checkpoint


def download_of(card: Card) -> Download:
    """Return the file of a published network as it is fetched into `published_folder`.

    Where its digest is not published it is the one that was pinned when it first came, if it has.
    """
    checkpoint = checkpoint_of(card)
    place = place_of(card.name, checkpoint)
    found = Download(
        urls=(checkpoint.url or checkpoint.page,),
        file=place.name,
        licence=checkpoint.licence,
        page=checkpoint.page,
        sha256=checkpoint.sha256,
        bytes=checkpoint.bytes,
    )
    return replace(found, sha256=found.sha256 or digest_found(found, place.parent))


def find_published(card: Card) -> Path | None:
    """Return where the file of a published network is: under $BENCH_WEIGHTS, or among ours."""
    return next((path for path in _places(card) if path.is_file()), None)


def published_file(card: Card) -> Path:
    """Return the verified file of a published network.

    Raises `BenchError` where it is missing, with the command that fetches it or the page to get it
    from by hand, and where it is another file than its digest says.
    """
    path = find_published(card)
    if path is None:
        raise BenchError(f"no weights of '{card.name}' ({card.title}) here: {how_to_get(card)}")
    expected = download_of(card).sha256
    if expected and not (found := remembered("sha256", path, sha256_of)).startswith(expected):
        raise BenchError(
            f"'{path}' is not {checkpoint_of(card).file} as published: its SHA-256 is {found}, "
            f"expected {expected}; move it away, then {how_to_get(card)}"
        )
    return path


def how_to_get(card: Card) -> str:
    """Say how the file of a published network comes here."""
    checkpoint = checkpoint_of(card)
    if checkpoint.url:
        return f"run 'bench fetch models {card.name}' ({checkpoint.size}; {checkpoint.licence})"
    return (
        f"download {checkpoint.file} by hand from {checkpoint.page} ({checkpoint.licence}) and put "
        f"it at '{place_of(card.name, checkpoint)}'"
    )


def _places(card: Card) -> Iterator[Path]:
    checkpoint = checkpoint_of(card)
    place = place_of(card.name, checkpoint)
    if own := os.environ.get("BENCH_WEIGHTS"):
        yield Path(own) / place.name
        yield Path(own) / checkpoint.file
    yield published_folder() / place.name
