"""Which item a main trial shows: the one judged least, or of the pair of models that tells most."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from raters.database.schema import MAIN, AnyRow, assignment, comparison, item
from raters.database.store import Store
from raters.trials.gains import Gains

AMONG = 8
"""The next trial is drawn among so many of those judged least."""

Draw = Callable[[Sequence[AnyRow]], AnyRow]

# Statements are built once: that costs SQLAlchemy more than SQLite needs to run them.
_WITH_ROOM = (
    select(
        item,
        comparison.c.taken,
        comparison.c.swapped,
        comparison.c.first.label("model"),
        comparison.c.second.label("other_model"),
    )
    .join(comparison, comparison.c.id == item.c.comparison)
    .where(
        item.c.room > 0,
        item.c.content.in_(bindparam("images", expanding=True)),
        ~select(assignment.c.id)
        .where(assignment.c.rater == bindparam("rater"), assignment.c.item == item.c.id)
        .exists(),
    )
    .order_by(item.c.room.desc(), item.c.rank)
    .limit(AMONG)
)
_OF_STUDY = _WITH_ROOM.where(item.c.study == bindparam("of"), item.c.kind == MAIN)
_OF_COMPARISON = _WITH_ROOM.where(item.c.comparison == bindparam("of"))
_ANSWERS = (
    select(comparison).where(comparison.c.study == bindparam("of_study")).order_by(comparison.c.id)
)
_PLACES = _ANSWERS.with_only_columns(
    comparison.c.id, comparison.c.taken, comparison.c.quota, comparison.c.done
)


def least_judged(
    connection: Connection, study: int, rater: int, images: Collection[int], draw: Draw
) -> AnyRow | None:
    """Return an item of ``images`` that the rater has not seen, of those with most room.

    ``draw`` chooses among equals, so that no two raters meet the trials in one order.
    """
    return _drawn(connection, _OF_STUDY, study, rater, images, draw)


def most_telling(
    store: Store,
    connection: Connection,
    study: int,
    rater: int,
    images: Collection[int],
    draw: Draw,
) -> AnyRow | None:
    """Return the same, of the comparison that tells most and still has one for this rater."""
    of = {"of_study": study}
    rows = connection.execute(_PLACES, of).all()
    known = store.remembered.get(("gains", study))
    if known is None or not known.fresh(rows):
        known = store.remembered["gains", study] = Gains.of(connection.execute(_ANSWERS, of).all())
    for index in known.order(rows):
        row = _drawn(connection, _OF_COMPARISON, rows[index].id, rater, images, draw)
        if row is not None:
            return row
    return None


def _drawn(
    connection: Connection,
    query: Any,
    of: int,
    rater: int,
    images: Collection[int],
    draw: Draw,
) -> AnyRow | None:
    given = {"of": of, "rater": rater, "images": list(images)}
    rows = connection.execute(query, given).all()
    least = min(((-row.room, row.taken) for row in rows), default=None)
    equals = [row for row in rows if (-row.room, row.taken) == least]
    return draw(equals) if equals else None
