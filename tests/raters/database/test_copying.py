"""Backups and copies hold every row, also those written a moment ago."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.copying import back_up, copy_studies
from raters.database.store import Store
from raters.studies.creation import StudyOptions, create_study
from raters.studies.export import judgements_csv
from raters.studies.tokens import invite, prolific_entry
from raters.trials.session import Session
from raters.trials.withdrawal import erase
from tests.support import postgres
from tests.support.studies import judge, trained


@pytest.fixture
def judged(store: Store, run_folder: Path) -> tuple[Store, str]:
    """A study with everything in it, and the link of one who is in the middle of it."""
    options = StudyOptions("s", images=2, crop=64, trials=12)
    made = create_study(store, run_folder, options)
    first, second = invite(store, "s", 2)
    session = trained(store, first)
    judge(session, lambda trial: "a", 4)
    session.revise("revised-key", "b", "tab")
    judge(trained(store, prolific_entry(store, made.entry_token, "5f3ab")), lambda trial: "b", 3)
    erase(store, "s", trained(store, second).rater)
    (last,) = invite(store, "s", 1)
    erase(store, "s", Session.open(store, last).rater)  # the highest number so far
    return store, first


def test_a_backup_is_one_file_with_all_of_it(judged: tuple[Store, str], tmp_path: Path) -> None:
    store, link = judged
    out = tmp_path / "new" / "backup.db"
    rows = back_up(store, out)
    assert list(out.parent.iterdir()) == [out]
    assert out.stat().st_mode & 0o077 == 0
    assert (rows["study"], rows["rater"], rows["revision"]) == (1, 2, 1)
    with closing(Store(str(out))) as copy:
        assert judgements_csv(copy, "s") == judgements_csv(store, "s")
        assert copy.tag == store.tag
        assert Session.open(copy, link).state() == Session.open(store, link).state()
    with pytest.raises(BenchError, match="replaces nothing"):
        back_up(store, out)


def test_a_backup_while_people_answer_is_a_state_between_two_answers(
    sqlite_store: Store, run_folder: Path, tmp_path: Path
) -> None:
    create_study(sqlite_store, run_folder, StudyOptions("s", images=4, crop=64, trials=40))
    session = trained(sqlite_store, *invite(sqlite_store, "s", 1))
    known: list[int] = []

    def work() -> None:
        while len(known) < 20 and judge(session, lambda trial: "a", 1):
            known.append(len(known))

    worker = threading.Thread(target=work)
    worker.start()
    saved = []
    while worker.is_alive() and len(saved) < 5:
        before = len(known)
        out = tmp_path / f"{len(saved)}.db"
        saved.append((before, back_up(sqlite_store, out)["judgement"] - 3, out))  # 3 of practice
    worker.join()
    assert saved
    for before, there, out in saved:
        assert there >= before
        with closing(sqlite3.connect(out)) as copy:
            (done,) = copy.execute("SELECT sum(done) FROM comparison").fetchone()
            count = "SELECT count(*) FROM assignment WHERE kind = 'main' AND state = 'done'"
            assert copy.execute(count).fetchone() == (done,)


@pytest.mark.parametrize(
    ("address", "to"),
    [("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "sqlite")],
    indirect=["address"],
)
def test_a_copy_has_every_row_and_goes_on_where_the_other_stopped(
    judged: tuple[Store, str], to: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store, link = judged
    target = f"sqlite:///{tmp_path}/copy.db"
    if to == "postgresql":
        target = request.getfixturevalue("other_postgres")
    rows = copy_studies(store, target)
    with closing(Store(target)) as copy:
        for table in schema.metadata.sorted_tables:
            with store.read() as one, copy.read() as other:
                query = select(table).order_by(*table.primary_key)
                left, right = one.execute(query).all(), other.execute(query).all()
            assert left == right
            assert rows[table.name] == len(left)
        ended = Session.open(store, link).rater
        judge(Session.open(copy, link), lambda trial: "a")
        numbers = [Session.open(s, *invite(s, "s", 1)).rater for s in (store, copy)]
        # erased raters' numbers are not given again, in the copy either
        assert numbers == [ended + 4] * 2
        with pytest.raises(BenchError, match="has studies already"):
            copy_studies(store, target)


def test_a_copy_onto_itself_is_refused(judged: tuple[Store, str]) -> None:
    store, _ = judged
    with pytest.raises(BenchError, match="is the database itself"):
        copy_studies(store, str(store.url))


@pytest.fixture
def other_postgres(postgres_server: Path) -> Iterator[str]:
    """The address of the tests' PostgreSQL database, empty."""
    with postgres.database(postgres_server) as url:
        yield url
