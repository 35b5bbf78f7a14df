"""How time and memory grow as scores and judgements double. Prints a table; 1 on worse growth.

Everything is drawn. Each size is measured in a process of its own: processor time, and the memory
beyond what it began with. The exponent is that of size in time, by least squares on logarithms over
the sizes: 1 for linear. Run as ``python tests/performance/growth.py``; ``--most`` goes on to the
sizes that take hours and gigabytes.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.framework.scores import ScoreTable, read_scores
from bench.framework.significance import standings
from bench.image import write_png
from bench.records import Pair, RunSpec, Score
from bench.runs.cells import Cell
from bench.runs.store import RunFolder
from raters.database.store import Store
from raters.statistics.analyse import analyse
from raters.statistics.votes import Votes
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from tests.support.runs import run_record
from tests.support.studies import judge, trained

MODELS, IMAGES, CLUSTERS = 50, 1000, 40
NLOGN = 1.2
"""The exponent of n log n between sizes of these tables is up to 1.1; what is measured varies."""

Work = Callable[[], object]


def scores_of(models: int, images: int) -> ScoreTable:
    """A table of one metric."""
    rng = np.random.default_rng(0)
    values = rng.normal(28, 2, (images, 1)) + rng.normal(0, 1, (images, models))
    return ScoreTable(
        images=tuple(map(str, range(images))),
        clusters=np.asarray([str(n % CLUSTERS) for n in range(images)], dtype=np.str_),
        models=tuple(f"m{n}" for n in range(models)),
        metrics=("psnr",),
        values={"psnr": values},
        reasons={"psnr": {}},
        higher_is_better={"psnr": True},
        units={"psnr": "dB"},
    )


def a_run(root: Path, models: int, images: int) -> RunFolder:
    """A run folder of one metric, whose images are one file."""
    names = [f"m{n}" for n in range(models)]
    rng = np.random.default_rng(0)
    run = RunFolder(root / "run")
    pixels = rng.integers(0, 255, (96, 96, 3)).astype(np.uint8)
    write_png(root / "one.png", pixels)
    pairs = [Pair(f"i{n}", root / "one.png", root / "one.png", str(n % 40)) for n in range(images)]
    for number, name in enumerate(names):
        drawn = rng.normal(28 + number / 50, 1, images)
        run.replace_cells(
            name, (Cell(p.id, {"psnr": Score(float(v))}) for p, v in zip(pairs, drawn, strict=True))
        )
        folder = run.image_path(name, "x").parent
        folder.mkdir(parents=True)
        for pair in pairs[:60]:
            (folder / f"{pair.id}.png").symlink_to(root / "one.png")
    run.write_images(pairs)
    run.write_record(
        run_record(
            RunSpec(suite="demo", data="", models=tuple(names), metrics=("psnr",)), pairs=pairs
        )
    )
    return run


def reading(size: int, root: Path) -> Work:
    """Read ``size`` cells of 50 models."""
    run = a_run(root, MODELS, size // MODELS)
    return lambda: read_scores(run)


def ranking(size: int, root: Path) -> Work:
    """Rank 50 models by ``size`` scores."""
    table = scores_of(MODELS, size // MODELS)
    return lambda: standings(table, "psnr")


def ranking_models(size: int, root: Path) -> Work:
    """Rank ``size`` models by 1,000 images each."""
    table = scores_of(size, IMAGES)
    return lambda: standings(table, "psnr")


def telling_apart(size: int, root: Path) -> Work:
    """Test every pair of ``size`` models on 1,000 images: as many tests as there are pairs."""
    table = scores_of(size, IMAGES)
    return lambda: table.p_values("psnr")


def page(size: int, root: Path) -> Work:
    """Write the report of ``size`` models on 100 images."""
    from bench.report import write_report

    run = a_run(root, size, 100)
    return lambda: write_report([run])


def opening(models: int = 100) -> str:
    """Return how long Chromium takes to show the page of ``models``: the median of five."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGUMENTS, find_chromium

    found = find_chromium()
    if found is None:
        return "no Chromium here to open the page with"
    seconds = []
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        page(models, Path(temporary))()
        (written,) = Path(temporary).rglob("index.html")
        chromium = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        for _ in range(5):
            tab, since = chromium.new_page(), time.perf_counter()
            tab.goto(written.as_uri())
            tab.evaluate("() => new Promise((drawn) => requestAnimationFrame(drawn))")
            seconds.append(time.perf_counter() - since)
            tab.close()
        chromium.close()
    return f"the page of {models} models opens in {np.median(seconds):.2f} s, {max(seconds):.2f} s"


