"""The window that a study needs, as a coordinator is told it."""

from __future__ import annotations

import pytest

from raters.protocols import PROTOCOLS
from raters.studies.room import SCREENS, advice, fits, needed


@pytest.mark.parametrize(
    ("protocol", "side", "said"),
    [
        # 2 x 1024 + 20 between + 2 x 8 around; 1024 + 48 + 72 of bars + 20 + 8
        (
            "pair",
            1024,
            "needs a window of 2084 x 1172: shuts out 1920 x 1080 and smaller; --crop 896 fits "
            "1920 x 1080",
        ),
        ("pair", 512, "needs a window of 1060 x 660: fits 1366 x 768"),
        # one image: 1000 + 16, but 1148 high
        (
            "acr",
            1000,
            "needs a window of 1016 x 1148: shuts out 1920 x 1080 and smaller; --crop 896 fits "
            "1920 x 1080",
        ),
        (
            "dcr",
            640,
            "needs a window of 1316 x 788: shuts out 1366 x 768; --crop 576 fits 1366 x 768",
        ),
        ("acr", 64, "needs a window of 760 x 212: fits 1366 x 768"),  # the buttons' width
    ],
)
def test_what_a_study_needs_is_told_with_what_would_fit(
    protocol: str, side: int, said: str
) -> None:
    assert advice(PROTOCOLS[protocol], (side, side)) == said


def test_the_crop_that_is_proposed_fits_and_the_next_larger_one_does_not() -> None:
    pair = PROTOCOLS["pair"]
    assert fits(pair, (896, 896), (1920, 1080))
    assert not fits(pair, (960, 960), (1920, 1080))
    assert needed(pair, (896, 896), (1920, 1080)) == (1828, 1072)  # on large screens, higher bars


def test_an_image_that_fits_nowhere_shuts_out_all() -> None:
    said = advice(PROTOCOLS["pair"], (4000, 4000))
    assert "shuts out 3840 x 2160 and smaller; --crop 896 fits 1920 x 1080" in said
    assert not any(fits(PROTOCOLS["pair"], (4000, 4000), screen) for screen in SCREENS)
