"""Curriculum: which pairs are drawn when."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.records import Pair
from models.training.curriculum import curriculum_of


def pair(name: str, strata: dict[str, str], **degradation: object) -> Pair:
    return Pair(name, Path(name), Path(name), name, strata, degradation=degradation or None)


PAIRS = [pair(f"p{i}", {"blur extent, px": str(extent)}) for i, extent in enumerate((9, 0, 3, 0))]


def drawn(number: int) -> set[str]:
    found = curriculum_of(PAIRS, 100)
    assert found is not None
    rng = np.random.default_rng(0)
    return {PAIRS[found.draw(number, rng)].id for _ in range(200)}


def test_the_least_blurred_come_first_and_in_the_end_all_of_them() -> None:
    assert drawn(0) == {"p1", "p3"}
    assert drawn(60) == {"p1", "p3", "p2"}
    assert drawn(99) == drawn(100) == drawn(10_000) == {"p0", "p1", "p2", "p3"}


def test_without_a_stratum_the_degradation_tells() -> None:
    pairs = [
        pair("large", {"blur extent": "large"}, blur="shake", size=9.0),
        pair("small", {"blur extent": "small"}, blur="shake", size=2.0),
        pair("sharp", {}, blur="none", size=4.0),
    ]
    found = curriculum_of(pairs, 10)
    assert found is not None
    assert list(found.order) == [2, 1, 0]


def test_pairs_that_say_nothing_of_their_blur_are_refused() -> None:
    with pytest.raises(BenchError, match="nothing says so of 'p'; take 'curriculum' out"):
        curriculum_of([pair("p", {"light": "low"})], 10)


def test_no_crops_are_no_curriculum() -> None:
    assert curriculum_of(PAIRS, 0) is None
