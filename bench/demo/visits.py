"""What a visit to the page leaves on the disk, and that nothing of it stays.

All lies below one temporary folder, which goes when the server ends. A visit's own folder and its
uploads go when the visitor leaves.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
from collections import defaultdict
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
        self._of: dict[str, list[Path]] = defaultdict(list)
        self._lock = threading.Lock()
        self._before = os.environ.get(GRADIO_FOLDER)
        os.environ[GRADIO_FOLDER] = str(self.uploads)

    def folder(self, visit: str) -> Path:
        """Return a new folder of a visit; what the visit has made before is removed."""
        made = self.root / secrets.token_urlsafe(16)  # nobody can guess it
        with self._lock:
            before, self._of[visit] = self._of[visit], []
            self._of[visit] = [path for path in before if self.uploads in path.parents] + [made]
        for path in before:
            if self.uploads not in path.parents:
                shutil.rmtree(path, ignore_errors=True)
        made.mkdir()
        return made

    def uploaded(self, visit: str, upload: str | None) -> None:
        """Remember whose an upload is; the visit's uploads before it are removed."""
        with self._lock:
            before = [path for path in self._of[visit] if self.uploads in path.parents]
            kept = [path for path in self._of[visit] if self.uploads not in path.parents]
            self._of[visit] = [*kept, *([Path(upload)] if upload else [])]
        for path in before:
            if upload is None or path != Path(upload):
                _remove(path)

    def left(self, visit: str) -> None:
        """Remove all that a visit has left."""
        with self._lock:
            paths = self._of.pop(visit, [])
        for path in paths:
            _remove(path)

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
