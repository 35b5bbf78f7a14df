from __future__ import annotations

import math

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.degrade.haze import hazy
from bench.degrade.light import to_linear, to_pixels
from bench.degrade.pipeline import Degradation, Scene, degrade
from bench.degrade.psf import blur as blur_light
from bench.degrade.psf import defocus_psf

NEARNESS = np.array([[0.0, 1.0, 0.5]])


def test_light_fades_with_distance_and_the_skys_takes_its_place() -> None:
    found = hazy(np.full((1, 3, 3), 0.5), NEARNESS, 2.0, 0.8)
    for column, distance in enumerate((1.0, 0.1, 1 / 5.5)):
        left = math.exp(-2.0 * distance)
        assert found[0, column] == pytest.approx([0.5 * left + 0.8 * (1 - left)] * 3)


def test_without_haze_no_bit_changes_and_behind_much_of_it_all_is_sky() -> None:
    light = np.random.default_rng(0).random((1, 3, 3))
    assert np.array_equal(hazy(light, NEARNESS, 0.0, 0.8), light)
    assert hazy(light, NEARNESS * 0, 20.0, 0.7) == pytest.approx(np.full((1, 3, 3), 0.7), abs=1e-8)


def test_it_lies_in_the_scene_before_the_lens_and_in_linear_light() -> None:
    sharp = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    nearness = np.linspace(0, 1, 48) * np.ones((40, 1))
    how = Degradation("defocus", size=2.0, haze=1.2, airlight=0.9)
    found = degrade(sharp, how, scene=Scene(nearness=nearness)).pixels
    expected = to_pixels(blur_light(hazy(to_linear(sharp), nearness, 1.2, 0.9), defocus_psf(2.0)))
    assert np.array_equal(found, expected)
    alone = degrade(sharp, Degradation(haze=1.2), scene=Scene(nearness=nearness)).pixels
    assert np.array_equal(alone, to_pixels(hazy(to_linear(sharp), nearness, 1.2, 0.8)))


def test_distances_are_those_of_the_defocus_with_depth() -> None:
    """The same seed draws the same scene: what is near is clear, whatever the lens does."""
    sharp = np.full((40, 48, 3), 20, dtype=np.uint8)
    hazed = degrade(sharp, Degradation(haze=3.0, seed=7)).pixels
    both = degrade(sharp, Degradation("depth", size=0.5, haze=3.0, seed=7)).pixels
    assert hazed.std() > 10
    assert np.abs(hazed.astype(int) - both).max() <= 3


def test_distances_without_haze_or_depth_are_refused() -> None:
    sharp = np.zeros((8, 8, 3), dtype=np.uint8)
    with pytest.raises(BenchError, match="nearness were given for the blur 'motion'"):
        degrade(sharp, Degradation("motion", size=3.0), scene=Scene(nearness=np.zeros((8, 8))))
