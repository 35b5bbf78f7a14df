"""``bench rate``: a blind study made of a run, from the first invitation to the export."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.cli.console import complain, console, print_json, print_table, say, split
from bench.cli.options import Json
from bench.records import BenchError, parse_spec

if TYPE_CHECKING:
    from raters.status import Status
    from raters.store import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

Db = Annotated[
    str, typer.Option(help="Study database: a file, or any SQLAlchemy address.", envvar="BENCH_DB")
]
DEFAULT_DB = "sqlite:///results/studies.db"
DEFAULT_URL = "http://127.0.0.1:8000"
Study = Annotated[str, typer.Argument(help="The study's name.", show_default="the latest")]
Url = Annotated[str, typer.Option(help="The address under which raters reach the server.")]
Out = Annotated[Path | None, typer.Option(help="File to write.", show_default="standard output")]


def _new(
    run: Annotated[str, typer.Option(help="A run's folder, or the suite of its latest run.")],
    protocol: Annotated[
        Literal["pair", "acr", "dcr"],
        typer.Option(help="Pairs; ratings 1 to 5; or ratings of what changed from the reference."),
    ] = "pair",
    name: Annotated[
        str, typer.Option(help="What the study is called.", show_default="SUITE-PROTOCOL")
    ] = "",
    models: Annotated[
        str, typer.Option(help="Models, separated by commas.", show_default="all of the run")
    ] = "",
    images: Annotated[int, typer.Option(help="So many images, spread over the scenes.")] = 20,
    crop: Annotated[int, typer.Option(help="Side of the piece that is judged, in pixels.")] = 512,
    reference: Annotated[
        Literal["shown", "hidden"] | None,
        typer.Option(help="Show the reference beside.", show_default="shown where there is one"),
    ] = None,
    ties: Annotated[bool, typer.Option("--ties", help="Let raters call a pair the same.")] = False,
    golden: Annotated[str, typer.Option(help="Part of trials with one image spoilt.")] = "5%",
    repeats: Annotated[str, typer.Option(help="Part of trials that come a second time.")] = "5%",
    per_pair: Annotated[
        int, typer.Option(help="Judgements of each pair of models, or ratings of each image.")
    ] = 20,
    trials: Annotated[int, typer.Option(help="Judgements asked of one rater, at most.")] = 60,
    assignment: Annotated[
        Literal["balanced", "active"],
        typer.Option(help="Least judged first, or where an answer tells most."),
    ] = "balanced",
    lease: Annotated[
        str, typer.Option(help="An unanswered trial goes to someone else after this.")
    ] = "10m",
    one_key: Annotated[
        bool, typer.Option("--one-key", help="A choice counts at once, without Enter.")
    ] = False,
    question: Annotated[
        str | None, typer.Option(help="Ask this.", show_default="the protocol's question")
    ] = None,
    crowd: Annotated[
        int | None, typer.Option(help="At most so many through the crowd link.", show_default="any")
    ] = None,
    completion_code: Annotated[
        str | None,
        typer.Option(help="Shown at the end, for a crowd platform.", show_default="one per rater"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of crops and items.")] = 0,
    url: Url = DEFAULT_URL,
    db: Db = DEFAULT_DB,
) -> None:
    """Make a study out of a finished run."""
    from bench.store import RunFolder
    from raters.study import StudyOptions, create_study

    folder = RunFolder.find(run)
    suite, _ = parse_spec(folder.record()["spec"]["suite"])
    store = _open(db)
    options = StudyOptions(
        name=name or _free_name(store, f"{suite}-{protocol}"),
        protocol=protocol,
        per_pair=per_pair,
        trials=trials,
        images=images,
        crop=crop,
        reference=reference,
        ties=ties,
        golden=_part("golden", golden),
        repeats=_part("repeats", repeats),
        assignment=assignment,
        lease=_minutes(lease),
        models=split(models),
        seed=seed,
        question=question,
        one_key=one_key,
        completion_code=completion_code,
        crowd=crowd,
    )
    made = create_study(store, folder.path, options)
    each = min(round(trials * (1 - options.golden - options.repeats)), made.items)
    raters = -(-made.judgements // max(1, each))
    say(
        f"study '{made.name}': {len(made.models)} models, {made.images} images, {made.items} "
        f"trials to choose from, {made.judgements} judgements wanted, from about {raters} raters"
    )
    for note in made.notes:
        say(f"  note: {note}")
    say(f"dashboard (keep this link, it is shown once): {_desk(url, made.dashboard_token)}")
    say(f"link for a crowd platform: {_crowd(url, made.entry_token)}")
    say(f"next: bench rate serve, and bench rate invite {made.name} -n {raters}")


def _invite(
    study: Study = "",
    count: Annotated[int, typer.Option("-n", "--count", help="So many personal links.")] = 1,
    valid: Annotated[
        str | None,
        typer.Option(help="They work for so long: 12h, 14d.", show_default="until it is closed"),
    ] = None,
    prolific: Annotated[
        bool,
        typer.Option("--prolific", help="A new link for a crowd platform; the old one ends."),
    ] = False,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="A new dashboard link; the old one ends.")
    ] = False,
    out: Out = None,
    url: Url = DEFAULT_URL,
    db: Db = DEFAULT_DB,
) -> None:
    """Make personal links for raters. Links are shown once: only their hashes are kept."""
    from raters.tokens import invite, renew

    store = _open(db)
    if prolific or dashboard:
        chosen = _chosen(store, study)
        links = [_crowd(url, renew(store, chosen, "entry"))] if prolific else []
        links += [_desk(url, renew(store, chosen, "dashboard"))] if dashboard else []
        _put("".join(f"{link}\n" for link in links), out)
        return
    ends = None if valid is None else timedelta(minutes=_minutes(valid))
    links = [
        f"{url}/r/{token}" for token in invite(store, _chosen(store, study), count, valid=ends)
    ]
    _put("".join(f"{link}\n" for link in links), out)


def _serve(
    study: Study = "",
    host: Annotated[str, typer.Option(help="Listen on this address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Listen on this port; 0: any free one.")] = 8000,
    url: Annotated[
        str | None,
        typer.Option(help="How raters reach it, where that differs.", show_default="HOST:PORT"),
    ] = None,
    db: Db = DEFAULT_DB,
) -> None:
    """Serve every study of the database, and print a link to try the latest one."""
    from raters.app import create_app, server
    from raters.tokens import invite

    store = _open(db)
    chosen = _chosen(store, study)
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise BenchError(
            f"cannot listen on {host}:{port} ({error.strerror or error}); stop what does, or give "
            "another --port"
        ) from error
    address = url or f"http://{host}:{listening.getsockname()[1]}"
    serving = server(create_app(store.url), host, port)

    async def work() -> None:
        running = asyncio.create_task(serving.serve(sockets=[listening]))
        while not (serving.started or running.done()):
            await asyncio.sleep(0.02)
        if serving.started:
            say(f"serving at {address}; Ctrl-C stops it, nothing is lost")
            if store.study(chosen).state == "open":
                say(f"rate '{chosen}' here: {address}/r/{invite(store, chosen, 1)[0]}")
            else:
                say(f"study '{chosen}' is closed; its dashboard still works")
            sys.stdout.flush()
        await running

    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        store.close()


def _status(
    study: Study = "",
    watch: Annotated[bool, typer.Option("--watch", help="Look again every 5 s.")] = False,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Show how a study is going. Nothing here tells who is ahead."""
    from raters.status import status

    store = _open(db)
    chosen = _chosen(store, study)
    while True:
        now = status(store, chosen)
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


