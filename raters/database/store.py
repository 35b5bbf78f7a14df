"""The study database: engine, transactions, versions. SQLite by default, any address by choice."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    ExceptionContext,
    create_engine,
    event,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from bench.core.errors import BenchError
from bench.core.names import choose
from raters.database import schema

DEFAULT = "sqlite:///results/studies.db"
BUSY_SECONDS = 30.0
_MIGRATING = 7_301_993  # arbitrary numbers: what PostgreSQL's advisory locks are called
_STUDY, _RATER = 7_301_994, 7_301_995
_ALONE = text(f"SELECT pg_advisory_xact_lock({_STUDY}, :study)")
_BESIDE = text(
    f"SELECT pg_advisory_xact_lock_shared({_STUDY}, :study), "
    f"pg_advisory_xact_lock({_RATER}, :rater)"
)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Store:
    """One study database. Threads and processes may share it; ``clock`` tells the time.

    Every write is one transaction. SQLite takes its write lock at the start (BEGIN IMMEDIATE: a
    lock asked for midway fails at once if another writer was faster) and flushes on commit; in
    PostgreSQL the writers of one study queue at a lock of its number, and those who write for one
    rater only pass it together.
    """

    def __init__(
        self, url: str = DEFAULT, clock: Callable[[], datetime] = utc_now, create: bool = True
    ) -> None:
        """Open it; where there is none yet, ``create`` makes one. Raises `BenchError`."""
        self.url = url if "://" in url else f"sqlite:///{url}"
        self.clock = clock
        self.engine = _engine(self.url, create)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        # Writers of one process queue here: SQLite's poll, up to 100 ms apart, and PostgreSQL's
        # would each hold a connection. Of several studies, only SQLite's wait for each other.
        self._queues: defaultdict[int | None, threading.Lock] = defaultdict(threading.Lock)
        self.remembered: dict[tuple[str, int], Any] = {}
        """By what it is, and its study: what need not be read or computed anew each time."""
        try:
            with self.write() as connection:
                if not self.is_sqlite:
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATING})"))
                if not self.is_sqlite:
                    _require_studies(self.url, inspect(connection).get_table_names(), create)
                schema.migrate(connection)
                self.tag = str(connection.execute(select(schema.name_of_database)).scalar_one())
                """What tells this database from others; no secret."""
        except DatabaseError as error:
            self.close()
            reason = str(error.orig).strip().splitlines()[0]
            raise BenchError(
                f"cannot open the study database '{self.engine.url!r}' ({reason}); check the "
                "address given with --db, and that its server runs"
            ) from None
        except BaseException:
            self.close()
            raise

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database in all that it reads.

        In SQLite each does; PostgreSQL has to be asked.
        """
        with self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that changes nothing. In PostgreSQL each question sees a state of its own:
        see `snapshot`."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def ask(self) -> Iterator[Connection]:
        """A connection for single questions, with which most requests begin."""
        with self.engine.connect() as connection:
            if not self.is_sqlite:  # to begin and to end would be two more ways there and back
                connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection

    @contextmanager
    def write(self, study: int | None = None) -> Iterator[Connection]:
        """A transaction that is committed whole, on disk when this returns, or not at all.

        Writers of the same ``study`` come one after the other.
        """
        with self._queues[None if self.is_sqlite else study], self._begun() as connection:
            if study is not None and not self.is_sqlite:
                connection.execute(_ALONE, {"study": study})
            yield connection

    @contextmanager
    def write_beside(self, study: int, rater: int) -> Iterator[Connection]:
        """A transaction as `write` makes one, of PostgreSQL only, beside those of other raters.

        Whoever writes for the whole study waits for it, and it for them. What it counts may change
        under it: see `raters.trials.quota`.
        """
        with self._begun() as connection:
            connection.execute(_BESIDE, {"study": study, "rater": rater})
            yield connection

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            connection.execution_options(bench_write=True)
            with connection.begin():
                yield connection

    def insert(self, table: Any) -> Any:
        """Return an INSERT that can say ON CONFLICT DO NOTHING in this database's dialect."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def overwrite(self) -> None:
        """Leave nothing of what was erased in the files of the database."""
        if self.is_sqlite:  # the write-ahead log would hold what was erased for a while yet
            with self.engine.connect() as raw:
                raw.exec_driver_sql("COMMIT")
                raw.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def study(self, name: str) -> Any:
        """Return the row of the study called ``name``; raises `BenchError` with the nearest."""
        with self.read() as connection:
            row = connection.execute(
                select(schema.study).where(schema.study.c.name == name)
            ).one_or_none()
            if row is None:
                known = connection.execute(select(schema.study.c.name)).scalars().all()
                if not known:
                    raise BenchError(f"no study '{name}': none here; 'bench rate new' makes one")
                choose("study", name, known)
        return row

    def log(
        self, connection: Connection, study: int, what: str, rater: int | None = None, **detail: Any
    ) -> None:
        """Write down that something happened."""
        connection.execute(
            schema.event.insert().values(
                study=study, rater=rater, at=self.clock(), what=what, detail=detail
            )
        )


def without_password(text: str) -> str:
    """Return a text with the passwords of the addresses in it covered.

    >>> without_password("postgresql://me:secret@host/db")
    'postgresql://me:***@host/db'
    """
    return re.sub(r"(://[^:@/\s]*):.*@", r"\1:***@", text)


def _require_studies(address: str, tables: Collection[str], create: bool) -> None:
    """Raise `BenchError` for a database of something else, or of nothing unless we ``create``."""
    if schema.schema_version.name in tables or (create and not tables):
        return
    what = "is a database of something else" if tables else "is empty"
    raise BenchError(
        f"'{make_url(address)!r}' {what}: it has no studies; check the address given with --db, or "
        "make a study in a database of its own: bench rate new --db FILE"
    )


def _tables(file: Path) -> list[str]:
    """Return the names of a SQLite file's tables, and leave it as it is: an engine would not."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            rows = opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return [name for (name,) in rows]
    except sqlite3.DatabaseError as error:
        raise BenchError(
            f"cannot open the study database '{file}' ({error}); check the address given with --db"
        ) from None


