"""Intervals of what was sampled in several processes, each with several passes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DRAWS = 2000
"""Bootstrap draws; seeded, so that the same samples always give the same interval."""


def quantile_with_interval(
    samples: Sequence[Sequence[float]], quantile: float
) -> tuple[float, float | None, float | None]:
    """Return a quantile of all samples together, and its 95 % interval (None for one sample).

    ``samples`` holds one sequence for each process. The bootstrap draws processes, then passes
    inside each: passes of one process share its luck (Kalibera and Jones 2013,
    doi:10.1145/2464157.2464160). Percentile interval.
    """
    sizes = np.array([len(sample) for sample in samples])
    value = float(np.quantile([time for sample in samples for time in sample], quantile))
    if sizes.sum() < 2:
        return value, None, None
    table = np.zeros((len(samples), sizes.max()))
    for row, sample in zip(table, samples, strict=True):
        row[: len(sample)] = sample
    random = np.random.default_rng(0)
    processes = random.integers(len(samples), size=(DRAWS, len(samples), 1))
    shape = (DRAWS, len(samples), int(sizes.max()))
    passes = random.integers(np.broadcast_to(sizes[processes], shape))
    drawn = np.quantile(table[processes, passes].reshape(DRAWS, -1), quantile, axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return value, float(low), float(high)
