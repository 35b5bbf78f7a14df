"""Augmentations: paired, in range, and what they say they are."""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.image import Pixels, write_png
from bench.records import Pair
from models.training.augment import AUGMENTATIONS, Jitter, Warp
from models.training.data import PairedCrops, ViewCache


@pytest.fixture
def pair(tmp_path: Path, photograph: Pixels) -> Pair:
    """A photograph and its negative."""
    piece = np.ascontiguousarray(photograph[100:220, 150:280])
    write_png(tmp_path / "r.png", piece)
    write_png(tmp_path / "d.png", 255 - piece)
    return Pair("one", tmp_path / "d.png", tmp_path / "r.png", "one")


def crops(pair: Pair, *augment: str, seed: int = 1) -> PairedCrops:
    return PairedCrops(
        [pair], side=32, seed=seed, augment=augment, start=0, stop=60, cache=ViewCache()
    )


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS - {"jitter", "contrast"}))
def test_what_happens_to_one_image_happens_to_the_other(pair: Pair, name: str) -> None:
    for degraded, reference in (crops(pair, name)[index] for index in range(30)):
        assert degraded.shape == reference.shape == (3, 32, 32)
        assert torch.allclose(degraded, 1 - reference, atol=1e-5)


def test_all_of_them_together_follow_from_seed_and_number(pair: Pair) -> None:
    names = tuple(sorted(AUGMENTATIONS))
    first, again = crops(pair, *names), crops(pair, *names)
    assert all(torch.equal(first[i][side], again[i][side]) for i in range(30) for side in (0, 1))
    assert not torch.equal(first[0][0], crops(pair, *names, seed=2)[0][0])


def test_colours_change_places_in_all_six_ways_and_nothing_else_changes(pair: Pair) -> None:
    plain, mixed = crops(pair), crops(pair, "colours")
    seen: Counter[tuple[int, ...]] = Counter()
    for index in range(60):
        before, after = plain[index][0], mixed[index][0]
        assert not torch.equal(before[0], before[1])  # on a grey crop all orders look alike
        (order,) = (o for o in permutations(range(3)) if torch.equal(after, before[list(o)]))
        seen[order] += 1
    assert len(seen) == 6
    assert 20 <= seen[0, 1, 2] <= 50  # of 60, of which 7 in 12 are expected to keep theirs


def test_a_turn_is_a_turn_about_the_middle() -> None:
    """A plane a x + b y stays a plane, and turns as its gradient does."""
    warp = Warp(side=20, source=28, degrees=7.0, shrink=1.0)
    rows, columns = np.mgrid[:28, :28].astype(np.float32) - 13.5
    plane = np.stack([0.5 + 0.01 * columns] * 3, axis=-1)
    found = warp.apply(plane.astype(np.float32), 1)[..., 0]
    rows, columns = np.mgrid[:20, :20] - 9.5
    angle = math.radians(7.0)  # against the clock on the screen, where y points down
    expected = 0.5 + 0.01 * (columns * math.cos(angle) - rows * math.sin(angle))
    assert np.abs(found - expected).max() < 2e-4  # places are rounded to 1/32 of a pixel


def test_shrinking_brings_more_of_the_scene_into_the_crop() -> None:
    rows, _ = np.mgrid[:44, :44].astype(np.float32) - 21.5
    plane = np.stack([0.5 + 0.01 * rows] * 3, axis=-1).astype(np.float32)
    found = Warp(side=20, source=44, degrees=0.0, shrink=0.5).apply(plane, 1)[..., 0]
    assert np.gradient(found[5:15], axis=0) == pytest.approx(0.02, abs=5e-4)


def test_both_sides_of_super_resolution_keep_showing_the_same(photograph: Pixels) -> None:
    sharp = photograph[100:300, 150:350].astype(np.float32) / 255
    small = sharp.reshape(100, 2, 100, 2, 3).mean((1, 3))
    warp = Warp(side=60, source=100, degrees=8.0, shrink=0.8)
    low, high = warp.apply(small, 1), warp.apply(sharp, 2)
    averaged = high.reshape(60, 2, 60, 2, 3).mean((1, 3))
    assert np.abs(averaged - low).mean() < 0.02
    shifted = np.abs(averaged[:, 1:] - low[:, :-1]).mean()  # one pixel off is far worse
    assert shifted > 2 * np.abs(averaged - low).mean()


def test_jitter_stays_in_range_and_is_one_straight_line() -> None:
    rng = np.random.default_rng(0)
    image = torch.rand(3, 16, 16)
    for _ in range(20):
        jitter = Jitter.drawn(["flip", "jitter"], rng)
        assert jitter is not None
        found = jitter.apply(image)
        assert float(found.min()) >= 0
        assert float(found.max()) <= 1
        noise = torch.randn(3, 16, 16) * 0.1
        both = jitter.apply(image + noise) - found  # f(x + n) - f(x) does not depend on x
        assert torch.allclose(both, jitter.apply(noise) - jitter.apply(0 * noise), atol=1e-6)


def test_half_of_the_crops_are_pale_and_both_sides_by_as_much(pair: Pair) -> None:
    plain, mixed = crops(pair), crops(pair, "contrast")
    found: list[float] = []
    for index in range(60):
        (before, _), (degraded, reference) = plain[index], mixed[index]
        contrast = float(degraded.std() / before.std())
        found.append(contrast)
        level = degraded - contrast * before  # a straight line: what is left is one number
        assert float(level.std()) < 1e-5
        # here the one side is 1 minus the other, and so it is after the same straight line
        assert torch.allclose(reference, contrast + 2 * level.mean() - degraded, atol=1e-5)
        assert 0 <= float(degraded.min()) <= float(degraded.max()) <= 1
    assert 20 <= sum(one > 0.9999 for one in found) <= 40
    assert 0.29 < min(found) < 0.4
    rng = np.random.default_rng(0)
    assert Jitter.drawn(["flip", "colours"], rng) is None
    assert rng.random() == np.random.default_rng(0).random()  # nor was anything drawn