def _engine(address: str, create: bool) -> Engine:
    try:
        url = make_url(address)
        if url.get_backend_name() == "sqlite":
            if not url.database or url.database == ":memory:":
                raise BenchError(
                    f"'{address}' is a database in memory, which would be lost with the program; "
                    "expected sqlite:///FILE"
                )
            if create:
                Path(url.database).parent.mkdir(parents=True, exist_ok=True)
            if Path(url.database).is_file():
                _require_studies(address, _tables(Path(url.database)), create)
            elif not create:
                raise BenchError(
                    f"no study database '{url.database}'; 'bench rate new' makes one, or give "
                    "another --db"
                )
            engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, max_overflow=50)
            event.listen(engine, "connect", _sqlite_connect)
            event.listen(engine, "begin", _sqlite_begin)
            event.listen(engine, "handle_error", _sqlite_error)
        elif url.get_backend_name() == "postgresql":
            # No ping before each use: where the server was restarted, the first request fails, all
            # connections are made anew, and pages ask again by themselves.
            engine = create_engine(url, max_overflow=20)
        else:
            raise BenchError(
                f"studies are kept in SQLite or PostgreSQL, not in '{url.get_backend_name()}'"
            )
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        raise BenchError(
            f"'{without_password(address)}' is no database address "
            f"({without_password(str(error))}); expected sqlite:///FILE or "
            "postgresql+psycopg://USER@HOST/NAME (which needs the package psycopg)"
        ) from None
    return engine


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3 would begin deferred transactions of its own
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(1000 * BUSY_SECONDS)}")
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
    cursor.close()


_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)


def _sqlite_error(context: ExceptionContext) -> None:
    """Say what is wrong with the disk. Nothing of the transaction is kept."""
    code = getattr(context.original_exception, "sqlite_errorcode", 0) & 0xFF
    if code in _NO_ROOM and context.engine is not None:
        raise BenchError(
            f"cannot write to the study database '{context.engine.url.database}' "
            f"({context.original_exception}); make room on that disk, or get the right to write "
            "there, then give the same command again: whatever was acknowledged is kept"
        )


def _sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("bench_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
