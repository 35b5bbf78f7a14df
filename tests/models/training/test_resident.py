"""Crops that are cut on a device are those that the CPU cuts.

A CPU stands for the device here; the tests marked ``gpu`` use a real one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.image import Pixels, write_png
from bench.records import Pair
from models.recipes import Recipe
from models.training.augment import AUGMENTATIONS, Warp
from models.training.data import PairedCrops, UnpairedCrops, ViewCache
from models.training.resident import DeviceViews, views_for

ROOMY = 10**9
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture
def pairs(tmp_path: Path, photograph: Pixels) -> list[Pair]:
    """Three pairs of three sizes, one of them smaller than a crop."""
    made = []
    for number, (height, width) in enumerate([(90, 120), (100, 80), (20, 60)]):
        piece = np.ascontiguousarray(photograph[100 : 100 + height, 150 : 150 + width])
        names = [tmp_path / f"{number}{side}.png" for side in "dr"]
        write_png(names[0], 255 - piece)
        write_png(names[1], piece)
        made.append(Pair(str(number), *names, str(number)))
    return made


def crops(
    pairs: Sequence[Pair],
    cache: ViewCache,
    *augment: str,
    kind: type[PairedCrops] = PairedCrops,
    **options: Any,
) -> PairedCrops:
    settings = {"side": 32, "seed": 5, "start": 0, "stop": 24, **options}
    return kind(pairs, augment=augment, cache=cache, **settings)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", [PairedCrops, UnpairedCrops])
@pytest.mark.parametrize("augment", [(), ("flip", "rot90"), ("flip", "rot90", "colours")])
def test_cut_turned_and_coloured_they_are_the_same(
    pairs: list[Pair], augment: tuple[str, ...], kind: type[PairedCrops], device: str
) -> None:
    there = DeviceViews(torch.device(device), ROOMY)
    found = crops(pairs, there, *augment, kind=kind).batch(range(24))
    expected = crops(pairs, ViewCache(), *augment, kind=kind).batch(range(24))
    assert all(side.device.type == device for side in found)
    for one, other in zip(found, expected, strict=True):
        # a GPU divides by 255 by multiplying: the last bit of a float may differ
        assert (one.cpu() - other).abs().max() <= (0 if device == "cpu" else 1e-7)
    assert not torch.equal(found[0], found[1])


@pytest.mark.parametrize("device", DEVICES)
def test_turned_by_degrees_and_of_other_contrast_they_are_the_same_within_rounding(
    pairs: list[Pair], device: str
) -> None:
    there = DeviceViews(torch.device(device), ROOMY)
    found = crops(pairs, there, *sorted(AUGMENTATIONS)).batch(range(24))
    expected = crops(pairs, ViewCache(), *sorted(AUGMENTATIONS)).batch(range(24))
    for one, other in zip(found, expected, strict=True):
        assert (one.cpu() - other).abs().mean() < 0.002  # OpenCV rounds places to 1/32 of a pixel
        assert (one.cpu() - other).abs().max() < 0.05


@pytest.mark.parametrize("scale", [1, 2])
def test_a_turn_by_the_device_is_opencvs(photograph: Pixels, scale: int) -> None:
    warp = Warp(side=24, source=56, degrees=-7.0, shrink=0.55)
    side = warp.source * scale
    smooth = np.add.outer(np.arange(side), 2.0 * np.arange(side)) / (3 * side)
    piece = np.stack([smooth, 1 - smooth, smooth**2], -1).astype(np.float32)
    found = warp.apply(torch.from_numpy(piece), scale).numpy()
    assert found.shape == (24 * scale, 24 * scale, 3)
    assert np.abs(found - warp.apply(piece, scale)).max() < 1e-3


def test_what_finds_no_room_there_is_cut_where_it_was_read(pairs: list[Pair]) -> None:
    room = 2 * 90 * 120 * 3
    there = DeviceViews(torch.device("cpu"), room)
    found = crops(pairs, there, "flip").batch(range(24))
    assert 0 < len(there._there) < 3
    expected = crops(pairs, ViewCache(), "flip").batch(range(24))
    assert all(torch.equal(*sides) for sides in zip(found, expected, strict=True))


def test_an_image_is_read_once_and_kept_once(pairs: list[Pair]) -> None:
    there = DeviceViews(torch.device("cpu"), ROOMY)
    there.fill(pairs)
    first = [there.open(pair) for pair in pairs]
    for pair in pairs:
        pair.degraded.unlink()
    there.fill(pairs)
    assert [there.open(pair) for pair in pairs] == first
    assert (there._used, len(there._views)) == (0, 0)


def test_noise_is_drawn_anew_and_follows_from_the_seed(tmp_path: Path, photograph: Pixels) -> None:
    write_png(tmp_path / "sharp.png", photograph)
    sharp = tmp_path / "sharp.png"
    pair = Pair("a", sharp, sharp, "a", degradation={"sigma": 25.0}, fresh={"sigma": (5.0, 50.0)})
    made = [
        crops([pair], cache, told_noise=True).batch(range(24))
        for cache in (DeviceViews(torch.device("cpu"), ROOMY), ViewCache())
    ]
    (noisy, clean), expected = made
    assert all(torch.equal(*sides) for sides in zip(made[0], expected, strict=True))
    level = (noisy[:, :3] - clean).std((1, 2, 3))
    assert torch.allclose(level, noisy[:, 3, 0, 0], rtol=0.1)
    assert level.min() < 12 / 255 < 40 / 255 < level.max()


def test_images_stay_on_the_cpu_where_that_learns_or_shrinks_them() -> None:
    assert type(views_for("cpu", Recipe())) is ViewCache
    assert type(views_for("cuda", Recipe(fit="resize"))) is ViewCache
