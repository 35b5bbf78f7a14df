"""The tables of a study database, the same in SQLite and PostgreSQL, and its migrations.

Counters on `item` and `comparison` repeat what the assignments and judgements say, so that the next
trial is one look-up in an index; they change only in the transaction that changes those. No
address of a rater's machine is kept. Times are UTC.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    TypeDecorator,
    inspect,
    text,
)

from bench.core.errors import BenchError

MAIN, GOLDEN, REPEAT, TRAINING = "main", "golden", "repeat", "training"
"""Kinds of trials."""
LEASED, DONE, RELEASED = "leased", "done", "released"
"""States of trials."""
PREVIEW = "preview"
"""A source of raters: who only tries a study. Nothing of theirs counts, in no quota and no export;
so is the kind of their main trials."""


class Utc(TypeDecorator[datetime]):
    """A point in time that comes back with its zone: SQLite would drop it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=_zone(dialect))

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give back UTC."""
        if value is None:
            return None
        time: datetime = value
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _zone(dialect: Dialect) -> Any:
    return None if dialect.name == "sqlite" else UTC


AnyRow = Row[*tuple[Any, ...]]
"""A row of any query: its values are read by name."""

metadata = MetaData()


def _key() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _ref(name: str, to: str, **options: Any) -> Column[int]:
    options.setdefault("nullable", False)
    return Column(name, ForeignKey(f"{to}.id", ondelete="CASCADE"), **options)


study = Table(
    "study",
    metadata,
    _key(),
    Column("name", String, nullable=False, unique=True),
    Column("created", Utc, nullable=False),
    Column("protocol", String, nullable=False),
    Column("question", String, nullable=False),
    Column("options", JSON, nullable=False),
    Column("texts", JSON),  # what raters are told: see raters.texts; NULL: English, as before these
    Column("seed", Integer, nullable=False),
    Column("state", String, nullable=False, default="open"),  # open | closed
    Column("closed", Utc),
    Column("height", Integer, nullable=False),  # of the largest crop
    Column("width", Integer, nullable=False),
    Column("golden", Integer, nullable=False),  # golden trials in a rater's session
    Column("repeats", Integer, nullable=False),
    Column("dashboard_token_hash", String, nullable=False, unique=True),
    Column("entry_token_hash", String, nullable=False, unique=True),  # of crowd platforms
    Column("salt", String, nullable=False),  # of external_hash
    Column("secret", String, nullable=False),  # see raters.studies.secret; leaves the study never
    Column("run", String, nullable=False),
    sqlite_autoincrement=True,
)

method = Table(
    "method", metadata, _key(), _ref("study", "study"), Column("label", String, nullable=False)
)

content = Table(
    "content",
    metadata,
    _key(),
    _ref("study", "study", index=True),
    Column("image", String, nullable=False),
    Column("cluster", String, nullable=False),
    Column("strata", JSON, nullable=False),
    *(Column(name, Integer, nullable=False) for name in ("top", "left", "height", "width")),
    Column("chosen", String, nullable=False),  # differ | random
)

stimulus = Table(
    "stimulus",
    metadata,
    _key(),
    _ref("content", "content", index=True),
    _ref("method", "method", nullable=True),
    Column("kind", String, nullable=False),  # method | reference | copy | golden | training
    Column("height", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("png", LargeBinary, nullable=False),
)

comparison = Table(
    "comparison",
    metadata,
    _key(),
    _ref("study", "study", index=True),
    _ref("first", "method"),
    _ref("second", "method", nullable=True),  # NULL: ratings of the first
    Column("quota", Integer, nullable=False),
    Column("taken", Integer, nullable=False, default=0),  # main trials leased or done
    Column("swapped", Integer, nullable=False, default=0),  # of these, with sides swapped
    Column("done", Integer, nullable=False, default=0),
    *(
        Column(name, Integer, nullable=False, default=0)
        for name in ("first_better", "second_better", "same")
    ),  # final answers
)

item = Table(
    "item",
    metadata,
    _key(),
    _ref("study", "study"),
    _ref("content", "content"),
    _ref("comparison", "comparison", nullable=True),  # NULL unless main
    _ref("first", "stimulus"),
    _ref("second", "stimulus", nullable=True),
    Column("kind", String, nullable=False),  # main | golden | training
    Column("quota", Integer, nullable=False),
    Column("room", Integer, nullable=False),  # quota less the main trials leased or done
    Column("rank", Integer, nullable=False),  # order among items of equal room
    Column("correct", JSON),  # right answers, on stimuli, of golden and training
    CheckConstraint("room >= 0", name="quota_kept"),
)
Index("item_by_room", item.c.study, item.c.kind, item.c.room.desc(), item.c.rank)
Index("item_of_comparison", item.c.comparison, item.c.room.desc(), item.c.rank)

rater = Table(
    "rater",
    metadata,
    _key(),
    _ref("study", "study", index=True),
    Column("token_hash", String, nullable=False, unique=True),
    Column("source", String, nullable=False),  # invite | prolific | preview | audit
    Column("external_hash", String),
    Column("participant", String),  # a platform's number, sealed under the study's secret
    Column("created", Utc, nullable=False),
    Column("link_expires", Utc),
    Column("consented", Utc),
    Column("language", String),  # what they were told was in; NULL until they have consented
    Column("answers", JSON),  # to the study's questions about the rater; NULL until asked
    Column("screen", JSON),  # what the screen checks found; NULL until they are done
    Column("trained", Utc),
    Column("practice", String),  # passed | failed: the right answers; NULL until it is over
    Column("agreed", Integer),  # trials that were promised and asked for; NULL until judging begins
    Column("tab", String),
    Column("withdrawn", Utc),
    Column("finished", Utc),
    Column("ended", String),  # why, where not for having done all: time
    Column("completion_code", String),
    sqlite_autoincrement=True,
)
Index("rater_external", rater.c.study, rater.c.external_hash, unique=True)

assignment = Table(
    "assignment",
    metadata,
    _key(),
    Column("public_id", String, nullable=False, unique=True),
    _ref("study", "study"),
    _ref("rater", "rater"),
    _ref("item", "item", index=True),
    Column("kind", String, nullable=False),  # main | golden | repeat | training | preview
    _ref("repeat_of", "assignment", nullable=True, index=True),
    Column("position", Integer, nullable=False),
    Column("swapped", Boolean, nullable=False),
    Column("leased", Utc, nullable=False),
    Column("expires", Utc, nullable=False),
    Column("state", String, nullable=False),  # leased | done | released
    Column("shown_count", Integer, nullable=False, default=0),
    Column("shown", Utc),  # the first time
)
_ONCE = text("kind NOT IN ('repeat', 'training')")
Index(
    "never_twice",
    assignment.c.rater,
    assignment.c.item,
    unique=True,
    sqlite_where=_ONCE,
    postgresql_where=_ONCE,
)
Index("lease_ends", assignment.c.study, assignment.c.state, assignment.c.expires)

serving = Table(
    "serving",
    metadata,
    Column("id", String, primary_key=True),
    _ref("assignment", "assignment", index=True),
    Column("slot", String, nullable=False),  # a | b | reference
    _ref("stimulus", "stimulus"),
)

judgement = Table(
    "judgement",
    metadata,
    _key(),
    _ref("assignment", "assignment", unique=True),
    Column("key", String, nullable=False, unique=True),
    Column("answer", String, nullable=False),  # on sides, as given first
    Column("created", Utc, nullable=False),
    Column("response_ms", Integer),
    Column("timer_broken", Boolean, nullable=False),
    Column("reloads", Integer, nullable=False),
    Column("layout", String),  # slots beside each other, from left to right: a reference b
    Column("reference_shown", Integer),  # how often the reference was to be seen
    Column("reference_ms", Integer),  # and for how long in all; NULL in answers of before
    Column("client", JSON, nullable=False),
)

revision = Table(
    "revision",
    metadata,
    _key(),
    _ref("judgement", "judgement", index=True),
    Column("key", String, nullable=False, unique=True),
    Column("answer", String, nullable=False),
    Column("created", Utc, nullable=False),
)

event = Table(
    "event",
    metadata,
    _key(),
    _ref("study", "study", index=True),
    _ref("rater", "rater", nullable=True, index=True),
    Column("at", Utc, nullable=False),
    Column("what", String, nullable=False),
    Column("detail", JSON, nullable=False),
)

name_of_database = Table("name_of_database", metadata, Column("tag", String, primary_key=True))
"""One row, drawn at random: cookies of several servers under one host are told apart by it."""

schema_version = Table("schema_version", MetaData(), Column("number", Integer, nullable=False))

Migration = Callable[[Connection], None]


def _new_tag() -> str:
    return secrets.token_hex(4)


def _to_version_2(connection: Connection) -> None:
    """Version 2: every study has a secret, which what raters may observe is drawn from; databases
    have a name; raters are promised a number of trials, and those of a platform can be told to it;
    when a trial was first shown is known."""
    connection.execute(text("CREATE TABLE name_of_database (tag VARCHAR NOT NULL PRIMARY KEY)"))
    connection.execute(
        text("INSERT INTO name_of_database (tag) VALUES (:tag)"), {"tag": _new_tag()}
    )
    connection.execute(text("ALTER TABLE study ADD COLUMN secret VARCHAR NOT NULL DEFAULT ''"))
    connection.execute(text("ALTER TABLE rater ADD COLUMN agreed INTEGER"))
    connection.execute(text("ALTER TABLE rater ADD COLUMN participant VARCHAR"))
    time = Utc().compile(connection.dialect)
    connection.execute(text(f"ALTER TABLE assignment ADD COLUMN shown {time}"))
    for key in connection.execute(text("SELECT id FROM study")).scalars().all():
        connection.execute(
            text("UPDATE study SET secret = :secret WHERE id = :key"),
            {"secret": secrets.token_hex(32), "key": key},
        )


def _to_version_3(connection: Connection) -> None:
    """Version 3: a study keeps what raters are told, and asks them about themselves."""
    connection.execute(text("ALTER TABLE study ADD COLUMN texts JSON"))
    connection.execute(text("ALTER TABLE rater ADD COLUMN language VARCHAR"))
    connection.execute(text("ALTER TABLE rater ADD COLUMN answers JSON"))
    connection.execute(text("ALTER TABLE rater ADD COLUMN ended VARCHAR"))


def _to_version_4(connection: Connection) -> None:
    """Version 4: how often and how long a reference was looked at, and beside what; practice that
    was failed is repeated, and how it ended is known."""
    connection.execute(text("ALTER TABLE judgement ADD COLUMN layout VARCHAR"))
    connection.execute(text("ALTER TABLE judgement ADD COLUMN reference_shown INTEGER"))
    connection.execute(text("ALTER TABLE judgement ADD COLUMN reference_ms INTEGER"))
    connection.execute(text("ALTER TABLE rater ADD COLUMN practice VARCHAR"))
    connection.execute(text("DROP INDEX never_twice"))
    connection.execute(
        text(
            "CREATE UNIQUE INDEX never_twice ON assignment (rater, item) "
            "WHERE kind NOT IN ('repeat', 'training')"
        )
    )


MIGRATIONS: Sequence[Migration] = (_to_version_2, _to_version_3, _to_version_4)
"""The n-th brings a database from version n to n + 1. An empty one is made as it now should be."""


def migrate(connection: Connection, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Bring a database to the newest version inside the caller's transaction; return that version.

    Raises `BenchError` if the database was written by a later version of this program.
    """
    newest = 1 + len(migrations)
    if not inspect(connection).has_table(schema_version.name):
        schema_version.create(connection)
        metadata.create_all(connection)
        connection.execute(schema_version.insert().values(number=newest))
        connection.execute(name_of_database.insert().values(tag=_new_tag()))
        return newest
    found = int(connection.execute(schema_version.select()).scalar_one())
    if found > newest:
        raise BenchError(
            f"the study database has version {found}, this program knows versions up to {newest}; "
            "install a later restoration-bench, or give another --db"
        )
    for step in migrations[found - 1 :]:
        step(connection)
    if found < newest:
        connection.execute(schema_version.update().values(number=newest))
    return newest
