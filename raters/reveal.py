"""Showing a coordinator who made what: after closing, on request, and on record."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, select

from bench.records import BenchError
from raters import schema
from raters.export import votes
from raters.store import Store

WHAT = "unblinded"


class StillOpen(BenchError):
    """Names and results were asked for too early."""


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


def results(store: Store, study_name: str) -> list[tuple[str, float, int]]:
    """Return model, mean and number of judgements, best first.

    The mean is the share of wins, ties half, or the mean rating: plain figures for a first look,
    without the model of comparisons or the intervals of an analysis. Raises `StillOpen` unless
    `unblinded`.
    """
    if not unblinded(store, study_name):
        raise StillOpen(f"study '{study_name}' has not been closed and unblinded")
    given = votes(store, study_name)
    table = []
    for number, label in enumerate(given.methods):
        first, second = given.first == number, given.second == number
        worth = np.concatenate([given.answer[first], 1 - given.answer[second]])
        if len(worth):
            table.append((label, float(worth.mean()), len(worth)))
    return sorted(table, key=lambda row: -row[1])


def _on_record(connection: Connection, study: int) -> bool:
    asked = (schema.event.c.study == study) & (schema.event.c.what == WHAT)
    return connection.execute(select(schema.event.c.id).where(asked)).first() is not None
