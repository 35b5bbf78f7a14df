"""Simulated clickers are flagged, and people who look are not."""

from __future__ import annotations

import numpy as np
import pytest

from raters.statistics.careless import (
    at_odds,
    golden_failures,
    side_bias,
    straight_lining,
    too_fast,
)


@pytest.mark.parametrize(
    ("passed", "flagged"),
    [
        ([], False),
        ([False], False),
        ([True, True, False], False),  # P(1 or more of 3) = 1 - .95^3 = .143
        ([True, False, False], True),  # P(2 or more of 3) = 3 * .05^2 * .95 + .05^3 = .00725
        ([True] * 10 + [False, False], False),  # P(2 or more of 12) = .118
    ],
)
def test_missed_known_answers_are_flagged(passed: list[bool], flagged: bool) -> None:
    assert (golden_failures(passed) is not None) == flagged


def test_haste_is_flagged_and_unknown_times_are_left_out() -> None:
    assert too_fast([300.0] * 3 + [1500.0] * 7) == "answered 3 of 10 in less than 0.6 s"
    assert too_fast([300.0] * 2 + [1500.0] * 8) is None  # 20 % are not more than 20 %
    assert too_fast([300.0] * 7) is None  # too few to tell
    assert too_fast([np.nan] * 20 + [300.0] * 7) is None


def test_one_side_is_flagged_where_chance_is_below_one_in_a_thousand() -> None:
    # 10 of 10: 2 / 1024 = .00195; 11 of 11: 2 / 2048 = .00098
    assert side_bias([True] * 10) is None
    assert side_bias([True] * 11) == "chose the left 11 of 11 times"
    assert side_bias([False] * 11) == "chose the right 11 of 11 times"
    assert side_bias([]) is None


def test_a_run_of_equal_answers_is_flagged() -> None:
    # 60 answers: 60 / 2^L < .001 from L = 16 on, as 2^16 = 65,536 > 60,000
    rest = ["1", "5"] * 22
    assert straight_lining([*rest, *["3"] * 16]) == "gave the same answer 16 times in a row"
    assert straight_lining([*rest, "1", *["3"] * 15]) is None
    assert straight_lining([]) is None


@pytest.mark.slow
def test_attentive_raters_are_seldom_flagged() -> None:
    rng = np.random.default_rng(0)
    flags = 0
    for _ in range(2000):
        answers = rng.choice(["a", "b"], 60)
        flags += side_bias(answers == "a") is not None
        flags += straight_lining(list(answers)) is not None
    # at most one in a thousand each: 4 of 2 x 2000 expected, 12 is four deviations more
    assert flags <= 12


def test_answers_of_a_coin_are_at_odds_with_the_scale_and_an_own_taste_is_not() -> None:
    # the scale expects 48 of 60; variance 60 .8 .2 = 9.6
    assert at_odds(60, 31, 48, 9.6) == "agreed with the others in 31 of 60 votes, as a coin would"
    # 40 of 60: P of a coin .0067, so this is a taste, however far from 48
    assert at_odds(60, 40, 48, 9.6) is None
    assert at_odds(6, 3, 5.94, 0.0594) is None  # too few
    assert at_odds(60, 30, 33, 14.85) is None  # the scale expects hardly more
    assert at_odds(60, 20, 60, 0.0) is None  # a scale without doubt cannot be held against anyone


def test_those_who_look_are_seldom_at_odds_and_clickers_mostly_are() -> None:
    rng = np.random.default_rng(0)
    looking = clicking = 0
    for _ in range(2000):
        p = rng.uniform(0.5, 0.95, 60)
        expected, variance = float(p.sum()), float((p * (1 - p)).sum())
        looking += at_odds(60, int((rng.random(60) < p).sum()), expected, variance) is not None
        clicking += at_odds(60, int(rng.binomial(60, 0.5)), expected, variance) is not None
    assert looking <= 4
    assert clicking > 1000
