"""What other packages ask of a study database, as plain rows: they need no SQL of their own."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from raters.database import schema
from raters.database.store import Store
from raters.studies.creation import REFERENCE


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
