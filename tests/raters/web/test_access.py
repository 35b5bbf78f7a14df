"""Links: who is let in, who is not, and what they are told."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.store import Store
from raters.studies.changes import close_study
from raters.studies.creation import Created, StudyOptions, create_study
from raters.studies.tokens import (
    HALF_BEGUN,
    NEW_A_MINUTE,
    UNDECIDED,
    RaterRefused,
    invite,
    link_again,
    prolific_entry,
    renew,
    study_of_dashboard,
)
from raters.trials.session import Session
from tests.raters.conftest import Clock
from tests.support.studies import judge, trained


@pytest.fixture
def made(sqlite_store: Store, run_folder: Path) -> Created:
    options = StudyOptions("s", images=1, crop=64, trials=3, crowd=1, completion_code="C0DE")
    return create_study(sqlite_store, run_folder, options)


def refusal(store: Store, token: str) -> str:
    with pytest.raises(RaterRefused) as caught:
        Session.open(store, token)
    return caught.value.kind


def test_only_the_hash_of_a_token_is_kept(sqlite_store: Store, made: Created) -> None:
    tokens = invite(sqlite_store, "s", 50)
    # 24 random bytes are 32 letters of 6 bits: 192 bits
    assert {len(token) for token in tokens} == {32}
    assert len(set(tokens)) == 50
    with sqlite_store.read() as connection:
        kept = set(connection.execute(select(schema.rater.c.token_hash)).scalars())
    assert kept == {hashlib.sha256(token.encode()).hexdigest() for token in tokens}
    database = Path(sqlite_store.engine.url.database)
    data = database.read_bytes() + database.with_name("studies.db-wal").read_bytes()
    for secret in (*tokens, made.dashboard_token, made.entry_token):
        assert secret.encode() not in data


def test_a_wrong_link_is_refused(sqlite_store: Store, made: Created) -> None:
    (token,) = invite(sqlite_store, "s", 1)
    for wrong in ("", token[:-1], token + "A", token.swapcase(), "' OR 1=1 --"):
        assert refusal(sqlite_store, wrong) == "wrong"


def test_a_link_ends_when_it_was_said_to(sqlite_store: Store, made: Created, clock: Clock) -> None:
    (token,) = invite(sqlite_store, "s", 1, valid=timedelta(days=7))
    clock.pass_(days=6)
    assert Session.open(sqlite_store, token).state().stage == "consent"
    clock.pass_(days=2)
    assert refusal(sqlite_store, token) == "expired"


def test_a_closed_study_lets_in_those_who_have_finished(sqlite_store: Store, made: Created) -> None:
    done, not_done = invite(sqlite_store, "s", 2)
    judge(trained(sqlite_store, done), lambda trial: "a")
    close_study(sqlite_store, "s")
    assert refusal(sqlite_store, not_done) == "closed"
    assert Session.open(sqlite_store, done).state().completion_code == "C0DE"
    with pytest.raises(BenchError, match="closed: no more raters"):
        invite(sqlite_store, "s", 1)


def test_a_crowd_worker_comes_back_to_where_they_stopped(
    sqlite_store: Store, made: Created
) -> None:
    first = prolific_entry(sqlite_store, made.entry_token, "5f3ab")
    trial = trained(sqlite_store, first).trial("tab")
    second = prolific_entry(sqlite_store, made.entry_token, "5f3ab")
    assert Session.open(sqlite_store, second).trial("tab").id == trial.id
    assert refusal(sqlite_store, first) == "wrong"  # its token was replaced
    with sqlite_store.read() as connection:
        row = connection.execute(select(schema.rater)).one()
    assert row.source == "prolific"
    assert hashlib.sha256(b"5f3ab").hexdigest() != row.external_hash  # keyed: no table of numbers


def test_who_knows_a_number_does_not_get_the_session_of_its_owner(
    sqlite_store: Store, made: Created
) -> None:
    own = prolific_entry(sqlite_store, made.entry_token, "5f3ab")
    session = trained(sqlite_store, own)
    judge(session, lambda trial: "a", 1)
    for held in ("", "nonsense", made.dashboard_token):
        with pytest.raises(RaterRefused, match="begun"):
            prolific_entry(sqlite_store, made.entry_token, "5f3ab", held)
    assert prolific_entry(sqlite_store, made.entry_token, "5f3ab", own) == own
    assert Session.open(sqlite_store, own).state().done == 1
    again = link_again(sqlite_store, "s", session.rater)  # who has lost their browser asks for it
    assert refusal(sqlite_store, own) == "wrong"
    assert Session.open(sqlite_store, again).state().done == 1
    with pytest.raises(BenchError, match="has no rater 99"):
        link_again(sqlite_store, "s", 99)


def test_a_crowd_is_as_large_as_was_asked_for(sqlite_store: Store, made: Created) -> None:
    prolific_entry(sqlite_store, made.entry_token, "one")
    with pytest.raises(RaterRefused) as caught:
        prolific_entry(sqlite_store, made.entry_token, "two")
    assert caught.value.kind == "used_up"
    for entry, pid in ((made.dashboard_token, "x"), ("", "x"), (made.entry_token, "")):
        with pytest.raises(RaterRefused) as caught:
            prolific_entry(sqlite_store, entry, pid)
        assert caught.value.kind == "wrong"


def turned_away(store: Store, entry: str, pid: str) -> str | None:
    """Say why a participant is not let in; None if they are."""
    try:
        prolific_entry(store, entry, pid)
    except RaterRefused as refused:
        return refused.kind
    return None


def test_participants_who_are_made_up_come_in_by_the_minute_and_honest_ones_wait(
    sqlite_store: Store, run_folder: Path, clock: Clock
) -> None:
    options = StudyOptions("big", images=1, crop=64, trials=3, golden=0.0, repeats=0.0)
    made = create_study(sqlite_store, run_folder, options)
    entry = made.entry_token
    came = [turned_away(sqlite_store, entry, f"made up {n}") for n in range(50)]
    assert came == [None] * NEW_A_MINUTE + ["busy"] * (50 - NEW_A_MINUTE)
    assert turned_away(sqlite_store, entry, "made up 0") is None  # who is in comes back
    (invited,) = invite(sqlite_store, "big", 1)
    assert Session.open(sqlite_store, invited)
    clock.pass_(seconds=61)
    assert turned_away(sqlite_store, entry, "honest") is None
    for minute in range(5):
        clock.pass_(seconds=61)
        for number in range(50):
            turned_away(sqlite_store, entry, f"made up {minute} {number}")
    with sqlite_store.read() as connection:
        came_in = len(connection.execute(select(schema.rater.c.id)).all()) - 1  # the invited one
    assert came_in == HALF_BEGUN
    clock.pass_(seconds=61)
    assert turned_away(sqlite_store, entry, "late") == "busy"
    # one who judges makes place for another, and time does
    judge(trained(sqlite_store, prolific_entry(sqlite_store, entry, "honest")), lambda t: "a", 1)
    assert turned_away(sqlite_store, entry, "late") is None
    assert turned_away(sqlite_store, entry, "later") == "busy"
    clock.pass_(seconds=UNDECIDED.total_seconds())
    assert turned_away(sqlite_store, entry, "later") is None


@pytest.mark.parametrize(
    "pid", ["{{%PROLIFIC_PID%}}", "${e://Field/PID}", "%PROLIFIC_PID%", "<id>", "prolific_pid"]
)
def test_a_placeholder_that_nobody_filled_in_is_no_participant(
    sqlite_store: Store, made: Created, pid: str
) -> None:
    with pytest.raises(RaterRefused) as caught:
        prolific_entry(sqlite_store, made.entry_token, pid)
    assert caught.value.kind == "placeholder"
    with sqlite_store.read() as connection:
        assert connection.execute(select(schema.rater)).all() == []
    # and 24 hexadecimal digits, as the platform gives them, are one
    assert prolific_entry(sqlite_store, made.entry_token, "5a9d64f5f6dfdd0001eaa73d")


def test_the_dashboard_has_its_own_token(sqlite_store: Store, made: Created) -> None:
    (token,) = invite(sqlite_store, "s", 1)
    assert study_of_dashboard(sqlite_store, made.dashboard_token) == "s"
    assert study_of_dashboard(sqlite_store, made.entry_token) is None
    assert study_of_dashboard(sqlite_store, token) is None
    assert refusal(sqlite_store, made.dashboard_token) == "wrong"


def test_a_study_is_named_rightly_or_suggested(sqlite_store: Store, made: Created) -> None:
    with pytest.raises(BenchError, match="no study 't'"):
        invite(sqlite_store, "t", 1)
    with pytest.raises(BenchError, match="cannot invite 0"):
        invite(sqlite_store, "s", 0)


def test_a_renewed_link_ends_the_old_one(sqlite_store: Store, made: Created) -> None:
    dashboard, entry = (renew(sqlite_store, "s", link) for link in ("dashboard", "entry"))
    assert study_of_dashboard(sqlite_store, dashboard) == "s"
    assert study_of_dashboard(sqlite_store, made.dashboard_token) is None
    assert Session.open(sqlite_store, prolific_entry(sqlite_store, entry, "5f3ab"))
    with pytest.raises(RaterRefused):
        prolific_entry(sqlite_store, made.entry_token, "another")
