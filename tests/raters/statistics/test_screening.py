"""BT.500 screening, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kurtosis

from raters.statistics.screening import screen


def test_a_rater_far_out_on_both_sides_is_rejected_and_a_one_sided_one_is_not() -> None:
    # Nine raters give 2 2 2 3 3 3 4 4 4, a tenth gives 6 or 0, on ten stimuli each.
    # With 6: mean 3.3, variance 1.41, 6 - 3.3 = 2.7 > 2 * 1.187 = 2.375; kurtosis 3.14, normal.
    crowd = np.array([2, 2, 2, 3, 3, 3, 4, 4, 4])[:, None] * np.ones((9, 10))
    both = np.vstack([crowd, np.where(np.arange(10) % 2, 6.0, 0.0)])
    assert kurtosis(both[:, 0], fisher=False) == pytest.approx(3.14, abs=0.01)
    found = screen(both)
    assert (found.above[9], found.below[9], found.n[9]) == (5, 5, 10)
    # (5 + 5) / 10 > 0.05 and |5 - 5| / 10 < 0.3
    assert found.rejected.tolist() == [False] * 9 + [True]
    high = screen(np.vstack([crowd, np.full(10, 6.0)]))
    # |10 - 0| / 10 = 1: a rater who always rates high is biased, not erratic
    assert high.above[9] == 10
    assert not high.rejected.any()


def test_the_bar_is_root_twenty_where_ratings_are_not_normal() -> None:
    # 24 raters say 3, one says 5: kurtosis 24.04 - 1 = 23.04, far from normal.
    # mean 3.08, sd 0.392: 5 is 4.9 sd above, beyond sqrt(20) = 4.47 and beyond 2
    column = np.array([3.0] * 24 + [5.0])[:, None]
    assert kurtosis(column[:, 0], fisher=False) == pytest.approx(23.04, abs=0.01)
    assert screen(column).above[24] == 1
    # with 15 raters it is sqrt(14) = 3.74 sd above: beyond 2, within sqrt(20)
    assert math.sqrt(14) < math.sqrt(20)
    assert screen(np.array([3.0] * 14 + [5.0])[:, None]).above[14] == 0


def test_where_all_agree_nobody_is_far_out() -> None:
    found = screen(np.full((6, 4), 3.0))
    assert not found.rejected.any()
    assert found.above.sum() == found.below.sum() == 0


def test_missing_ratings_count_neither_way() -> None:
    crowd = np.array([2, 2, 2, 3, 3, 3, 4, 4, 4])[:, None] * np.ones((9, 10))
    erratic = np.where(np.arange(10) % 2, 6.0, 0.0)
    erratic[4:] = np.nan
    found = screen(np.vstack([crowd, erratic]))
    assert (found.above[9], found.below[9], found.n[9]) == (2, 2, 4)
    assert found.rejected[9]
