"""How a rater leaves a study: leases go to others, and everything of theirs can be erased."""

from __future__ import annotations

from sqlalchemy import Connection, select

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.schema import DONE, LEASED, MAIN, RELEASED
from raters.database.store import Store
from raters.protocols import protocol_called
from raters.trials.quota import Counts, give_place, release


def free_leases(connection: Connection, rater: int) -> None:
    """Give back all trials that a rater holds."""
    table = schema.assignment
    held = (table.c.rater == rater) & (table.c.state == LEASED)
    rows = connection.execute(
        select(table.c.id, table.c.item, table.c.swapped, schema.item.c.comparison)
        .join(schema.item, schema.item.c.id == table.c.item)
        .where(held, table.c.kind == MAIN)
    ).all()
    release(connection, rows)
    connection.execute(table.update().where(held).values(state=RELEASED))


def erase(store: Store, study_name: str, rater: int) -> int:
    """Remove one rater and all that came from them; return how many judgements that were.

    ``rater`` is the number in exports and on the dashboard. Places in quotas are free again. That
    someone was erased is logged, not who. Raises `BenchError` if the study has no such rater.
    """
    study = store.study(study_name)
    with store.write(study.id) as connection:
        known = connection.execute(
            select(schema.rater.c.id).where(
                schema.rater.c.study == study.id, schema.rater.c.id == rater
            )
        ).first()
        if known is None:
            raise BenchError(
                f"study '{study_name}' has no rater {rater}; 'bench rate status {study_name}' "
                "lists their numbers"
            )
        judgements = erase_rater(store, connection, study.id, rater)
    store.overwrite()
    return judgements


def erase_rater(store: Store, connection: Connection, study: int, rater: int) -> int:
    """Do the work of `erase` inside the caller's transaction; `Store.overwrite` follows it."""
    free_leases(connection, rater)
    table = schema.assignment
    protocol = protocol_called(
        connection.execute(
            select(schema.study.c.protocol).where(schema.study.c.id == study)
        ).scalar_one()
    )
    rows = connection.execute(
        select(
            table.c.id,
            table.c.item,
            table.c.swapped,
            table.c.kind,
            schema.item.c.comparison,
            schema.judgement.c.id.label("judgement"),
            schema.judgement.c.answer,
        )
        .join(schema.item, schema.item.c.id == table.c.item)
        .join(schema.judgement, schema.judgement.c.assignment == table.c.id)
        .where(table.c.rater == rater, table.c.state == DONE)
    ).all()
    counts = Counts()
    for row in rows:
        if row.kind == MAIN:
            answer = final_answer(connection, row.judgement, row.answer)
            preference = protocol.preference(answer, row.swapped)
            counts.answer(row.comparison, preference, -1, -1)
            give_place(connection, counts, row)
    counts.write(connection)
    connection.execute(schema.rater.delete().where(schema.rater.c.id == rater))
    store.log(connection, study, "erased", judgements=len(rows))
    return len(rows)


def final_answer(connection: Connection, judgement: int, first: str) -> str:
    """Return a judgement's answer after revisions, on sides; ``first`` if there are none."""
    last = connection.execute(
        select(schema.revision.c.answer)
        .where(schema.revision.c.judgement == judgement)
        .order_by(schema.revision.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return first if last is None else str(last)
