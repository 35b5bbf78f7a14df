"""What a visit to the page leaves on the disk, and that nothing of it stays.

All lies below one temporary folder, which goes when the server ends. A visit's own folder and its
upload go when the visitor leaves: when the connection goes that an open page holds.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

GRADIO_FOLDER = "GRADIO_TEMP_DIR"
"""The variable by which Gradio is told where uploads go."""
PREFIX = "bench-demo-"


def remove_abandoned() -> None:
    """Remove what servers that were killed have left."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        server = path.name.removeprefix(PREFIX).partition("-")[0]
        if server.isdecimal() and not psutil.pid_exists(int(server)):
            shutil.rmtree(path, ignore_errors=True)


class Visits:
    """The folders of all visits that go on now."""

    def __init__(self) -> None:
        remove_abandoned()
        self.root = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.uploads = self.root / "uploads"
        self.uploads.mkdir()
        self._made: dict[str, Path] = {}
        self._uploads: dict[str, Path] = {}
        self._here: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._before = os.environ.get(GRADIO_FOLDER)
        os.environ[GRADIO_FOLDER] = str(self.uploads)

    @contextmanager
    def present(self, visit: str) -> Iterator[None]:
        """While a connection of the visit's page is open; after the last one nothing stays."""
        with self._lock:
            self._here[visit] += 1
        try:
            yield
        finally:
            with self._lock:
                self._here[visit] -= 1
            self._sweep(visit)

    def is_here(self, visit: str) -> bool:
        """Whether somebody waits for what the visit has asked for."""
        with self._lock:
            return self._here[visit] > 0

    @contextmanager
    def working(self, visit: str) -> Iterator[Path]:
        """Make a new folder of a visit; what the visit has made before is removed.

        The folder stays until the next one, or until the visitor leaves. Who has left before the
        work ends, or even before it begins, leaves nothing either.
        """
        made = self.root / secrets.token_urlsafe(16)  # nobody can guess it
        with self._lock:
            before, self._made[visit] = self._made.get(visit), made
        if before:
            _remove(before)
        made.mkdir()
        try:
            yield made
        finally:
            self._sweep(visit)
            if not self.is_here(visit):
                _remove(made)  # what was being written when the folder went

    def uploaded(self, visit: str, upload: str | None) -> None:
        """Remember whose an upload is; the visit's upload before it is removed."""
        with self._lock:
            before = self._uploads.pop(visit, None)
            if upload:
                self._uploads[visit] = Path(upload)
        self._remove_upload(before)
        self._sweep(visit)

    def _sweep(self, visit: str) -> None:
        """Remove all that a visit has left."""
        with self._lock:
            if self._here[visit] > 0:
                return
            del self._here[visit]
            made, upload = self._made.pop(visit, None), self._uploads.pop(visit, None)
        if made:
            _remove(made)
        self._remove_upload(upload)

    def _remove_upload(self, upload: Path | None) -> None:
        """Remove an upload that no visit has any more: Gradio names it by what is in it, so that
        two who try the same photograph have the same file."""
        with self._lock:
            if upload and upload not in self._uploads.values():
                _remove(upload)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.root, ignore_errors=True)
        if self._before is None:
            os.environ.pop(GRADIO_FOLDER, None)
        else:
            os.environ[GRADIO_FOLDER] = self._before


def _remove(path: Path) -> None:
    """Remove a visit's folder, or an upload with the folder that it alone lies in."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
