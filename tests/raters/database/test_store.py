"""The database itself: settings, versions, and what a killed writer leaves."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, func, inspect, select, text

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.store import Store, utc_now
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from raters.trials.quota import Counts
from raters.trials.session import Session
from tests.support import postgres
from tests.support.studies import judge, trained


def test_sqlite_flushes_every_commit(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "new" / "studies.db"))
    with store.read() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        pragmas = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in names}
    # synchronous 2 is FULL
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }
    store.close()


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.write() as connection:
            insert_study(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.study)).scalar() == 0


def insert_study(connection: Connection, name: str = "s") -> None:
    connection.execute(
        schema.study.insert().values(
            name=name,
            created=utc_now(),
            protocol="pair",
            question="?",
            options={},
            seed=0,
            height=64,
            width=64,
            golden=0,
            repeats=0,
            dashboard_token_hash=name,
            entry_token_hash=name,
            salt="",
            secret="",
            run="",
        )
    )


def test_a_writer_that_comes_second_waits_and_does_not_fail(store: Store) -> None:
    inside, order = threading.Event(), []

    def slow() -> None:
        with store.write() as connection:
            insert_study(connection, "first")
            inside.set()
            threading.Event().wait(0.3)
            order.append("slow")

    thread = threading.Thread(target=slow)
    thread.start()
    inside.wait()
    with store.write() as connection:
        insert_study(connection, "second")
        order.append("quick")
    thread.join()
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.study)).scalar() == 2


def test_an_empty_database_is_made_and_opening_again_changes_nothing(address: str) -> None:
    for _ in range(2):
        store = Store(address)
        with store.read() as connection:
            assert connection.execute(schema.schema_version.select()).scalars().all() == [
                1 + len(schema.MIGRATIONS)
            ]
        store.close()


def test_many_may_open_a_new_database_at_once(address: str) -> None:
    errors: list[Exception] = []

    def open_it() -> None:
        try:
            Store(address).close()
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_later_version_is_refused_with_what_to_do(store: Store, address: str) -> None:
    with store.write() as connection:
        connection.execute(schema.schema_version.update().values(number=7))
    with pytest.raises(BenchError, match=r"has version 7.* up to 4; install a later"):
        Store(address)


def add_mood(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE rater ADD COLUMN mood VARCHAR DEFAULT 'fine'"))


def test_an_older_database_is_migrated_once_and_keeps_its_rows(store: Store) -> None:
    with store.write() as connection:
        insert_study(connection)
    for _ in range(2):
        with store.write() as connection:
            assert schema.migrate(connection, [*schema.MIGRATIONS, add_mood]) == 5
    with store.read() as connection:
        columns = {column["name"] for column in inspect(connection).get_columns("rater")}
        assert "mood" in columns
        assert connection.execute(select(schema.study.c.name)).scalars().all() == ["s"]


def test_a_migration_that_fails_changes_nothing(store: Store) -> None:
    def fail(connection: Connection) -> None:
        add_mood(connection)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), store.write() as connection:
        schema.migrate(connection, [*schema.MIGRATIONS, fail])
    with store.read() as connection:
        columns = {column["name"] for column in inspect(connection).get_columns("rater")}
        assert "mood" not in columns
        assert connection.execute(schema.schema_version.select()).scalar() == 4


@pytest.fixture(params=[1, 2, 3])
def older(
    request: pytest.FixtureRequest, store: Store, address: str, run_folder: Path
) -> tuple[Store, list[str], int]:
    """Two studies as an older version of this program left them, with a rater at work in one."""
    for name in ("s", "t"):
        create_study(store, run_folder, StudyOptions(name, images=2, crop=64, trials=12))
    tokens = invite(store, "s", 2)
    judge(trained(store, tokens[0]), lambda trial: "a", 3)
    with store.read() as connection:
        kept = {
            table: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in schema.metadata.sorted_tables
        }
    kind = "sqlite" if store.is_sqlite else "postgresql"
    ddl = (Path(__file__).parent / f"version_{request.param}.{kind}.sql").read_text().split(";\n")
    with store.write() as connection:
        schema.metadata.drop_all(connection)
        schema.schema_version.drop(connection)
        for statement in filter(str.strip, ddl):
            connection.execute(text(statement))
        connection.execute(schema.schema_version.insert().values(number=request.param))
        for table, rows in kept.items():
            if not inspect(connection).has_table(table.name):
                continue  # not yet, in that version
            columns = {column["name"] for column in inspect(connection).get_columns(table.name)}
            for row in rows:
                connection.execute(
                    table.insert().values({k: v for k, v in row.items() if k in columns})
                )
            if kind == "postgresql" and "id" in columns and table.name != "serving":
                following = f"(SELECT max(id) + 1 FROM {table.name})"
                connection.execute(text(f"SELECT setval('{table.name}_id_seq', {following})"))
    store.close()
    return Store(address, store.clock), tokens, request.param


def test_studies_of_older_versions_have_a_secret_each_and_go_on_in_english(
    older: tuple[Store, list[str], int],
) -> None:
    store, tokens, version = older
    try:
        with store.read() as connection:
            secrets = connection.execute(select(schema.study.c.secret)).scalars().all()
            assert connection.execute(schema.schema_version.select()).scalar() == 4
        assert {len(bytes.fromhex(secret)) for secret in secrets} == {32}
        # version 1 had none, and each got its own; those made in this process are one and the same
        assert len(set(secrets)) == (2 if version == 1 else 1)
        for token in tokens:
            session = Session.open(store, token)
            if token == tokens[1]:
                session = trained(store, token)
            judge(session, lambda trial: "a")
            assert session.state().stage == "done"
            assert session.state().done == 12
    finally:
        store.close()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mysql://host/x", "not in 'mysql'"),
        ("sqlite://", "in memory.*expected sqlite:///FILE"),
        ("sqlite:///:memory:", "in memory"),
        ("nonsense://x", "is no database address|not in 'nonsense'"),
        ("postgresql+psycopg://nobody@/x?host=/nowhere", "cannot open the study database"),
    ],
)
def test_an_address_that_cannot_be_used_says_why(address: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        Store(address)


WRITER = """
import os, signal, sys
from sqlalchemy import event
from raters.trials.session import Session
from raters.database.store import Store

