"""Unpack a zip file that came from outside."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from bench.core.errors import BenchError
from bench.core.progress import Update

_BLOCK = 1 << 20
_COMPLETE = ".complete"


def unpack(archive: Path, target: Path, update: Update) -> list[str]:
    """Unpack ``archive`` into ``target`` and return the names that appeared there.

    All of it is unpacked into a hidden folder first, then moved, so ``target`` never holds half a
    file; after a crash the next call finishes the move. Call `tidy` once the result is noted.
    ``target`` holds none of the names yet. ``report`` is called with bytes done and bytes in all.
    Raises `BenchError`, before anything is written, for an entry that would land outside ``target``
    or is a link or another special file, and for more than the disk has room for; also for a
    damaged archive; OSError for what the disk refuses.
    """
    part = _part(archive, target)
    try:
        with zipfile.ZipFile(archive) as bundle:
            entries = [entry for entry in bundle.infolist() if not entry.filename.endswith("/")]
            for entry in entries:
                _require_safe(entry, archive)
            names = sorted({PurePosixPath(entry.filename).parts[0] for entry in entries})
            if not unfinished(archive, target):
                _require_room(entries, archive, target)
                _extract(bundle, entries, part, update)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise BenchError(
            f"'{archive}' is no sound zip file ({error}); delete it and fetch it again"
        ) from error
    for name in names:
        if (part / name).exists():  # else an earlier call has moved it already
            (part / name).rename(target / name)
    return names


def unfinished(archive: Path, target: Path) -> bool:
    """Whether everything is unpacked but not all of it moved, or not yet noted."""
    return (_part(archive, target) / _COMPLETE).exists()


def tidy(archive: Path, target: Path) -> None:
    """Remove what `unpack` keeps to be able to finish after a crash."""
    shutil.rmtree(_part(archive, target), ignore_errors=True)


def _part(archive: Path, target: Path) -> Path:
    return target / f".{archive.name}.unpacking"


def _extract(
    bundle: zipfile.ZipFile,
    entries: list[zipfile.ZipInfo],
    part: Path,
    update: Update,
) -> None:
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    total, done = sum(entry.file_size for entry in entries), 0
    try:
        for entry in entries:
            path = part / entry.filename
            path.parent.mkdir(parents=True, exist_ok=True)
            with bundle.open(entry) as source, path.open("wb") as sink:
                while block := source.read(_BLOCK):
                    sink.write(block)
                    done += len(block)
                    update("unpack", done, total)
        (part / _COMPLETE).touch()
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _require_safe(entry: zipfile.ZipInfo, archive: Path) -> None:
    name = entry.filename
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name
    special = stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG)
    if outside or special or not path.parts or path.parts[0] == _COMPLETE:
        raise BenchError(
            f"'{archive}' holds '{name}', which would leave the target folder, or is a link or "
            "another special file; nothing was unpacked. Do not trust this file"
        )


def _require_room(entries: list[zipfile.ZipInfo], archive: Path, target: Path) -> None:
    total, free = sum(entry.file_size for entry in entries), shutil.disk_usage(target).free
    if total > free:
        raise BenchError(
            f"'{archive}' unpacks to {total / 1e9:.1f} GB and {free / 1e9:.1f} GB are free in "
            f"'{target}'; nothing was unpacked. Make room, or do not trust this file"
        )
