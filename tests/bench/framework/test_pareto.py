"""The Pareto front, against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from bench.framework.pareto import dominates, front, margins, on_front, shares


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


@pytest.mark.parametrize("axes", [1, 3, 4])
def test_dominance_in_any_number_of_axes_is_its_definition(axes: int) -> None:
    rng = np.random.default_rng(axes)
    points = rng.integers(0, 5, (25, axes)).astype(float)
    higher = [bool(flag) for flag in rng.integers(0, 2, axes)]

    def beaten(loser: int, winner: int) -> bool:
        better = worse = False
        for axis in range(axes):
            gap = points[winner, axis] - points[loser, axis]
            gap = gap if higher[axis] else -gap
            better, worse = better or gap > 0, worse or gap < 0
        return better and not worse

    over = dominates(points, higher)
    assert all(over[i, j] == beaten(j, i) for i in range(25) for j in range(25))
    expected = [not any(beaten(i, j) for j in range(25)) for i in range(25)]
    assert on_front(points, higher).tolist() == expected


def test_many_draws_at_once_are_each_judged_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = np.random.default_rng(1).normal(size=(50, 7, 3))
    higher = [True, False, False]
    alone = np.array([on_front(draw, higher) for draw in draws])
    over = np.array([dominates(draw, higher) for draw in draws])
    assert np.array_equal(on_front(draws, higher), alone)
    assert np.array_equal(dominates(draws, higher), over)
    monkeypatch.setattr("bench.framework.pareto._BLOCK", 150)  # three draws at a time
    kept, share = shares(draws, higher)
    assert kept == pytest.approx(alone.mean(axis=0))
    assert share == pytest.approx(over.mean(axis=0))


def test_margins_are_positive_where_better_whatever_the_direction() -> None:
    found = margins([[30.0, 10.0], [28.0, 40.0]], [True, False])
    assert found[0, 1].tolist() == [2.0, 30.0]
    assert found[1, 0].tolist() == [-2.0, -30.0]


def test_a_missing_number_has_no_place_on_a_front_of_many_axes() -> None:
    with pytest.raises(ValueError, match="without a number"):
        on_front([[1.0, np.nan, 2.0]], [True, True, True])
    with pytest.raises(ValueError, match="2 axes"):
        on_front([[1.0, 1.0, 2.0]], [True, True])
