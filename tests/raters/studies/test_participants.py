"""The coordinator's list of who took part."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import select

from raters.database import schema
from raters.database.store import Store
from raters.studies.creation import StudyOptions, create_study
from raters.studies.export import judgements_csv
from raters.studies.participants import participants, participants_csv
from raters.studies.status import status
from raters.studies.tokens import invite, prolific_entry
from raters.texts import Texts
from raters.texts.questions import read_questions
from raters.trials.session import Session
from raters.trials.withdrawal import erase
from tests.support.studies import judge, practised, trained

PID = "5a9d64f5f6dfdd0001eaa73d"


def test_the_list_says_who_did_what_and_what_a_platform_is_told(
    store: Store, run_folder: Path
) -> None:
    options = StudyOptions("s", images=4, crop=64, trials=10, golden=0.1, completion_code="C0DE")
    made = create_study(store, run_folder, options)
    invited, _ = invite(store, "s", 2)
    judge(trained(store, invited), lambda trial: "a", 4)
    crowd = trained(store, prolific_entry(store, made.entry_token, PID))
    judge(crowd, lambda trial: "a")
    one, other, third = participants(store, "s")
    assert (one.source, one.participant, one.state, one.judged, one.code) == (
        "invite",
        None,
        "judging",
        4,
        None,
    )
    assert (other.state, other.judged, other.agreed) == ("invited", 0, None)
    assert (third.source, third.participant, third.state) == ("prolific", PID, "done")
    assert (third.judged, third.agreed, third.golden_seen, third.code) == (10, 10, 1, "C0DE")
    rows = list(csv.DictReader(participants_csv([one, other, third]).splitlines()))
    assert [row["participant"] for row in rows] == ["", "", PID]
    assert list(rows[0]) == list(asdict(one))


def test_the_list_says_what_raters_said_about_themselves_and_in_which_language(
    sqlite_store: Store, run_folder: Path
) -> None:
    asked = [{"id": "glasses", "question": "Brille?", "kind": "choice", "choices": ["ja", "nein"]}]
    options = StudyOptions("s", images=1, crop=64, trials=4, language="de")
    create_study(sqlite_store, run_folder, options, [Texts("de", {}, read_questions(asked))])
    session = Session.open(sqlite_store, *invite(sqlite_store, "s", 1))
    session.consent()
    session.answered({"glasses": 1})
    session.checked({})
    practised(session)
    invite(sqlite_store, "s", 1)
    one, other = participants(sqlite_store, "s")
    assert (one.language, one.practice, one.answers) == ("de", "passed", {"glasses": "nein"})
    assert (other.language, other.practice, other.answers) == (None, None, {})
    rows = list(csv.DictReader(participants_csv([one, other]).splitlines()))
    assert [row["answers"] for row in rows] == ['{"glasses": "nein"}', ""]


def test_a_platforms_number_is_in_the_list_alone_and_gone_with_its_rater(
    sqlite_store: Store, run_folder: Path
) -> None:
    made = create_study(sqlite_store, run_folder, StudyOptions("s", images=2, crop=64))
    judge(
        trained(sqlite_store, prolific_entry(sqlite_store, made.entry_token, PID)),
        lambda trial: "a",
        2,
    )
    database = Path(sqlite_store.engine.url.database or "")
    files = [database, database.with_name("studies.db-wal")]
    assert not [file for file in files if PID.encode() in file.read_bytes()]
    assert PID not in judgements_csv(sqlite_store, "s") + repr(status(sqlite_store, "s"))
    with sqlite_store.read() as connection:
        kept = connection.execute(select(schema.rater.c.participant)).scalar_one()
    (row,) = participants(sqlite_store, "s")
    assert row.participant == PID
    erase(sqlite_store, "s", row.rater)
    assert participants(sqlite_store, "s") == []
    assert not [file for file in files if kept.encode() in file.read_bytes()]
