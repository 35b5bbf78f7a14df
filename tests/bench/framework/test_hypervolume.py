"""Hypervolume, against inclusion and exclusion, and against points thrown at random."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.framework.hypervolume import covered, hypervolume
from bench.framework.joint import Evidence, join
from tests.bench.framework.evidence import costs, figure, normal_columns, scores, with_costs


def by_inclusion_and_exclusion(points: NDArray[np.float64]) -> float:
    """The union of boxes from the origin: boxes, less pairs of them, plus threes ..."""
    total = 0.0
    for size in range(1, len(points) + 1):
        for some in itertools.combinations(points, size):
            total += (-1) ** (size + 1) * float(np.prod(np.min(some, axis=0)))
    return total


@pytest.mark.parametrize("axes", [1, 2, 3, 4])
def test_the_volume_is_that_of_inclusion_and_exclusion(axes: int) -> None:
    rng = np.random.default_rng(axes)
    for _ in range(10):
        points = rng.integers(1, 7, (9, axes)).astype(float)  # with equal coordinates
        expected = by_inclusion_and_exclusion(points)
        assert hypervolume(points, np.zeros(axes)) == pytest.approx(expected)
        assert hypervolume(points + 3.0, np.full(axes, 3.0)) == pytest.approx(expected)


@pytest.mark.parametrize("axes", [2, 3, 4])
def test_the_volume_is_the_share_of_points_thrown_at_random(axes: int) -> None:
    rng = np.random.default_rng(axes)
    points = rng.uniform(0, 1, (30, axes))
    thrown = rng.uniform(0, 1, (200_000, axes))
    hit = np.zeros(len(thrown), dtype=bool)
    for point in points:
        hit |= (thrown <= point).all(axis=1)
    assert hypervolume(points, np.zeros(axes)) == pytest.approx(hit.mean(), abs=0.005)


def test_points_below_the_reference_add_nothing() -> None:
    assert hypervolume([[2.0, 3.0], [9.0, 0.5]], [1.0, 1.0]) == 2.0  # (2 - 1) (3 - 1)
    assert hypervolume([[0.5, 0.5]], [1.0, 1.0]) == 0.0
    with pytest.raises(ValueError, match="finite"):
        hypervolume([[np.inf, 1.0]], [0.0, 0.0])


def test_costs_count_by_their_logarithm_from_the_declared_reference() -> None:
    table = scores({"psnr": {"a": [30.0, 30.0], "b": [20.0, 20.0]}})
    joint = join(with_costs(table, {"a": 100.0, "b": 10.0}), ["psnr", "latency_ms"])
    found = covered(joint, reference=(10.0, 1000.0))
    # Ideal: 30 dB at 10 ms. In the box of 20 dB x 2 decades, a covers 20 x 1 and b 10 x 2; the two
    # share 10 x 1, so that they cover 30 of 40.
    assert found.share == pytest.approx(0.75)
    assert found.alone == pytest.approx((0.5, 0.5))
    assert found.added == pytest.approx((0.25, 0.25))
    assert found.reference == pytest.approx((10.0, 1000.0))
    assert found.ideal == pytest.approx((30.0, 10.0))
    assert found.low == pytest.approx(0.75) == found.high  # nothing varies on two equal images


def test_what_is_no_better_than_the_base_covers_nothing() -> None:
    table = scores({"psnr": {"input": [25.0, 25.0], "a": [30.0, 30.0], "b": [20.0, 20.0]}})
    evidence = with_costs(table, {"a": 100.0, "b": 10.0}, base="input")
    found = covered(join(evidence, ["psnr", "latency_ms"]), reference=(25.0, 1000.0))
    assert found.alone[1] == found.added[1] == 0.0
    assert found.share == pytest.approx(0.5)


def test_the_interval_varies_with_differences_and_not_with_the_images() -> None:
    rng = np.random.default_rng(0)
    table = scores({"psnr": normal_columns(rng, 12, {"input": 0, "a": 6, "b": 3}, 0.1)})
    known = costs(*(figure(m, "latency_ms", v) for m, v in (("a", 50.0), ("b", 5.0))))
    joint = join(Evidence(table, known, base="input"), ["psnr", "latency_ms"])
    found = covered(joint, reference=(joint.base_value[0], 100.0))  # type: ignore[index]
    assert found.low <= found.share <= found.high
    assert found.high - found.low < 0.1  # images differ by 5 dB, the gains by 0.1


def test_a_reference_that_nobody_beats_is_refused() -> None:
    table = scores({"psnr": {"a": [30.0, 30.0], "b": [20.0, 20.0]}})
    joint = join(with_costs(table, {"a": 100.0, "b": 10.0}), ["psnr", "latency_ms"])
    with pytest.raises(
        BenchError, match="no model is better than the reference point in latency_ms"
    ):
        covered(joint, reference=(10.0, 5.0))


def test_the_reference_lies_a_tenth_beyond_the_worst() -> None:
    table = scores({"psnr": {"a": [30.0, 30.0], "b": [20.0, 20.0]}})
    found = covered(join(with_costs(table, {"a": 100.0, "b": 10.0}), ["psnr", "latency_ms"]))
    assert found.reference == pytest.approx((19.0, 110.0))
    # In the box of 11 dB x log10(11) decades: a is 11 x log10(1.1), b 1 x log10(11).
    wide, tall = math.log10(11), 11
    union = tall * math.log10(1.1) + 1 * (wide - math.log10(1.1))
    assert found.share == pytest.approx(union / (wide * tall))
