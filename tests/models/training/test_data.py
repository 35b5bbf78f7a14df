"""What the network is shown: the same crops always, degraded and reference cut alike."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.core.errors import BenchError
from bench.image import ImageSizeError, Pixels, read, to_tensor, write_png
from bench.records import Pair
from bench.suites.opening import Views, open_pair
from models.training.data import (
    Batches,
    PairedCrops,
    ViewCache,
    split_off_validation,
    square,
    validation_crops,
)

EVERYTHING = ("flip", "rot90")


@pytest.fixture
def pairs(tmp_path: Path, photograph: Pixels) -> list[Pair]:
    """Four pieces of a photograph; what is 'degraded' is the negative of the reference."""
    found = []
    for index in range(4):
        piece = np.ascontiguousarray(photograph[60 * index : 60 * index + 70, 100:190])
        reference, degraded = tmp_path / f"{index}.png", tmp_path / f"{index}d.png"
        write_png(reference, piece)
        write_png(degraded, 255 - piece)
        found.append(Pair(str(index), degraded, reference, f"scene{index % 2}"))
    return found


def crops(pairs: Sequence[Pair], seed: int = 3, start: int = 0, stop: int = 40) -> PairedCrops:
    return PairedCrops(
        pairs, side=32, seed=seed, augment=EVERYTHING, start=start, stop=stop, cache=ViewCache()
    )


def test_degraded_and_reference_are_cut_and_turned_alike(pairs: list[Pair]) -> None:
    for degraded, reference in (crops(pairs)[index] for index in range(40)):
        assert degraded.shape == reference.shape == (3, 32, 32)
        assert torch.allclose(degraded, 1 - reference, atol=1e-6)


def test_an_item_follows_from_seed_and_number_alone(pairs: list[Pair]) -> None:
    whole, later = crops(pairs), crops(pairs, start=25)
    batch = later.__getitems__([2, 0, 1])
    for item, number in zip(batch, (27, 25, 26), strict=True):
        assert torch.equal(item[0], whole[number][0])
    assert not torch.equal(crops(pairs, seed=4)[0][0], whole[0][0])


def test_the_thread_that_asks_cuts_the_crops_and_others_open_the_pairs(
    pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, cutting = set[int](), set[int]()

    def opened(pair: Pair) -> Views:
        opening.add(threading.get_ident())
        return open_pair(pair)

    def cut(*arguments: Any) -> Pixels:
        cutting.add(threading.get_ident())
        return square(*arguments)

    monkeypatch.setattr("models.training.data.open_pair", opened)
    monkeypatch.setattr("models.training.data.square", cut)
    crops(pairs).__getitems__(list(range(40)))
    assert cutting == {threading.get_ident()}
    assert opening
    assert not opening & cutting


def test_a_batch_is_its_crops_bit_for_bit_with_channels_last(pairs: list[Pair]) -> None:
    """Cut as bytes and made floats together, as each would be alone."""
    degraded, reference = crops(pairs).batch(range(8))
    assert degraded.shape == (8, 3, 32, 32)
    assert degraded.is_contiguous(memory_format=torch.channels_last)
    for number in range(8):
        one = crops(pairs)[number]
        assert torch.equal(degraded[number], one[0])
        assert torch.equal(reference[number], one[1])
    levels = set((255 * reference).flatten().tolist())
    assert all(abs(level - round(level)) < 1e-4 for level in levels)


def test_batches_are_all_crops_in_order_and_the_last_may_be_smaller(pairs: list[Pair]) -> None:
    whole = crops(pairs, stop=10)
    found = Batches(whole, 4)
    assert [len(found[index][0]) for index in range(len(found))] == [4, 4, 2]
    assert torch.equal(found[2][0][1], whole[9][0])


def test_every_augmentation_happens(pairs: list[Pair]) -> None:
    one = [replace(pairs[0])]
    write_png(pairs[0].degraded, np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3))
    write_png(tmp := pairs[0].degraded.with_name("same.png"), read(pairs[0].degraded))
    one = [replace(one[0], reference=tmp)]
    seen = {crops(one, stop=100)[index][0].numpy().tobytes() for index in range(100)}
    assert len(seen) == 4 * 2  # turns x mirrored


def test_an_unknown_augmentation_is_refused(pairs: list[Pair]) -> None:
    with pytest.raises(BenchError, match="no augmentation blur; known: colours, contrast, flip"):
        PairedCrops(
            pairs, side=32, seed=0, augment=("flip", "blur"), start=0, stop=1, cache=ViewCache()
        )


def test_a_small_image_is_mirrored_to_the_crop() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    found = square(image, 0, 0, 3)
    assert found.shape == (3, 3, 3)
    assert np.array_equal(found[2], found[1])  # the last row again
    assert np.array_equal(found[:, 2], found[:, 1])


def test_pairs_that_cannot_teach_are_refused(pairs: list[Pair], tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="'0' has no reference"):
        crops([replace(pairs[0], reference=None)])[0]
    write_png(tmp_path / "less.png", read(pairs[0].degraded)[:40])
    with pytest.raises(ImageSizeError, match="do not fit together; expected a reference of 40x90"):
        crops([replace(pairs[0], degraded=tmp_path / "less.png")])[0]


def test_the_cache_forgets_what_was_used_longest_ago(pairs: list[Pair]) -> None:
    cache = ViewCache(limit=2 * 2 * 70 * 90 * 3)  # two pairs of two images
    first, second = cache.open(pairs[0])[0], cache.open(pairs[1])[0]
    assert cache.open(pairs[0])[0] is first  # decoded once
    cache.open(pairs[2])  # pushes out the second
    assert cache.open(pairs[0])[0] is first
    assert cache.open(pairs[1])[0] is not second


def test_crops_of_super_resolution_cover_the_same_scene(pairs: list[Pair]) -> None:
    reference = pairs[0].reference
    assert reference is not None
    halved = replace(pairs[0], degraded=reference, degradation={"scale": 2}, scale=2)
    few = PairedCrops(
        [halved], side=16, seed=0, augment=("flip", "rot90"), start=0, stop=8, cache=ViewCache()
    )
    for degraded, whole in (few[index] for index in range(len(few))):
        assert degraded.shape == (3, 16, 16)
        assert whole.shape == (3, 32, 32)
        averaged = torch.nn.functional.avg_pool2d(whole[None], 2)[0]
        assert (averaged - degraded).abs().mean() < 0.02


def test_validation_is_split_off_by_whole_clusters(pairs: list[Pair]) -> None:
    kept, held_out = split_off_validation(pairs)
    assert {pair.cluster for pair in kept} == {"scene1"}
    assert {pair.cluster for pair in held_out} == {"scene0"}
    one_cluster = [replace(pair, cluster="one") for pair in pairs]
    assert [len(part) for part in split_off_validation(one_cluster)] == [3, 1]
    with pytest.raises(BenchError, match="1 training pairs"):
        split_off_validation(pairs[:1])


def test_validation_crops_are_the_centres(pairs: list[Pair]) -> None:
    degraded, reference = validation_crops(pairs)
    assert degraded.shape == reference.shape == (4, 3, 160, 160)
    assert torch.allclose(degraded, 1 - reference, atol=1e-6)
    assert pairs[0].reference is not None
    image = to_tensor(read(pairs[0].reference))[0]  # 70 x 90: smaller than the crop, so mirrored
    assert torch.equal(reference[0, :, :70, :90], image)
    assert torch.equal(reference[0, :, 70], reference[0, :, 69])
