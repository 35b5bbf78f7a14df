"""What a thing is: a digest of its content, never its name. The one mechanism, used everywhere.

A *digest* here is sixteen hexadecimal digits of the SHA-256 of all that a thing follows from. Cells
carry those of their model, their images and their metrics (`bench.runs.cells.Inputs`); weights
those of the images that they learned from (`bench.suites.learned`). What has another digest is
another thing, whatever it is called.

Digests of files are remembered in ``digests.db`` under the root of results, for as long as a file's
size, times and inode are the same. The database may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from bench.core.blobs import lmdb_of, read_bytes, state_of
from bench.core.files import sha256_of
from bench.core.layout import results

DIGITS = 16


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


def remembered(kind: str, path: Path, compute: Callable[[Path], str]) -> str:
    """Return what ``compute`` tells of a file, computed again only where the file has changed.

    ``kind`` names what is told. Raises OSError for a missing file, and what ``compute`` raises.
    """
    path = path.absolute()
    state = state_of(path)
    memory = _memory(results().absolute())
    value = memory.get(kind, str(path), state)
    if value is None:
        value = compute(path)
        memory.put(kind, str(path), state, value)
    return value


class _Memory:
    """A table of values by kind and path, in a file or, where none can be written, in memory."""

    def __init__(self, root: Path) -> None:
        self._lock = threading.Lock()
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._open(str(root / "digests.db"))
        except (OSError, sqlite3.Error):
            self._open(":memory:")

    def _open(self, address: str) -> None:
        self._base = sqlite3.connect(
            address, timeout=30, isolation_level=None, check_same_thread=False
        )
        self._base.execute("PRAGMA synchronous = OFF")  # lost or damaged, it is made anew
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS digests (kind TEXT, path TEXT, state TEXT, value TEXT, "
            "PRIMARY KEY (kind, path))"
        )

    def get(self, kind: str, path: str, state: str) -> str | None:
        try:
            with self._lock:
                row = self._base.execute(
                    "SELECT value FROM digests WHERE kind = ? AND path = ? AND state = ?",
                    (kind, _text(path), state),
                ).fetchone()
        except sqlite3.Error:
            return None  # damaged: it is told again
        return None if row is None else str(row[0])

    def put(self, kind: str, path: str, state: str, value: str) -> None:
        try:
            with self._lock:
                self._base.execute(
                    "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)",
                    (kind, _text(path), state, value),
                )
        except sqlite3.Error:
            pass  # a full disk: it is computed again the next time


_memory = cache(_Memory)


def _text(path: str) -> str:
    """Return a path that SQLite can hold, whatever bytes the file system has in it."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")
