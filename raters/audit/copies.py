"""A study on its own, in a database of its own: as it is, or under other names."""

from __future__ import annotations

import secrets
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from sqlalchemy import Table, select

from raters.database import schema
from raters.database.store import Store
from raters.protocols import protocol_called
from raters.studies.secret import new_secret
from raters.texts.own import stored, texts_of_study
from raters.texts.table import question_key, words_of

_COPIED = (
    schema.study,
    schema.method,
    schema.content,
    schema.stimulus,
    schema.comparison,
    schema.item,
)


def copy_study(source: Store, study_name: str, path: Path, disguised: bool = False) -> Store:
    """Copy a study as it was on its first day, open and without raters, into a new SQLite file.

    ``disguised``: all that a coordinator named (models, images, the question) gets a random name,
    so that what the copy's pages say they would say of any study. The copy has a secret of its own:
    that of a study is in one place only. Raises `BenchError` for an
    unknown study.
    """
    study = source.study(study_name)
    copy = Store(f"sqlite:///{path}")
    with source.read() as reading, copy.write() as writing:
        for table in _COPIED:
            for row in reading.execute(select(table).where(_of(table, study.id))).mappings():
                values = dict(row) | _reset(table, row)
                if disguised:
                    values |= _disguise(table, values)
                writing.execute(table.insert().values(**values))
    return copy


def _of(table: Table, study: int) -> Any:
    if table is schema.study:
        return table.c.id == study
    if table is schema.stimulus:
        own = select(schema.content.c.id).where(schema.content.c.study == study)
        return table.c.content.in_(own)
    return table.c.study == study


def _reset(table: Table, row: Any) -> dict[str, Any]:
    if table is schema.study:
        return {"state": "open", "closed": None, "secret": new_secret()}
    if table is schema.item:
        return {"room": row["quota"]}
    if table is schema.comparison:
        counters = ("taken", "swapped", "done", "first_better", "second_better", "same")
        return dict.fromkeys(counters, 0)
    return {}


def _disguise(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    if table is schema.study:
        protocol, options = protocol_called(values["protocol"]), values["options"]
        shown = options["reference"] == "shown"
        spoken = [entry["language"] for entry in values["texts"] or ()]
        texts = [
            one
            for code in [code for code in spoken if words_of(protocol, code)] or [None]
            for one in texts_of_study(protocol, code)
        ]
        named: dict[str, Any] = {
            "name": _word(),
            "models": [],
            "notes": [],
            "question": None,
            "completion_code": None,
            "partial_code": None,
        }
        return {
            "name": named["name"],
            "run": _word(),
            "question": texts[0].words[question_key(protocol, shown)],
            "texts": stored(texts),
            "options": options | named,
        }
    if table is schema.method:
        return {"label": _word()}
    if table is schema.content:
        return {"image": _word(), "cluster": _word(), "strata": {}}
    return {}


def _word() -> str:
    return "".join(secrets.choice(ascii_lowercase) for _ in range(12))
