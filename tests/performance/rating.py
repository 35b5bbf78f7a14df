"""A hundred raters at one server: how long saving an answer takes, and whether any is lost.

Run as ``python tests/performance/rating.py --raters 100 --seconds 180``. The clients run on the
same cores as the server. Prints one table; 1 on a loss, a double, or a miss of the target.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
from tests.support import postgres
from tests.support.load import Plan, Seen, Server, load, settle
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


def percentiles(seconds: list[float]) -> str:
    """Return the 50th, 95th and 99th in milliseconds."""
    if not seconds:
        return "none"
    return " / ".join(f"{1000 * value:.0f}" for value in np.percentile(seconds, [50, 95, 99]))


def measure(plan: Plan, url: str, root: Path) -> tuple[Seen, bool]:
    """Make the study, run the load, print the table; return whether nothing was lost or doubled."""
    needed = math.ceil(1.5 * plan.seconds / plan.think) + 10
    images = max(4, math.ceil(needed / 15))  # six models make 15 pairs, each judged once per image
    store, server = Store(url), Server(url)
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
    bad = (seen.errors, ledger.lost, ledger.double, ledger.over_quota, ledger.miscounted)
    return seen, not any(bad)


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
    given = parser.parse_args()
    plan = Plan(
        given.raters, given.seconds, given.think, given.doubles, given.kills, seed=given.seed
    )
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        with database(given.db or root / "studies.db", given.postgres) as url:
            seen, kept = measure(plan, url, root)
    # A killed server is back within seconds, and answers wait for it: no target then.
    late = not plan.kills and 1000 * float(np.percentile(seen.submit, 95)) > TARGET_MS
    if late:
        print(f"p95 of saving an answer is over {TARGET_MS:g} ms")
    return int(late or not kept)


if __name__ == "__main__":
    sys.exit(main())