address, token, trial, when = sys.argv[1:]
store = Store(address)
session = Session.open(store, token)

@event.listens_for(store.engine, "after_cursor_execute")
def die(connection, cursor, statement, parameters, context, many):
    if statement.startswith(when):
        os.kill(os.getpid(), signal.SIGKILL)

session.submit(trial, "a", "the-key", "tab", {})
"""


@pytest.mark.parametrize("when", ["INSERT INTO judgement", "INSERT INTO serving"])
def test_a_writer_killed_midway_leaves_no_half_state(
    store: Store, address: str, run_folder: Path, when: str
) -> None:
    store.clock = utc_now  # the writer's clock
    options = StudyOptions("s", images=2, crop=64, trials=8, golden=0, reference="hidden")
    create_study(store, run_folder, options)
    (token,) = invite(store, "s", 1)
    session = trained(store, token)
    trial = session.trial("tab")
    before = everything(store)
    done = subprocess.run(
        [sys.executable, "-c", WRITER, address, token, trial.id, when],
        timeout=120,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert everything(store) == before
    # and the rater goes on as if nothing had happened
    saved = session.submit(trial.id, "b", "the-key", "tab", {})
    assert (saved.answer_stored, saved.repeated) == ("b", False)


def everything(store: Store) -> dict[str, list[tuple]]:
    with store.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(table.select())]
            for table in schema.metadata.sorted_tables
            if table.name != "stimulus"
        }


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://me:hunter2@host:port/db",
        "mysql://me:hunter2@host/db",
        "nosuch://me:hunter2@host/db",
        "postgresql://me:hunt@er2@host:1x/db",
    ],
)
def test_a_password_in_an_address_is_never_said(address: str) -> None:
    with pytest.raises(BenchError) as refused:
        Store(address)
    assert "er2" not in str(refused.value)


def test_on_postgresql_raters_write_beside_each_other_and_who_writes_for_all_waits(
    postgres_server: Path,
) -> None:
    with postgres.database(postgres_server) as address:
        store, entered = Store(address), []

        def enter(what: str, held: AbstractContextManager[Connection]) -> None:
            with held:
                entered.append(what)

        def started(what: str, held: AbstractContextManager[Connection]) -> threading.Thread:
            thread = threading.Thread(target=enter, args=(what, held))
            thread.start()
            return thread

        with store.write_beside(1, 1):
            started("another", store.write_beside(1, 2)).join(20)
            started("another study", store.write(2)).join(20)
            assert entered == ["another", "another study"]
            waiting = [started("same", store.write_beside(1, 1)), started("all", store.write(1))]
            for thread in waiting:
                thread.join(0.5)
            assert entered == ["another", "another study"]
        for thread in waiting:
            thread.join(20)
        assert sorted(entered[2:]) == ["all", "same"]
        store.close()


def test_counters_change_in_the_order_of_their_comparisons(sqlite_store: Store) -> None:
    counts, keys = Counts(), []

    @event.listens_for(sqlite_store.engine, "before_execute")
    def note(_: object, __: object, rows: list[dict[str, int]], *___: object) -> None:
        keys.extend(row["key"] for row in rows)

    counts.answer(9, 1, 1, 1)
    counts.place(2, True, 1)
    counts.place(9, False, 1)
    with sqlite_store.write() as connection:
        keys.clear()
        counts.write(connection)
        counts.write(connection)
    assert keys == [2, 9]
