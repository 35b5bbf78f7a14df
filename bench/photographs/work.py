"""Many photographs and films, one after another: each done whole, or said why not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.blobs import is_lmdb, names_in
from bench.core.errors import BenchError, message_of
from bench.core.mirror import mirrored, refuse_collisions
from bench.core.progress import Update
from bench.image import SUFFIXES
from bench.photographs import video
from bench.photographs.reading import read_photograph
from bench.photographs.writing import FORMATS, write_photograph
from bench.suites.folder import files_below

if TYPE_CHECKING:
    from bench.image import Pixels
    from models.restorer import Restorer

BESIDE = "-before-after.jpg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A photograph or a film, where its restored one goes, and where both side by side go."""

    source: Path
    target: Path
    beside: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one: no ``target`` where it failed, for the reason ``error``."""

    source: Path
    target: Path | None
    beside: Path | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None


def plan(
    given: Sequence[Path], out: Path, *, form: str, before_after: bool, overwrite: bool
) -> list[Item]:
    """Return what is to be made of files and folders, mirrored below ``out``.

    Raises `BenchError` for an empty folder, for a target that is a source or is there already, and
    for films without ffmpeg.
    """
    files: dict[Path, Path] = {}  # each with the folder below which it is mirrored
    for path in given:
        if path.is_dir():
            files |= dict.fromkeys(_found_in(path), path)
        else:
            files[path] = path.parent
    targets = {
        source: target.with_name(target.name.removesuffix(_MARK) + _suffix(source, form))
        for source, target in mirrored(files, out, _MARK).items()
    }
    besides = {
        source: target.with_name(target.stem + BESIDE)
        for source, target in targets.items()
        if before_after and not video.is_film(source)
    }
    refuse_collisions(targets, overwrite)
    refuse_collisions(besides, overwrite)
    if doubled := set(besides.values()) & set(targets.values()):
        raise BenchError(f"'{min(doubled)}' would be written twice; give another --format")
    if any(map(video.is_film, files)):
        video.require_ffmpeg()
    return [
        Item(source=source, target=target, beside=besides.get(source))
        for source, target in targets.items()
    ]


_MARK = ".restored"
"""Stands for the suffix, which a photograph and a film do not share."""


def _suffix(source: Path, form: str) -> str:
    return video.suffix_of(source) if video.is_film(source) else FORMATS[form].suffix


def _found_in(folder: Path) -> list[Path]:
    """Return the photographs and films below a folder, in order. Raises `BenchError` for none."""
    kinds = SUFFIXES | video.SUFFIXES
    names = names_in(folder) if is_lmdb(folder) else sorted(files_below(folder, kinds))
    if not names:
        raise BenchError(
            f"no photographs in '{folder}'; expected files that end in {', '.join(sorted(kinds))}"
        )
    return [folder / name for name in names]


def restore_all(
    restorer: Restorer, items: Sequence[Item], *, form: str, heard: Update
) -> Iterator[Done]:
    """Restore photographs and films; yield what became of each. One never stops the others."""
    for number, item in enumerate(items):

        def frame(done: int, frames: int, name: str = item.source.name, at: int = number) -> None:
            share = min(done / frames, 1.0)
            heard("restore", at + share, len(items), f"{name}, frame {done} of {frames}")

        try:
            if video.is_film(item.source):
                yield _film(restorer, item, frame)
            else:
                yield _photograph(restorer, item, form)
        except Exception as error:  # noqa: BLE001  one never stops the others
            yield Done(source=item.source, target=None, error=message_of(error))
        heard("restore", number + 1, len(items), item.source.name)


def _photograph(restorer: Restorer, item: Item, form: str) -> Done:
    from bench.photographs.beside import before_after
    from bench.photographs.restoring import restore_photograph

    before = read_photograph(item.source)
    after = restore_photograph(restorer, before)
    notes = after.notes + write_photograph(item.target, after, form)
    if item.beside is not None:
        both = before_after(before, after, ("before", f"after: {restorer.name}"))
        write_photograph(item.beside, both, "jpeg")
    return Done(source=item.source, target=item.target, beside=item.beside, notes=notes)


def _film(restorer: Restorer, item: Item, heard: video.Heard) -> Done:
    from bench.photographs.restoring import restore_frames

    notes: list[str] = []

    def restored(frames: Iterator[Pixels]) -> Iterator[Pixels]:
        return restore_frames(restorer, frames, note=notes.append)

    started = time.monotonic()
    frames = video.restore_film(item.source, item.target, restored, heard)
    seconds = time.monotonic() - started
    said = (*notes, f"{frames} frames, {seconds / frames:.2g} s each")
    return Done(source=item.source, target=item.target, notes=said)


def as_row(done: Done) -> Mapping[str, object]:
    """Return it for programs."""
    return {
        "image": str(done.source),
        "restored": str(done.target) if done.target else None,
        "before_after": str(done.beside) if done.beside else None,
        "notes": list(done.notes),
        "error": done.error,
    }
