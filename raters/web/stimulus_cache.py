"""Images on their way to raters: whose trial is it, and are the bytes still in memory?"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Generic, TypeVar

from sqlalchemy import bindparam, select

from raters.database import schema
from raters.database.store import Store
from raters.studies.tokens import hashed

CACHE_BYTES = 256 * 2**20
GIVEN = 50_000
"""Slots of trials whose rater is kept in memory: those of a thousand raters for hours."""

_STIMULUS = (  # one statement, built once
    select(schema.serving.c.stimulus)
    .join(schema.assignment, schema.assignment.c.id == schema.serving.c.assignment)
    .join(schema.rater, schema.rater.c.id == schema.assignment.c.rater)
    .where(
        schema.serving.c.id == bindparam("serving"), schema.rater.c.token_hash == bindparam("token")
    )
)

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """What was used last, for several threads: at most ``limit`` of it, by the sum of sizes."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size, self._lock = limit, 0, Lock()
        self._held: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Return what is held, None if nothing is."""
        with self._lock:
            held = self._held.get(key)
            if held is None:
                return None
            self._held.move_to_end(key)
            return held[0]

    def put(self, key: Key, value: Value, size: int = 1) -> None:
        """Hold ``value``; what was not used for longest goes."""
        with self._lock:
            _, before = self._held.pop(key, (None, 0))
            self._held[key] = value, size
            self._size += size - before
            while self._size > self._limit:
                _, (_, dropped) = self._held.popitem(last=False)
                self._size -= dropped


class StimulusCache:
    """Gives out stimuli by serving id, to the rater whose trial it is and to nobody else.

    Thirty raters judge the same few hundred images, so the bytes, which never change, stay in
    memory; so does to whom a serving id, 128 random bits, was given a moment ago.
    """

    def __init__(self, store: Store, limit: int = CACHE_BYTES) -> None:
        self._store = store
        self._pngs: Recent[int, bytes] = Recent(limit)
        self._given: Recent[tuple[str, str], int] = Recent(GIVEN)

    def remember(self, stimuli: Mapping[str, int], token: str) -> None:
        """Remember that the rater of ``token`` was given a trial of these slots."""
        owner = hashed(token)
        for serving, stimulus in stimuli.items():
            self._given.put((owner, serving), stimulus)

    def cached(self, serving: str, token: str) -> bytes | None:
        """Return the image if both are in memory: whose it is, and its bytes."""
        stimulus = self._given.get((hashed(token), serving))
        return None if stimulus is None else self._pngs.get(stimulus)

    def png(self, serving: str, token: str) -> bytes | None:
        """Return the image of one slot of a trial; None unless the trial is the token's rater's."""
        with self._store.read() as connection:
            stimulus: int | None = connection.execute(
                _STIMULUS, {"serving": serving, "token": hashed(token)}
            ).scalar_one_or_none()
            if stimulus is None:
                return None
            png = self._pngs.get(stimulus)
            if png is None:
                png = connection.execute(
                    select(schema.stimulus.c.png).where(schema.stimulus.c.id == stimulus)
                ).scalar_one()
                self._pngs.put(stimulus, png, len(png))
        return png
