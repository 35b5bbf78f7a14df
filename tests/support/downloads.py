"""A server on this machine for tests of downloads, with moods that can be set."""

from __future__ import annotations

import hashlib
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.core.layout import VARIABLE, runtime_folder
from bench.suites.fetch import fetch
from models.browser import RUNTIME, published

DATA = np.random.default_rng(0).bytes(3_000_000)
DIGEST = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    """A server whose moods can be set; ``asked`` holds the Range header of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data = DATA
        self.etag: str | None = '"one"'
        self.ranges = True
        self.length: bool | str = True
        """Whether to tell the length, or what to tell instead."""
        self.redirect = ""
        """Where to send whoever asks."""
        self.break_after: list[int] = []
        """Bytes after which each of the next answers breaks off."""
        self.statuses: list[int] = []
        """Statuses of the next answers."""
        self.asked: list[str | None] = []
        self.validators: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is part of the tests


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        server.validators.append(self.headers.get("If-Range"))
        if server.statuses:
            self.send_error(server.statuses.pop(0))
            return
        if server.redirect:
            self.send_response(302)
            self.send_header("Location", server.redirect)
            self.end_headers()
            return
        start = 0
        same = self.headers.get("If-Range") in (None, server.etag)
        if wanted and server.ranges and same:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.data)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        body = server.data[start:]
        self.send_response(206 if start else 200)
        if start:
            last = len(server.data) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(server.data)}")
        if server.etag:
            self.send_header("ETag", server.etag)
        if server.length:
            told = server.length if isinstance(server.length, str) else str(len(body))
            self.send_header("Content-Length", told)
        self.end_headers()
        if server.break_after:
            body = body[: server.break_after.pop(0)]
        self.wfile.write(body)


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def runtime_fetched(factory: pytest.TempPathFactory) -> Path:
    """Return a root of results that holds onnxruntime-web, fetched once and kept in the cache.

    Skips where the registry cannot be reached.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = caches / "restoration-bench" / "tests"
    root = factory.mktemp("runtime")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(root))
        target = runtime_folder()
    try:
        file = fetch(published(), kept, attempts=2)
    except BenchError as error:
        pytest.skip(f"onnxruntime-web cannot be fetched here: {error}")
    target.mkdir(parents=True)
    (target / RUNTIME.file).symlink_to(file)
    return root
