"""How costs grow: a power that is put in comes out."""

from __future__ import annotations

import pytest

from bench.compute.growth import growth, megapixels
from bench.compute.messages import ProfileReport, Timing
from bench.compute.profile import Conditions, Measurement


def measurement(side: int, batch: int, ms: float | None) -> Measurement:
    """What a process told that needed so many milliseconds for a pass, or ran out of memory."""
    timing = (
        None
        if ms is None
        else Timing(
            warm_up=3, passes_ms=(ms,) * 9, wall_ms=(ms,) * 9, repeated=False, switches=0, load=0.0
        )
    )
    told = ProfileReport(threads=1, latency=timing, failed=None if ms else "out of memory")
    asked = Conditions(height=side, width=2 * side, batch=batch)
    return Measurement("m", "m", asked, (told,))


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_a_power_of_the_pixels_of_a_pass_is_found(power: float) -> None:
    cases = [(64, 1), (128, 1), (64, 4), (512, 1)]
    found = growth(
        [measurement(s, b, 7 * (b * 2 * s * s) ** power / 1e4**power) for s, b in cases],
        "latency_ms",
    )
    assert found is not None
    assert found.exponent == pytest.approx(power, abs=1e-9)
    assert (found.smallest, found.largest) == (2 * 64**2 / 1e6, 2 * 512**2 / 1e6)


def test_sizes_that_did_not_run_are_left_out_and_one_size_shows_no_growth() -> None:
    small, none = measurement(64, 2, 3.0), measurement(4096, 1, None)
    assert megapixels(small) == 2 * 64 * 128 / 1e6
    assert growth([small, none], "latency_ms") is None
    assert growth([small, small], "latency_ms") is None
    both = growth([small, none, measurement(128, 2, 12.0)], "latency_ms")
    assert both is not None
    assert both.exponent == pytest.approx(1.0)
