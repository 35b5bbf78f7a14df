"""Counting votes, and refusing those that carry no scale."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

from raters.statistics.comparisons import (
    NotComparable,
    components,
    counts,
    numbered,
    require_scale,
    split_cells,
    strongly_connected,
    vote_cells,
)


def test_votes_are_counted_from_either_side_and_ties_once_each_way() -> None:
    # 0 beats 1; 1 beats 0; 0 (shown second) beats 2; 1 and 2 tie twice, once each way round
    wins, ties = counts([0, 0, 2, 1, 2], [1, 1, 0, 2, 1], [1, -1, -1, 0, 0], 3)
    assert wins.tolist() == [[0, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert ties.tolist() == [[0, 0, 0], [0, 0, 2], [0, 2, 0]]


def test_cells_of_a_batch_split_as_those_of_one() -> None:
    cells = vote_cells([0, 1, 2], [1, 2, 0], [1, 0, -1], 3)
    one = np.bincount(cells, minlength=18)
    wins, ties = split_cells(np.stack([one, 2 * one]), 3)
    assert wins.shape == (2, 3, 3)
    assert (wins[1] == 2 * counts([0, 1, 2], [1, 2, 0], [1, 0, -1], 3)[0]).all()
    assert (ties[1] == ties[1].T).all()


@pytest.mark.parametrize("methods", [2, 3, 7, 12])
def test_strong_connection_is_what_networkx_says(methods: int) -> None:
    rng = np.random.default_rng(methods)
    wins = rng.random((200, methods, methods)) < rng.uniform(0.05, 0.6, (200, 1, 1))
    found = strongly_connected(wins)
    oracle = [networkx.is_strongly_connected(networkx.DiGraph(w.astype(int))) for w in wins]
    assert found.tolist() == oracle
    assert 0 < found.sum() < 200  # both kinds were tried


def test_a_chain_of_wins_around_a_circle_is_connected() -> None:
    circle = np.roll(np.eye(40), 1, axis=1)
    assert strongly_connected(circle)
    circle[17, 18] = 0
    assert not strongly_connected(circle)


def test_methods_never_compared_are_named() -> None:
    wins = np.zeros((4, 4))
    wins[0, 1] = wins[1, 0] = wins[2, 3] = wins[3, 2] = 5
    with pytest.raises(NotComparable, match=r"2 groups .* 'A', 'B' \| 'C', 'D'; collect votes"):
        require_scale(wins, "ABCD")
    assert components(wins, "ABCD") in ([["A", "B"], ["C", "D"]], [["C", "D"], ["A", "B"]])


def test_methods_that_never_lost_are_named() -> None:
    # A and B beat each other and everybody else; C and D never beat them
    wins = np.array([[0, 2, 3, 3], [1, 0, 4, 1], [0, 0, 0, 2], [0, 0, 2, 0]])
    with pytest.raises(NotComparable, match=r"'A', 'B' never lost to any of the other 2 methods"):
        require_scale(wins, "ABCD")


def test_one_upset_is_enough_for_a_scale() -> None:
    wins = np.array([[0, 2, 3, 3], [1, 0, 4, 1], [0, 0, 0, 2], [1, 0, 2, 0]])
    require_scale(wins, "ABCD")
    assert components(wins, "ABCD") == [["A", "B", "C", "D"]]


@pytest.mark.parametrize(
    "labels",
    [[3, 1, 3, 7], [0, 0], [-1, 5, -1], ["b", "a", "b"], [10**9, 5], [2.5, 1.0], np.array([], int)],
)
def test_labels_are_numbered_in_their_order(labels: list[object]) -> None:
    code, number = numbered(labels)
    names, oracle = np.unique(labels, return_inverse=True)
    assert number == len(names)
    assert code.tolist() == oracle.reshape(-1).tolist()
