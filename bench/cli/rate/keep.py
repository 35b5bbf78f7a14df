"""Keeping studies: ``bench rate list, extend, reopen, delete, backup, copy``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import print_json, print_table, say
from bench.cli.options import Json
from bench.cli.rate.options import DEFAULT_DB, Db, minutes, open_store
from bench.core.errors import BenchError

Name = Annotated[str, typer.Argument(help="The study's name.")]


def list_studies(as_json: Json = False, db: Db = DEFAULT_DB) -> None:
    """List the studies of a database, the latest last."""
    from raters.studies.queries import summaries

    found = summaries(open_store(db))
    if as_json:
        print_json([asdict(row) for row in found])
        return
    print_table(
        "",
        ("study", "protocol", "state", "made", "raters", "judgements", "quota"),
        [
            (r.name, r.protocol, r.state, r.created[:10], r.raters, r.judgements, r.quota)
            for r in found
        ],
    )


def extend(
    study: Name,
    trials: Annotated[
        int | None, typer.Option(help="Judgements asked of one rater who begins from now on.")
    ] = None,
    per_pair: Annotated[
        int | None, typer.Option(help="Judgements of each pair, or ratings of each image.")
    ] = None,
    crowd: Annotated[
        int | None, typer.Option(help="At most so many through the crowd link.")
    ] = None,
    links: Annotated[
        str | None, typer.Option(help="Links that end work for so long from now: 12h, 14d.")
    ] = None,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Ask for more in a study: new numbers, above those it has. Running servers go by it."""
    from raters.studies.changes import extend_study

    span = None if links is None else timedelta(minutes=minutes(links))
    extend_study(open_store(db), study, trials=trials, per_pair=per_pair, crowd=crowd, links=span)
    given = {"trials": trials, "per_pair": per_pair, "crowd": crowd, "links": links}
    changes = {name: value for name, value in given.items() if value is not None}
    if as_json:
        print_json({"study": study, **changes})
        return
    listed = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in changes.items())
    say(f"study '{study}' is extended: {listed}")


def reopen(study: Name, as_json: Json = False, db: Db = DEFAULT_DB) -> None:
    """Let a closed study go on. That it was closed, and when, stays on record."""
    from raters.studies.changes import reopen_study

    named = reopen_study(open_store(db), study)
    if as_json:
        print_json({"study": study, "state": "open", "named_before": named})
        return
    say(f"study '{study}' is open again, and this is on record")
    if named:
        say("its models were named before: say so where its results are told")


def delete(
    study: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Remove a study, its images, its raters and their judgements. Without --yes: say what goes."""
    from raters.studies.changes import contents, delete_study

    store = open_store(db)
    holds = contents(store, study)
    listed = ", ".join(f"{count} {name}" for name, count in asdict(holds).items())
    if not yes:
        raise BenchError(f"this removes study '{study}' for good: {listed}; give --yes to do it")
    delete_study(store, study)
    if as_json:
        print_json({"study": study, "deleted": asdict(holds)})
        return
    say(f"study '{study}' is deleted: {listed}")


def backup(
    out: Annotated[Path, typer.Argument(help="SQLite file to write.")],
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Write all studies, as they are between two answers, to one file, while they go on.

    Copying the file of a database in use loses the latest answers; this does not.
    """
    from raters.database.copying import back_up

    rows = back_up(open_store(db), out)
    _tell(str(out), rows, as_json, "the file checked")


def copy(
    to: Annotated[str, typer.Option(help="An empty database: a file, or a SQLAlchemy address.")],
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Copy all studies to another database, SQLite or PostgreSQL, and compare every row.

    Links, cookies and the numbers of raters stay. Stop the server before, and start it with the
    new --db afterwards: answers that come in between are not in the copy.
    """
    from raters.database.copying import copy_studies

    rows = copy_studies(open_store(db), to)
    _tell(to, rows, as_json, "every row compared")


def _tell(where: str, rows: Mapping[str, int], as_json: bool, proof: str) -> None:
    if as_json:
        print_json({"written": where, "rows": dict(rows)})
        return
    say(
        f"written: {where} ({rows['study']} studies, {rows['rater']} raters, {rows['judgement']} "
        f"judgements; {proof})"
    )