def _audit(
    study: Study = "",
    raters: Annotated[int, typer.Option(help="Walk it as so many raters.")] = 3,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Walk a study as a rater and search all that comes for anything that names a model.

    Exit status: 0 nothing leaks, 1 something does.
    """
    from raters.audit import audit

    store = _open(db)
    chosen = _chosen(store, study)
    store.close()
    report = audit(store.url, chosen, raters=raters)
    if as_json:
        print_json(report.as_dict())
    else:
        for what, number in report.numbers.items():
            say(f"{what}: {number:,}" if isinstance(number, int) else f"{what}: {number}")
        for leak in report.leaks:
            complain(f"{leak.where}: {leak.what}: {leak.evidence}")
        say("no leak found" if not report.leaks else f"{len(report.leaks)} leaks")
    if report.leaks:
        raise typer.Exit(1)


def _export(
    study: Study = "",
    form: Annotated[
        Literal["csv", "json"], typer.Option("--format", help="What to write.")
    ] = "csv",
    unblind: Annotated[
        bool, typer.Option("--unblind", help="Name the models though it is open; goes on record.")
    ] = False,
    out: Out = None,
    db: Db = DEFAULT_DB,
) -> None:
    """Write every judgement. Models have numbers until the study is closed."""
    from raters.export import judgements_csv, judgements_json

    store = _open(db)
    write = judgements_csv if form == "csv" else judgements_json
    _put(write(store, _chosen(store, study), unblind=unblind), out)


def _erase(
    study: Annotated[str, typer.Argument(help="The study's name.")],
    rater: Annotated[int, typer.Argument(help="The rater's number, as in status and export.")],
    db: Db = DEFAULT_DB,
) -> None:
    """Remove one rater and all that came from them."""
    from raters.leaving import erase

    gone = erase(_open(db), study, rater)
    say(f"rater {rater} of '{study}' and {gone} judgements are erased")


def _close(
    study: Annotated[str, typer.Argument(help="The study's name.")], db: Db = DEFAULT_DB
) -> None:
    """End a study: no more judgements, and results may be looked at."""
    from raters.study import close_study

    close_study(_open(db), study)
    say(f"study '{study}' is closed; bench rate export {study} names the models")


for _name, _function, _example in (
    ("new", _new, "bench rate new --run demo --protocol pair --ties"),
    ("invite", _invite, "bench rate invite demo-pair -n 30 --out links.txt"),
    ("serve", _serve, "bench rate serve --host 0.0.0.0 --url https://study.example.org"),
    ("status", _status, "bench rate status demo-pair --watch"),
    ("audit", _audit, "bench rate audit demo-pair"),
    ("export", _export, "bench rate export demo-pair --out judgements.csv"),
    ("erase", _erase, "bench rate erase demo-pair 7"),
    ("close", _close, "bench rate close demo-pair"),
):
    app.command(_name, epilog=f"Example: [bold]{_example}[/bold]")(_function)


def _desk(url: str, token: str) -> str:
    return f"{url}/desk/enter/{token}"


def _crowd(url: str, token: str) -> str:
    """Return the link that the platform fills in: Prolific writes its placeholders like this."""
    return f"{url}/p/{token}?PROLIFIC_PID={{{{%PROLIFIC_PID%}}}}"


def _open(db: str) -> Store:
    from raters.store import Store

    return Store(db)


def _names(store: Store) -> list[str]:
    """Return the studies of a database, the latest last."""
    from sqlalchemy import select

    from raters.schema import study

    with store.read() as connection:
        return [row.name for row in connection.execute(select(study.c.name).order_by(study.c.id))]


def _chosen(store: Store, name: str) -> str:
    """Return the name of a study that there is: the one given, or the latest."""
    if name:
        return str(store.study(name).name)
    names = _names(store)
    if not names:
        raise BenchError(
            f"no study in '{store.url}'; make one: bench rate new --run RUN --protocol pair"
        )
    return names[-1]


def _free_name(store: Store, wanted: str) -> str:
    taken, number = set(_names(store)), 2
    name = wanted
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    return name


def _part(option: str, text: str) -> float:
    """Read ``5%`` or ``0.05``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text.strip())
    if not match:
        raise BenchError(f"--{option} {text}: expected a part of the trials, such as 5% or 0.05")
    return float(match[1]) / (100 if match[2] else 1)


def _minutes(text: str) -> float:
    """Read ``90s``, ``10m``, ``12h`` or ``14d``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip().lower())
    if not match:
        raise BenchError(f"'{text}' is no time; expected one such as 90s, 10m, 12h or 14d")
    return float(match[1]) * {"s": 1 / 60, "m": 1, "h": 60, "d": 1440}[match[2]]


def _put(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
    else:
        from bench.image import write_atomic

        write_atomic(out, text.encode())
        say(f"written: {out}")


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
                (r.rater, r.stage, r.done,
                 "—" if r.median_ms is None else f"{r.median_ms / 1000:.1f}",
                 f"{r.golden_passed}/{r.golden_seen}", f"{r.repeats_same}/{r.repeats_seen}",
                 ", ".join(r.flags) or "—")
                for r in now.raters
            ),
        )  # fmt: skip
