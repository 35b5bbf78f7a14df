"""The Pareto front, against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from bench.framework.pareto import (
    dominates,
    dominates_surely,
    margins,
    on_front,
    shares,
    standing,
)


def test_the_front_is_what_nothing_dominates() -> None:
    rng = np.random.default_rng(0)
    quality, cost = rng.integers(0, 12, 60), rng.integers(1, 12, 60)  # with many equal values
    expected = {
        i
        for i in range(60)
        if not any(
            quality[j] >= quality[i]
            and cost[j] <= cost[i]
            and (quality[j] > quality[i] or cost[j] < cost[i])
            for j in range(60)
        )
    }
    points = np.column_stack([quality, cost])
    assert set(np.flatnonzero(on_front(points, [True, False]))) == expected


def test_a_front_of_known_points_is_the_same_by_their_ranges() -> None:
    points = np.random.default_rng(0).integers(0, 12, (60, 3)).astype(float)
    higher = [True, False, True]
    surely, may = dominates_surely(points, points, higher)
    assert (surely == dominates(points, higher)).all()
    assert (surely == may).all()
    assert standing(surely, may) == on_front(points, higher).tolist()


def test_a_range_that_meets_another_leaves_open_who_is_on_the_front() -> None:
    quality, cheap = [30.0, 20.0, 10.0], [100.0, 175.0, 500.0]
    least = np.column_stack([quality, [100.0, 80.0, 500.0]])  # the second: between 80 and 210
    most = np.column_stack([quality, [100.0, 210.0, 500.0]])
    surely, may = dominates_surely(least, most, [True, False])
    assert standing(surely, may) == [True, None, False]
    assert on_front(np.column_stack([quality, cheap]), [True, False]).tolist() == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("seed", range(6))
def test_what_is_said_of_ranges_holds_wherever_in_them_the_figures_lie(seed: int) -> None:
    rng = np.random.default_rng(seed)
    middle = rng.uniform(0, 10, (12, 2))
    reach = np.where(rng.random((12, 2)) < 0.4, rng.uniform(0, 3, (12, 2)), 0.0)
    surely, may = dominates_surely(middle - reach, middle + reach, [True, False])
    for _ in range(100):
        drawn = middle + reach * rng.uniform(-1, 1, (12, 2))
        over = dominates(drawn, [True, False])
        assert not (surely & ~over).any()  # what is sure is so in every draw
        assert not (over & ~may).any()  # and what is so in a draw was possible
        said = standing(surely, may)
        for was, now in zip(said, on_front(drawn, [True, False]), strict=True):
            assert was in (None, now)


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
