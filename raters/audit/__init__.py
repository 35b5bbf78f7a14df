"""Proof that a study is blind: walk through it as a rater, and search all that was sent.

What an audit cannot see: how long answers take, and what pixels themselves tell.
"""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select

from bench.core.errors import BenchError
from raters.audit.copies import copy_study
from raters.audit.features import Truth, compare, digests, extra_bytes, paddings
from raters.audit.findings import FALSE_ALARM, Leak
from raters.audit.names import needles, search
from raters.audit.seeds import SEEDS, seeds_of_bytes, seeds_of_places
from raters.audit.walk import Exchange, Record, Shown, Walker
from raters.database import schema
from raters.database.schema import MAIN, RELEASED, TRAINING
from raters.database.store import Store
from raters.studies.changes import close_study
from raters.studies.tokens import invite
from raters.trials.images import StudyImages
from raters.trials.withdrawal import erase
from raters.web.app import create_app, server

__all__ = ["AuditReport", "Leak", "audit"]

SOURCE = "audit"
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found, and ``numbers`` of what it looked at."""

    study: str
    address: str
    leaks: tuple[Leak, ...]
    numbers: dict[str, int]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def audit(
    store_url: str,
    study_name: str,
    address: str | None = None,
    raters: int = 3,
    seeds: int = SEEDS,
) -> AuditReport:
    """Walk ``raters`` times through a study, from the link to the thanks, and look for leaks.

    Without ``address`` the walk is through a copy of the study as it was on its first day, served
    by the app on a port of this machine; the study itself is only read. With the ``address`` of a
    running server, such as ``https://example.org``, raters are invited there and erased afterwards:
    until then they hold places of its quotas. Searched for are the names of models, images and the
    run, in clear and coded, and anything but pixels that tells models or images apart; and that
    none of it follows from a number below ``seeds``, or from the study's own seed. Raises
    `BenchError` for an unknown study, a closed one at an ``address``, and a server that fails.
    """
    if raters < 1:
        raise BenchError(f"cannot walk a study with {raters} raters; expected 1 or more")
    store = Store(store_url)
    with tempfile.TemporaryDirectory() as temporary, closing(store):
        folder = Path(temporary)
        row = store.study(study_name)
        with closing(copy_study(store, study_name, folder / "control.db", disguised=True)) as other:
            control = _served(other, raters=1).record
        if address is None:
            with closing(copy_study(store, study_name, folder / "copy.db")) as copy:
                walk = _served(copy, raters)
        else:
            walk = _visited(store, study_name, address, raters)
        wanted = needles(*_names(store, row.id), row.run)
    record, truths = walk.record, walk.truths
    named, searched = search(record, control, wanted)
    tells, compared = compare(record.shown, truths)
    images = list({e.path: e for e in record.exchanges if _is_image(e)}.values())
    surplus = {leak for exchange in images for leak in extra_bytes(exchange)}
    bytes_of, tried = seeds_of_bytes(paddings(images), row.seed, seeds)
    planned = row.options["trials"], row.golden, row.repeats, _images(store, row.id)
    places, placed = seeds_of_places(walk.kinds, planned, row.seed, seeds)
    known = (*digests(images, record.shown, truths), *bytes_of, *places)
    numbers = {
        "raters": raters,
        "requests": len(record.exchanges),
        "bytes": sum(len(exchange.body) for exchange in record.exchanges),
        "headers": sum(len(exchange.headers) for exchange in record.exchanges),
        "images": len(images),
        **searched,
        **compared,
        **tried,
        **placed,
    }
    return AuditReport(
        study_name,
        address or "a copy on this machine",
        (*named, *surplus, *tells, *known),
        numbers,
        tuple(_notes(numbers, truths)),
    )


def _is_image(exchange: Exchange) -> bool:
    return exchange.route == "GET /s/<random>" and exchange.status == 200


def _names(store: Store, study: int) -> tuple[list[str], list[str]]:
    method, content = schema.method, schema.content
    with store.read() as connection:
        methods = connection.execute(select(method.c.label).where(method.c.study == study))
        images = connection.execute(select(content.c.image).where(content.c.study == study))
        return list(methods.scalars()), list(images.scalars())


def _images(store: Store, study: int) -> int:
    with store.read() as connection:
        return len(StudyImages.of(store, connection, study).main)


@dataclass(frozen=True, slots=True)
class _Walked:
    """What raters saw, what it was, and the kinds of each one's trials by their numbers."""

    record: Record
    truths: list[Truth]
    kinds: dict[int, list[str]]

    @classmethod
    def of(cls, store: Store, record: Record) -> _Walked:
        """Look both up."""
        return cls(record, _truths(store, record.shown), _kinds(store))


