"""The levels of a made suite: balanced, in the units they are told in, and refused in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli.suites import app
from bench.core.errors import BenchError
from bench.degrade.parameters import Degradation, stream
from bench.degrade.pipeline import degrade
from bench.degrade.psf import trajectory
from bench.degrade.table import BLURS, blur_names
from bench.suites.mixture import Combination, Mixture, degradation, electrons

FULL = Mixture(blur=("shake", "defocus"), extent=(0, 3, 6, 9), noise=(2, 5, 15), light=(1, 0.25))


def _how(blur: str, extent: float, noise: float = 0, corner: float = 100.0) -> Degradation:
    mixture = Mixture(blur=(blur,), extent=(extent,), noise=(noise,))
    return degradation(mixture, mixture.cells()[0], draws=7, corner=corner)


# --- which combinations -------------------------------------------------------------------------


def test_every_combination_is_there_once_and_no_blur_is_of_no_kind() -> None:
    cells = FULL.cells()
    assert len(cells) == len(set(cells)) == (1 + 2 * 3) * 3 * 2
    assert {cell.blur for cell in cells if cell.extent == 0} == {"none"}


def test_each_level_of_a_factor_meets_the_same_of_the_others() -> None:
    cells = FULL.cells()
    for one, others in (("noise", ("blur", "extent", "light")), ("light", ("blur", "extent"))):
        met = {
            level: Counter(
                tuple(getattr(cell, name) for name in others)
                for cell in cells
                if getattr(cell, one) == level
            )
            for level in getattr(FULL, one)
        }
        assert len(set(map(str, map(dict, met.values())))) == 1


@pytest.mark.parametrize("count", [1, 2, 5, 6, 12, 13, 24])
def test_a_choice_has_every_level_equally_often(count: int) -> None:
    chosen = list(Mixture(**{**_values(FULL), "per_photo": count}).deal(9))
    assert len(chosen) == 9
    for cells in chosen:
        assert len(set(cells)) == len(cells) == count
        _even(cells)
    _even([cell for cells in chosen for cell in cells])


def test_a_choice_lets_levels_of_two_factors_meet_evenly() -> None:
    chosen = Mixture(**{**_values(FULL), "per_photo": 6}).deal(8)
    met = Counter((cell.extent, cell.noise) for cells in chosen for cell in cells)
    assert len(met) == 4 * 3  # 48 cells: 4 of each on average
    assert set(met.values()) <= {3, 4, 5}


def test_a_choice_is_the_same_every_time_and_another_with_another_seed() -> None:
    first, again, other = (
        list(Mixture(**{**_values(FULL), "per_photo": 6, "seed": seed}).deal(5))
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_choice_of_all_is_all() -> None:
    assert list(Mixture(**{**_values(FULL), "per_photo": 999}).deal(1)) == [FULL.cells()]


def test_a_choice_that_cannot_be_balanced_is_refused() -> None:
    # extent 0 would be half of 3, but without blur there is one image
    mixture = Mixture(blur=("shake", "motion", "defocus"), extent=(0, 3), noise=(0,), per_photo=3)
    with pytest.raises(BenchError, match=r"--per-photo 3: no 3 different .* give fewer"):
        list(mixture.deal(2))


def _values(mixture: Mixture) -> dict[str, Any]:
    return {name: getattr(mixture, name) for name in ("blur", "extent", "noise", "light")}


def _even(cells: list[Combination]) -> None:
    for name in ("extent", "noise", "light"):
        levels = getattr(FULL, name)
        counts = Counter(getattr(cell, name) for cell in cells)
        assert max(counts.values()) - min(counts[level] for level in levels) <= 1, (name, counts)


# --- units --------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [2.0, 5.0, 15.0])
@pytest.mark.parametrize("read_noise", [0.0, 4.0])
def test_noise_is_the_standard_deviation_of_mid_grey_in_levels(
    noise: float, read_noise: float
) -> None:
    grey = np.full((200, 200, 3), 118, np.uint8)
    how = Degradation(electrons=electrons(noise, read_noise), read_noise=read_noise)
    found = degrade(grey, how).pixels.std()
    # 120,000 samples tell it to 0.2 %; but sRGB is curved, which shows most at 15 levels
    assert found == pytest.approx(noise, rel=0.05)


def test_a_quarter_of_the_light_makes_twice_the_noise() -> None:
    grey = np.full((200, 200, 3), 118, np.uint8)
    full, less = (Degradation(electrons=electrons(3), illumination=x) for x in (1.0, 0.25))
    ratio = degrade(grey, less).pixels.std() / degrade(grey, full).pixels.std()
    assert ratio == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize(
    ("blur", "deviation"),
    [
        ("motion", lambda extent: extent / math.sqrt(12)),  # a line of that length
        ("defocus", lambda extent: extent / 4 * math.sqrt(2)),  # a disc of that diameter, both axes
        ("gaussian", lambda extent: extent / 2.3548 * math.sqrt(2)),  # of that full width at half
    ],
)
def test_an_extent_is_what_it_is_said_to_be(blur: str, deviation: Callable[[float], float]) -> None:
    psf = degrade(np.zeros((40, 40, 3), np.uint8), _how(blur, 8.0)).psf
    y, x = np.indices(psf.shape) - (np.array(psf.shape)[:, None, None] - 1) / 2
    # sharing light among pixels adds up to 1/4 square pixel to the variance along an axis
    low, high = deviation(8.0), math.sqrt(deviation(8.0) ** 2 + 0.5)
    assert 0.98 * low < math.sqrt((psf * (x**2 + y**2)).sum()) < high


@pytest.mark.parametrize("blur", ["shake", "trajectory"])
def test_a_rising_extent_is_the_same_path_scaled(blur: str) -> None:
    three, nine = (_how(blur, extent) for extent in (3.0, 9.0))
    paths = [trajectory(stream(how, "path"), how.size) for how in (three, nine)]
    np.testing.assert_allclose(paths[1], 3 * paths[0], atol=1e-9)
    assert np.ptp(paths[1], axis=0).max() == pytest.approx(9)
    assert nine.roll == pytest.approx(3 * three.roll, rel=1e-3)


def test_the_corners_of_a_turning_or_growing_image_move_by_the_extent() -> None:
    assert math.radians(_how("spin", 6.0, corner=200.0).size) * 200 == pytest.approx(6, rel=1e-4)
    assert _how("zoom", 6.0, corner=200.0).size / 100 * 200 == pytest.approx(6)


def test_without_extent_nothing_is_blurred_whatever_else_is_set() -> None:
    mixture = Mixture(extent=(0,), noise=(0,), fixed={"roll": 3.0, "read_noise": 2.0})
    sharp = np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)
    how = degradation(mixture, mixture.cells()[0], draws=1, corner=35.0)
    assert (degrade(sharp, how).pixels == sharp).all()


def test_the_help_names_every_field_that_can_be_set() -> None:
    told = CliRunner().invoke(app, ["make", "--help"], env={"COLUMNS": "400"}).output
    own = {"blur", "size", "electrons", "illumination", "jpeg", "seed"}
    unfit = {"scale", "sigma", "grey"}
    for field in {field.name for field in fields(Degradation)} - own - unfit:
        assert field in told.partition("KEY=VALUE")[2], field


def test_every_blur_has_an_extent_and_the_help_names_it() -> None:
    assert set(blur_names()) == set(BLURS) - {"none"}
    assert all(_how(name, 8.0).size > 0 for name in blur_names())
    told = CliRunner().invoke(app, ["make", "--help"], env={"COLUMNS": "400"}).output
    assert ", ".join(blur_names()) in told


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"blur": ("shaek",)}, "did you mean 'shake'"),
        ({"blur": ("none",)}, "give --extent 0"),
        ({"extent": (3.0, 3.0)}, "none twice"),
        ({"extent": (-1.0,)}, "expected pixels from 0 to 100"),
        ({"noise": tuple(map(float, range(13)))}, "got 13 levels"),
        ({"light": (0.0,), "noise": (2.0,)}, "above 0, up to 1"),
        ({"light": (1.0, 0.5)}, r"--noise has 0; leave that out .*--set low_light=dark"),
        ({"jpeg": (0,)}, "jpeg=0; expected a whole number"),
        ({"crop": 20}, "at least 64 pixels"),
        ({"per_photo": 0}, "at least 1"),
        ({"val": 0.5, "test": 0.6}, "100 % at most"),
        ({"fixed": {"size": 3}}, "use --extent"),
        ({"fixed": {"sigma": 3}}, "8 bits cannot hold it"),
        ({"fixed": {"exposur": 0.5}}, "did you mean 'exposure'"),
        ({"fixed": {"exposure": 2.0}}, "exposure=2.0; expected a number above 0 and up to 1"),
        ({"seed": -1}, "at least 0"),
    ],
)
def test_levels_that_mean_nothing_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(BenchError, match=said):
        Mixture(**values)


def test_lost_light_may_be_kept_dark_without_noise() -> None:
    mixture = Mixture(light=(1.0, 0.25), noise=(0.0,), fixed={"low_light": "dark"})
    assert len(mixture.cells()) == 4 * 2
