"""The data sets that lie among the real data, as suites: found, whole, and as published."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.image import read
from bench.suites.check import check_suite
from bench.suites.opening import open_pair
from bench.suites.strata import detail_left, light
from bench.suites.table import open_suite


@pytest.mark.parametrize(
    ("spec", "folder", "layout"),
    [
        ("bsd68", "BSD68", "*"),
        ("bsd68:sigma=50", "", "BSD68/*"),
        ("kodak24", "Kodak24", "*"),
        ("set5:scale=2", "Set5", "low resolution from Set5_LR_bicubic/x2"),
        ("set5:scale=3", "", "low resolution from Set5_LR_bicubic/x3"),
        ("set5:scale=4", "Set5", "low resolution from Set5_LR_bicubic/x4"),
        ("set14:scale=4", "Set14", "low resolution made here"),
    ],
)
def test_a_published_test_set_is_whole(
    real_data: Path, spec: str, folder: str, layout: str
) -> None:
    found = check_suite(spec, real_data / "testsets" / folder, decode=True)
    assert found.problems == []
    assert layout in found.layout


def test_bsd68_is_grey(real_data: Path) -> None:
    for pair in open_suite("bsd68", real_data / "testsets").pairs("test"):
        pixels = read(pair.degraded)
        assert (pixels[:, :, :1] == pixels).all()
        assert sorted(pixels.shape[:2]) == [321, 481]


def test_a_copy_of_eight_gopro_pairs_is_sound_but_for_its_size(real_data: Path) -> None:
    found = check_suite("gopro", real_data / "gopro", decode=True)
    assert found.images == {"test": 1, "val": 0, "train": 7}
    assert found.problems == [
        "7 training images; the published data set has 2103",
        "1 test images; the published data set has 1111",
    ]


def test_gopro_pairs_are_of_ordinary_light_and_miss_most_of_their_detail(real_data: Path) -> None:
    suite = open_suite("gopro", real_data / "gopro")
    for pair in [*suite.pairs("test"), *suite.pairs("train")]:
        assert pair.reference is not None
        degraded = read(pair.degraded)
        assert light(degraded) == "normal"
        assert detail_left(degraded, read(pair.reference)) in ("little", "some")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_low_resolution_made_here_is_the_published_one(
    real_data: Path, tmp_path: Path, scale: int
) -> None:
    """MATLAB's files lie beside Set5; beside a copy of it there are none, so they are made."""
    shutil.copytree(real_data / "testsets" / "Set5", tmp_path / "Set5")
    published = open_suite(f"set5:scale={scale}", real_data / "testsets").pairs("test")
    made = open_suite(f"set5:scale={scale}", tmp_path).pairs("test")
    assert [pair.id for pair in made] == [pair.id for pair in published]
    for ours, theirs in zip(made, published, strict=True):
        assert ours.degradation is not None
        assert theirs.degradation is None
        expected, found = open_pair(theirs), open_pair(ours)
        assert found.degraded.shape == expected.degraded.shape
        assert np.abs(found.degraded.astype(int) - expected.degraded.astype(int)).max() <= 1
        assert found.reference is not None
        assert expected.reference is not None
        assert np.array_equal(found.reference, expected.reference)


def test_the_noise_of_bsd68_is_as_strong_as_it_says(real_data: Path) -> None:
    for pair in open_suite("bsd68:sigma=25", real_data / "testsets").pairs("test")[:5]:
        views = open_pair(pair)
        assert views.reference is not None
        noise = np.float64(255) * views.degraded - views.reference
        assert np.array_equal(noise[:, :, 0], noise[:, :, 1])  # grey
        # 154,401 pixels: the deviation's own is 25 / sqrt(2 * 154401) = 0.045
        assert noise[:, :, 0].std() == pytest.approx(25, abs=0.2)
        assert views.degraded.min() < 0  # neither clipped nor rounded
        assert np.unique(views.degraded).size > 10_000
