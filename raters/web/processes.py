"""More than one process at one socket: in one, Python's threads take turns."""

from __future__ import annotations

import multiprocessing
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvicorn

from bench.core.limits import cores
from raters.web.address import Address
from raters.web.app import create_app, server

_fresh = multiprocessing.get_context("spawn")

STOP_SECONDS = 30.0
"""How long another process may take to end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """What a server is made of: see `create_app` and `server`."""

    store_url: str
    trusted: tuple[str, ...] = ()
    address: Address | None = None
    root: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")

    def server(self) -> uvicorn.Server:
        """Return a new server with an app of its own. Raises `BenchError` as `create_app` does."""
        app = create_app(self.store_url, self.trusted, self.address, self.root)
        return server(app, self.host, self.port, self.proxies)


def suitable(backend: str) -> int:
    """Return how many processes serve a ``backend`` best, `sqlite` or `postgresql`.

    SQLite's writers come one after the other, whatever waits for them.
    """
    return 1 if backend == "sqlite" else min(2, cores())


@contextmanager
def others(
    count: int, serving: Serving, listening: socket.socket
) -> Iterator[list[multiprocessing.process.BaseProcess]]:
    """Let ``count`` more processes take requests from ``listening``, each with its own server.

    They end when this does, and soon after this process if that is killed. One that dies is not
    replaced: the rest go on.
    """
    processes = [_fresh.Process(target=_serve, args=(serving, listening)) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield list(processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(STOP_SECONDS)
            if process.exitcode is None:
                process.kill()
                process.join()


def _serve(serving: Serving, listening: socket.socket) -> None:
    mine = serving.server()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        mine.should_exit = True

    threading.Thread(target=follow, daemon=True).start()
    with suppress(KeyboardInterrupt):  # which the whole group is sent: the first process says so
        mine.run(sockets=[listening])
