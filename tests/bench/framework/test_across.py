"""Mean ranks over suites and how often each model is first: against every draw there is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import rankdata

from bench.framework.across import Scored, overall


def scored(values: list[list[float]], clusters: str, higher: bool = True) -> Scored:
    return Scored("s", np.array(values), np.array(list(clusters)), higher)


ONE = scored([[3.0, 2.0, 1.0], [1.0, 4.0, 2.0], [6.0, 5.0, 4.0]], "abc")
TWO = scored([[0.2, 0.3, 0.1], [0.4, 0.1, 0.9], [0.3, 0.2, 0.3], [0.1, 0.6, 0.2]], "xxyz", False)


def test_ranks_are_the_mean_over_suites_whichever_way_is_better() -> None:
    # ONE: 10/3, 11/3, 7/3 give 2, 1, 3. TWO, lower is better: .25, .3, .375 give 1, 2, 3.
    assert [one.rank for one in overall([ONE, TWO])] == [1.5, 1.5, 3.0]


def test_probabilities_and_intervals_are_those_of_every_draw_there_is() -> None:
    drawn = []
    groups = [[[0], [1], [2]], [[0, 1], [2], [3]]]
    for picks in product(product(range(3), repeat=3), repeat=2):
        ranks = np.zeros(3)
        for suite, group, pick in zip((ONE, TWO), groups, picks, strict=True):
            rows = [row for scene in pick for row in group[scene]]
            means = suite.values[rows].mean(axis=0)
            ranks += rankdata(np.round(-means if suite.higher_is_better else means, 9)) / 2
        drawn.append(ranks)
    every = np.array(drawn)  # 27 x 27
    best = every == every.min(axis=1, keepdims=True)
    expected = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    found = overall([ONE, TWO])
    assert [one.first for one in found] == pytest.approx(list(expected), abs=0.02)
    assert sum(one.first or 0 for one in found) == pytest.approx(1)
    low, high = np.quantile(every, [0.025, 0.975], axis=0)
    assert [one.low for one in found] == pytest.approx(list(low), abs=0.5)
    assert [one.high for one in found] == pytest.approx(list(high), abs=0.5)


def test_who_wins_everywhere_is_first_in_every_draw() -> None:
    first, second = overall([scored([[2.0, 1.0]] * 3, "abc"), scored([[5.0, 4.0]] * 2, "ab")])
    assert (first.rank, first.low, first.high, first.first) == (1, 1, 1, 1)
    assert (second.rank, second.first) == (2, 0)


def test_equal_models_share_ranks_and_the_first_place() -> None:
    found = overall([scored([[1.0, 1.0], [2.0, 2.0]], "ab")])
    assert [(one.rank, one.first) for one in found] == [(1.5, 0.5), (1.5, 0.5)]


def test_one_scene_gives_ranks_and_no_probability() -> None:
    for one in overall([ONE, scored([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], "aa")]):
        assert (one.low, one.high, one.first) == (None, None, None)
    # A suite of one image counts as much as one of a thousand.
    many, single = [[1.0, 2.0]] * 1000, [[2.0, 1.0]]
    found = overall([scored(many, "ab" * 500), scored(single, "a")])
    assert [one.rank for one in found] == [1.5, 1.5]
