"""The size that costs are measured at, unless another is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.image import write_png
from bench.records import Pair, profile_size, profile_text
from bench.runs.costs import usual_size


def pairs_of(folder: Path, *sizes: tuple[int, int]) -> list[Pair]:
    """Images of these sizes, as pairs without references."""
    made = []
    for index, size in enumerate(sizes):
        write_png(folder / f"{index}.png", np.full((*size, 3), 9, np.uint8))
        made.append(Pair(str(index), folder / f"{index}.png", None, "scene"))
    return made


def test_costs_are_measured_at_the_size_of_most_images(tmp_path: Path) -> None:
    found = pairs_of(tmp_path, (20, 30), (30, 20), (30, 20), (24, 24))
    assert usual_size(found) == (30, 20)
    assert usual_size(found[:2]) == (20, 30)  # as many of each: the first


def test_an_unreadable_image_has_no_size(tmp_path: Path) -> None:
    found = pairs_of(tmp_path, (20, 30), (30, 20))
    found[0].degraded.write_bytes(b"no image")
    assert usual_size(found) == (30, 20)


def test_a_size_is_written_as_it_is_read() -> None:
    for text in ("suite", "none", "480x321", "8x64x96", "480x321,suite,8x64x96"):
        assert profile_text(profile_size(text)) == text
    with pytest.raises(BenchError, match=r"size 'big': expected HEIGHTxWIDTH in pixels, .* none"):
        profile_size("big")
    for wrong in ("0x4x4", "64x64,none", "1x2x3x4", "64x64,"):
        with pytest.raises(BenchError, match="expected HEIGHTxWIDTH"):
            profile_size(wrong)
