"""What was told of files, kept in a file of SQLite that may be deleted, or damaged, at any time."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

PATIENCE_S = 30
"""How long another process may hold the file."""


class Memory:
    """A table of values by kind, name and state, in a file.

    What cannot be read counts as not there. Each row proves that it is what was written: power that
    fails, or a disk that rots, makes a value be computed again and never another one. A file that
    is no database any more is made anew; where none can be written there is nothing to `get`, or
    what was there before, and `put` says so. Without a path it is kept for this process only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path, self._lock = path, threading.Lock()
        self._base: sqlite3.Connection | None = None
        self._writes = True

    def get(self, kind: str, name: str, state: str) -> str | None:
        """Return the value that was put, None for none of this state."""
        with self._lock:
            try:
                row = self._row(kind, _text(name), state)
            except sqlite3.OperationalError:
                return None  # held, or not readable: it is told again
            except sqlite3.Error:
                self._remake()
                return None
        if row is None or row[1] != _proof(kind, _text(name), state, row[0]):
            return None
        return str(row[0])

    def put(self, kind: str, name: str, state: str, value: str) -> bool:
        """Keep a value in place of that of another state. Say whether it is kept."""
        row = (kind, _text(name), state, value)
        with self._lock:
            for _ in range(2):
                try:
                    base = self._opened()
                    if base is None or not self._writes:
                        return False
                    base.execute(
                        "INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?)", (*row, _proof(*row))
                    )
                except sqlite3.OperationalError:
                    return False  # a full disk, or one that is not to be written to
                except sqlite3.Error:
                    self._remake()
                else:
                    return True
        return False

    def _row(self, kind: str, name: str, state: str) -> tuple[object, object] | None:
        if self._base is None and self._path is not None and not self._path.exists():
            return None  # nothing is made where nothing is put
        base = self._opened()
        if base is None:
            return None
        found: tuple[object, object] | None = base.execute(
            "SELECT value, proof FROM told WHERE kind = ? AND name = ? AND state = ?",
            (kind, name, state),
        ).fetchone()
        return found

    def _opened(self) -> sqlite3.Connection | None:
        """Return the connection, opened at the first call: to write, else to read, else none."""
        if self._base is None and self._writes:
            try:
                self._base = self._connected()
                self._base.execute("PRAGMA synchronous = OFF")  # rows prove themselves
                self._base.execute(
                    "CREATE TABLE IF NOT EXISTS told (kind TEXT, name TEXT, state TEXT, "
                    "value TEXT, proof TEXT, PRIMARY KEY (kind, name))"
                )
            except (OSError, sqlite3.OperationalError):
                self._writes, self._base = False, None
                with suppress(OSError, sqlite3.Error):
                    self._base = self._connected("?mode=ro")
        return self._base

    def _connected(self, mode: str = "") -> sqlite3.Connection:
        address = ":memory:"
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            address = self._path.as_uri() + mode
        return sqlite3.connect(
            address, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False, uri=True
        )

    def _remake(self) -> None:
        """Let go of a file that is no database, and take it away."""
        if self._base is not None:
            self._base.close()
            self._base = None
        if self._path is None:
            return
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
            self._path.with_name(f"{self._path.name}-journal").unlink(missing_ok=True)


def _proof(*row: object) -> str:
    return hashlib.blake2b(repr(row).encode(), digest_size=8).hexdigest()


def _text(name: str) -> str:
    """Return a name that SQLite can hold, whatever bytes the file system has in it."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
