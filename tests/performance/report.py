"""Time and memory of a large report: 50 models on 1,111 images of 1280x720. 1 on a miss.

Scores and costs are drawn, images are real PNG files (every image of a model is one of two). The
report is written in a process of its own, on two cores; what it takes by the clock depends on what
else the machine does, so the lesser of that and of processor time is held to the limit.
``--profile`` prints where it goes.

Run as ``python tests/performance/report.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import skimage

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.compute.memory import peak_resident
from bench.image import Pixels, read, write_png
from bench.records import Pair, Profile, Score
from bench.runs.store import RunFolder
from tests.support.runs import costs, write_run

MODELS, SIZE = 50, (720, 1280)
FRAMES = {f"GOPR{n:04d}": frames for n, frames in enumerate([100] * 9 + [134, 77])}
"""GoPro's test set: 11 sequences, 1,111 frames."""
METRICS = {"psnr": 28.0, "ssim": 0.86, "vif": 0.5, "lpips-alex": 0.2, "ssim-volume": 0.93}
TRAINED = 10
SECONDS, MEGABYTES = 60.0, 600.0


def photographs() -> list[Pixels]:
    """Return two photographs of 1280x720."""
    return [
        np.asarray(cv2.resize(read(Path(skimage.data_dir) / name), SIZE[::-1]), np.uint8)
        for name in ("astronaut.png", "coffee.png")
    ]


def make_run(root: Path) -> RunFolder:
    """Write a run folder of the size of a whole benchmark."""
    rng = np.random.default_rng(0)
    names = [f"{clip}-{n:06d}" for clip, frames in FRAMES.items() for n in range(frames)]
    sharp = photographs()
    pairs = []
    for index, name in enumerate(names):
        strata = {"light": ("low", "normal")[index % 2], "motion": f"{index % 5}"}
        paths = [root / "data" / f"{kind}{index % 2}.png" for kind in ("blur", "sharp")]
        pairs.append(Pair(name, paths[0], paths[1], name.partition("-")[0], strata))
    for index, pixels in enumerate(sharp):
        write_png(root / "data" / f"sharp{index}.png", pixels)
        write_png(root / "data" / f"blur{index}.png", blurred(pixels, 4.0))
    models = ["input", *(f"model-{n:02d}" for n in range(1, MODELS))]
    scores = {}
    for number, model in enumerate(models):
        drawn = {
            m: mean * rng.normal(1 + number / 400, 0.05, len(names)) for m, mean in METRICS.items()
        }
        scores[model] = {
            name: {m: Score(float(drawn[m][i])) for m in METRICS} for i, name in enumerate(names)
        }
    run = write_run(root / "run", pairs, scores, list(METRICS), profiles=list(profiles(models)))
    for number, model in enumerate(models):
        for index, pixels in enumerate(sharp):
            write_png(root / "restored" / f"{model}-{index}.png", blurred(pixels, 4 - number / 15))
        folder = run.image_path(model, "x").parent
        folder.mkdir(parents=True)
        for index, name in enumerate(names):
            (folder / f"{name}.png").symlink_to(root / "restored" / f"{model}-{index % 2}.png")
    for model in models[1 : TRAINED + 1]:
        curves(run.path / "training", model, sharp[0])
    return run


def blurred(pixels: Pixels, sigma: float) -> Pixels:
    """Blur, and add a little noise: PNG files of the size that real ones have."""
    noise = np.random.default_rng(1).normal(0, 1.5, pixels.shape)
    soft = cv2.GaussianBlur(pixels, (0, 0), sigma)
    return np.asarray(np.clip(np.rint(soft + noise), 0, 255), np.uint8)


def profiles(models: list[str]) -> Iterator[Profile]:
    """Yield every model's costs."""
    for number, model in enumerate(models):
        yield from costs(model, 2.0 * 1.1**number, 1e5 * 1.1**number if number else None)


def curves(folder: Path, model: str, pixels: Pixels) -> None:
    """Write 100 epochs of curves and 16 rows of samples."""
    lines = ["epoch,quantity,value"]
    for epoch in range(1, 101):
        for side in ("train", "val"):
            lines += [f"{epoch},{side}_{name},{1 / epoch}" for name in ("loss", "psnr", "ssim")]
    (folder / model).mkdir(parents=True)
    (folder / f"{model}.csv").write_text("\n".join(lines) + "\n")
    for epoch in range(1, 17):
        write_png(folder / model / f"epoch-{epoch:04d}.png", pixels[:256, :776])


def report(folder: Path, profile: bool) -> None:
    """Write the report of a run, and print its time, peak memory and size as JSON."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    from bench.report import write_report

    began, busy = time.perf_counter(), time.process_time()
    if profile:
        import cProfile

        cProfile.runctx(
            "write_report([RunFolder(folder)])",
            globals(),
            locals() | {"write_report": write_report},
            sort="cumulative",
        )
    page = write_report([RunFolder(folder)]) if not profile else folder / "report" / "index.html"
    peak = peak_resident() / 1e6
    found = {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - busy,
        "peak_mb": peak,
        "page_mb": page.stat().st_size / 1e6,
    }
    print(json.dumps(found))


def main() -> int:
    """Make the run, report on it in a fresh process, compare with the limits."""
    if len(sys.argv) > 2:
        report(Path(sys.argv[1]), sys.argv[2] == "--profile")
        return 0
    with tempfile.TemporaryDirectory() as root:
        run = make_run(Path(root))
        how = sys.argv[1] if len(sys.argv) > 1 else "--measure"
        done = subprocess.run(
            [sys.executable, __file__, str(run.path), how],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    print(done.stdout)
    found = json.loads(done.stdout.splitlines()[-1])
    seconds = min(found["seconds"], found["cpu_seconds"])
    print(
        f"{seconds:.0f} s (at most {SECONDS:.0f}), "
        f"{found['peak_mb']:.0f} MB (at most {MEGABYTES:.0f})"
    )
    return int(seconds > SECONDS or found["peak_mb"] > MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
