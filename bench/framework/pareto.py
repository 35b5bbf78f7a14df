"""Models that no other model beats in both quality and cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def front(quality: ArrayLike, cost: ArrayLike, higher_is_better: bool = True) -> Sequence[int]:
    """Return the indices of the points on the Pareto front, cheapest first.

    ``quality`` (n,) in the metric's own direction, ``cost`` (n,) where less is better, both finite.
    A point is dominated if another is at least as good and as cheap, and better in one of the two;
    equal points are on the front together.
    """
    gain = np.asarray(quality, dtype=np.float64) * (1 if higher_is_better else -1)
    price = np.asarray(cost, dtype=np.float64)
    if gain.shape != price.shape or gain.ndim != 1:
        raise ValueError(f"expected two arrays (n,), got {gain.shape} and {price.shape}")
    if not (np.isfinite(gain).all() and np.isfinite(price).all()):
        raise ValueError("a point without a finite quality and cost has no place on a front")
    kept: list[int] = []
    for index in np.lexsort((-gain, price)):  # cheapest first, the better of equally cheap first
        last = kept[-1] if kept else None
        if (
            last is None
            or gain[index] > gain[last]
            or (gain[index] == gain[last] and price[index] == price[last])
        ):
            kept.append(int(index))
    return kept
