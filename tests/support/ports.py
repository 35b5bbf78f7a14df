"""Ports for servers that are told theirs before they start, or take it again after a kill."""

from __future__ import annotations

import secrets
import socket

_RANGE = range(20_000, 32_000)
"""Below the ports that Linux, macOS and Windows give to whoever asks for any."""


def free_port() -> int:
    """Return a port that is free, and that no one is given who does not ask for it by number."""
    while True:
        port = secrets.choice(_RANGE)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
