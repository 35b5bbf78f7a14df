"""Many raters at once against the real server in a process of its own, which may be killed.

The client is a few lines of HTTP/1.1 over asyncio: it shares the cores with the server, so what it
costs is taken from it.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import secrets
import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
from sqlalchemy import func, select

from bench.core.listening import listen
from raters.audit.walk import CLIENT, LOOKED, SCREEN
from raters.database import schema
from raters.database.schema import DONE, LEASED, MAIN
from raters.database.store import Store
from raters.trials.views import REFERENCE_MS
from tests.support.ports import free_port

RETRY_SECONDS = 0.25
TIMEOUT_SECONDS = 30.0
SIGNATURE = b"\x89PNG\r\n\x1a\n"

# A process forked from one that has everything imported: a restart takes as long as the app does.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["raters.web.app"])


def _serve(url: str, port: int, count: int) -> None:
    from raters.web.processes import Serving, others

    serving, listening = Serving(store_url=url, port=port), listen("127.0.0.1", port)
    with others(count - 1, serving, listening):
        serving.server().run(sockets=[listening])


class Server:
    """The real server on one port, in ``count`` processes; may be killed and started again. Counts
    its CPU seconds."""

    def __init__(self, url: str, count: int = 1) -> None:
        self.url, self.port, self.count, self._spent = url, free_port(), count, 0.0
        self.process: Any = None

    def start(self) -> None:
        self.process = _processes.Process(target=_serve, args=(self.url, self.port, self.count))
        self.process.start()
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if not self.process.is_alive():
                    raise RuntimeError("the server ended while it started") from None
                time.sleep(0.02)
            else:
                return
        raise RuntimeError("the server did not answer within two minutes")

    def kill(self) -> None:
        """End the process at once, whatever it is doing (SIGKILL)."""
        self._spent = self.cpu_seconds
        for process in self._all():
            process.kill()
        self.process.join()
        self.process.close()
        self.process = None

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all its processes so far."""
        if self.process is None:
            return self._spent
        times = [process.cpu_times() for process in self._all()]
        return self._spent + sum(float(spent.user + spent.system) for spent in times)

    def _all(self) -> list[psutil.Process]:
        first = psutil.Process(self.process.pid)
        return [*first.children(recursive=True), first]


class Failed(Exception):
    """The connection broke, or the server could not answer for the moment."""


class Connection:
    """One connection that is kept open and opened again when it breaks."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes, bytes]:
        """Return status, raw headers and body. Raises `Failed`."""
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if self._streams and self._streams[0].at_eof():
                    self.close()  # idle for longer than the server waits
                if self._streams is None:
                    self._streams = await asyncio.open_connection(
                        "127.0.0.1", self.port, limit=2**20
                    )
                reader, writer = self._streams
                writer.write(head.encode() + b"\r\n" + data)
                headers = await reader.readuntil(b"\r\n\r\n")
                status = int(headers[9:12])
                length = headers.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
                content = await reader.readexactly(int(length or 0))
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise Failed(repr(error)) from None
        if status >= 500:
            raise Failed(f"{status} from {path}")
        return status, headers, content

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@dataclass(frozen=True)
class Plan:
    """``think``: mean seconds between images and answer, uniform within half of it either way.

    ``doubles``: share of answers that are sent twice at the same time under one key. ``forgets``:
    chance that a rater whose answer met a dead server forgets it and asks for a trial instead.
    """

    raters: int
    seconds: float
    think: float = 3.0
    doubles: float = 0.02
    kills: int = 0
    forgets: float = 0.3
    seed: int = 0


@dataclass
class Seen:
    """What clients saw. Times in seconds; ``acknowledged`` maps keys to trial and answer."""

    submit: list[float] = field(default_factory=list)
    images: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)
    acknowledged: dict[str, tuple[str, str]] = field(default_factory=dict)
    stored_unheard: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Forgotten answers whose trial the server did not ask for again: it must have them."""
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0


