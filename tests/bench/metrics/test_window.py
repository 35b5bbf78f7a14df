"""The window, its filter, and the tiles that an image is cut into."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from scipy.signal import correlate2d

from bench.core.parallel import in_threads
from bench.metrics import window
from bench.metrics.window import (
    Scratch,
    bands,
    gaussian,
    halved,
    in_parallel,
    inside,
    smooth,
    tiles,
)


@pytest.mark.parametrize(("size", "sigma"), [(11, 1.5), (17, 3.4), (3, 0.6)])
def test_the_window_sums_to_1_and_falls_as_a_gaussian(size: int, sigma: float) -> None:
    kernel = gaussian(size, sigma)
    assert kernel.sum() == pytest.approx(1, abs=1e-15)
    middle = size // 2
    # one sigma-squared-scaled step off the middle: exp(-1 / (2 sigma^2))
    assert kernel[middle + 1] / kernel[middle] == pytest.approx(np.exp(-1 / (2 * sigma**2)))
    assert np.array_equal(kernel, kernel[::-1])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_smooth_is_a_plain_correlation(dtype: type) -> None:
    samples = np.random.default_rng(0).integers(0, 256, (30, 25)).astype(dtype)
    kernel = gaussian(11, 1.5)
    expected = correlate2d(samples.astype(np.float64), np.outer(kernel, kernel), mode="valid")
    found = inside(smooth(samples, kernel, scale=3.0, offset=7.0), kernel)
    assert found.shape == (20, 15)
    np.testing.assert_allclose(found, 3 * expected + 7, rtol=0, atol=1e-11)


@pytest.mark.parametrize("shape", [(9, 9), (30, 25), (31, 26)])
def test_halved_is_every_second_pixel_of_smooth(shape: tuple[int, int]) -> None:
    samples = np.random.default_rng(0).random(shape)
    kernel = gaussian(9, 1.8)
    expected = inside(smooth(samples, kernel), kernel)[::2, ::2]
    np.testing.assert_allclose(halved(samples, kernel), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(11, 900), (12, 40), (700, 1300), (4001, 6001)])
@pytest.mark.parametrize("step", [1, 2])
def test_bands_tile_the_valid_rows_without_gap_or_overlap(
    shape: tuple[int, int], step: int
) -> None:
    found = bands(shape, 11, step)
    ends = [rows.stop - 10 for rows in found]
    assert [rows.start for rows in found] == [0, *ends[:-1]]
    assert ends[-1] == shape[0] - 10
    assert all(rows.start % step == 0 for rows in found)
    assert all(rows.stop - rows.start >= 11 for rows in found)


def test_bands_stay_near_their_size() -> None:
    for rows in bands((4001, 6001), 11):
        assert (rows.stop - rows.start) * 6001 < 2 * window.TILE


@pytest.mark.parametrize(
    "shape", [(11, 11), (12, 900), (512, 512), (700, 1300), (41, 2**15), (4001, 6001)]
)
def test_tiles_cover_each_valid_window_once_and_stay_small(shape: tuple[int, int]) -> None:
    covered = np.zeros([length - 10 for length in shape], np.uint8)
    for rows, columns in tiles(shape, 11):
        covered[rows.start : rows.stop - 10, columns.start : columns.stop - 10] += 1
        high, wide = rows.stop - rows.start, columns.stop - columns.start
        assert min(high, wide) >= 11
        assert wide <= window.WIDEST
        assert high * wide < 2 * window.TILE
    assert (covered == 1).all()


def test_work_comes_back_in_order_from_many_callers_at_once() -> None:
    found: dict[int, list[int]] = {}

    def call(caller: int) -> None:
        found[caller] = in_parallel(lambda item: item * caller, range(200))

    callers = [threading.Thread(target=call, args=(n,)) for n in range(6)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert found == {n: [item * n for item in range(200)] for n in range(6)}


def test_one_of_many_threads_deals_nothing_out() -> None:
    def score(item: int) -> list[threading.Thread]:
        return in_parallel(lambda part: threading.current_thread(), range(8))

    for threads in in_threads(score, range(3)):
        assert len(set(threads)) == 1
        assert "metric" not in threads[0].name
    assert all("metric" in thread.name for thread in score(0))


def test_scratch_arrays_are_reused_by_a_thread_and_not_shared_with_another() -> None:
    scratch = Scratch()
    first = scratch.like("a", np.zeros((4, 5)))
    assert np.shares_memory(first, scratch.like("a", np.zeros((2, 3)), np.uint16))
    assert not np.shares_memory(first, scratch.like("b", np.zeros((4, 5))))
    others = []
    thread = threading.Thread(target=lambda: others.append(scratch.like("a", np.zeros((4, 5)))))
    thread.start()
    thread.join()
    assert not np.shares_memory(first, others[0])
