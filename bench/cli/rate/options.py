"""What the verbs of ``bench rate`` share: the database, the choice of a study, links and files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import put_out, say
from bench.core.errors import BenchError
from bench.core.layout import studies_address
from bench.core.names import seconds_of

if TYPE_CHECKING:
    from raters.database.store import Store

Db = Annotated[
    str, typer.Option(help="Study database: a file, or any SQLAlchemy address.", envvar="BENCH_DB")
]
DEFAULT_DB = "sqlite:///results/studies.db"
DEFAULT_URL = "http://127.0.0.1:8000"
Study = Annotated[str, typer.Argument(help="The study's name.", show_default="the latest")]
Url = Annotated[
    str, typer.Option(help="The address under which raters reach the server, with its path.")
]
Out = Annotated[Path | None, typer.Option(help="File to write.", show_default="standard output")]


def open_store(db: str, create: bool = False) -> Store:
    """Open the study database; the default one lies under the root of results.

    Raises `BenchError` where there is none, unless ``create`` makes one.
    """
    from raters.database.store import Store

    return Store(studies_address() if db == DEFAULT_DB else db, create=create)


def _names(store: Store) -> list[str]:
    """Return the names of a database's studies, the latest last."""
    from raters.studies.queries import all_studies

    return [study.name for study in all_studies(store)]


def chosen_study(store: Store, name: str) -> str:
    """Return the name of a study that there is: the one given, or the latest."""
    if name:
        return str(store.study(name).name)
    names = _names(store)
    if not names:
        raise BenchError(
            f"no study in '{store.url}'; make one: bench rate new --run RUN --protocol pair"
        )
    return names[-1]


def free_name(store: Store, wanted: str) -> str:
    """Return ``wanted``, with a number behind it if a study has that name."""
    taken, number = set(_names(store)), 2
    name = wanted
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    return name


def minutes(text: str) -> float:
    """Read ``90s``, ``10m`` (or ``10min``), ``12h`` or ``14d``."""
    return seconds_of(text) / 60


def put(text: str, out: Path | None) -> None:
    """Write text to a file, or to standard output."""
    if out is None:
        put_out(text)
    else:
        from bench.core.files import write_result

        write_result(out, text)
        say(f"written: {out}")
