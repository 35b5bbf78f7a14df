"""What a thing is: a digest of its content, never its name. The one mechanism, used everywhere.

A *digest* here is sixteen hexadecimal digits of the SHA-256 of all that a thing follows from. Cells
carry those of their model, their images and their metrics (`bench.runs.cells.Inputs`); weights
those of the images that they learned from (`bench.suites.learned`). What has another digest is
another thing, whatever it is called.

Digests of files are remembered (`bench.core.remembering`) for as long as a file's size, times and
inode are the same; what follows from the bytes alone, for as long as the bytes are. They are kept
beside the data where that is known and can be written to (`keep_beside`), else under the root of
results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from bench.core.blobs import lmdb_of, read_bytes, state_of
from bench.core.files import sha256_of
from bench.core.layout import results
from bench.core.remembering import Memory

DIGITS = 16

BESIDE, UNDER_RESULTS = ".digests.db", "digests.db"
"""Files that hold what is remembered: at the root of a data set, and at that of results."""

_roots: set[Path] = set()


def digest_of(*parts: Any) -> str:
    """Return the digest of what JSON can hold. Other parts, or another order: another digest.

    >>> digest_of("unet", None) != digest_of("unet")
    True
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:DIGITS]


def file_digest(path: Path) -> str:
    """Return the digest of a file's bytes. Raises OSError for a file that cannot be read."""
    return remembered("bytes", path, _digest_of_bytes)


def _digest_of_bytes(path: Path) -> str:
    if lmdb_of(path) is None:
        return sha256_of(path)[:DIGITS]
    return hashlib.sha256(read_bytes(path)).hexdigest()[:DIGITS]


def keep_beside(root: Path) -> None:
    """Let what is told of files under ``root`` be remembered there, in `BESIDE`.

    Where that cannot be written it is remembered under the root of results. Processes that were
    not told so find the file once it is there.
    """
    _roots.add(root.absolute())
    _home.cache_clear()


def remembered(
    kind: str,
    path: Path,
    compute: Callable[[Path], str],
    *,
    by_bytes: bool = False,
    anew: bool = False,
) -> str:
    """Return what ``compute`` tells of a file, computed again only where the file has changed.

    ``kind`` names what is told. ``by_bytes``: it follows from the bytes alone and takes longer than
    reading them, so that a file which was copied, moved or touched is known again. ``anew``: it is
    computed whatever is remembered. Raises OSError for a missing file, and what ``compute`` raises.
    """
    path = path.absolute()
    state = state_of(path)
    if not anew and (value := recalled(kind, path, by_bytes=by_bytes)) is not None:
        return value
    value = compute(path)
    _put(kind, path, state, value)
    if by_bytes and state_of(path) == state:
        _put(kind, path, _BYTES, value, file_digest(path))
    return value


def recalled(kind: str, path: Path, *, by_bytes: bool = False) -> str | None:
    """Return what is remembered of a file as it is now, or None. Computes its digest at most.

    Raises OSError for a missing file.
    """
    path = path.absolute()
    state = state_of(path)
    for memory, name in _memories(path):
        if (value := memory.get(kind, name, state)) is not None:
            return value
    if not by_bytes:
        return None
    digest = file_digest(path)
    for memory, _ in _memories(path):
        if (value := memory.get(kind, digest, _BYTES)) is not None:
            _put(kind, path, state, value)
            return value
    return None


_BYTES = "bytes"
"""Stands for a file's state where the digest of its bytes stands for its path."""


def _put(kind: str, path: Path, state: str, value: str, name: str | None = None) -> None:
    for memory, found in _memories(path):
        if memory.put(kind, name or found, state, value):
            return


def _memories(path: Path) -> list[tuple[Memory, str]]:
    """Return the memories of a file, the nearest first, and what it is called in each."""
    name = str(path)
    found = [(_memory(results().absolute() / UNDER_RESULTS), name), (_memory(None), name)]
    if (home := _home(path.parent)) is not None:
        found.insert(0, (_memory(home / BESIDE), path.relative_to(home).as_posix()))
    return found


@lru_cache(maxsize=4096)
def _home(folder: Path) -> Path | None:
    """Return the root of the data that a folder is of, if that is known."""
    above = (folder, *folder.parents)
    return next((place for place in above if place in _roots or (place / BESIDE).is_file()), None)


_memory = cache(Memory)
