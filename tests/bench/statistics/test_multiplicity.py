"""Holm's correction, by hand."""

from __future__ import annotations

import pytest

from bench.statistics.multiplicity import holm


def test_holm_multiplies_the_smallest_by_how_many_are_left() -> None:
    # Sorted .01 .02 .03 .04: times 4 3 2 1 = .04 .06 .06 .04, then never falling: .06 at the end.
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_holm_never_exceeds_one_and_leaves_a_single_value_alone() -> None:
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []
