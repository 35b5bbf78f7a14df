"""How near two models come to the roof that binds each, on an idle machine. Prints; 1 on a miss.

Run as ``python tests/performance/roofline.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.compute.roofline import measure_peak
from tests.bench.compute.test_roofline import convolution, elementwise

MULTIPLIES = 25, 250
"""Percent of the arithmetic: Winograd needs fewer operations than are counted."""
MOVES = 15, 400
"""Percent of the bandwidth: what lies in a cache comes faster than a copy in memory."""


def main() -> int:
    """Measure the peak, then both models."""
    peak = measure_peak(torch.device("cpu"), torch.float32, seconds=1.0)
    multiplied, beside = convolution(peak)
    _, moved = elementwise(peak)
    print(
        f"a convolution reaches {multiplied:.0f} % of the arithmetic ({MULTIPLIES[0]} to "
        f"{MULTIPLIES[1]}) and {beside:.0f} % of the bandwidth, less than a third of that; an "
        f"elementwise model {moved:.0f} % of the bandwidth ({MOVES[0]} to {MOVES[1]})"
    )
    near = MULTIPLIES[0] < multiplied < MULTIPLIES[1] and MOVES[0] < moved < MOVES[1]
    return int(not near or multiplied <= 3 * beside)


if __name__ == "__main__":
    sys.exit(main())