class SimulatedRater:
    """Goes in, practises, and judges until the time is up."""

    def __init__(self, server: Server, token: str, plan: Plan, number: int, seen: Seen) -> None:
        self.plan, self.seen, self.token = plan, seen, token
        self.rng = random.Random(f"{plan.seed} {number}")
        self.tab = secrets.token_hex(8)
        self.api, self.second = Connection(server.port), Connection(server.port)
        self.lanes = {slot: Connection(server.port) for slot in ("a", "b", "reference")}
        self.loading: dict[str, asyncio.Task[None]] = {}
        self.step: dict[str, Any] = {}

    async def persist(
        self, connection: Connection, method: str, path: str, body: Any = None
    ) -> Any:
        """Ask until there is an answer."""
        while True:
            try:
                status, headers, content = await connection.ask(method, path, body)
            except Failed:
                self.seen.counts["retries"] += 1
                await asyncio.sleep(RETRY_SECONDS * self.rng.uniform(0.5, 1.5))
                continue
            return status, headers, content

    async def say(self, path: str, body: Any) -> Any:
        """Post, and expect that it is taken."""
        status, _, content = await self.persist(self.api, "POST", path, body)
        if status != 200:
            raise RuntimeError(f"{status} from {path}: {content[:200]!r}")
        return json.loads(content)

    async def prepare(self) -> None:
        """From the link to the first trial that counts."""
        _, headers, _ = await self.persist(self.api, "GET", f"/r/{self.token}")
        cookie = headers.decode().partition("set-cookie: ")[2].split(";")[0]
        for connection in (self.api, self.second, *self.lanes.values()):
            connection.cookie = cookie
        await self.say("/api/consent", {})
        await self.say("/api/checks", SCREEN)
        self.step = await self.say("/api/trial", {"tab": self.tab})
        while self.step["training"]:
            await self.look()
            self.step = (await self.say("/api/judgement", self.given()))["next"]
        await self.load(self.step["slots"])

    async def look(self) -> None:
        """Look at the reference of a practice trial: no answer is taken before."""
        if "reference" in self.step["slots"]:
            await asyncio.sleep(REFERENCE_MS / 1000)

    def given(self) -> dict[str, Any]:
        return {
            "trial": self.step["trial"],
            "answer": self.rng.choice("ab"),
            "key": secrets.token_hex(16),
            "tab": self.tab,
            "response_ms": 1500,
            "timer_broken": False,
            "reloads": 0,
            **LOOKED,
            "client": CLIENT,
        }

    async def load(self, slots: Mapping[str, str]) -> None:
        """Fetch the images of a trial side by side; each is fetched once."""
        for slot, url in slots.items():
            if url not in self.loading:
                self.loading[url] = asyncio.create_task(self.fetch(slot, url))
        await asyncio.gather(*(self.loading[url] for url in slots.values()))

    async def fetch(self, slot: str, url: str) -> None:
        status, _, content = await self.persist(self.lanes[slot], "GET", url)
        if status != 200 or not content.startswith(SIGNATURE):
            self.seen.errors.append(f"{status} from an image")

    async def judge(self, until: float) -> None:
        """Judge until the clock says so; what was sent is seen through."""
        think = self.plan.think
        await asyncio.sleep(self.rng.uniform(0, think))
        while self.step["state"] == "trial" and time.monotonic() < until:
            following = self.step["following"]
            ahead = asyncio.create_task(self.ahead(following)) if following else None
            await asyncio.sleep(self.rng.uniform(0.5 * think, 1.5 * think))
            begun = time.monotonic()
            self.step = await self.submit()
            if self.step["state"] == "trial":
                await self.load(self.step["slots"])
                self.seen.ready.append(time.monotonic() - begun)
                sets = (self.step["slots"], *self.step["following"])
                keep = {url for slots in sets for url in slots.values()}
                self.loading = {url: task for url, task in self.loading.items() if url in keep}
            if ahead:
                await ahead
        if self.step["state"] != "trial":
            self.seen.errors.append(f"a rater ran out of trials: {self.step['state']}")

    async def ahead(self, following: Sequence[Mapping[str, str]]) -> None:
        """Fetch what comes next, the nearest first; most of it was fetched a trial ago."""
        for slots in following:
            if all(url in self.loading for url in slots.values()):
                continue
            begun = time.monotonic()
            await self.load(slots)
            self.seen.images.append(time.monotonic() - begun)

    async def submit(self) -> dict[str, Any]:
        """Send an answer until it is acknowledged; return what comes next."""
        given, begun = self.given(), time.monotonic()
        twice = self.rng.random() < self.plan.doubles
        while True:
            try:
                asked = [self.api.ask("POST", "/api/judgement", given)]
                if twice:
                    asked.append(self.second.ask("POST", "/api/judgement", given))
                replies = await asyncio.gather(*asked, return_exceptions=True)
                for reply in replies:
                    if isinstance(reply, BaseException):
                        raise reply
            except Failed:
                self.seen.counts["retries"] += 1
                await asyncio.sleep(RETRY_SECONDS * self.rng.uniform(0.5, 1.5))
                if self.rng.random() < self.plan.forgets:
                    return await self.ask_again(given)
                continue
            break
        self.seen.submit.append(time.monotonic() - begun)
        return self.taken(given, [reply for reply in replies if isinstance(reply, tuple)])

    def taken(self, given: dict[str, Any], replies: Sequence[tuple[int, bytes, bytes]]) -> Any:
        said = [json.loads(content) for _, _, content in replies]
        if any(status != 200 for status, _, _ in replies):
            raise RuntimeError(f"an answer was refused: {said}")
        self.seen.counts["sent twice"] += len(said) - 1
        if sum(not reply["repeated"] for reply in said) > 1:
            self.seen.errors.append("one answer was stored twice")
        if any(reply["answer"] != given["answer"] for reply in said):
            self.seen.errors.append("another answer than the one sent was stored")
        self.seen.acknowledged[given["key"]] = (given["trial"], given["answer"])
        return said[0]["next"]

    async def ask_again(self, given: dict[str, Any]) -> Any:
        """Forget an answer and ask where we are: at the same trial, unless it was stored."""
        slots = self.step["slots"]
        step = await self.say("/api/trial", {"tab": self.tab})
        if step.get("trial") == given["trial"]:
            self.seen.counts["asked again"] += 1
            if step["slots"] != slots or not step["resumed"]:
                self.seen.errors.append("a trial came back changed")
        else:
            self.seen.stored_unheard[given["key"]] = (given["trial"], given["answer"])
        return step

    def close(self) -> None:
        for connection in (self.api, self.second, *self.lanes.values()):
            connection.close()


