"""How much sooner a CPU restores with memory kept between layers. Prints ratios; 1 on a miss.

Each network is measured in processes of its own, by turns as it is and as its variant
``@keep_memory``, and a run by turns with and without the same. Run as
``python tests/performance/kept.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.compute.profile import Conditions, Measurement, measure
from bench.core import allocator

RATIOS = {"unet": 0.95, "rescnn": 0.95, "litenet": 0.95, "t1t4-gan": 0.8}
"""Of the times for 512x512, at most."""
MOST = 1.05
"""Of the times of a run, at most: what else it holds in memory may help as much."""
ROUNDS, IMAGES = 3, {"unet": 24, "t1t4-gan": 4}
RUN = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[4:]
from bench.core.allocator import keep_memory
if sys.argv[3] == "kept":
    keep_memory()  # as commands do
from harness import Silent, make_pairs
from bench.metrics.scorer import Scorer
from bench.records import RunSpec
from bench.runs.executors.restoring import restore_and_score
from bench.runs.store import RunFolder
from models.loading import load_restorer

name, count, root = sys.argv[1], int(sys.argv[2]), Path.cwd()
pairs, restorer = make_pairs(root, count), load_restorer(name, random_weights=True)
metrics = ("psnr", "ssim", "vif")
scorer, given = Scorer(metrics), {name: restorer}
for turn in ("warm", "timed"):
    spec = RunSpec(suite="folder", data=str(root), models=(name,), metrics=metrics)
    folder = RunFolder.create(root / turn, spec)
    begin = time.perf_counter()
    restore_and_score(pairs, given, scorer, folder, Silent(), {name: "0"})
print(time.perf_counter() - begin)
"""


def figure(found: Measurement, quantity: str) -> float:
    """Return a figure that was measured."""
    (value,) = (row.value for row in found.profiles() if row.quantity == quantity)
    assert value is not None
    return value


def passes(name: str, most: float) -> bool:
    """Print the ratio of a network's latencies, and what the system takes of both."""
    ratios, shares, memory = [], [], []
    conditions = Conditions(512, 512, seconds=2.0)
    for _ in range(ROUNDS):
        pair = [measure([(s, s, None)], conditions)[0] for s in (name, f"{name}@keep_memory")]
        plain, kept = pair
        ratios.append(figure(kept, "latency_ms") / figure(plain, "latency_ms"))
        shares.append([figure(one, "system_percent") for one in pair])
        memory.append(figure(kept, "process_memory_mb") / figure(plain, "process_memory_mb"))
    before, after = (median(side) for side in zip(*shares, strict=True))
    print(
        f"{name}: {median(ratios):.2f} of the time ({min(ratios):.2f} to {max(ratios):.2f}; at "
        f"most {most}); the system's share {before:.0f} %, then {after:.0f} %; memory of the first "
        f"pass {median(memory):.2f}"
    )
    return median(ratios) <= most


def run(name: str, count: int) -> bool:
    """Print the ratio of the times of a run, each in a process of its own, by turns."""
    here = Path(__file__).resolve().parent
    ratios = []
    for _ in range(ROUNDS):
        seconds = []
        for how in ("plain", "kept"):
            with tempfile.TemporaryDirectory() as root:
                given = [name, str(count), how, str(here.parents[1]), str(here)]
                told = subprocess.check_output([sys.executable, "-c", RUN, *given], cwd=root)
            seconds.append(float(told))
        ratios.append(seconds[1] / seconds[0])
    print(
        f"{name}, a run: {median(ratios):.2f} of the time ({min(ratios):.2f} to "
        f"{max(ratios):.2f}; at most {MOST})"
    )
    return median(ratios) <= MOST


def main() -> bool:
    """Measure all; return whether each gains what it should."""
    if not allocator.possible():
        print("malloc cannot be told here")
        return True
    print(f"{os.cpu_count()} CPUs")
    good = [passes(name, most) for name, most in RATIOS.items()]
    return all([*good, *(run(name, count) for name, count in IMAGES.items())])


if __name__ == "__main__":
    sys.exit(not main())