def scaling(size: int, root: Path) -> Work:
    """Put 30 methods on a scale by ``size`` votes, 200 samples."""
    rng = np.random.default_rng(0)
    quality = rng.normal(0, 1, 30)
    a = rng.integers(0, 30, size)
    b = (a + rng.integers(1, 30, size)) % 30
    won = rng.random(size) < 1 / (1 + np.exp(quality[b] - quality[a]))
    votes = Votes(
        methods=tuple(f"m{i}" for i in range(30)),
        images=tuple(map(str, range(100))),
        raters=tuple(map(str, range(200))),
        image=rng.integers(0, 100, size),
        a=a,
        b=b,
        outcome=np.where(won, 1, -1).astype(np.int8),
        rater=rng.integers(0, 200, size),
    )
    return lambda: analyse(votes, samples=200)


def people() -> ModuleType:
    """The script beside this one that fills a study."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import people as found

    return found


def assigning(size: int, root: Path) -> Work:
    """Give a rater 50 trials, in a study that holds ``size`` judgements of others."""
    made = people()
    run = made.make_run(root)
    store = Store(f"{root}/studies.db")
    create_study(store, run.path, StudyOptions("many", per_pair=1_000_000, images=made.IMAGES))
    made.JUDGEMENTS = size
    made.fill(store, "many")
    session = trained(store, invite(store, "many", 1)[0])
    return lambda: judge(session, lambda trial: "a", most=50)


@dataclass(frozen=True, slots=True)
class Growth:
    """What is measured, at which sizes; ``most`` are what the product is asked to bear at the end.

    ``limit``: the largest exponent.
    """

    work: Callable[[int, Path], Work]
    sizes: tuple[int, ...]
    most: tuple[int, ...] = ()
    limit: float = NLOGN


TABLE = {
    "reading, cells": Growth(reading, (100_000, 200_000, 400_000, 800_000), (10_000_000,)),
    "ranking, scores": Growth(ranking, (1_250_000, 2_500_000, 5_000_000, 10_000_000)),
    "ranking, models": Growth(ranking_models, (125, 250, 500, 1000), limit=2.2),
    "pairs of models, models": Growth(telling_apart, (50, 100, 200, 400), (1000,), limit=2.2),
    "report, models": Growth(page, (25, 50, 100), (200,), limit=2.2),
    "scale, votes": Growth(scaling, (1_250_000, 2_500_000, 5_000_000, 10_000_000)),
    "assignment, judgements": Growth(assigning, (15_000, 30_000, 60_000, 120_000), (10_000_000,)),
}
"""Pairs of models are as many as the square of models, and every pair is tested: ranking and the
report do so."""


def measure(name: str, size: int) -> dict[str, float]:
    """Do one, in this process."""
    with tempfile.TemporaryDirectory() as warm, tempfile.TemporaryDirectory() as folder:
        TABLE[name].work(TABLE[name].sizes[0] // 5, Path(warm))()  # imports, and what is kept
        work = TABLE[name].work(size, Path(folder))
        began = time.process_time()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        made = work()
        spent = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        megabytes = made.stat().st_size / 1e6 if isinstance(made, Path) else 0.0
    return {"seconds": spent, "mb": (peak - before) / 1e3, "page": megabytes}


def main() -> int:
    """Measure each at its sizes; print the table."""
    most = "--most" in sys.argv
    chosen = [word for word in sys.argv[1:] if word in TABLE] or list(TABLE)
    print("| what grows | sizes | processor time, s | memory, MB | exponent | at most |")
    print("|---|---|---|---|---|---|")
    good = True
    for name in chosen:
        row = TABLE[name]
        sizes = [*row.sizes, *(row.most if most else ())]
        found = []
        for size in sizes:
            ran = subprocess.run(
                [sys.executable, os.fspath(Path(__file__)), "--one", name, str(size)],
                capture_output=True,
                text=True,
                check=False,
            )
            if ran.returncode:
                print(ran.stderr, file=sys.stderr)
                return 1
            found.append(json.loads(ran.stdout.splitlines()[-1]))
        seconds = [max(one["seconds"], 1e-3) for one in found]
        exponent = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
        good &= exponent <= row.limit
        memory = [f"{one['mb']:.0f}" for one in found]
        pages = ", ".join(f"{one['page']:.1f}" for one in found if one["page"])
        print(
            f"| {name} | {', '.join(f'{size:,}' for size in sizes)} "
            f"| {', '.join(f'{one:.2f}' for one in seconds)} "
            f"| {', '.join(memory)} "
            f"| {exponent:.2f} | {row.limit:g} |" + (f" page, MB: {pages}" if pages else ""),
            flush=True,
        )
    if "report, models" in chosen:
        print(f"\n{opening()} at most")
    return int(not good)


if __name__ == "__main__":
    if "--one" in sys.argv:
        print(json.dumps(measure(sys.argv[-2], int(sys.argv[-1]))))
        sys.exit(0)
    sys.exit(main())
