"""Who guesses links and cookies is told to stop. Kept in memory only."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from cachetools import TTLCache

from raters.studies.tokens import RaterRefused

FAILURES = 30
WINDOW_SECONDS = 60.0
REMEMBERED = 10_000

Opened = TypeVar("Opened")


class TooManyGuesses(Exception):
    """This address has tried too many wrong links in the last minute."""


class RateLimiter:
    """Opens tokens, counting the wrong ones per address of the network.

    A right token opens whatever its neighbours do: a class, or a whole study behind a proxy that
    does not say for whom it asks, has one address, its coordinator included. Nobody finds one of
    2^192 by trying, so looking each up is no help to who guesses. Nothing is written down, and an
    address is forgotten a minute after its last failure, or where `REMEMBERED` others have failed
    since.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: TTLCache[str, deque[float]] = TTLCache(REMEMBERED, WINDOW_SECONDS, clock)
        self._lock = Lock()

    def open(self, token: str, address: str, opening: Callable[[str], Opened]) -> Opened:
        """Return ``opening(token)``. Raises `RaterRefused` as that does, or `TooManyGuesses`."""
        try:
            return opening(token)
        except RaterRefused as refused:
            if refused.kind == "wrong" and self._failed_too_often(address):
                raise TooManyGuesses from None
            raise

    def _failed_too_often(self, address: str) -> bool:
        """Whether the address has failed so often before; counts this failure if not."""
        now = self._clock()
        with self._lock:
            times = self._failures.get(address, deque(maxlen=FAILURES))
            if len(times) == FAILURES and times[0] > now - WINDOW_SECONDS:
                return True
            times.append(now)
            self._failures[address] = times  # anew: the address is kept for another minute
        return False
