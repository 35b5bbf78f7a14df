"""All studies of one database in another: for backups, and between SQLite and PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path

from sqlalchemy import Connection, Integer, Table, func, select, text

from bench.core.errors import BenchError
from raters.database.schema import metadata, name_of_database, study
from raters.database.store import Store

_BLOCK = 200
"""Rows at a time: those of images are large."""


def back_up(source: Store, out: Path) -> dict[str, int]:
    """Write a state of the database, between two answers, to the SQLite file ``out``.

    The study goes on meanwhile. Returns how many rows each table has. Raises `BenchError` where
    ``out`` exists, and where the copy is not sound.
    """
    if out.exists():
        raise BenchError(f"'{out}' exists, and a backup replaces nothing; give another name")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o600))  # it holds the studies' secrets
    try:
        if source.is_sqlite:
            counts = _copy_pages(Path(str(source.engine.url.database)), part)
        else:
            counts = copy_studies(source, f"sqlite:///{part}")
        part.replace(out)
    finally:
        for leftover in (part, *out.parent.glob(f"{part.name}-*")):
            leftover.unlink(missing_ok=True)
    return counts


def _copy_pages(source: Path, target: Path) -> dict[str, int]:
    """Copy by SQLite's online backup, which reads the write-ahead log too; count the rows."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")  # all of it in one file
        (state,) = new.execute("PRAGMA integrity_check").fetchone()
        if state != "ok":
            raise BenchError(f"the copy of '{source}' is not sound: {state}")
        return {
            name: int(new.execute(f"SELECT count(*) FROM {name}").fetchone()[0])
            for name in metadata.tables
        }


def copy_studies(source: Store, address: str) -> dict[str, int]:
    """Copy all studies into the database at ``address``, which has none; compare every row.

    Numbers of raters and images stay, and so do links and cookies. Returns how many rows each table
    has. Raises `BenchError` where there are studies already, and for a row that came out different.
    """
    with closing(Store(address)) as target:
        if target.engine.url == source.engine.url:
            raise BenchError(f"'{address}' is the database itself; give another with --to")
        with source.snapshot() as reading:
            with target.write() as writing:
                if _count(writing, study):
                    raise BenchError(
                        f"'{target.engine.url!r}' has studies already; copy to an empty database"
                    )
                writing.execute(name_of_database.delete())
                for table in metadata.sorted_tables:
                    for block in _blocks(reading, table):
                        writing.execute(table.insert(), block)
                    if _numbered(table):
                        _go_on_from(writing, table, _last_number(reading, table))
            with target.snapshot() as written:
                return {
                    table.name: _compared(reading, written, table)
                    for table in metadata.sorted_tables
                }


def _blocks(connection: Connection, table: Table) -> Iterator[list[dict[str, object]]]:
    result = connection.execution_options(yield_per=_BLOCK).execute(
        select(table).order_by(*table.primary_key)
    )
    for rows in result.mappings().partitions():
        yield [dict(row) for row in rows]


def _compared(one: Connection, other: Connection, table: Table) -> int:
    """Return how many rows a table has in both; raises `BenchError` unless all are the same."""
    count = 0
    for left, right in zip_longest(_blocks(one, table), _blocks(other, table)):
        if left != right:
            raise BenchError(
                f"the copy differs in the table '{table.name}', from row {count + 1} on; do not "
                "use it"
            )
        count += len(left)
    return count


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _numbered(table: Table) -> bool:
    return "id" in table.c and isinstance(table.c.id.type, Integer)


def _last_number(connection: Connection, table: Table) -> int:
    """Return the last number that a table has given out, were its row erased since."""
    last = connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()
    if connection.dialect.name != "sqlite":
        sequence = text(
            "SELECT pg_sequence_last_value(CAST(pg_get_serial_sequence(:name, 'id') AS regclass))"
        )
        given = connection.execute(sequence, {"name": table.name}).scalar_one()
    elif table.dialect_kwargs.get("sqlite_autoincrement"):
        kept = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        given = connection.execute(kept, {"name": table.name}).scalar_one_or_none()
    else:
        given = None
    return max(int(last), int(given or 0))


def _go_on_from(connection: Connection, table: Table, last: int) -> None:
    """Let the next row's number be the one after ``last``."""
    if last == 0:
        return
    if connection.dialect.name != "sqlite":
        sequence = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)")
        connection.execute(sequence, {"name": table.name, "last": last})
    elif table.dialect_kwargs.get("sqlite_autoincrement"):
        values = {"name": table.name, "last": last}
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
        connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :last)"), values)