def _served(copy: Store, raters: int) -> _Walked:
    """Walk through the one study of a copy, and knock at the door after it has closed."""
    with copy.read() as connection:
        name = connection.execute(select(schema.study.c.name)).scalar_one()
    with running(create_app(copy.url)) as address:
        record = _walked(copy, name, address, raters)
        late = invite(copy, name, 1, SOURCE)[0]
        close_study(copy, name)
        record.issued.add(late)
        with closing(Walker(address, record)) as walker:
            for path in (f"/r/{late}", "/rate/", "/dashboard/"):
                walker.ask("GET", path)
    return _Walked.of(copy, record)


def _visited(store: Store, name: str, address: str, raters: int) -> _Walked:
    """Walk through the study itself on the server at ``address``; leave no rater behind."""
    try:
        return _Walked.of(store, _walked(store, name, address, raters))
    finally:
        table = schema.rater
        with store.read() as connection:
            ours = (table.c.study == store.study(name).id) & (table.c.source == SOURCE)
            numbers = connection.execute(select(table.c.id).where(ours)).scalars().all()
        for number in numbers:
            erase(store, name, number)


def _walked(store: Store, name: str, address: str, raters: int) -> Record:
    record = Record()
    with closing(Walker(address, record)) as stranger:
        stranger.look_around()
    for number, token in enumerate(invite(store, name, raters, SOURCE)):
        with closing(Walker(address, record, number)) as walker:
            walker.go(token)
    return record


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serve the app on a free port of this machine, in a thread; yield its address."""
    serving = server(app)
    # With the protocol named, asyncio sends small answers at once (TCP_NODELAY).
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=serving.run, args=([listener],), daemon=True)
        thread.start()
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not serving.started:
                if not thread.is_alive() or time.monotonic() > deadline:
                    raise BenchError("the study's server did not start on this machine")
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            serving.should_exit = True
            thread.join()


def _truths(store: Store, shown: Sequence[Shown]) -> list[Truth]:
    """Look up what was shown, by the trial and its slot and not by the address of the image."""
    a, v, s = schema.assignment.c, schema.serving.c, schema.stimulus.c
    with store.read() as connection:
        rows = connection.execute(
            select(a.public_id, v.slot, a.kind, s.id, s.method, s.kind.label("what"), s.content)
            .join(schema.serving, v.assignment == a.id)
            .join(schema.stimulus, s.id == v.stimulus)
            .join(schema.rater, schema.rater.c.id == a.rater)
            .where(schema.rater.c.source == SOURCE)
        ).all()
    known = {
        (row.public_id, row.slot): Truth(
            row.id,
            _UNNAMED[row.what] if row.method is None else row.method,
            row.content,
            row.kind == MAIN,
        )
        for row in rows
    }
    return [known[view.step["trial"], view.slot] for view in shown]


_UNNAMED = {"reference": -1, "golden": -2, "training": -3, "copy": -4}


def _kinds(store: Store) -> dict[int, list[str]]:
    """Return the kinds of the trials of each rater of an audit, in their order."""
    a, r = schema.assignment.c, schema.rater.c
    found: dict[int, list[str]] = {}
    with store.read() as connection:
        rows = connection.execute(
            select(a.rater, a.kind)
            .join(schema.rater, r.id == a.rater)
            .where(r.source == SOURCE, a.kind != TRAINING, a.state != RELEASED)
            .order_by(a.rater, a.position)
        )
        for row in rows:
            found.setdefault(row.rater, []).append(row.kind)
    return found


def _notes(numbers: dict[str, int], truths: Sequence[Truth]) -> Iterator[str]:
    yield (
        f"an audit of a study that leaks nothing reports a leak with a chance of at most "
        f"{100 * FALSE_ALARM:.0f} %"
    )
    short = numbers["names too short to look for in random strings or pixels"]
    if short:
        yield (
            f"{short} names are so short that random strings or pixels contain them by chance; "
            "there they were not looked for"
        )
    seen = [sum(t.model == model for t in truths) for model in {t.model for t in truths if t.main}]
    if not seen or min(seen) < 12:
        yield (
            f"one model was judged {min(seen, default=0)} times only; more raters would show more"
        )
