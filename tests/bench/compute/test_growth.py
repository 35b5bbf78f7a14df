"""The fit of costs over sizes, on costs whose growth is known."""

from __future__ import annotations

import pytest

from bench.compute.growth import Fitting, Point, growth, largest_that_fits

SIZES = (0.1, 0.2, 0.4, 1.6)


def point(megapixels: float, value: float, spread: float = 1.0, single: bool = False) -> Point:
    low, high = value / spread, value * spread
    return Point(megapixels=megapixels, value=value, low=low, high=high, single=single)


def fits(points: list[Point], memory_mb: float) -> tuple[float, bool]:
    found = largest_that_fits(points, memory_mb)
    assert isinstance(found, Fitting)
    return found.megapixels, found.at_least


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_a_power_of_the_pixels_of_a_pass_is_found(power: float) -> None:
    found = growth([point(size, 7 * size**power) for size in SIZES])
    assert found is not None
    assert found.exponent == pytest.approx(power, abs=1e-9)
    assert found.low == pytest.approx(found.high)
    assert (found.smallest, found.largest) == (0.1, 1.6)


def test_the_exponent_lies_between_what_the_ends_of_the_ranges_allow() -> None:
    found = growth([point(1, 10, 2.0), point(4, 40, 2.0)])
    assert found is not None
    assert found.exponent == pytest.approx(1.0)
    assert found.low == pytest.approx(0.0)  # from 20 to 20
    assert found.high == pytest.approx(2.0)  # from 5 to 80 = 4^2 * 5


def test_the_ends_tell_nothing_where_a_size_was_measured_once() -> None:
    for once in (True, False):
        found = growth([point(1, 10), point(4, 40, single=once)])
        assert found is not None
        assert found.single is once


def test_one_size_shows_no_growth_and_costs_of_zero_are_left_out() -> None:
    assert growth([point(1, 3), point(1, 4)]) is None
    assert growth([point(1, 3), point(4, 0)]) is None
    assert growth([]) is None


def test_what_fits_is_reckoned_from_the_two_largest_sizes_and_grows_no_slower_than_pixels() -> None:
    linear = [point(0.01, 90), point(1, 100), point(2, 200)]
    assert fits(linear, 1000) == (pytest.approx(10), False)
    square = [point(1, 100), point(2, 400)]
    assert fits(square, 10_000) == (pytest.approx(10), False)  # 2 * sqrt(25)
    fixed_part = [point(1, 100), point(2, 110)]  # most of it is no pixel's: more may fit
    assert fits(fixed_part, 1100) == (pytest.approx(20), True)
    assert largest_that_fits([point(1, 100)], 1000) is None
