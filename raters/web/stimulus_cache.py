"""Images on their way to raters: whose trial is it, and are the bytes still in memory?"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from threading import Lock

from cachetools import LRUCache
from sqlalchemy import bindparam, select

from raters.database import schema
from raters.database.store import Store
from raters.studies.secret import stream
from raters.studies.stimuli import padded_anew
from raters.studies.tokens import hashed

CACHE_BYTES = 256 * 2**20
OWNED = 50_000
"""Slots of trials whose rater is kept in memory: those of a thousand raters for hours."""

_STIMULUS = (  # one statement, built once
    select(schema.serving.c.stimulus, schema.study.c.secret)
    .join(schema.assignment, schema.assignment.c.id == schema.serving.c.assignment)
    .join(schema.rater, schema.rater.c.id == schema.assignment.c.rater)
    .join(schema.study, schema.study.c.id == schema.assignment.c.study)
    .where(
        schema.serving.c.id == bindparam("serving"), schema.rater.c.token_hash == bindparam("token")
    )
)


def served(png: bytes, secret: str, serving: str) -> bytes:
    """Return a stimulus as one serving of it is sent: no two have the same bytes."""
    return padded_anew(png, lambda length: stream(secret, length, "padding", serving))


class StimulusCache:
    """Gives out stimuli by serving id, to the rater whose trial it is and to nobody else.

    Thirty raters judge the same few hundred images, so the bytes, which never change, stay in
    memory; so does to whom a serving id, 128 random bits, was given a moment ago.
    """

    def __init__(self, store: Store, limit: int = CACHE_BYTES) -> None:
        self._store = store
        self._pngs: LRUCache[int, bytes] = LRUCache(limit, len)
        self._owned: LRUCache[tuple[str, str], tuple[int, str]] = LRUCache(OWNED)
        self._lock = Lock()  # looking something up changes what was used last

    def remember(self, stimuli: Mapping[str, int], token: str, secret: str) -> None:
        """Remember that the rater of ``token`` was given a trial of these slots.

        ``secret`` is that of the study.
        """
        owner = hashed(token)
        with self._lock:
            for serving, stimulus in stimuli.items():
                self._owned[owner, serving] = stimulus, secret

    def cached(self, serving: str, token: str) -> bytes | None:
        """Return the image if both are in memory: whose it is, and its bytes."""
        owner = hashed(token)
        with self._lock:
            stimulus, secret = self._owned.get((owner, serving), (None, ""))
            png = None if stimulus is None else self._pngs.get(stimulus)
        return None if png is None else served(png, secret, serving)

    def png(self, serving: str, token: str) -> bytes | None:
        """Return the image of one slot of a trial; None unless the trial is the token's rater's."""
        with self._store.read() as connection:
            known = connection.execute(
                _STIMULUS, {"serving": serving, "token": hashed(token)}
            ).one_or_none()
            if known is None:
                return None
            with self._lock:
                png = self._pngs.get(known.stimulus)
            if png is None:
                png = connection.execute(
                    select(schema.stimulus.c.png).where(schema.stimulus.c.id == known.stimulus)
                ).scalar_one()
                self.keep(known.stimulus, png)
        return served(png, known.secret, serving)

    def keep(self, stimulus: int, png: bytes) -> None:
        """Keep an image in memory; what was not used for longest goes. Too large ones are not."""
        with self._lock, suppress(ValueError):
            self._pngs[stimulus] = png
