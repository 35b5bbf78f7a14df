"""How much sooner a model is measured with copies for fresh processes. Prints ratios; 1 on a miss.

Run as ``python tests/performance/profiling.py``. Memory has to come out the same.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from statistics import median

from bench.compute import copies
from bench.compute.profile import Conditions, measure

SHARE, APART, ROUNDS = 0.7, 0.25, 3
"""At most: of the processor's time, and by how much the memory of a process differs."""


def spent() -> float:
    """Return the processor's seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def once() -> tuple[float, float, list[float]]:
    """Measure the U-Net; return wall and processor seconds, and each process's memory in MB."""
    wall, processor = time.perf_counter(), spent()
    (found,) = measure([("unet", "unet", None)], Conditions(256, 256, seconds=2.0))
    memory = [report.process_memory / 1e6 for report in found.reports if report.process_memory]
    return time.perf_counter() - wall, spent() - processor, memory


def main() -> bool:
    """Measure with and without copies in turn; return whether that is less and the same."""
    if not copies.possible("cpu"):
        print("no copies on this system")
        return True
    possible, walls, shares = copies.possible, [], []
    with_copies: list[float] = []
    without: list[float] = []
    once()  # the device's peak, which is measured once
    for _ in range(ROUNDS):
        copies.possible = lambda device: False
        plain_wall, plain, memory = once()
        without += memory
        copies.possible = possible
        wall, processor, memory = once()
        with_copies += memory
        walls.append(wall / plain_wall)
        shares.append(processor / plain)
    apart = median(with_copies) / median(without) - 1
    print(
        f"with copies {median(shares):.2f} of the processor's time (at most {SHARE}) and "
        f"{median(walls):.2f} of the seconds, on {os.cpu_count()} CPUs; memory of a process "
        f"{median(with_copies):.1f} MB, without copies {median(without):.1f} MB "
        f"({100 * apart:+.0f} %, at most {100 * APART:.0f} %)"
    )
    return median(shares) <= SHARE and abs(apart) <= APART


if __name__ == "__main__":
    sys.exit(not main())
