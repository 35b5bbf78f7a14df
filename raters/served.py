"""Images on their way to raters: whose trial is it, and are the bytes still in memory?"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from sqlalchemy import bindparam, select

from raters import schema
from raters.store import Store
from raters.tokens import hashed

CACHE_BYTES = 256 * 2**20

_STIMULUS = (  # one statement, built once: images are most of what raters ask for
    select(schema.serving.c.stimulus)
    .join(schema.assignment, schema.assignment.c.id == schema.serving.c.assignment)
    .join(schema.rater, schema.rater.c.id == schema.assignment.c.rater)
    .where(
        schema.serving.c.id == bindparam("serving"), schema.rater.c.token_hash == bindparam("token")
    )
)


class Served:
    """Gives out stimuli by serving id; the bytes of those used last are kept in memory.

    Who may see what is asked of the database every time. Thirty raters judge the same few hundred
    images, so the bytes, which never change, rarely are.
    """

    def __init__(self, store: Store, limit: int = CACHE_BYTES) -> None:
        self._store, self._limit = store, limit
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def png(self, serving: str, token: str) -> bytes | None:
        """Return the image of one slot of a trial; None unless the trial is the token's rater's."""
        of = {"serving": serving, "token": hashed(token)}
        with self._store.read() as connection:
            stimulus = connection.execute(_STIMULUS, of).scalar_one_or_none()
            if stimulus is None:
                return None
            with self._lock:
                if stimulus in self._held:
                    self._held.move_to_end(stimulus)
                    return self._held[stimulus]
            png: bytes = connection.execute(
                select(schema.stimulus.c.png).where(schema.stimulus.c.id == stimulus)
            ).scalar_one()
        self._keep(stimulus, png)
        return png

    def _keep(self, stimulus: int, png: bytes) -> None:
        with self._lock:
            if stimulus not in self._held:
                self._size += len(png)
            self._held[stimulus] = png
            while self._size > self._limit:
                _, dropped = self._held.popitem(last=False)
                self._size -= len(dropped)
