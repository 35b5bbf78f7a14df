from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.degrade.depth import (
    Nearness,
    defocus_by_depth,
    plane_nearness,
    smooth_nearness,
)
from bench.degrade.light import Light
from bench.degrade.psf import blur, defocus_psf

SIZE = (96, 112)


def _rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def _light() -> Light:
    return _rng(0).random((*SIZE, 3))


def _flat(level: float) -> Nearness:
    return np.full(SIZE, level)


def _step(left: float, right: float) -> Nearness:
    return np.where(np.arange(SIZE[1]) < SIZE[1] // 2, left, right) * np.ones(SIZE)


@settings(max_examples=15)
@given(seed=st.integers(0, 99), radius=st.floats(0, 12), focus=st.floats(0, 1), plane=st.booleans())
def test_a_flat_scene_stays_flat(seed: int, radius: float, focus: float, plane: bool) -> None:
    nearness = (plane_nearness if plane else smooth_nearness)(_rng(seed), (40, 48))
    flat = np.full((40, 48, 3), (0.0003, 0.37, 1.0))
    found, psf = defocus_by_depth(flat, nearness, radius, focus)
    assert found == pytest.approx(flat, rel=3e-6)
    assert psf.sum() == pytest.approx(1)


@pytest.mark.parametrize("near_or_far", [0.0, 1.0])
def test_at_one_distance_it_is_the_uniform_defocus(near_or_far: float) -> None:
    found, psf = defocus_by_depth(_light(), _flat(near_or_far), 4.0, 0.5)
    assert found == pytest.approx(blur(_light(), defocus_psf(4.0)), abs=1e-5)
    assert psf == pytest.approx(defocus_psf(4.0), abs=1e-7)


def test_what_is_in_focus_stays_sharp() -> None:
    found, psf = defocus_by_depth(_light(), _flat(0.3), 9.0, 0.3)
    assert found == pytest.approx(_light(), abs=1e-6)
    assert psf.tolist() == [[1.0]]


def test_the_radius_grows_with_the_distance_from_the_focus() -> None:
    # focus 0.25: nearness 1 gets the whole radius, 0 a third of it, 0.625 a half
    spread = [
        float((defocus_by_depth(_light(), _flat(n), 6.0, 0.25)[1].shape[0] - 1) / 2)
        for n in (0.25, 0.0, 0.625, 1.0)
    ]
    assert spread == [0, 2, 3, 6]


@pytest.mark.parametrize(("radius", "lost"), [(3.0, 0.003), (6.0, 0.01), (10.0, 0.015)])
def test_points_on_a_slope_keep_their_light_and_place(radius: float, lost: float) -> None:
    nearness = plane_nearness(_rng(2), (200, 240))
    rng = _rng(3)
    for _ in range(5):
        row, column = int(rng.integers(30, 170)), int(rng.integers(30, 210))
        point = np.zeros((200, 240, 3))
        point[row, column] = 1
        found = defocus_by_depth(point, nearness, radius, 0.5)[0][..., 0]
        rows, columns = np.indices(found.shape)
        assert found.sum() == pytest.approx(1, abs=lost)
        assert (found * rows).sum() / found.sum() == pytest.approx(row, abs=0.05)
        assert (found * columns).sum() / found.sum() == pytest.approx(column, abs=0.05)


def test_the_light_of_a_whole_relief_is_kept() -> None:
    """Of random points, on average: what one loses at a bend another gains."""
    light = np.repeat((_rng(5).random((200, 240)) < 0.02).astype(float)[..., None], 3, axis=2)
    found, _ = defocus_by_depth(light, smooth_nearness(_rng(1), (200, 240)), 6.0, 0.5)
    assert found.sum() == pytest.approx(light.sum(), rel=0.02)


def test_a_blurred_background_does_not_spread_over_a_sharp_thing_in_front() -> None:
    light = np.zeros((*SIZE, 3))
    light[:, : SIZE[1] // 2] = 1.0  # far, bright; the near half is black and in focus
    found, _ = defocus_by_depth(light, _step(0.0, 1.0), 6.0, 1.0)
    assert found[:, SIZE[1] // 2 :].max() < 1e-6
    assert found[:, : SIZE[1] // 2] == pytest.approx(1, abs=1e-5)  # nor is it darkened


def test_a_blurred_thing_in_front_spreads_over_a_sharp_background() -> None:
    light = np.zeros((*SIZE, 3))
    light[:, SIZE[1] // 2 :] = 1.0  # near, bright, out of focus; the far half black and sharp
    found, _ = defocus_by_depth(light, _step(0.0, 1.0), 6.0, 0.0)
    edge = blur(light, defocus_psf(6.0))  # what covers the background is the blurred matte
    far = slice(0, SIZE[1] // 2)
    assert found[:, far] == pytest.approx(edge[:, far], abs=1e-5)
    assert found[0, SIZE[1] // 2 - 3, 0] > 0.1


@pytest.mark.parametrize("draw", [smooth_nearness, plane_nearness])
def test_drawn_depths_span_0_to_1_smoothly(draw: object) -> None:
    assert callable(draw)
    first, second = draw(_rng(1), SIZE), draw(_rng(2), SIZE)
    assert first.shape == SIZE
    assert (first.min(), first.max()) == (0, 1)
    assert max(np.abs(np.diff(first, axis=axis)).max() for axis in (0, 1)) < 0.1
    assert np.array_equal(draw(_rng(1), SIZE), first)
    assert not np.array_equal(first, second)


def test_a_plane_is_linear_in_rows_and_columns() -> None:
    plane = plane_nearness(_rng(4), SIZE)
    assert np.abs(np.diff(plane, n=2, axis=0)).max() < 1e-14
    assert np.abs(np.diff(plane, n=2, axis=1)).max() < 1e-14
