"""A rater's language, questions, colour check, time and leaving: what a session keeps of them."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.store import Store
from raters.protocols import NotAnAnswer
from raters.studies.creation import StudyOptions, create_study
from raters.studies.export import judgements, judgements_csv, judgements_json
from raters.studies.tokens import RaterRefused, invite
from raters.texts import Texts
from raters.texts.questions import read_questions
from raters.trials.session import Expired, Finished, NotNow, Session, Trial
from tests.raters.conftest import Clock
from tests.support.studies import judge, practised

ASKED = [
    {"id": "glasses", "question": "Glasses?", "kind": "choice", "choices": ["yes", "no"]},
    {"id": "age", "question": "How old?", "kind": "number", "optional": True},
]
OWN = Texts("en", {}, read_questions(ASKED))


def made(store: Store, run: Path, own: tuple[Texts, ...] = (), **options: object) -> Session:
    """Make a study and open the session of its first rater."""
    given = {"images": 1, "crop": 64, "trials": 4, "golden": 0, "repeats": 0, "reference": "hidden"}
    create_study(store, run, StudyOptions("s", **{**given, **options}), own)  # type: ignore[arg-type]
    (token,) = invite(store, "s", 1)
    return Session.open(store, token)


def test_a_rater_keeps_the_language_of_their_consent(sqlite_store: Store, run_folder: Path) -> None:
    session = made(sqlite_store, run_folder, language="browser")
    assert session.texts("de, en;q=0.5").say("buttons.continue") == "Weiter"
    assert session.texts("fr").language == "en"
    session.consent("es-MX")
    (token,) = invite(sqlite_store, "s", 1)
    with sqlite_store.read() as connection:
        kept = connection.execute(select(schema.rater.c.language)).scalars().all()
    assert kept == ["es", None]
    assert Session(sqlite_store, session.study, session.rater, "es").texts("de").language == "es"
    assert Session.open(sqlite_store, token).texts("zh").language == "zh"


def test_what_a_study_says_stays_as_it_was_when_made(sqlite_store: Store, run_folder: Path) -> None:
    own = Texts("en", {"consent.title": "My own words"})
    session = made(sqlite_store, run_folder, (own,))
    assert session.texts().words["consent.title"] == "My own words"
    with sqlite_store.read() as connection:
        (stored,) = connection.execute(select(schema.study.c.texts)).scalar_one()
    assert stored["language"] == "en"
    assert stored["words"]["thanks.title"] == "Thank you!"


def test_questions_are_asked_after_consent_and_exported(
    sqlite_store: Store, run_folder: Path
) -> None:
    session = made(sqlite_store, run_folder, (OWN,))
    with pytest.raises(NotNow):
        session.answered({"glasses": 1})
    session.consent()
    assert session.state().stage == "questions"
    for wrong in ({}, {"glasses": 2}, {"glasses": 1, "weight": 70}, {"glasses": 1, "age": "old"}):
        with pytest.raises(NotAnAnswer):
            session.answered(wrong)
    assert session.state().stage == "questions"
    with pytest.raises(NotNow, match="questions"):
        session.checked({})
    session.answered({"glasses": 1})
    assert session.state().stage == "checks"
    session.checked({})
    judge(session, lambda trial: "a")
    rows = judgements(sqlite_store, "s")
    assert rows[0]["about_rater"] == {"glasses": "no", "age": None}
    table = list(csv.DictReader(io.StringIO(judgements_csv(sqlite_store, "s"))))
    assert table[0]["about_rater"] == '{"age": null, "glasses": "no"}'
    assert table[0]["language"] == "en"
    whole = json.loads(judgements_json(sqlite_store, "s"))
    assert whole["questions"] == {"glasses": "Glasses?", "age": "How old?"}
    assert whole["answers"] == {"a": "A is better", "b": "B is better"}


def test_colour_vision_is_checked_where_asked_for_and_exported(
    sqlite_store: Store, run_folder: Path
) -> None:
    session = made(sqlite_store, run_folder, colours=True)
    session.consent()
    session.checked({"dpr": 1.0}, [plate.number for plate in session.plates()])
    judge(session, lambda trial: "a")
    rows = judgements(sqlite_store, "s")
    assert {row["colour_vision"] for row in rows} == {"passed"}
    assert rows[0]["screen"]["colour_read"] == [plate.number for plate in session.plates()]


def test_without_a_colour_check_nothing_is_said_of_it(
    sqlite_store: Store, run_folder: Path
) -> None:
    session = made(sqlite_store, run_folder)
    assert session.plates() == []
    session.consent()
    session.checked({}, ["5"])
    judge(session, lambda trial: "a", 1)
    assert judgements(sqlite_store, "s")[0]["colour_vision"] is None


def test_when_the_time_is_over_a_rater_is_thanked_for_what_was_done(
    store: Store, run_folder: Path, clock: Clock
) -> None:
    session = made(store, run_folder, time_limit=30, partial_code="PART")
    assert session.state().seconds_left is None  # it begins with consent
    session.consent()
    clock.pass_(minutes=29)
    assert session.state().seconds_left == 60
    session.checked({})
    practised(session)
    trial = session.trial("tab")
    assert isinstance(trial, Trial)
    saved = session.submit(trial.id, "a", "key-1", "tab", {})
    assert isinstance(saved.next, Trial)
    clock.pass_(minutes=2)
    # what was begun in time is taken, and then it is over
    last = session.submit(saved.next.id, "b", "key-2", "tab", {})
    assert last.next == Finished("PART")
    state = session.state()
    assert (state.stage, state.done, state.ended, state.completion_code) == (
        "done",
        2,
        "time",
        "PART",
    )
    assert session.trial("tab") == Finished("PART")
    with store.read() as connection:
        held = connection.execute(
            select(schema.assignment.c.id).where(schema.assignment.c.state == schema.LEASED)
        ).all()
    assert held == []


def test_an_answer_after_the_end_is_not_taken(
    sqlite_store: Store, run_folder: Path, clock: Clock
) -> None:
    session = made(sqlite_store, run_folder, time_limit=30)
    session.consent()
    session.checked({})
    judge(practised(session), lambda trial: "a", 1)
    trial = session.trial("tab")
    assert isinstance(trial, Trial)
    clock.pass_(minutes=31)
    ended = session.trial("tab")  # the page asks by itself
    assert isinstance(ended, Finished)
    assert len(ended.completion_code or "") == 8
    with pytest.raises(Expired):
        session.submit(trial.id, "a", "key-late", "tab", {})
    assert session.state().completion_code == ended.completion_code


def test_a_time_too_short_is_refused(sqlite_store: Store, run_folder: Path) -> None:
    with pytest.raises(BenchError, match=r"--time-limit 0\.5 min"):
        made(sqlite_store, run_folder, time_limit=0.5)


def test_leaving_keeps_or_deletes_as_the_rater_wishes(store: Store, run_folder: Path) -> None:
    first = made(store, run_folder, (OWN,), partial_code="PART")
    tokens = invite(store, "s", 1)
    first.consent()
    first.answered({"glasses": 0})
    first.checked({})
    judge(practised(first), lambda trial: "a", 2)
    assert first.withdraw(delete=True) is None
    with store.read() as connection:
        assert connection.execute(select(schema.judgement)).all() == []
        assert connection.execute(select(schema.assignment)).all() == []
        raters = connection.execute(select(schema.rater.c.id)).scalars().all()
        (places,) = connection.execute(select(schema.comparison.c.taken).distinct()).scalars().all()
    assert first.rater not in raters
    assert places == 0  # others get what they had
    with pytest.raises(RaterRefused, match="wrong"):
        first.state()
    second = Session.open(store, tokens[0])
    second.consent()
    second.answered({"glasses": 0})
    second.checked({})
    judge(practised(second), lambda trial: "a", 2)
    assert second.withdraw() == "PART"
    with store.read() as connection:
        assert len(connection.execute(select(schema.judgement)).all()) == 5


def test_a_session_of_thirty_minutes_is_told_in_the_consent(
    sqlite_store: Store, run_folder: Path
) -> None:
    session = made(sqlite_store, run_folder, time_limit=30)
    assert session.study.time_limit == timedelta(minutes=30)
    assert "It ends after **30 minutes**" in session.texts().words["consent.text"]
