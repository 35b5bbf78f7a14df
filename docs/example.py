"""The worked example of `example.md`: a demo run, simulated raters, and what becomes of them.

Run it in the repository's root: ``python docs/example.py --run demo --out docs/example``. The
raters are simulated. They are given a true quality of each model, look up behind the server's back
which model an image is of, and answer by chance as the truth says. All else is real: the study is
made of the run, the server serves it, and every answer goes through its HTTP interface.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.special import expit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.framework.people import HumanScale, read_study
from bench.framework.scores import read_scores
from bench.report import write_report
from bench.runs.finding import find_run
from bench.runs.store import RunFolder
from raters.database.store import Store
from raters.studies.changes import close_study
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from tests.raters.statistics.simulated import truth_of
from tests.support.load import Plan, Seen, Server, SimulatedRater
from tests.support.studies import Shown, looked

NAME = "simulated-raters"
RATERS, TRIALS, IMAGES = 40, 60, 20
TASTE = 0.3
"""Standard deviation, in log odds, of how far a rater's opinion of a model is from the truth."""
BEST, WORST = 1.5, -1.5


def assigned(run: RunFolder) -> dict[str, float]:
    """Return invented true qualities in log odds: evenly spread, in the order of the models' SSIM.

    People would have opinions of their own; these only have to be known.
    """
    table = read_scores(run)
    restored = [m for m in table.models if run.image_path(m, table.images[0]).is_file()]
    order = sorted(restored, key=lambda model: -np.nanmean(table.column("ssim", model)))
    spread = np.linspace(BEST, WORST, len(order)).round(2)
    return dict(zip(order, map(float, spread), strict=True))


class Believer(SimulatedRater):
    """A rater with a taste, who prefers one model to another as often as the truth makes it."""

    def __init__(
        self,
        server: Server,
        token: str,
        number: int,
        seen: Seen,
        shown: Shown,
        truth: Mapping[str, float],
    ) -> None:
        super().__init__(server, token, Plan(1, 0, think=0, doubles=0.02), number, seen)
        self.shown = shown
        taste = np.random.default_rng([7, number]).normal(0, TASTE, len(truth))
        self.opinion = {m: q + t for (m, q), t in zip(truth.items(), taste, strict=True)}
        self.opinion |= {"reference": 9.0, "copy": 9.0, "golden": -9.0, "training": -9.0}

    async def look(self) -> None:
        """See `given`, which says how long the rater has looked."""

    def given(self) -> dict[str, Any]:
        """Return the answer to the trial at hand."""
        sides, _ = self.shown.sides({slot: self.step["slots"][slot] for slot in "ab"})
        gap = self.opinion[sides["a"]] - self.opinion[sides["b"]]
        answer = "a" if self.rng.random() < expit(gap) else "b"
        seconds = self.rng.lognormvariate(1.0, 0.4)  # 2.7 s in the middle
        looked(self.shown.store, self.step["trial"], 1000 * seconds)
        return super().given() | {"answer": answer, "response_ms": round(1000 * seconds)}

    async def sit(self) -> None:
        """Judge until there is nothing more to judge."""
        await self.prepare()
        while self.step["state"] == "trial":
            await self.load(self.step["slots"])
            self.step = await self.submit()
        self.close()


@dataclass(frozen=True, slots=True)
class Recovered:
    """One model: what was put in, and what the analysis says; ``inside``: it holds the truth."""

    model: str
    truth: float
    value: float
    low: float
    high: float
    group: str
    inside: bool


async def _judge(raters: Sequence[Believer]) -> None:
    """Let all raters work at the same time."""
    await asyncio.gather(*(rater.sit() for rater in raters))


def ask(
    run: RunFolder, db: Path, raters: int = RATERS, trials: int = TRIALS, images: int = IMAGES
) -> dict[str, float]:
    """Make a study of ``run``, let simulated raters judge it over HTTP, and close it.

    Returns the truth that they were given. Raises RuntimeError if the server lost an answer.
    """
    truth = assigned(run)
    pairs = len(truth) * (len(truth) - 1) // 2
    store = Store(str(db))
    options = StudyOptions(
        NAME,
        per_pair=-(-raters * trials // pairs),
        trials=trials,
        images=images,
        models=tuple(truth),
    )
    create_study(store, run.path, options)
    tokens = invite(store, NAME, raters)
    server, seen = Server(store.url), Seen()
    server.start()
    try:
        shown = Shown(store)
        asyncio.run(
            _judge([Believer(server, t, n, seen, shown, truth) for n, t in enumerate(tokens)])
        )
    finally:
        server.kill()
    close_study(store, NAME)
    store.close()
    if seen.errors:
        raise RuntimeError(f"the server erred: {seen.errors[:3]}")
    return truth


def recovered(scale: HumanScale, truth: Mapping[str, float]) -> list[Recovered]:
    """Hold the analysis against the truth: that of endless raters of the same taste."""
    names = list(truth)
    expected = dict(zip(names, truth_of(np.array(list(truth.values())), TASTE), strict=True))
    found = []
    for method in scale.analysis.methods:
        true = float(expected[method.method])
        inside = method.low <= true <= method.high
        found.append(
            Recovered(
                method.method, true, method.value, method.low, method.high, method.group, inside
            )
        )
    return found


def keep(report: Path, out: Path) -> None:
    """Copy what the text shows of a report: tables as they are, plots with fewer colours."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("people", "trust"):
        shutil.copy(report / "tables" / f"{name}.csv", out / f"{name}.csv")
    for name in ("people", "ssim-against-people"):
        pixels = cv2.imread(str(report / "plots" / f"{name}.png"))
        smaller = cv2.resize(pixels, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(out / f"{name}.png"), smaller, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def main() -> int:
    """Make the example anew; 0 if at most one interval in twenty misses the truth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="demo", help="a run's folder, or the suite of its latest")
    parser.add_argument("--out", type=Path, default=Path("docs/example"))
    parser.add_argument("--raters", type=int, default=RATERS)
    given = parser.parse_args()
    run = find_run(given.run)
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "studies.db"
        truth = ask(run, db, given.raters)
        scale = read_study(str(db), NAME, run)
        page = write_report([run], people=scale)
    rows = recovered(scale, truth)
    keep(page.parent, given.out)
    with (given.out / "truth.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    hits = sum(row.inside for row in rows)
    said = {
        "judgements": scale.analysis.votes,
        "inside": f"{hits} of {len(rows)}",
        "page": str(page),
    }
    sys.stdout.write(json.dumps(said) + "\n")
    return int(hits < len(rows) - max(1, len(rows) // 20))


if __name__ == "__main__":
    sys.exit(main())
