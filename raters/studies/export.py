"""What people answered, as CSV and as JSON; `raters.studies.answers` gives arrays.

One row per judgement. The columns are those that JPEG AIC-3 keeps of its subjective tests, under
plain names: its left / not sure / right is ``answer``; its bias and trap trials are ``kind`` repeat
and golden, with ``passed``; response time is ``response_ms``; reload count is ``reloads``;
resolution is ``viewport_width``, ``viewport_height``, ``pixel_ratio`` and ``zoom``; the
colour-vision check is ``colour_vision``, empty where a study has none, else passed, red-green or
unclear. ``layout`` names what stood side by side, from left to right; ``reference_shown`` and
``reference_ms`` say how often and how long the reference was to be seen. ``language`` is that of a
rater's texts; ``practice`` is failed where not all of it was right in the end. ``about_rater``,
``screen`` and ``viewing`` hold what raters answered about themselves, and what the screen checks
and the judging page noted, as JSON.

Until a study is closed, ``left`` and ``right`` are stimulus numbers, drawn at random, instead of
names: ``#12`` says which image was judged and not who made it. Where the answer is known, the good
image is called ``copy`` and the degraded one ``golden`` or ``training``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from raters.database import schema
from raters.database.schema import PREVIEW, AnyRow
from raters.database.store import Store
from raters.protocols import Protocol, protocol_called
from raters.studies.unblinding import put_on_record
from raters.texts.own import kept
from raters.texts.questions import Question
from raters.texts.table import OF_PROTOCOLS

COLUMNS = (
    "study",
    "protocol",
    "rater",
    "source",
    "language",
    "about_rater",
    "practice",
    "trial",
    "kind",
    "repeat_of",
    "image",
    "cluster",
    "crop_top",
    "crop_left",
    "crop_height",
    "crop_width",
    "left",
    "right",
    "answer",
    "first_answer",
    "revisions",
    "passed",
    "response_ms",
    "timer_broken",
    "reloads",
    "layout",
    "reference_shown",
    "reference_ms",
    "judged",
    "viewport_width",
    "viewport_height",
    "pixel_ratio",
    "zoom",
    "colour_vision",
    "screen",
    "viewing",
)


def judgements_csv(store: Store, study_name: str, unblind: bool = False) -> str:
    """Return all judgements as CSV, `COLUMNS` first. ``unblind`` names models early: logged."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in judgements(store, study_name, unblind):
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return text.getvalue()


def judgements_json(store: Store, study_name: str, unblind: bool = False) -> str:
    """Return the study and all judgements as JSON. ``unblind`` names models early: logged."""
    rows = judgements(store, study_name, unblind)
    study = store.study(study_name)
    protocol = protocol_called(study.protocol)
    usual = next(iter(kept(study, protocol).values()))
    path = f"{OF_PROTOCOLS}{protocol.name}.answers."
    head = {
        "study": study.name,
        "protocol": study.protocol,
        "question": study.question,
        "state": study.state,
        "created": study.created.isoformat(),
        "seed": study.seed,
        "answers": {
            answer.code: usual.words[path + answer.code]
            for answer in protocol.choices(study.options["ties"])
            if answer in protocol.named
        },
        "questions": {question.id: question.question for question in usual.questions},
        "named": study.state == "closed" or unblind,
    }
    return json.dumps({**head, "judgements": rows}, indent=1) + "\n"


def judgements(store: Store, study_name: str, unblind: bool = False) -> list[dict[str, Any]]:
    """Return one dict per judgement, keyed by `COLUMNS`, in order of time."""
    study = store.study(study_name)
    named = study.state == "closed" or unblind
    if unblind:
        put_on_record(store, study, "export")
    with store.read() as connection:
        labels = labels_of(connection, study.id)
        answers = final_answers(connection, study.id)
        rows = connection.execute(_judged(study.id)).all()
    protocol, shown = protocol_called(study.protocol), labels if named else None
    questions = next(iter(kept(study, protocol).values())).questions
    return [
        _row(study, protocol, questions, row, answers.get(row.judgement, []), shown) for row in rows
    ]


def final_answers(connection: Connection, study: int) -> dict[int, list[str]]:
    """Return the revised answers, on sides, of each judgement that has any, the last one last."""
    answers: dict[int, list[str]] = {}
    rows = connection.execute(
        select(schema.revision.c.judgement, schema.revision.c.answer)
        .join(schema.judgement, schema.judgement.c.id == schema.revision.c.judgement)
        .join(schema.assignment, schema.assignment.c.id == schema.judgement.c.assignment)
        .where(schema.assignment.c.study == study)
        .order_by(schema.revision.c.id)
    )
    for row in rows:
        answers.setdefault(row.judgement, []).append(row.answer)
    return answers


