from __future__ import annotations

import math

import numpy as np
import pytest

from bench.degrade.layers import Layer, Matte, draw_layers, move_layers
from bench.degrade.light import Light
from bench.degrade.psf import Points, blur, gaussian_psf, motion_psf, rasterise, trajectory

SIZE = (90, 110)
STILL = np.zeros((1, 2))


def _rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def _to_the_right(length: float) -> Points:
    return np.linspace([0.0, 0.0], [0.0, length], 1 + 2 * math.ceil(8 * length))


def _half(column: int = 55) -> Matte:
    """Everything right of a column."""
    return np.broadcast_to(np.arange(SIZE[1]) >= column, SIZE).astype(np.float64)


def _light() -> Light:
    return _rng(0).random((*SIZE, 3))


def test_a_flat_scene_stays_flat_whatever_moves() -> None:
    flat = np.full((*SIZE, 3), (0.0003, 0.37, 1.0))
    layers = draw_layers(_rng(1), SIZE, 5, 12.0)
    found, _ = move_layers(flat, layers, trajectory(_rng(2), 6.0))
    assert np.abs(found - flat).max() < 1e-14


def test_a_layer_that_covers_everything_is_a_uniform_blur() -> None:
    found, psf = move_layers(_light(), [Layer(np.ones(SIZE), _to_the_right(9))], STILL)
    assert found == pytest.approx(blur(_light(), motion_psf(9, 0)), abs=1e-12)
    centre = psf[:, psf.shape[1] // 2 - 5 : psf.shape[1] // 2 + 6]
    assert centre == pytest.approx(motion_psf(9, 0), abs=1e-12)


def test_far_from_a_layer_the_background_is_untouched() -> None:
    found, _ = move_layers(_light(), [Layer(_half(), _to_the_right(9))], STILL)
    assert np.array_equal(found[:, :48], _light()[:, :48])
    inside = blur(_light(), motion_psf(9, 0))
    assert found[:, 64:] == pytest.approx(inside[:, 64:], abs=1e-12)


def test_a_layer_is_blurred_as_if_its_instants_were_added_up() -> None:
    """By brute force: at each whole-pixel instant the shifted layer covers the background."""
    light, matte = _light(), _half() * 0.7
    shifts = range(-4, 5)
    frames = []
    for shift in shifts:
        moved = np.roll(light * matte[..., None], shift, axis=1)
        cover = np.roll(matte, shift, axis=1)[..., None]
        frames.append(light * (1 - cover) + moved)
    path = np.array([[0.0, shift] for shift in shifts])
    found, _ = move_layers(light, [Layer(matte, path)], STILL)
    inside = (slice(None), slice(10, -10))
    assert found[inside] == pytest.approx(np.mean(frames, axis=0)[inside], abs=1e-12)


def test_the_nearer_layer_covers_the_farther() -> None:
    light = np.zeros((*SIZE, 3))
    light[:, 55:, 0], light[:, 55:, 1] = 1.0, 0.0
    far, near = Layer(_half(), _to_the_right(9)), Layer(_half(), np.zeros((1, 2)))
    covered, _ = move_layers(light, [far, near], STILL)
    assert np.array_equal(covered[:, 55:], light[:, 55:])  # near, still and sharp
    assert covered[:, 52:55, 0].min() > 0  # the far one shows beside it
    uncovered, _ = move_layers(light, [near, far], STILL)
    assert uncovered[0, 56, 0] == pytest.approx(1.0, abs=1e-12)


def test_a_shaking_camera_moves_everything_and_the_layer_along_both_courses() -> None:
    """Straight courses at even speed, one down and one to the right, add up to a slanting one."""
    down = _to_the_right(6.0)[:, ::-1]
    found, _ = move_layers(_light(), [Layer(_half(), _to_the_right(8.0))], down)
    assert found[:, :45] == pytest.approx(blur(_light(), motion_psf(6, 90))[:, :45], abs=1e-12)
    slanting = np.linspace([0.0, 0.0], [6.0, 8.0], len(_to_the_right(8.0)))
    expected = blur(_light(), rasterise(slanting))
    assert found[:, 65:] == pytest.approx(expected[:, 65:], abs=1e-3)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("camera", [0.0, 5.0])
def test_a_spot_well_inside_or_outside_a_layer_keeps_light_and_place(
    seed: int, camera: float
) -> None:
    course = trajectory(_rng(seed), camera) if camera else STILL
    layers = draw_layers(_rng(seed), SIZE, 1, 8.0)
    distance = blur(layers[0].matte, gaussian_psf(6.0))
    for near in (distance.max(), distance.min()):  # deepest inside, and farthest from it
        row, column = np.argwhere(distance == near)[0].clip(14, (SIZE[0] - 15, SIZE[1] - 15))
        if layers[0].matte[row - 10 : row + 11, column - 10 : column + 11].std() > 0:
            continue
        spot = np.zeros((*SIZE, 3))
        spot[row, column] = 1
        spread = move_layers(spot, layers, course)[0][..., 1]
        rows, columns = np.indices(SIZE)
        assert spread.sum() == pytest.approx(1, abs=1e-9)
        assert (spread * rows).sum() == pytest.approx(row, abs=1e-7)
        assert (spread * columns).sum() == pytest.approx(column, abs=1e-7)


def test_the_mean_psf_weights_each_thing_by_what_it_covers() -> None:
    _, psf = move_layers(_light(), [Layer(_half(), _to_the_right(9))], STILL)
    assert psf.sum() == pytest.approx(1)
    middle = psf[psf.shape[0] // 2, psf.shape[1] // 2]
    still = 1 - middle + motion_psf(9, 0)[0, 5] / 2
    assert still == pytest.approx(0.5, abs=0.02)  # the half that stands still is a point


def test_drawn_layers_are_soft_distinct_and_of_a_moderate_size() -> None:
    for seed in range(6):
        layers = draw_layers(_rng(seed), (200, 300), 3, 10.0)
        assert len(layers) == 3
        for layer in layers:
            assert layer.matte.min() == 0
            assert layer.matte.max() == 1
            assert 0.02 < layer.matte.mean() < 0.4
            assert 50 < ((layer.matte > 0) & (layer.matte < 1)).sum() < 4000
            travelled = np.linalg.norm(layer.path[-1] - layer.path[0])
            assert 5 <= travelled <= 10
        assert not np.array_equal(layers[0].matte, layers[1].matte)
