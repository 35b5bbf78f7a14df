"""While a study runs: ``bench rate status``, ``audit`` and ``export``."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.console import complain, console, print_json, print_table, say
from bench.cli.options import Json
from bench.cli.rate.options import DEFAULT_DB, Db, Out, Study, chosen_study, open_store, put

if TYPE_CHECKING:
    from raters.studies.status import Status


def status(
    study: Study = "",
    watch: Annotated[bool, typer.Option("--watch", help="Look again every 5 s.")] = False,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Show how a study is going. Nothing here tells who is ahead."""
    from raters.studies.status import status as status_of

    store = open_store(db)
    chosen = chosen_study(store, study)
    while True:
        now = status_of(store, chosen)
        if watch:
            console().clear()
        if as_json:
            print_json(asdict(now))
        else:
            _show(now)
        if not watch:
            return
        try:
            time.sleep(5)
        except KeyboardInterrupt:
            return


def raters(
    study: Study = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV.")] = False,
    out: Out = None,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """List who took part, with what pay and approval need: state, work, checks, flags, codes, and
    what they said about themselves.

    The platform's numbers of participants are here and in no other output.
    """
    from raters.studies.participants import participants, participants_csv

    store = open_store(db)
    found = participants(store, chosen_study(store, study))
    if as_json:
        print_json([asdict(row) for row in found])
        return
    if as_csv or out is not None:
        put(participants_csv(found), out)
        return
    header = (
        "rater",
        "source",
        "participant",
        "language",
        "state",
        "practice",
        "judged",
        "of",
        "checks",
        "flags",
        "code",
        "about them",
    )
    rows = [
        (
            row.rater,
            row.source,
            row.participant or "—",
            row.language or "—",
            row.state,
            row.practice or "—",
            row.judged,
            row.agreed or "—",
            f"{row.golden_passed}/{row.golden_seen}",
            ", ".join(row.flags) or "—",
            row.code or "—",
            "; ".join(f"{key}: {told}" for key, told in row.answers.items() if told is not None)
            or "—",
        )
        for row in found
    ]
    print_table("", header, rows)


def audit(
    study: Study = "",
    raters: Annotated[int, typer.Option(help="Walk it as so many raters.")] = 3,
    url: Annotated[
        str | None,
        typer.Option(
            help="Walk it there, where it is served, as raters who are erased afterwards.",
            show_default="a copy, served on this machine",
        ),
    ] = None,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Walk a study as a rater and search all that comes for anything that names a model.

    Exit status: 0 nothing leaks, 1 something does.
    """
    from raters.audit import audit as walk

    store = open_store(db)
    chosen = chosen_study(store, study)
    store.close()
    report = walk(store.url, chosen, url, raters)
    if as_json:
        print_json(report.as_dict())
    else:
        say(f"walked: {report.address}")
        for what, number in report.numbers.items():
            say(f"{what}: {number:,}")
        for note in report.notes:
            say(f"note: {note}")
        for leak in report.leaks:
            complain(f"{leak.where}: {leak.what}: {leak.evidence}")
        say("no leak found" if not report.leaks else f"{len(report.leaks)} leaks")
    if report.leaks:
        raise typer.Exit(1)


def export(
    study: Study = "",
    unblind: Annotated[
        bool, typer.Option("--unblind", help="Name the models though it is open; goes on record.")
    ] = False,
    out: Out = None,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Write every judgement, as CSV or JSON. Models have numbers until the study is closed."""
    from raters.studies.export import judgements_csv, judgements_json

    store = open_store(db)
    write = judgements_json if as_json else judgements_csv
    put(write(store, chosen_study(store, study), unblind=unblind), out)


def _show(now: Status) -> None:
    say(f"{now.study} ({now.protocol}, {now.state}): {now.done} of {now.quota} judgements")
    say(
        f"raters: {now.invited} invited, {now.started} began, {now.active} active, "
        f"{now.finished} finished, {now.withdrawn} withdrew"
    )
    seconds = "—" if now.median_ms is None else f"{now.median_ms / 1000:.1f} s"
    say(
        f"median time {seconds}; golden passed {now.golden_passed} of {now.golden_seen}; repeats "
        f"the same {now.repeats_same} of {now.repeats_seen}"
    )
    if now.connected is not None:
        say(
            f"every model linked to every other by judged pairs: {'yes' if now.connected else 'no'}"
        )
    say(f"still needed: {now.to_quota} to the quota, {now.to_target} to the target interval")
    for note in now.notes:
        say(f"note: {note}")
    header = ("pair", "judged", "quota", "in hand")
    rows: list[tuple[Any, ...]] = [
        (" — ".join(filter(None, (pair.first, pair.second))), pair.done, pair.quota, pair.leased)
        for pair in now.pairs
    ]
    print_table("", header, rows)
    if now.raters:
        print_table(
            "",
            ("rater", "stage", "done", "median s", "golden", "repeats", "flags"),
            (
                (
                    r.rater,
                    r.stage,
                    r.done,
                    "—" if r.median_ms is None else f"{r.median_ms / 1000:.1f}",
                    f"{r.golden_passed}/{r.golden_seen}",
                    f"{r.repeats_same}/{r.repeats_seen}",
                    ", ".join(r.flags) or "—",
                )
                for r in now.raters
            ),
        )
