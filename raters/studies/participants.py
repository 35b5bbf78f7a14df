"""Who took part: what paying people, and approving them on a platform, needs.

The platform's number of a participant is read here and nowhere else: no export, page or status has
it, and `erase` removes it with its rater.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import select

from raters.database import schema
from raters.database.schema import PREVIEW
from raters.database.store import Store
from raters.protocols import protocol_called
from raters.studies.secret import unsealed
from raters.studies.status import status
from raters.texts.own import kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """One rater. ``rater`` is the number that exports and `erase` know.

    ``participant``: the platform's number, None for who was invited, and for who came before
    numbers were kept. ``state``: invited, preparing, judging, done or withdrawn. ``agreed``: trials
    promised, None before judging. ``language``: that of what they were told, from consent on.
    ``practice``: passed or failed, None before it is over. ``answers``: to the questions, by
    their ids. ``golden_passed`` of ``golden_seen`` known answers were right.
    """

    rater: int
    source: str
    participant: str | None
    state: str
    language: str | None
    practice: str | None
    judged: int
    agreed: int | None
    golden_passed: int
    golden_seen: int
    flags: tuple[str, ...]
    code: str | None
    answers: Mapping[str, Any]


def participants(store: Store, study_name: str) -> list[Participant]:
    """Return the raters of a study in the order of their numbers. Raises `BenchError`."""
    study = store.study(study_name)
    began = {rater.rater: rater for rater in status(store, study_name).raters}
    with store.read() as connection:
        rows = connection.execute(
            select(schema.rater)
            .where(schema.rater.c.study == study.id, schema.rater.c.source != PREVIEW)
            .order_by(schema.rater.c.id)
        ).all()
    protocol = protocol_called(study.protocol)
    questions = next(iter(kept(study, protocol).values())).questions
    found = []
    for row in rows:
        own = began.get(row.id)
        number = None
        if row.participant is not None:
            number = unsealed(study.secret, row.participant, "participant", row.external_hash)
        found.append(
            Participant(
                rater=row.id,
                source=row.source,
                participant=number,
                state="invited" if own is None else own.stage,
                language=row.language,
                practice=row.practice,
                judged=0 if own is None else own.done,
                agreed=row.agreed,
                golden_passed=0 if own is None else own.golden_passed,
                golden_seen=0 if own is None else own.golden_seen,
                flags=() if own is None else own.flags,
                code=row.completion_code,
                answers={
                    question.id: question.told(row.answers.get(question.id))
                    for question in (questions if row.answers else ())
                },
            )
        )
    return found


def participants_csv(rows: Sequence[Participant]) -> str:
    """Return a table of `Participant`, a row for each."""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, [field.name for field in fields(Participant)], lineterminator="\n"
    )
    writer.writeheader()
    for row in rows:
        values = asdict(row) | {"flags": "; ".join(row.flags)}
        values["answers"] = json.dumps(row.answers, ensure_ascii=False) if row.answers else ""
        writer.writerow({key: "" if value is None else value for key, value in values.items()})
    return text.getvalue()
