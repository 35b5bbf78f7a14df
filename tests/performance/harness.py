"""What the harness costs over the bare loop, and how its memory grows. Prints ratios; 1 on a miss.

Run as ``python tests/performance/harness.py``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import skimage

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.image import read, to_pixels, to_tensor, write_png
from bench.metrics.scorer import Scorer
from bench.records import Pair, RunSpec
from bench.runs.executors.restoring import restore_and_score
from bench.runs.store import RunFolder
from models.catalogue import MODELS
from models.loading import load_restorer
from models.training.train import Job, train
from tests.support.alone import taken_by

PHOTOGRAPHS = ("astronaut.png", "ihc.png", "retina.jpg", "hubble_deep_field.jpg")
OVERHEAD, GROWTH, ROUNDS = 1.15, 1.05, 5
SCORING = """
import sys
from pathlib import Path
from bench.runs.scoring import score_folder
found = score_folder(Path(sys.argv[1]), Path(sys.argv[2]), ("psnr", "ssim", "vif"))
assert not found.failures
"""


class Silent:
    """A progress that says nothing."""

    def note(self, text: str) -> None: ...
    def update(self, stage: str, done: float, total: float, text: str = "") -> None: ...


def make_pairs(root: Path, count: int) -> list[Pair]:
    """Cut 512x512 crops out of photographs, at different places, and blur them."""
    photographs = [read(Path(skimage.data_dir) / name) for name in PHOTOGRAPHS]
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(count):
        photo = photographs[index % len(photographs)]
        y, x = (int(rng.integers(0, extent - 511)) for extent in photo.shape[:2])
        sharp = np.ascontiguousarray(photo[y : y + 512, x : x + 512])
        name = f"{index:03d}"
        write_png(root / "target" / f"{name}.png", sharp)
        blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 1.5), np.uint8)
        write_png(root / "input" / f"{name}.png", blurred)
        pairs.append(
            Pair(name, root / "input" / f"{name}.png", root / "target" / f"{name}.png", name)
        )
    return pairs


def overhead(root: Path) -> float:
    """Return the time of `bench run` over decode + forward + save of the same trained U-Net."""
    pairs = make_pairs(root, 50)
    card = MODELS["unet"]
    job = Job(
        card=card,
        recipe=card.recipe,
        suite="folder",
        train=pairs[:40],
        val=pairs[40:],
        folder=root / "t",
        budget="20steps",
    )
    restorer = load_restorer("unet", weights=train(job).weights)
    bare, harness = [], []
    for turn in range(ROUNDS + 1):
        start = time.perf_counter()
        for pair in pairs:
            restored = to_pixels(restorer.restore(to_tensor(read(pair.degraded))))
            write_png(root / f"bare{turn}" / f"{pair.id}.png", restored)
        middle = time.perf_counter()
        spec = RunSpec(
            suite="folder",
            data=str(root),
            models=("unet",),
            metrics=("psnr", "ssim", "vif"),
        )
        folder = RunFolder.create(root / f"run{turn}", spec)
        failures = restore_and_score(
            pairs, {"unet": restorer}, Scorer(spec.metrics), folder, Silent(), {"unet": "trained"}
        )
        end = time.perf_counter()
        if failures:
            raise SystemExit(f"failed: {failures[0]}")
        if turn:  # the first round warms up
            bare.append((middle - start) / len(pairs))
            harness.append((end - middle) / len(pairs))
    ratios = sorted(h / b for h, b in zip(harness, bare, strict=True))
    print(
        f"harness overhead: {1000 * median(harness):.0f} ms an image over "
        f"{1000 * median(bare):.0f} ms bare = {median(ratios):.3f} "
        f"({ratios[0]:.3f} to {ratios[-1]:.3f}; at most {OVERHEAD})"
    )
    return median(ratios)


def peak_memory(root: Path, count: int) -> float:
    """Return the peak resident set of a process that scores ``count`` images, in MB.

    Without the intervals of `bench score`: their resamples grow with the images, to 0.13 GB.
    """
    folder = root / f"many{count}"
    for kind in ("input", "target"):
        (folder / kind).mkdir(parents=True)
        files = sorted((root / kind).iterdir())
        for index in range(count):
            os.link(files[index % len(files)], folder / kind / f"{index:04d}.png")
    taken = taken_by([sys.executable, "-c", SCORING, str(folder / "input"), str(folder / "target")])
    if taken.status:
        raise SystemExit(f"scoring ended with {taken.status}")
    return taken.megabytes


def growth(root: Path) -> float:
    """Return the peak memory of scoring 500 images over that of 50."""
    few, many = peak_memory(root, 50), peak_memory(root, 500)
    print(
        f"memory of scoring: {few:.0f} MB with 50 images, {many:.0f} MB with 500 = "
        f"{many / few:.3f} (at most {GROWTH})"
    )
    return many / few


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        misses = [overhead(place) > OVERHEAD, growth(place) > GROWTH]
    sys.exit(any(misses))