async def load(server: Server, tokens: Sequence[str], plan: Plan) -> Seen:
    """Let raters judge for ``plan.seconds`` after all have practised; kill the server meanwhile."""
    seen = Seen()
    raters = [SimulatedRater(server, token, plan, n, seen) for n, token in enumerate(tokens)]
    gate = asyncio.Semaphore(8)

    async def prepared(rater: SimulatedRater) -> None:
        async with gate:
            await rater.prepare()

    await asyncio.gather(*(prepared(rater) for rater in raters))
    me = psutil.Process()
    begun, until = time.monotonic(), time.monotonic() + plan.seconds
    before = server.cpu_seconds, sum(me.cpu_times()[:2])
    killing = asyncio.create_task(_kill(server, plan))
    await asyncio.gather(killing, *(rater.judge(until) for rater in raters))
    seen.wall = time.monotonic() - begun
    seen.cpu = {
        "server": server.cpu_seconds - before[0],
        "client": sum(me.cpu_times()[:2]) - before[1],
    }
    for rater in raters:
        rater.close()
    return seen


async def _kill(server: Server, plan: Plan) -> None:
    """Kill and restart the server at a random moment in each equal part of the time."""
    rng, part = random.Random(plan.seed), plan.seconds / max(plan.kills, 1)
    begun = time.monotonic()
    for number in range(plan.kills):
        moment = begun + (number + rng.uniform(0.2, 0.8)) * part
        await asyncio.sleep(max(moment - time.monotonic(), 0.1))
        server.kill()
        await asyncio.to_thread(server.start)


@dataclass(frozen=True)
class Ledger:
    """What the database says afterwards; all but ``stored`` must be 0."""

    stored: int
    lost: int
    double: int
    over_quota: int
    miscounted: int


def settle(store: Store, seen: Seen) -> Ledger:
    """Hold what clients were told against what is stored."""
    a, j, i, c = (
        schema.assignment.c,
        schema.judgement.c,
        schema.item.c,
        schema.comparison.c,
    )
    with store.read() as connection:
        rows = connection.execute(
            select(j.key, j.answer, a.public_id, a.state, a.item, a.rater, a.kind).join(
                schema.assignment, a.id == j.assignment
            )
        ).all()
        taking = connection.execute(
            select(a.item).where(a.kind == MAIN, a.state.in_((DONE, LEASED)))
        ).scalars()
        held = Counter(taking)
        items = connection.execute(select(i.id, i.quota, i.room).where(i.kind == MAIN)).all()
        done = connection.execute(select(func.sum(c.done))).scalar_one()
        taken = connection.execute(select(func.sum(c.taken))).scalar_one()
    stored = {row.key: (row.public_id, row.answer) for row in rows}
    expected = seen.acknowledged | seen.stored_unheard
    lost = sum(stored.get(key) != what for key, what in expected.items())
    trials = Counter(row.public_id for row in rows)
    places = Counter((row.rater, row.item) for row in rows if row.kind == MAIN)
    double = sum(n - 1 for n in trials.values()) + sum(n - 1 for n in places.values())
    over = sum(held[item.id] > item.quota for item in items)
    main = sum(row.kind == MAIN for row in rows)
    miscounted = sum(item.room != item.quota - held[item.id] for item in items)
    miscounted += (done != main) + (taken != held.total())
    miscounted += sum(row.state != DONE for row in rows)
    return Ledger(len(rows), lost, double, over, miscounted)