def labels_of(connection: Connection, study: int) -> dict[int, str]:
    """Return the names of a study's models by their numbers."""
    rows = connection.execute(select(schema.method).where(schema.method.c.study == study))
    return {row.id: row.label for row in rows}


def _judged(study: int) -> Any:
    """Select everything that is known of each judgement."""
    first, second = schema.stimulus.alias("one"), schema.stimulus.alias("two")
    a, j, i, c, r = (
        schema.assignment.c,
        schema.judgement.c,
        schema.item.c,
        schema.content.c,
        schema.rater.c,
    )
    earlier = schema.assignment.alias("earlier")
    return (
        select(
            j.id.label("judgement"),
            j.answer,
            j.created,
            j.response_ms,
            j.timer_broken,
            j.reloads,
            j.layout,
            j.reference_shown,
            j.reference_ms,
            j.client,
            a.rater,
            a.kind,
            a.position,
            a.swapped,
            i.content,
            i.correct,
            i.first,
            i.second,
            first.c.method.label("first_method"),
            first.c.kind.label("first_kind"),
            second.c.method.label("second_method"),
            second.c.kind.label("second_kind"),
            c.image,
            c.cluster,
            c.top,
            c.left,
            c.height,
            c.width,
            r.source,
            r.screen,
            r.language,
            r.practice,
            r.answers.label("about_rater"),
            earlier.c.position.label("repeat_of"),
        )
        .join(schema.assignment, a.id == j.assignment)
        .join(schema.item, i.id == a.item)
        .join(schema.content, c.id == i.content)
        .join(schema.rater, r.id == a.rater)
        .join(first, first.c.id == i.first)
        .outerjoin(second, second.c.id == i.second)
        .outerjoin(earlier, earlier.c.id == a.repeat_of)
        .where(a.study == study, r.source != PREVIEW)
        .order_by(j.id)
    )


def _row(
    study: Any,
    protocol: Protocol,
    questions: Sequence[Question],
    row: AnyRow,
    revised: list[str],
    labels: Mapping[int, str] | None,
) -> dict[str, Any]:
    first = _name(row.first, row.first_method, row.first_kind, labels)
    second = _name(row.second, row.second_method, row.second_kind, labels)
    left, right = (second, first) if row.swapped else (first, second)
    final = revised[-1] if revised else row.answer
    screen = row.screen or {}
    viewport = screen.get("viewport") or (None, None)
    client = row.client
    return {
        "study": study.name,
        "protocol": study.protocol,
        "rater": row.rater,
        "source": row.source,
        "language": row.language,
        "about_rater": row.about_rater
        and {q.id: q.told(row.about_rater.get(q.id)) for q in questions},
        "practice": row.practice,
        "trial": row.position + 1,
        "kind": row.kind,
        "repeat_of": None if row.repeat_of is None else row.repeat_of + 1,
        "image": row.image,
        "cluster": row.cluster,
        "crop_top": row.top,
        "crop_left": row.left,
        "crop_height": row.height,
        "crop_width": row.width,
        "left": left,
        "right": right,
        "answer": protocol.exported(final),
        "first_answer": protocol.exported(row.answer),
        "revisions": len(revised),
        "passed": None if row.correct is None else protocol.passed(final, row.swapped, row.correct),
        "response_ms": row.response_ms,
        "timer_broken": row.timer_broken,
        "reloads": row.reloads,
        "layout": row.layout,
        "reference_shown": row.reference_shown,
        "reference_ms": row.reference_ms,
        "judged": row.created.isoformat(),
        "viewport_width": viewport[0],
        "viewport_height": viewport[1],
        "pixel_ratio": client.get("dpr", screen.get("dpr")),
        "zoom": screen.get("zoom"),
        "colour_vision": screen.get("colour_vision"),
        "screen": screen,
        "viewing": client,
    }


def _name(
    stimulus: int | None, method: int | None, kind: str | None, labels: Mapping[int, str] | None
) -> str | None:
    if stimulus is None:
        return None
    if labels is None:
        return f"#{stimulus}"
    return str(kind) if method is None else labels[method]


def _cell(value: Any) -> Any:
    """Write what CSV can hold: no value is empty, yes and no are words, mappings are JSON."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping | list):
        return json.dumps(value, sort_keys=True)
    return "" if value is None else value
