"""How many trials there are for a rater, and when more may come free.

Counted inside a write transaction of the study, over what all its raters hold and were promised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from raters.database.schema import (
    DONE,
    LEASED,
    MAIN,
    PREVIEW,
    RELEASED,
    TRAINING,
    assignment,
    item,
    rater,
)

LONGEST_WAIT = 15
"""Seconds after which a page that waits asks again: others may answer, withdraw or be erased."""

# Statements are built once: that costs SQLAlchemy more than SQLite needs to run them.
_OF_RATER = assignment.alias("of_rater")
_NOT_SEEN = ~(
    select(_OF_RATER.c.id)
    .where(
        _OF_RATER.c.rater == bindparam("rater"),
        _OF_RATER.c.item == item.c.id,
        _OF_RATER.c.state != RELEASED,
    )
    .correlate(item)
    .exists()
)
_ROOM = select(func.sum(item.c.room), func.count().filter(item.c.room > 0, _NOT_SEEN)).where(
    item.c.study == bindparam("of_study"), item.c.kind == MAIN
)
_HELD_BY_OTHERS = (
    select(func.min(assignment.c.expires))
    .join(item, item.c.id == assignment.c.item)
    .where(
        assignment.c.study == bindparam("of_study"),
        assignment.c.state == LEASED,
        assignment.c.kind == MAIN,
        assignment.c.rater != bindparam("rater"),
        _NOT_SEEN,
    )
)
_ASKED = assignment.alias("asked")
_LIVE = assignment.alias("live")
_AT_WORK = (
    select(
        rater.c.agreed,
        (rater.c.external_hash.is_not(None)).label("crowd"),
        func.count().filter(_ASKED.c.state != RELEASED).label("taken"),
        func.count().filter(_ASKED.c.state == DONE).label("done"),
    )
    .join(_ASKED, (_ASKED.c.rater == rater.c.id) & (_ASKED.c.kind != TRAINING))
    .where(
        rater.c.study == bindparam("of_study"),
        rater.c.id != bindparam("rater"),
        rater.c.source != PREVIEW,
        rater.c.agreed.is_not(None),
        rater.c.finished.is_(None),
        rater.c.withdrawn.is_(None),
        select(_LIVE.c.id)
        .where(
            _LIVE.c.rater == rater.c.id,
            _LIVE.c.state == LEASED,
            _LIVE.c.expires >= bindparam("now"),
        )
        .correlate(rater)
        .exists(),
    )
    .group_by(rater.c.id, rater.c.agreed, rater.c.external_hash)
)
"""What raters who hold a lease at the moment were promised, and had of it."""


def promise(
    connection: Connection,
    study: int,
    rater: int,
    now: datetime,
    *,
    kinds: Sequence[str],
    crowd: bool,
    done: bool,
) -> int:
    """Return how many of the trials of ``kinds``, in their order, there are for a rater.

    None that is needed to keep what others at work were promised. Who comes from a ``crowd`` and
    has ``done`` nothing is promised nothing while others of it hold half of what is left and have
    judged nothing: links are opened by the dozen and left.
    """
    of = {"of_study": study, "rater": rater, "now": now}
    room, items = connection.execute(_ROOM, of).one()
    others = connection.execute(_AT_WORK, of).all()
    free = (room or 0) - sum(max(row.agreed - row.taken, 0) for row in others)
    needed = free // max(kinds.count(MAIN), 1)  # raters for all that is free
    waiting = sum(row.crowd and not row.done for row in others)
    if crowd and not done and waiting > needed // 2:
        return 0
    mains, count = max(min(free, items), 0), 0
    for kind in kinds:
        mains -= kind == MAIN
        if mains < 0:
            break
        count += 1
    return count


def wait(connection: Connection, study: int, rater: int, now: datetime) -> int | None:
    """Return in how many seconds a trial that others hold may come free; None: never."""
    of = {"of_study": study, "rater": rater}
    ends: datetime | None = connection.execute(_HELD_BY_OTHERS, of).scalar_one()
    if ends is None:
        promised = connection.execute(_ROOM, of).one()[1]
        return LONGEST_WAIT if promised else None
    return max(1, min(math.ceil((ends - now).total_seconds()), LONGEST_WAIT))
