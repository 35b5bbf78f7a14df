"""Informed choice of pairs against random pairs, simulated."""

from __future__ import annotations

import numpy as np
import pytest

from tests.raters.statistics.simulated import learning_curve, most_ordering, random_pairs


@pytest.mark.slow
def test_informed_choice_orders_methods_with_half_the_judgements_of_random_choice() -> None:
    """Twelve methods of a wide range of quality (sd 2 in log odds), 24 studies of either kind.

    On a narrow range every vote is about as informative as any other, and the saving is small:
    tests/performance/scaling.py prints it.
    """
    informed, blind = [], []
    for seed in range(24):
        strengths = np.random.default_rng(seed).normal(0, 2.0, 12)
        rng = np.random.default_rng(100 + seed)
        informed.append(learning_curve(strengths, most_ordering, 100, rng, 100)[-1])
        rng = np.random.default_rng(200 + seed)
        blind.append(learning_curve(strengths, random_pairs(rng), 200, rng, 200)[-1])
    assert np.mean(informed) >= np.mean(blind)


def test_the_most_telling_pair_is_one_not_asked_among_equals() -> None:
    wins = np.full((4, 4), 20.0) * (1 - np.eye(4))
    wins[1, 3] = wins[3, 1] = 0
    assert most_ordering(wins) == (1, 3)
