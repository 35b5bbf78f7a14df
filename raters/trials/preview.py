"""Trying a study without taking part in it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from raters.database import schema
from raters.database.schema import PREVIEW
from raters.database.store import Store
from raters.studies.tokens import invite
from raters.trials.withdrawal import erase

KEPT = timedelta(days=1)
"""A preview that is older goes when the next is asked for."""


def preview(store: Store, study_name: str) -> str:
    """Return the token of a link to try a study by. Raises `BenchError` for a closed study.

    Whoever follows it sees what raters see. Nothing of theirs takes a place in a quota, and none of
    it is in a status, an export or an analysis.
    """
    study, r = store.study(study_name), schema.rater.c
    old = (r.source == PREVIEW) & (r.study == study.id) & (r.created < store.clock() - KEPT)
    with store.read() as connection:
        numbers = connection.execute(select(r.id).where(old)).scalars().all()
    for number in numbers:
        erase(store, study_name, number)
    return invite(store, study_name, 1, PREVIEW)[0]
