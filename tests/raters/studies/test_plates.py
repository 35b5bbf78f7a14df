"""The check of colour vision: what differs in hue alone, and to whom."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from raters.studies.plates import CONTRASTS, LMS, Plate, _dots, plates, vision

CONE = {"protan": 0, "deutan": 1}


def cones(plate: Plate) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cones' responses to the pixels of the number, and to those of the other dots."""
    pixels, belongs = _dots(plate)
    coded = pixels / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    response = linear @ LMS.T
    return response[belongs == 1], response[belongs == 0]


@pytest.mark.parametrize("contrast", ["protan", "deutan"])
def test_a_number_is_seen_by_the_cone_that_is_lacking_and_by_no_other(contrast: str) -> None:
    plate = Plate(contrast, "5", 7)  # type: ignore[arg-type]
    figure, ground = cones(plate)
    for cone in range(3):
        spread = np.sqrt((figure[:, cone].var() + ground[:, cone].var()) / 2)
        distance = abs(figure[:, cone].mean() - ground[:, cone].mean()) / spread
        # in standard deviations of the brightness of dots, +-20 % of uniform chance: 11.5 %
        assert distance > 1.5 if cone == CONE[contrast] else distance < 0.35, cone


def test_the_first_plate_needs_no_colour() -> None:
    figure, ground = cones(Plate("light", "5", 7))
    assert figure.max(0)[0] < ground.min(0)[0]


def test_each_rater_sees_other_numbers_and_the_same_again() -> None:
    of = {rater: [p.number for p in plates("90" * 32, rater)] for rater in range(20)}
    assert len({tuple(numbers) for numbers in of.values()}) == 20
    assert [p.number for p in plates("90" * 32, 3)] == of[3]
    assert [p.contrast for p in plates("90" * 32, 3)] == list(CONTRASTS)
    assert all(len(numbers) == 5 for numbers in of.values())


def test_what_was_read_tells_vision() -> None:
    shown = ["6", "9", "3", "5", "8"]
    assert vision(shown, shown) == "passed"
    assert vision(shown, ["6", " 9", "3", "5", ""]) == "passed"  # one slip
    assert vision(shown, ["6", "", "", "", ""]) == "red-green"
    assert vision(shown, ["", "9", "3", "5", "8"]) == "unclear"
    assert vision(shown, []) == "unclear"
