"""Where a server listens: found out before anything heavy is loaded."""

from __future__ import annotations

import socket

from bench.core.errors import BenchError


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0: any free one. Raises `BenchError`."""
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise BenchError(
            f"cannot listen on {host}:{port} ({error.strerror or error}); stop what does, or give "
            "another --port"
        ) from error
