"""A limit on guessing links and cookies, kept in memory only."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from cachetools import LRUCache, TTLCache

from raters.studies.tokens import RaterRefused, hashed

FAILURES = 30
WINDOW_SECONDS = 60.0
REMEMBERED = 10_000

Opened = TypeVar("Opened")


class TooManyGuesses(Exception):
    """This address has tried too many wrong links in the last minute."""


class RateLimiter:
    """Opens tokens, counting the wrong ones per address of the network.

    Only failures count, and tokens that have been right are let in whatever their neighbours do:
    thirty people behind one address are a class, not an attack. Nothing is written down, and an
    address is forgotten a minute after its last failure, or where `REMEMBERED` others have failed
    since.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: TTLCache[str, deque[float]] = TTLCache(REMEMBERED, WINDOW_SECONDS, clock)
        self._known: LRUCache[str, bool] = LRUCache(REMEMBERED)
        self._lock = Lock()

    def open(self, token: str, address: str, opening: Callable[[str], Opened]) -> Opened:
        """Return ``opening(token)``. Raises `RaterRefused` as that does, or `TooManyGuesses`."""
        digest = hashed(token)
        with self._lock:
            if digest not in self._known and self._exhausted(address):
                raise TooManyGuesses
        try:
            opened = opening(token)
        except RaterRefused as refused:
            if refused.kind == "wrong":
                self._failed(address)
            raise
        with self._lock:
            self._known[digest] = True
        return opened

    def _exhausted(self, address: str) -> bool:
        times = self._failures.get(address)
        return (
            times is not None
            and len(times) == FAILURES
            and times[0] > self._clock() - WINDOW_SECONDS
        )

    def _failed(self, address: str) -> None:
        with self._lock:
            times = self._failures.get(address, deque(maxlen=FAILURES))
            times.append(self._clock())
            self._failures[address] = times  # anew: the address is kept for another minute
