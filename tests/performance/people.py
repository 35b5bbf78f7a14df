"""Time and memory of a million judgements: read, analysed and reported. 1 on a miss.

A study of 20 models on 40 images is made as ``bench rate new`` makes it, and filled with the
answers of 16,667 simulated raters, straight into its tables. Then ``bench rate analyse`` and
``bench report --study`` run, each in a process of its own, on two cores. What they take by the
clock depends on what else the machine does, so processor time stands beside it.

Run as ``python tests/performance/people.py``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import skimage

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.image import read, write_png
from bench.records import Pair, Score
from bench.runs.store import RunFolder
from raters.database import schema
from raters.database.store import Store
from raters.studies.changes import close_study
from raters.studies.creation import StudyOptions, create_study
from tests.support.alone import taken_by
from tests.support.runs import write_run

MODELS, IMAGES, SCENES, SIZE = 20, 40, 10, (144, 192)
JUDGEMENTS, TRIALS = 1_000_000, 60
METRICS = {"psnr": 28.0, "ssim": 0.86, "vif": 0.5, "lpips-alex": 0.2, "ssim-volume": 0.93}
SECONDS, MEGABYTES = 60.0, 1000.0


def make_run(root: Path) -> RunFolder:
    """Write a run of crops of a photograph, blurred more or less, with drawn scores."""
    rng = np.random.default_rng(0)
    photograph = read(Path(skimage.data_dir) / "astronaut.png")
    models = ["input", *(f"model-{n:02d}" for n in range(1, MODELS))]
    pairs, scores = [], {model: {} for model in models}
    run = RunFolder(root / "run")
    for number in range(IMAGES):
        top, left = 8 * (number % 8), 12 * (number // 8)
        sharp = np.ascontiguousarray(photograph[top : top + SIZE[0], left : left + SIZE[1]])
        name = f"crop{number:02d}"
        target = root / "target" / f"{name}.png"
        write_png(target, sharp)
        strata = {"light": ("low", "normal")[number % 2], "blur": f"{number % 3}"}
        pairs.append(Pair(name, target, target, f"scene{number % SCENES}", strata))
        for place, model in enumerate(models):
            blurred = cv2.GaussianBlur(sharp, (0, 0), 0.4 + 0.15 * place)
            write_png(run.image_path(model, name), np.asarray(blurred, np.uint8))
            scores[model][name] = {
                m: Score(float(mean * (1.1 - place / 100 + rng.normal(0, 0.02))))
                for m, mean in METRICS.items()
            }
    return write_run(root / "run", pairs, scores, list(METRICS))


def fill(store: Store, study: str) -> int:
    """Answer for all raters: better models win with the log odds of their number over five."""
    rng = np.random.default_rng(1)
    key = store.study(study).id
    raters = -(-JUDGEMENTS // TRIALS)
    with store.write(key) as connection:
        labels = {row.id: row.label for row in connection.execute(schema.method.select())}
        stimuli = {
            s.id: labels.get(s.method)
            for s in connection.execute(
                schema.stimulus.select().with_only_columns(
                    schema.stimulus.c.id, schema.stimulus.c.method
                )
            )
        }
        items = [row for row in connection.execute(schema.item.select()) if row.kind == "main"]
        strength = {
            label: -int(label[-2:]) / 5 if label[-2:].isdigit() else 0.0
            for label in labels.values()
        }
        gap = np.array([strength[stimuli[i.first]] - strength[stimuli[i.second]] for i in items])
        now = store.clock().strftime("%Y-%m-%d %H:%M:%S.%f")
        connection.exec_driver_sql(
            "INSERT INTO rater (id, study, token_hash, source, created, consented, trained, "
            "finished) VALUES (?, ?, ?, 'invite', ?, ?, ?, ?)",
            [(n + 1, key, f"h{n}", now, now, now, now) for n in range(raters)],
        )
        trial = 0
        for first in range(0, raters, 1000):
            leases, answers = [], []
            for rater in range(first, min(first + 1000, raters)):
                taste = rng.normal(0, 0.2)
                chosen = rng.choice(len(items), TRIALS, replace=False)
                won = rng.random(TRIALS) < 1 / (1 + np.exp(-gap[chosen] * (1 + taste)))
                swapped = rng.random(TRIALS) < 0.5
                times = rng.integers(900, 6000, TRIALS)
                for position, item in enumerate(chosen):
                    trial += 1
                    side = "a" if won[position] != swapped[position] else "b"
                    leases.append(
                        (
                            trial,
                            f"p{trial}",
                            key,
                            rater + 1,
                            items[item].id,
                            position,
                            int(swapped[position]),
                            now,
                            now,
                        )
                    )
                    answers.append((trial, f"k{trial}", side, now, int(times[position])))
            connection.exec_driver_sql(
                "INSERT INTO assignment (id, public_id, study, rater, item, kind, position, "
                "swapped, leased, expires, state, shown_count) "
                "VALUES (?, ?, ?, ?, ?, 'main', ?, ?, ?, ?, 'done', 1)",
                leases,
            )
            connection.exec_driver_sql(
                "INSERT INTO judgement (assignment, key, answer, created, response_ms, "
                "timer_broken, reloads, client) VALUES (?, ?, ?, ?, ?, 0, 0, '{}')",
                answers,
            )
    return trial


def measured(what: str, command: list[str]) -> bool:
    """Run a command; print its time by the clock and the processor's, and its memory."""
    taken = taken_by(command)
    print(
        f"{what}: {taken.processor:.0f} s of processor time, {taken.seconds:.0f} s on the clock "
        f"(at most {SECONDS:.0f} s on an idle machine), {taken.megabytes:.0f} MB (at most "
        f"{MEGABYTES:.0f})"
    )
    quick = min(taken.seconds, taken.processor) <= SECONDS
    return taken.status == 0 and quick and taken.megabytes <= MEGABYTES


def main() -> int:
    """Make the study, analyse it, report it."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        run = make_run(root)
        db = f"{root}/studies.db"
        store = Store(db)
        per_pair = -(-JUDGEMENTS // (MODELS * (MODELS - 1) // 2))
        create_study(store, run.path, StudyOptions("many", per_pair=per_pair, images=IMAGES))
        begun = time.perf_counter()
        number = fill(store, "many")
        close_study(store, "many")
        store.close()
        size = Path(db).stat().st_size / 1e6
        print(
            f"{number} judgements of {MODELS} models on {IMAGES} images written in "
            f"{time.perf_counter() - begun:.0f} s, {size:.0f} MB"
        )
        bench = [sys.executable, "-m", "bench"]
        out = str(root / "out")
        good = [
            measured("analyse", [*bench, "rate", "analyse", "many", "--db", db, "--out", out]),
            measured("report", [*bench, "report", str(run.path), "--study", f"{db}#many"]),
        ]
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
