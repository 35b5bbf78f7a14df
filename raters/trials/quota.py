"""How many of each item and comparison are leased or judged: the counters behind every quota.

They change only inside a write transaction of the study (`Store.write`). A trial takes its place in
the item's quota when it is leased. A lease that has run out gives the place back; the first
transaction that comes along does so.

Raters answer side by side. An item has room or has not at the moment when its place is taken; the
counters of comparisons, of which a transaction changes several, wait in `Counts` and are written in
one order: two transactions would else hold what the other needs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from raters.database.schema import LEASED, MAIN, RELEASED, AnyRow, assignment, comparison, item

# Statements are built once: that costs SQLAlchemy more than SQLite needs to run them.
_ENDED = (
    select(assignment.c.id, assignment.c.item, assignment.c.swapped, item.c.comparison)
    .join(item, item.c.id == assignment.c.item)
    .where(
        assignment.c.study == bindparam("of_study"),
        assignment.c.state == LEASED,
        assignment.c.expires < bindparam("now"),
        assignment.c.kind == MAIN,
    )
)
_TAKE = (
    item.update().where(item.c.id == bindparam("key"), item.c.room > 0).values(room=item.c.room - 1)
)
SET_STATE = (
    assignment.update().where(assignment.c.id == bindparam("trial")).values(state=bindparam("to"))
)
_GIVE = item.update().where(item.c.id == bindparam("key")).values(room=item.c.room + 1)
_PREFERENCES = (("first_better", 1), ("second_better", -1), ("same", 0))
"""Column -> the preference that it counts."""
_COUNTERS = ("taken", "swapped", "done", *(name for name, _ in _PREFERENCES))
_COUNT = (
    comparison.update()
    .where(comparison.c.id == bindparam("key"))
    .values({name: comparison.c[name] + bindparam(f"more_{name}") for name in _COUNTERS})
)


class Counts:
    """What one transaction changes in the counters of comparisons, until `write`."""

    def __init__(self) -> None:
        self._changes: defaultdict[int, Counter[str]] = defaultdict(Counter)

    def place(self, of: int, swapped: bool, step: int) -> None:
        """Count a main trial of a comparison in (1) or out (-1)."""
        self._changes[of].update(taken=step, swapped=step * swapped)

    def answer(self, of: int, preference: int | None, step: int, done: int) -> None:
        """Count an answer in or out; ``preference`` as `Protocol.preference` has it.

        ``step`` is 1 or -1; ``done`` is the same, or 0 where a revision replaces an answer.
        """
        given = {name: step * (preference == counted) for name, counted in _PREFERENCES}
        self._changes[of].update(done=done, **given)

    def write(self, connection: Connection) -> None:
        """Change the rows of all comparisons, by their number."""
        rows = [
            {"key": of, **{f"more_{name}": changed[name] for name in _COUNTERS}}
            for of, changed in sorted(self._changes.items())
        ]
        if rows:
            connection.execute(_COUNT, rows)
        self._changes.clear()


def release_expired(connection: Connection, study: int, now: datetime) -> None:
    """Give back the places of all main trials whose lease has run out."""
    release(connection, connection.execute(_ENDED, {"of_study": study, "now": now}).all())


def release(connection: Connection, rows: Sequence[AnyRow]) -> None:
    """Give back the places of leased main trials (id, item, swapped, comparison)."""
    for row in rows:
        connection.execute(SET_STATE, {"trial": row.id, "to": RELEASED})
    counts = Counts()
    for row in rows:
        give_place(connection, counts, row)
    counts.write(connection)


def give_place(connection: Connection, counts: Counts, row: AnyRow) -> None:
    """Count a main trial out of its quota."""
    connection.execute(_GIVE, {"key": row.item})
    counts.place(row.comparison, row.swapped, -1)


def take_place(
    connection: Connection, counts: Counts, item_id: int, comparison_id: int, swapped: bool
) -> bool:
    """Count a main trial into its quota; False if that is full."""
    if not connection.execute(_TAKE, {"key": item_id}).rowcount:
        return False
    counts.place(comparison_id, swapped, 1)
    return True
