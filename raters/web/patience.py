"""How long the server waits for somebody who has begun to ask."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

READ_SECONDS = 20.0
"""For the head of a request, and again for its body: both are small."""

_Protocol: Any = AutoHTTPProtocol


class PatientProtocol(_Protocol):  # type: ignore[misc]
    """uvicorn's HTTP protocol, which by itself waits for the head of a request for ever.

    Whoever opens connections by the hundred and sends half a request on each would keep them all,
    until the process may open no more files.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait on, from when it began, until the head is whole."""
        super().data_received(data)
        if self._at_work():
            self._stop()
        elif not self.timeout_keep_alive_task:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def _at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(READ_SECONDS, self._give_up)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if not self._at_work() and not self.transport.is_closing():
            self.transport.close()
