"""How many of each item and comparison are leased or judged: the counters behind every quota.

They change only inside a write transaction of the study (`Store.write`). A trial takes its place in
the item's quota when it is leased. A lease that has run out gives the place back; the first
transaction that comes along does so.
"""

from __future__ import annotations

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
_TAKEN = (
    comparison.update()
    .where(comparison.c.id == bindparam("key"))
    .values(taken=comparison.c.taken + 1, swapped=comparison.c.swapped + bindparam("more"))
)
SET_STATE = (
    assignment.update().where(assignment.c.id == bindparam("trial")).values(state=bindparam("to"))
)
_COUNTERS = (("first_better", 1), ("second_better", -1), ("same", 0))
"""Column -> the preference that it counts."""
_COUNT = (
    comparison.update()
    .where(comparison.c.id == bindparam("key"))
    .values(
        {
            name: comparison.c[name] + bindparam(name)
            for name in ("done", *(name for name, _ in _COUNTERS))
        }
    )
)


def release_expired(connection: Connection, study: int, now: datetime) -> None:
    """Give back the places of all main trials whose lease has run out."""
    for row in connection.execute(_ENDED, {"of_study": study, "now": now}).all():
        release(connection, row)


def release(connection: Connection, row: AnyRow) -> None:
    """Give back the place of one leased main trial (id, item, swapped, comparison)."""
    connection.execute(SET_STATE, {"trial": row.id, "to": RELEASED})
    give_place(connection, row)


def give_place(connection: Connection, row: AnyRow) -> None:
    """Count a main trial out of its quota."""
    connection.execute(item.update().where(item.c.id == row.item).values(room=item.c.room + 1))
    connection.execute(
        comparison.update()
        .where(comparison.c.id == row.comparison)
        .values(taken=comparison.c.taken - 1, swapped=comparison.c.swapped - int(row.swapped))
    )


def take_place(connection: Connection, item_id: int, comparison_id: int, swapped: bool) -> bool:
    """Count a main trial into its quota; False if that is full."""
    if not connection.execute(_TAKE, {"key": item_id}).rowcount:
        return False
    connection.execute(_TAKEN, {"key": comparison_id, "more": int(swapped)})
    return True


def count_answer(
    connection: Connection, of: int, preference: int | None, step: int, done: int
) -> None:
    """Count an answer of a comparison in or out; ``preference`` as `Protocol.preference` has it.

    ``step`` is 1 or -1; ``done`` is the same, or 0 where a revision replaces an answer.
    """
    connection.execute(
        _COUNT,
        {
            "key": of,
            "done": done,
            **{name: step * (preference == counted) for name, counted in _COUNTERS},
        },
    )
