"""From anyone's sharp photographs to the order of a suite: what of each, and into which split."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import BenchError
from bench.core.files import sha256_of
from bench.core.parallel import in_threads
from bench.core.progress import Update
from bench.degrade.parameters import Degradation
from bench.degrade.pipeline import Degraded, degrade
from bench.image import ImageError, Pixels, read
from bench.prepare import flaw
from bench.suites.listing import seed, share
from bench.suites.made import SPLITS, Item, Order
from bench.suites.mixture import LEAST, Combination, Mixture, degradation, notes
from bench.suites.table import Split

VERSION = 1
"""Raised with every change here or in the pipeline that changes a pixel."""

TITLE = "a suite of these photographs"

MOST_BYTES = 50e9
"""Of a suite: more is a mistake of levels rather than a wish."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph, and what was found when it was looked at."""

    name: str
    path: Path
    size: tuple[int, int] = (0, 0)
    """Of the piece that is taken, (height, width)."""
    corner: tuple[int, int] = (0, 0)
    """Of the piece, (row, column)."""
    pixels: str = ""
    """A digest of the piece: the same twice is one photograph under two names."""
    problem: str = ""
    """Why it cannot be used."""
    poor: str = ""
    """Why the quality filter drops it."""


def identify(files: Mapping[str, Path], mixture: Mixture, progress: Update) -> dict[str, Any]:
    """Return the suite's identity: what it is made of (every file's sha256), and how."""
    digests = list(in_threads(_sha256, list(files.values()), "reading photographs", progress))
    return {
        "suite": "mixture",
        "version": VERSION,
        "options": mixture.as_dict(),
        "photographs": dict(zip(files, digests, strict=True)),
    }


def order(
    files: Mapping[str, Path],
    mixture: Mixture,
    identity: Mapping[str, Any],
    progress: Update,
    skip_bad: bool = False,
) -> Order:
    """Look at the photographs and decide what to make of them; ``left_out`` says of which nothing.

    Raises `BenchError` that lists unusable photographs, unless ``skip_bad``, and for far too many
    images.
    """
    look = partial(_look, mixture)
    seen = list(in_threads(look, list(files.items()), "looking at photographs", progress))
    seen = _unlike(seen)
    bad = {photo.name: photo.problem for photo in seen if photo.problem}
    if bad and not skip_bad:
        first = "; ".join(f"{name}: {why}" for name, why in list(bad.items())[:5])
        more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise BenchError(
            f"{len(bad)} of {len(seen)} photographs cannot be used: {first}{more}; remove them, or "
            "leave them out with --skip-bad"
        )
    left_out = bad | {photo.name: photo.poor for photo in seen if photo.poor}
    usable = [photo for photo in seen if photo.name not in left_out]
    items: list[Item] = []
    parts, done = _split([photo.name for photo in usable], mixture), 0
    for split in SPLITS:
        chosen = [photo for photo in usable if parts[photo.name] == split]
        for photo, cells in zip(chosen, mixture.deal(len(chosen)), strict=True):
            items += [_item(mixture, photo, split, cell) for cell in cells]
            done += 1
            progress("choosing degradations", done, len(usable))
    if (size := room(items)) > MOST_BYTES:
        raise BenchError(
            f"{len(items)} images would take up to {size / 1e9:.0f} GB; expected "
            f"{MOST_BYTES / 1e9:.0f} GB at most: give fewer levels, photographs or --per-photo, "
            "or a smaller --crop"
        )
    largest = max(math.prod(photo.size) for photo in usable)
    details = {"notes": notes(mixture, len(usable), left_out), "left_out": left_out}
    # a pair takes some 300 bytes a pixel in memory while it is made
    workers = max(1, int(4e9 / (300 * largest)))
    return Order(TITLE, identity, items, details, workers)


def room(items: Sequence[Item]) -> int:
    """Return how many bytes the pairs take at most: those of their pixels, not compressed."""
    return sum(6 * math.prod(item.parameters["piece"][2:]) for item in items)


