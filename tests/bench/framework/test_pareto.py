"""The Pareto front, against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from bench.framework.pareto import front


def test_the_front_is_what_nothing_dominates() -> None:
    rng = np.random.default_rng(0)
    quality, cost = rng.integers(0, 12, 60), rng.integers(1, 12, 60)  # with many equal values
    expected = {
        i
        for i in range(60)
        if not any(
            quality[j] >= quality[i] and cost[j] <= cost[i]
            and (quality[j] > quality[i] or cost[j] < cost[i])
            for j in range(60)
        )
    }  # fmt: skip
    assert set(front(quality, cost)) == expected


def test_the_front_is_ordered_by_cost_and_knows_the_direction() -> None:
    assert front([0.3, 0.1, 0.2], [1, 9, 4], higher_is_better=False) == [0, 2, 1]
    assert front([0.3, 0.1, 0.2], [1, 9, 4], higher_is_better=True) == [0]


def test_points_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        front([1.0, np.nan], [1.0, 2.0])
    assert front([], []) == []
