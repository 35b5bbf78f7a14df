"""The share of this processor's peak that known work reaches. Prints ratios; 1 where it cannot be.

A large convolution is known to come near the peak of arithmetic, an elementwise layer into fresh
memory to be bound by bandwidth. Peak and work are measured side by side, and the median of all
rounds counts. Run as ``python tests/performance/roofline.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.compute.operations import count
from bench.compute.passes import time_passes
from bench.compute.roofline import measure_peak

ROUNDS = 5
ARITHMETIC = 25, 250
"""% at least and at most: Winograd's convolution needs fewer operations than are counted."""
BANDWIDTH = 5, 200
"""% at least and at most: what is written into fresh memory waits for the system to give it."""


def shares(network: torch.nn.Module, image: torch.Tensor) -> tuple[float, float]:
    """Return the shares of arithmetic and of bandwidth that a network reaches, in %."""
    found = count(network, image)
    rounds = []
    for _ in range(ROUNDS):
        peak = measure_peak(torch.device("cpu"), torch.float32, seconds=0.2)
        with torch.inference_mode():
            timing = time_passes(network, [image], 8, 0.6, events=False)
        seconds = median(timing.passes_ms) / 1000
        arithmetic = 100 * 2 * found.macs / seconds / peak.flops
        rounds.append((arithmetic, 100 * found.traffic / seconds / peak.bytes_s))
    one, other = zip(*rounds, strict=True)
    return median(one), median(other)


def main() -> bool:
    """Measure both; return whether each is bound by what it is known to be bound by."""
    image = torch.rand(1, 128, 96, 96).contiguous(memory_format=torch.channels_last)
    arithmetic, bandwidth = shares(torch.nn.Conv2d(128, 128, 3, padding=1), image)
    computes = ARITHMETIC[0] < arithmetic < ARITHMETIC[1] and arithmetic > 3 * bandwidth
    print(
        f"convolution: {arithmetic:.0f} % of the arithmetic (from {ARITHMETIC[0]} to "
        f"{ARITHMETIC[1]}), {bandwidth:.0f} % of the bandwidth (a third of that at most)"
    )
    arithmetic, bandwidth = shares(torch.nn.Hardtanh(), torch.rand(1, 3, 2048, 2048))
    moves = arithmetic == 0 and BANDWIDTH[0] < bandwidth < BANDWIDTH[1]
    print(
        f"elementwise: {arithmetic:.0f} % of the arithmetic (0), {bandwidth:.0f} % of the "
        f"bandwidth (from {BANDWIDTH[0]} to {BANDWIDTH[1]})"
    )
    return computes and moves


if __name__ == "__main__":
    sys.exit(not main())
