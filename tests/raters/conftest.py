"""Stores on both databases, and a small run to make studies of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from raters.database.store import Store
from tests.support import postgres
from tests.support.studies import small_run


class Clock:
    """A clock that tests move on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Path]:
    tools = postgres.find_server()
    if tools is None:
        pytest.skip("no PostgreSQL server (initdb, pg_ctl) is installed here")
    with postgres.server(tools) as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/studies.db"
    else:
        folder = request.getfixturevalue("postgres_server")
        with postgres.database(folder) as url:
            yield url


@pytest.fixture
def store(address: str, clock: Clock) -> Iterator[Store]:
    store = Store(address, clock)
    yield store
    store.close()


@pytest.fixture
def sqlite_store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """For what does not depend on the database."""
    store = Store(f"sqlite:///{tmp_path}/studies.db", clock)
    yield store
    store.close()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four models on four images of 96x80 with references."""
    return small_run(tmp_path_factory.mktemp("runs") / "run").path
