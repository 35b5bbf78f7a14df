"""Intervals of what was sampled in several processes, each with several passes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
    times = [time for sample in samples for time in sample]
    value = float(np.quantile(times, quantile))
    if len(times) < 2:
        return value, None, None
    drawn = draw_quantile(samples, quantile, DRAWS, np.random.default_rng(0))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return value, float(low), float(high)


def draw_quantile(
    samples: Sequence[Sequence[float]], quantile: float, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return bootstrap ``draws`` (S,) of a quantile: processes drawn, then passes inside each."""
    sizes = np.array([len(sample) for sample in samples])
    table = np.zeros((len(samples), sizes.max()))
    for row, sample in zip(table, samples, strict=True):
        row[: len(sample)] = sample
    processes = rng.integers(len(samples), size=(draws, len(samples), 1))
    shape = (draws, len(samples), int(sizes.max()))
    passes = rng.integers(np.broadcast_to(sizes[processes], shape))
    return np.asarray(np.quantile(table[processes, passes].reshape(draws, -1), quantile, axis=1))
