"""The options that degrade any suite's photographs on reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.core.errors import BenchError
from bench.image import Pixels
from bench.suites.degrading import read_levels
from bench.suites.identity import pair_digest
from bench.suites.opening import open_pair
from bench.suites.table import open_suite, resolve_suite
from tests.support.layouts import Maker


@pytest.fixture
def photographs(tmp_path: Path, photograph: Pixels) -> Path:
    maker = Maker(tmp_path, photograph)
    for number in range(20):
        maker.sharp(f"{number}.png")
    return tmp_path


def test_photographs_of_ones_own_are_dealt_out_by_name(photographs: Path) -> None:
    suite = open_suite("photos:sigma=25", photographs)
    counts = {split: len(suite.pairs(split)) for split in ("train", "val", "test")}
    assert counts == {"train": 16, "val": 2, "test": 2}
    assert suite.card.task == resolve_suite("photos:sigma=25")[0].task == "denoise"
    assert "dealt out by name" in suite.notes[-1]
    assert open_suite("photos", photographs).card.task == "deblur"


def test_folders_say_which_photographs_test(tmp_path: Path, photograph: Pixels) -> None:
    maker = Maker(tmp_path, photograph)
    for file in ("Train/a.png", "Train/b.png", "Train/c.png", "valid/d.png", "test/e.png"):
        maker.sharp(file)
    suite = open_suite("photos:jpeg=10-40", tmp_path)
    found = {
        split: [pair.cluster for pair in suite.pairs(split)] for split in ("train", "val", "test")
    }
    assert found == {"train": ["a", "b", "c"], "val": ["d"], "test": ["e"]}


def test_any_suites_references_are_degraded_instead(tmp_path: Path, photograph: Pixels) -> None:
    maker = Maker(tmp_path, photograph)
    for split in ("train", "test"):
        maker.pair(f"{split}/seq/blur/1.png", f"{split}/seq/sharp/1.png")
    suite = open_suite("gopro:scale=2", tmp_path)
    (pair,) = suite.pairs("test")
    views = open_pair(pair)
    assert pair.degraded == pair.reference == tmp_path / "test/seq/sharp/1.png"
    assert views.reference is not None
    assert [2 * side for side in views.degraded.shape[:2]] == list(views.reference.shape[:2])
    assert (suite.scale, suite.border, suite.card.task) == (2, 2, "super-resolution")
    assert suite.spec == "gopro:blur=blur,scale=2"


def test_another_level_is_another_pair_and_a_range_too(photographs: Path) -> None:
    specs = ("photos:jpeg=10", "photos:jpeg=20", "photos:jpeg=10-20")
    pairs = [open_suite(spec, photographs).pairs("train")[0] for spec in specs]
    assert len(set(map(pair_digest, pairs))) == 3


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("photos:sigma=0", "expected a number from 0 to 255, or two as sigma=10-40"),
        ("photos:jpeg=12.5", "expected a whole number from 1 to 100"),
        ("photos:jpeg=40-10", "expected a whole number from 1 to 100"),
        ("photos:scale=2-4", "expected a whole number from 2 to 4"),
        ("photos:scale=5", "expected a whole number from 2 to 4"),
        ("photos:sigma=5,jpeg=10", "sigma and jpeg are different tasks"),
        ("kodak24:sigma=5,scale=2", "sigma and scale are different tasks"),
    ],
)
def test_what_means_nothing_is_refused(spec: str, says: str) -> None:
    with pytest.raises(BenchError, match=says):
        resolve_suite(spec)


def test_levels_are_written_in_one_way() -> None:
    assert str(read_levels("sigma", "sigma", "5.0-50")) == "5-50"
    assert {read_levels("", "jpeg", "10-12").of(str(n)) for n in range(60)} == {10, 11, 12}
