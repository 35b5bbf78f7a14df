"""Hundreds of raters at once: how long saving an answer takes, and whether any is lost.

Run as ``python tests/performance/rating.py --raters 100 --seconds 180``, or with ``--table`` for
a table of them all. The clients run on the same cores as the server. 1 on a
loss, a double, or a miss of the target.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.image import Pixels, read, write_png
from bench.records import Pair, RunSpec
from bench.runs.store import RunFolder
from raters.database.store import Store
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from raters.web.processes import suitable
from tests.support import postgres
from tests.support.load import Ledger, Plan, Seen, Server, load, settle
from tests.support.nginx import find_nginx
from tests.support.ports import free_port
from tests.support.runs import run_record

PHOTOGRAPHS = ("astronaut.png", "ihc.png", "retina.jpg", "hubble_deep_field.jpg")
SIZE, TARGET_MS = 512, 150.0


def filtered(pixels: Pixels) -> dict[str, Pixels]:
    """Return what six models might have made of a photograph."""
    blurred = {f"gauss{s:g}": cv2.GaussianBlur(pixels, (0, 0), s) for s in (0.6, 1.2, 2.0)}
    others = {
        "median3": cv2.medianBlur(pixels, 3),
        "median5": cv2.medianBlur(pixels, 5),
        "box3": cv2.blur(pixels, (3, 3)),
    }
    return {name: np.asarray(image, np.uint8) for name, image in (blurred | others).items()}


def make_run(root: Path, count: int) -> Path:
    """Write a finished run of ``count`` crops of photographs and six filters."""
    photographs = [read(Path(skimage.data_dir) / name) for name in PHOTOGRAPHS]
    rng, pairs = np.random.default_rng(0), []
    models = tuple(filtered(photographs[0][:8, :8]))
    spec = RunSpec(suite="folder", data=str(root), models=models, metrics=("psnr",))
    run = RunFolder.create(root / "run", spec)
    for index in range(count):
        photograph = photographs[index % len(photographs)]
        y, x = (int(rng.integers(0, extent - SIZE + 1)) for extent in photograph.shape[:2])
        sharp = np.ascontiguousarray(photograph[y : y + SIZE, x : x + SIZE])
        name = f"{index:03d}"
        target = root / "target" / f"{name}.png"
        write_png(target, sharp)
        for model, image in filtered(sharp).items():
            write_png(run.image_path(model, name), image)
        pairs.append(Pair(name, target, target, name))
    run.write_images(pairs)
    run.write_record(run_record(spec, pairs=pairs))
    return run.path


@contextmanager
def database(path: Path, on_postgres: bool) -> Iterator[str]:
    """Yield the address of an empty database that flushes what it commits."""
    if not on_postgres:
        yield f"sqlite:///{path}"
        return
    tools = postgres.find_server()
    if tools is None:
        raise SystemExit("--postgres needs initdb and pg_ctl, and none were found")
    with postgres.server(tools, durable=True) as folder, postgres.database(folder) as url:
        yield url


class Replicas:
    """Several servers of one database behind an nginx; it stands for one `Server`."""

    def __init__(self, url: str, count: int, folder: Path) -> None:
        self.servers = [Server(url) for _ in range(count)]
        self.port, self.folder = free_port(), folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        for server in self.servers:
            server.start()
        program = find_nginx()
        if program is None:
            raise SystemExit("--replicas needs nginx, and none was found")
        self.folder.mkdir()
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{kind}_temp_path {self.folder}/{kind}; " for kind in kinds)
        upstream = " ".join(f"server 127.0.0.1:{server.port};" for server in self.servers)
        (self.folder / "nginx.conf").write_text(
            f"{'user root; ' * (os.geteuid() == 0)}daemon off; pid {self.folder}/pid;\n"
            "worker_processes 1; events { worker_connections 8192; }\n"
            f"http {{ access_log off; {paths}\n"
            f"upstream study {{ least_conn; {upstream} keepalive 256; }}\n"
            f"server {{ listen 127.0.0.1:{self.port}; keepalive_requests 100000;\n"
            "location / { proxy_pass http://study; proxy_http_version 1.1;\n"
            "proxy_set_header Connection ''; proxy_set_header Host $host; } } }\n"
        )
        command = [program, "-p", str(self.folder), "-e", str(self.folder / "log"), "-c"]
        self.process = subprocess.Popen([*command, str(self.folder / "nginx.conf")])
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise SystemExit((self.folder / "log").read_text())

    def kill(self) -> None:
        for server in self.servers:
            server.kill()
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    @property
    def cpu_seconds(self) -> float:
        return sum(server.cpu_seconds for server in self.servers)


def percentiles(seconds: list[float]) -> str:
    """Return the 50th, 95th and 99th in milliseconds."""
    if not seconds:
        return "none"
    return " / ".join(f"{1000 * value:.0f}" for value in np.percentile(seconds, [50, 95, 99]))


def measure(
    plan: Plan, url: str, root: Path, replicas: int = 1, processes: int | None = None
) -> tuple[Seen, Ledger]:
    """Make the study, run the load, print what was seen; return it, and what the database holds."""
    needed = math.ceil(1.5 * plan.seconds / plan.think) + 10
    images = max(4, math.ceil(needed / 15))  # six models make 15 pairs, each judged once per image
    store = Store(url)
    count = processes or suitable(store.engine.dialect.name)
    server: Any = Server(url, count) if replicas == 1 else Replicas(url, replicas, root / "nginx")
    try:
        options = StudyOptions(
            "load",
            per_pair=plan.raters * images,
            trials=needed,
            images=images,
            crop=SIZE,
            golden=min(4 / needed, 0.05),
            repeats=0.05,
        )
        create_study(store, make_run(root, images), options)
        tokens = invite(store, "load", plan.raters)
        server.start()
        seen = asyncio.run(load(server, tokens, plan))
        ledger = settle(store, seen)
    finally:
        if server.process is not None:
            server.kill()
        store.close()
    submits = len(seen.submit)
    share = {who: 1000 * spent / max(submits, 1) for who, spent in seen.cpu.items()}
    rows = [
        (
            "load",
            f"{plan.raters} raters, {plan.think:g} s to think (uniform, 0.5 to 1.5 of it), "
            f"{plan.seconds:g} s, {plan.kills} kills, {store.engine.dialect.name}",
        ),
        (
            "answers saved",
            f"{submits} ({submits / seen.wall:.1f} a second), "
            f"{seen.counts['sent twice']} of them sent twice",
        ),
        ("save an answer, p50 / p95 / p99 ms", percentiles(seen.submit)),
        ("images of a trial ahead, ms", percentiles(seen.images)),
        ("from answer to next images, ms", percentiles(seen.ready)),
        ("CPU ms per answer", f"server {share['server']:.1f}, clients {share['client']:.1f}"),
        ("retries, trials asked again", f"{seen.counts['retries']}, {seen.counts['asked again']}"),
        ("errors", f"{len(seen.errors)} {seen.errors[:2] or ''}"),
        (
            "lost / double / over quota / miscounted",
            f"{ledger.lost} / {ledger.double} / {ledger.over_quota} / {ledger.miscounted}",
        ),
    ]
    for name, value in rows:
        print(f"{name:42}{value}")
    return seen, ledger


def kept(seen: Seen, ledger: Ledger) -> bool:
    """Whether nothing was lost or doubled, and nothing failed."""
    bad = (seen.errors, ledger.lost, ledger.double, ledger.over_quota, ledger.miscounted)
    return not any(bad)


ROWS = ((100, False, 1), (200, False, 1), (100, True, 1), (200, True, 1), (400, True, 2))
"""Raters, whether on PostgreSQL, and servers, of the table."""


def table(seconds: float, think: float) -> int:
    """Measure all `ROWS` and print them as Markdown, with the machine, its load and the day."""
    lines, right = [], True
    for raters, on_postgres, replicas in ROWS:
        with tempfile.TemporaryDirectory() as temporary:
            root, plan = Path(temporary), Plan(raters, seconds, think)
            with database(root / "studies.db", on_postgres) as url:
                before = os.getloadavg()[0]
                seen, ledger = measure(plan, url, root, replicas)
        p50, p95, most = (1000 * value for value in np.percentile(seen.submit, [50, 95, 100]))
        servers = (
            f"{'PostgreSQL' if on_postgres else 'SQLite'}{f', {replicas} servers' * (replicas > 1)}"
        )
        lines.append(
            f"| {raters} | {servers} | {len(seen.submit) / seen.wall:.0f} | {p50:.0f} | {p95:.0f} "
            f"| {most:.0f} | {ledger.lost} | {ledger.double} | {before:.1f} |"
        )
        right &= kept(seen, ledger)
    print(f"\n{cpu()}, {os.cpu_count()} cores, {date.today():%d %B %Y}; {think:g} s a trial\n")
    heads = "raters", "database", "answers/s", "p50 ms", "p95 ms", "max ms", "lost", "doubled"
    print(f"| {' | '.join(heads)} | load before |")
    print("|---" * (len(heads) + 1) + "|")
    print("\n".join(lines))
    return int(not right)


def cpu() -> str:
    """Return what the processor calls itself."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> int:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raters", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--think", type=float, default=3.0, help="mean seconds per trial")
    parser.add_argument("--doubles", type=float, default=0.02, help="share sent twice")
    parser.add_argument("--kills", type=int, default=0, help="times the server is killed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--db", type=Path, help="SQLite file; default: a temporary one")
    parser.add_argument("--postgres", action="store_true", help="a PostgreSQL server of its own")
    parser.add_argument("--replicas", type=int, default=1, help="servers behind one nginx")
    parser.add_argument("--processes", type=int, help="of the one server; default: as it chooses")
    parser.add_argument("--table", action="store_true", help="100, 200, 400 raters")
    given = parser.parse_args()
    if given.table:
        return table(given.seconds, given.think)
    plan = Plan(
        given.raters, given.seconds, given.think, given.doubles, given.kills, seed=given.seed
    )
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        with database(given.db or root / "studies.db", given.postgres) as url:
            seen, ledger = measure(plan, url, root, given.replicas, given.processes)
    # A killed server is back within seconds, and answers wait for it: no target then.
    late = not plan.kills and 1000 * float(np.percentile(seen.submit, 95)) > TARGET_MS
    if late:
        print(f"p95 of saving an answer is over {TARGET_MS:g} ms")
    return int(late or not kept(seen, ledger))


if __name__ == "__main__":
    sys.exit(main())
