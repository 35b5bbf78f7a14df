"""Who may learn who made what, and when: after closing, or on request and on record."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.store import Store

WHAT = "unblinded"


class StillOpen(BenchError):
    """Names and results were asked for too early."""


def require_closed(store: Store, study: Any, by: str, unblind: bool = False) -> None:
    """Raise `StillOpen` for the row of an open ``study``; with ``unblind``, record it instead."""
    if study.state == "closed":
        return
    if not unblind:
        raise StillOpen(
            f"study '{study.name}' is open, and its results stay hidden until it is closed; "
            f"'bench rate close {study.name}' closes it for good"
        )
    put_on_record(store, study, by)


def put_on_record(store: Store, study: Any, by: str) -> None:
    """Log that the models of an open ``study`` were named; of a closed one, they may be."""
    if study.state != "closed":
        with store.write(study.id) as connection:
            store.log(connection, study.id, WHAT, by=by)


def unblind(store: Store, study_name: str) -> None:
    """Put on record that names and results are shown. Raises `StillOpen`."""
    study = store.study(study_name)
    if study.state != "closed":
        raise StillOpen(f"study '{study_name}' is open; close it before looking at its results")
    with store.write(study.id) as connection:
        if not _on_record(connection, study.id):
            store.log(connection, study.id, WHAT, by="dashboard")


def unblinded(store: Store, study_name: str) -> bool:
    """Whether the study is closed and somebody has asked for its results on the record."""
    study = store.study(study_name)
    with store.read() as connection:
        return study.state == "closed" and _on_record(connection, study.id)


def _on_record(connection: Connection, study: int) -> bool:
    asked = (schema.event.c.study == study) & (schema.event.c.what == WHAT)
    return connection.execute(select(schema.event.c.id).where(asked)).first() is not None