def _item(mixture: Mixture, photo: Photograph, split: Split, cell: Combination) -> Item:
    draws = seed(f"{mixture.seed} {photo.name}")
    how = degradation(mixture, cell, draws, math.hypot(*photo.size) / 2)
    piece = (*photo.corner, *photo.size)
    return Item(
        id=f"{photo.name}-{cell.label}",
        split=split,
        cluster=photo.name,
        strata=cell.strata,
        make=partial(remake, photo.path, piece, mixture.margin, how),
        parameters={
            "photograph": photo.name,
            "piece": list(piece),
            "margin": mixture.margin,
            "degradation": how.as_dict(),
        },
    )


def remake(
    path: Path, piece: tuple[int, int, int, int], margin: int, how: Degradation
) -> tuple[Pixels, Degraded]:
    """Return the sharp piece (row, column, height, width) of a photograph, and it degraded."""
    wide = _wide(path, piece, margin)
    inside = (slice(margin, margin + piece[2]), slice(margin, margin + piece[3]))
    return np.ascontiguousarray(wide[inside]), degrade(wide, how, margin)


@lru_cache(maxsize=8)  # the pairs of one photograph are made one after the other
def _wide(path: Path, piece: tuple[int, int, int, int], margin: int) -> Pixels:
    row, column, height, width = piece
    rows = slice(row - margin, row + height + margin)
    return read(path)[rows, column - margin : column + width + margin].copy()


def _look(mixture: Mixture, named: tuple[str, Path]) -> Photograph:
    name, path = named
    try:
        pixels = read(path)
    except ImageError as error:
        return Photograph(name, path, problem=str(error))
    height, width = pixels.shape[:2]
    if mixture.quality and min(height, width) < mixture.quality[1]:
        return Photograph(name, path, poor=flaw(pixels, *mixture.quality) or "")
    rim = mixture.margin
    side = mixture.crop or LEAST
    if min(height, width) < side + 2 * rim:
        around = f" with {rim} around it that blur brings in" if rim else ""
        return Photograph(
            name,
            path,
            problem=f"{width}x{height} is too small for {side} pixels{around}: expected at least "
            f"{side + 2 * rim} on each side",
        )
    size = (mixture.crop or height - 2 * rim, mixture.crop or width - 2 * rim)
    corner = ((height - size[0]) // 2, (width - size[1]) // 2)
    piece = np.ascontiguousarray(
        pixels[corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]]
    )
    poor = flaw(piece, mixture.quality[0], 0) if mixture.quality else None
    return Photograph(
        name, path, size, corner, hashlib.sha256(piece.data).hexdigest(), poor=poor or ""
    )


def _unlike(photographs: Sequence[Photograph]) -> list[Photograph]:
    """Call those unusable that show the same as an earlier one: they would leak between splits."""
    first: dict[str, str] = {}
    found = []
    for photo in photographs:
        other = first.setdefault(photo.pixels, photo.name) if photo.pixels else photo.name
        problem = photo.problem if other == photo.name else f"has the same pixels as '{other}'"
        found.append(replace(photo, problem=problem))
    return found


def _split(names: Sequence[str], mixture: Mixture) -> dict[str, Split]:
    """Deal the photographs out, drawn by their names: none is in two splits."""
    drawn = sorted(names, key=lambda name: share(f"split {mixture.seed} {name}"))
    wanted: dict[Split, float] = {"test": mixture.test, "val": mixture.val}
    found: dict[str, Split] = {}
    for split, part in wanted.items():
        count = max(round(part * len(names)), 1 if part else 0)
        found |= dict.fromkeys(drawn[len(found) : len(found) + count], split)
    found |= dict.fromkeys(drawn[len(found) :], "train")
    rest = 1 - mixture.test - mixture.val
    missing = [
        s
        for s, part in (wanted | {"train": rest}).items()
        if part > 1e-9 and s not in found.values()
    ]
    if missing or not names:
        raise BenchError(
            f"{len(names)} usable photographs are too few"
            + (f" for the splits {', '.join(wanted)} and train" if missing and names else "")
            + "; give more photographs, or another --val and --test"
        )
    return found


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
