"""Suites whose images are frames of sequences know each image's neighbours."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bench.core.errors import BenchError
from bench.image import write_png
from bench.records import Pair
from bench.suites.frames import consecutive, most_frames, window_of
from bench.suites.identity import pair_digest
from bench.suites.listing import prepared
from bench.suites.opening import open_pair
from bench.suites.table import open_suite, resolve_suite
from tests.support.sequences import sharp_frames, write_gopro


@pytest.fixture(scope="module")
def gopro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two test and two training sequences of four frames. Shared: nothing may change it."""
    return write_gopro(tmp_path_factory.mktemp("gopro"))


def ids(pairs: list[Pair]) -> list[str]:
    return [pair.id.rpartition("-")[2] for pair in pairs]


def test_a_window_holds_the_frames_around_one_and_repeats_those_at_the_ends(gopro: Path) -> None:
    suite = open_suite("gopro:frames=5", gopro)
    assert suite.spec == "gopro:blur=blur,frames=5"
    first, second, third, fourth, *others = suite.pairs("test")
    assert ids(window_of(second, 2, 2)) == ["000001", "000001", "000002", "000003", "000004"]
    assert ids(window_of(fourth, 2, 2)) == ["000002", "000003", "000004", "000004", "000004"]
    assert ids(window_of(third, 2, 0)) == ["000001", "000002", "000003"]
    assert first.previous is None
    assert third.previous is not None
    assert third.previous.id == second.id
    # the next sequence begins anew
    assert others[0].previous is None
    assert {frame.cluster for frame in window_of(others[0], 2, 2)} == {"GOPR0410_11_00"}
    assert most_frames(suite.pairs("test")) == 5
    assert most_frames(open_suite("gopro", gopro).pairs("test")) == 1


def test_neighbours_are_opened_as_their_own_pairs_are(gopro: Path) -> None:
    suite = open_suite("gopro:sigma=25,resize=40x32,frames=3", gopro)
    pairs = prepared(list(suite.pairs("test")), ["wavelet"])
    neighbour = window_of(pairs[1], 1, 1)[2]
    assert (open_pair(neighbour).degraded == open_pair(pairs[2]).degraded).all()
    assert neighbour.prepare == ("wavelet",)
    # a frame has its noise once: each crop of a window anew would be other noise in every frame
    assert all(pair.fresh is None for pair in suite.pairs("train"))


def test_frames_whose_numbers_do_not_follow_are_no_neighbours(gopro: Path, tmp_path: Path) -> None:
    shutil.copytree(gopro, tmp_path / "gap")
    for half in ("blur", "sharp"):
        (tmp_path / "gap/test/GOPR0384_11_00" / half / "000003.png").unlink()
    suite = open_suite("gopro:frames=3", tmp_path / "gap")
    one, two, four, *_ = suite.pairs("test")
    assert ids(window_of(two, 1, 1)) == ["000001", "000002", "000002"]
    assert ids(window_of(four, 1, 1)) == ["000004", "000004", "000004"]
    assert one.clip is two.clip is not four.clip
    assert any("1 of 7 frames have no neighbour" in note for note in suite.notes)


def test_numbers_are_compared_as_numbers_whatever_zeros_stand_before_them() -> None:
    names = ["a-9", "a-10", "a-11", "b-12", "c", "c-1"]
    found = consecutive([("s", name) for name in names])
    assert sorted(found) == [[0, 1, 2], [3], [4], [5]]


@pytest.mark.parametrize(
    ("spec", "degraded", "sharp"),
    [
        ("reds:frames=3", "val/val_blur/{s:03d}/{n:08d}.png", "val/val_sharp/{s:03d}/{n:08d}.png"),
        ("reds:frames=3", "test/input/{s:03d}-{n:08d}.png", "test/target/{s:03d}-{n:08d}.png"),
        (
            "gopro:frames=3",
            "test/blur/GOPR0384_11_0{s}-{n:06d}.png",
            "test/sharp/GOPR0384_11_0{s}-{n:06d}.png",
        ),
    ],
)
def test_sequences_are_found_in_every_layout(
    spec: str, degraded: str, sharp: str, tmp_path: Path
) -> None:
    for sequence in (0, 1):
        for number, pixels in enumerate(sharp_frames(3, (10 + 90 * sequence, 20))):
            for pattern in (degraded, sharp):
                write_png(tmp_path / pattern.format(s=sequence, n=number), pixels)
    pairs = open_suite(spec, tmp_path).pairs("test")
    assert len(pairs) == 6
    assert [pair.at for pair in pairs] == [0, 1, 2, 0, 1, 2]
    last = window_of(pairs[2], 1, 1)
    assert [frame.at for frame in last] == [1, 2, 2]
    assert {frame.cluster for frame in last} == {pairs[0].cluster}


def test_a_folder_of_numbered_frames_has_sequences_and_one_of_photographs_has_none(
    tmp_path: Path,
) -> None:
    for place in ("input", "target"):
        for number, pixels in enumerate(sharp_frames(3, (10, 20)), start=9):
            write_png(tmp_path / "film" / place / f"street-{number}.png", pixels)
    pairs = open_suite("folder:frames=3", tmp_path / "film").pairs("test")
    (middle,) = (pair for pair in pairs if pair.id == "street-10")
    assert ids(window_of(middle, 1, 1)) == ["9", "10", "11"]
    for place in ("input", "target"):
        for name in ("harbour", "market"):
            write_png(tmp_path / "photos" / place / f"{name}.png", sharp_frames(1, (10, 20))[0])
    with pytest.raises(BenchError, match=r"none of its 2 test images follows another"):
        open_suite("folder:frames=3", tmp_path / "photos")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("gopro:frames=4", "expected an odd number from 3 to 99"),
        ("gopro:frames=1", "expected an odd number"),
        ("gopro:frames=five", "expected an odd number"),
        ("bsd68:frames=5", "have no neighbours; frames= is for gopro, reds, folder, photos"),
        ("gopro:sigma=5-50,frames=5", "give one, as sigma=50"),
    ],
)
def test_nonsense_is_refused_before_anything_is_opened(spec: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        resolve_suite(spec)


def test_a_pair_is_another_once_any_frame_of_its_sequence_is(gopro: Path, tmp_path: Path) -> None:
    def digests(root: Path, spec: str) -> list[str]:
        return [pair_digest(pair) for pair in open_suite(spec, root).pairs("test")]

    shutil.copytree(gopro, tmp_path / "changed")
    blurred = tmp_path / "changed/test/GOPR0384_11_00/blur"
    shutil.copy(blurred / "000001.png", blurred / "000004.png")
    before, after = (digests(root, "gopro:frames=3") for root in (gopro, tmp_path / "changed"))
    # the first sequence's four frames differ, the second's do not
    assert [a == b for a, b in zip(before, after, strict=True)] == [False] * 4 + [True] * 4
    alone, still = (digests(root, "gopro") for root in (gopro, tmp_path / "changed"))
    assert [a == b for a, b in zip(alone, still, strict=True)] == [True] * 3 + [False] + [True] * 4


def test_pairs_that_travel_to_another_process_share_their_clip_there(gopro: Path) -> None:
    pairs = tuple(open_suite("gopro:frames=5", gopro).pairs("test"))
    there = pickle.loads(pickle.dumps(pairs))
    assert there[0].clip is there[3].clip is not there[4].clip
    assert [pair_digest(pair) for pair in there] == [pair_digest(pair) for pair in pairs]
    assert replace(there[2], clip=None) == replace(pairs[2], clip=None)
