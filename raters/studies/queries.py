"""What other packages ask of a study database, as plain rows: they need no SQL of their own."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from raters.database import schema
from raters.database.store import Store
from raters.studies.building import REFERENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOfRun:
    """A study's name and the folder of the run that it was made of, as it was then."""

    name: str
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyStimulus:
    """What a study shows of one model's ``image``: a PNG."""

    model: str
    image: str
    png: bytes


def all_studies(store: Store) -> list[StudyOfRun]:
    """Return the studies of a database in the order in which they were made, the latest last."""
    table = schema.study.c
    with store.read() as connection:
        rows = connection.execute(select(table.name, table.run).order_by(table.id))
        return [StudyOfRun(name=row.name, run=row.run) for row in rows]


def some_stimuli(store: Store, study_name: str, most: int) -> list[StudyStimulus]:
    """Return at most ``most`` stimuli of models, spread evenly over a study's images and models.

    Raises `BenchError` for an unknown study.
    """
    s, m, c = schema.stimulus.c, schema.method.c, schema.content.c
    study = store.study(study_name).id
    with store.read() as connection:
        known = connection.execute(
            select(s.id, m.label, c.image)
            .join(schema.method, m.id == s.method)
            .join(schema.content, c.id == s.content)
            .where(c.study == study, m.label != REFERENCE)
            .order_by(c.id, m.label)
        ).all()
        chosen = known[:: max(1, len(known) // most)][:most]
        rows = connection.execute(
            select(s.id, s.png).where(s.id.in_([row.id for row in chosen]))
        ).all()
    files = {row.id: row.png for row in rows}
    return [StudyStimulus(model=row.label, image=row.image, png=files[row.id]) for row in chosen]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySummary:
    """One line about a study. ``raters``: those who began; ``judgements`` of ``quota`` are done."""

    name: str
    protocol: str
    state: str
    created: str
    raters: int
    judgements: int
    quota: int


def summaries(store: Store) -> list[StudySummary]:
    """Return the studies of a database in the order in which they were made, the latest last."""
    s, c, r = schema.study.c, schema.comparison.c, schema.rater.c
    began = (
        select(func.count())
        .where(r.study == s.id, r.consented.is_not(None), r.source != schema.PREVIEW)
        .scalar_subquery()
    )
    done, quota = (
        select(func.coalesce(func.sum(column), 0)).where(c.study == s.id).scalar_subquery()
        for column in (c.done, c.quota)
    )
    with store.read() as connection:
        rows = connection.execute(
            select(
                s.name,
                s.protocol,
                s.state,
                s.created,
                began.label("raters"),
                done.label("done"),
                quota.label("quota"),
            ).order_by(s.id)
        ).all()
    return [
        StudySummary(
            name=row.name,
            protocol=row.protocol,
            state=row.state,
            created=row.created.isoformat(timespec="seconds"),
            raters=row.raters,
            judgements=row.done,
            quota=row.quota,
        )
        for row in rows
    ]
