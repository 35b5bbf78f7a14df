"""A limit on guessing links and cookies, kept in memory only."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from raters.studies.tokens import Refused, hashed

FAILURES = 30
WINDOW_SECONDS = 60.0
REMEMBERED = 10_000

Opened = TypeVar("Opened")


class TooManyGuesses(Exception):
    """This address has tried too many wrong links in the last minute."""


class RateLimiter:
    """Opens tokens, counting the wrong ones per address of the network.

    Only failures count, and tokens that have been right are let in whatever their neighbours do:
    thirty people behind one address are a class, not an attack. Nothing is written down, and
    addresses are forgotten after a minute.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def open(self, token: str, address: str, opening: Callable[[str], Opened]) -> Opened:
        """Return ``opening(token)``. Raises `Refused` as that does, or `TooManyGuesses`."""
        digest = hashed(token)
        with self._lock:
            if digest not in self._known and self._exhausted(address):
                raise TooManyGuesses
        try:
            opened = opening(token)
        except Refused as refused:
            if refused.kind == "wrong":
                self._failed(address)
            raise
        with self._lock:
            self._known[digest] = None
            self._known.move_to_end(digest)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return opened

    def _exhausted(self, address: str) -> bool:
        times = self._failures.get(address)
        if times is None:
            return False
        while times and times[0] <= self._clock() - WINDOW_SECONDS:
            times.popleft()
        if not times:
            del self._failures[address]
        return len(times) >= FAILURES

    def _failed(self, address: str) -> None:
        with self._lock:
            times = self._failures.setdefault(address, deque(maxlen=FAILURES))
            times.append(self._clock())
            self._failures.move_to_end(address)
            oldest = self._clock() - WINDOW_SECONDS
            while self._failures and next(iter(self._failures.values()))[-1] <= oldest:
                self._failures.popitem(last=False)
            while len(self._failures) > REMEMBERED:
                self._failures.popitem(last=False)
