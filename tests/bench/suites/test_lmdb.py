"""Data sets as BasicSR keeps them: LMDB instead of folders."""

from __future__ import annotations

from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

import bench
from bench.core.blobs import names_in, read_bytes
from bench.core.errors import BenchError
from bench.core.identity import file_digest
from bench.image import ImageError, Pixels, encode_png, read, write_png
from bench.suites import open_suite
from bench.suites.learned import learned_from, overlap


def filled(folder: Path, images: dict[str, Pixels], meta: bool = True) -> Path:
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 24) as base, base.begin(write=True) as writer:
        for name, pixels in images.items():
            writer.put(name.encode(), encode_png(pixels))
    if meta:
        rows = [f"{name}.png ({p.shape[0]},{p.shape[1]},3) 1" for name, p in images.items()]
        (folder / "meta_info.txt").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def images(photograph: Pixels) -> dict[str, tuple[Pixels, Pixels]]:
    """Sharp and blurred crops, by name, of two sequences in training and one in test."""
    found = {}
    for index, name in enumerate(
        (
            "GOPR0372_07_00-000047",
            "GOPR0374_11_00-000001",
            "GOPR0384_11_00-000001",
            "GOPR0384_11_00-000002",
        )
    ):
        sharp = np.ascontiguousarray(photograph[50 * index : 50 * index + 64, 200:272])
        found[name] = sharp, np.asarray(cv2.GaussianBlur(sharp, (0, 0), 1.5), np.uint8)
    return found


@pytest.fixture
def root(tmp_path: Path, images: dict[str, tuple[Pixels, Pixels]]) -> Path:
    for split, halves, of in (
        ("train", ("sharp_crops", "blur_crops"), ("0372", "0374")),
        ("test", ("target", "input"), ("0384",)),
    ):
        for half, name in enumerate(halves):
            chosen = {n: both[half] for n, both in images.items() if n[4:8] in of}
            filled(tmp_path / "GoPro" / split / f"{name}.lmdb", chosen, meta=half == 0)
    return tmp_path / "GoPro"


def test_a_run_of_lmdb_gives_the_scores_of_a_run_of_files(
    root: Path,
    tmp_path: Path,
    images: dict[str, tuple[Pixels, Pixels]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, both in images.items():
        if "0384" in name:
            for half, pixels in zip(("target", "input"), both, strict=True):
                write_png(tmp_path / "plain" / "test" / half / f"{name}.png", pixels)
    asked = {"models": ("input", "unsharp"), "metrics": ("psnr",), "profile": None}
    first = bench.run("gopro", data=root, out=Path("one"), **asked)
    second = bench.run("gopro", data=tmp_path / "plain", out=Path("two"), **asked)
    assert first.record.suite.layout == "test: LMDB, train: LMDB"
    assert first.scores.equals(second.scores)
    assert first.report().is_file()


def test_training_images_in_an_lmdb_are_compared_like_files(
    root: Path, tmp_path: Path, images: dict[str, tuple[Pixels, Pixels]]
) -> None:
    suite = open_suite("gopro", root)
    pairs = [*suite.pairs("train"), *suite.pairs("val")]
    assert {pair.cluster for pair in pairs} == {"GOPR0372_07_00", "GOPR0374_11_00"}
    learned = learned_from(pairs)
    assert overlap(learned, suite.pairs("test")).images == ()
    write_png(tmp_path / "d.png", images["GOPR0372_07_00-000047"][1])
    leaked = suite.pairs("test")[0].__class__("x", tmp_path / "d.png", None, "x")
    assert overlap(learned, [leaked]).images == ("x",)


def test_an_entry_is_read_like_a_file_and_what_is_missing_is_said(
    root: Path, images: dict[str, tuple[Pixels, Pixels]]
) -> None:
    folder = root / "test" / "input.lmdb"
    name = "GOPR0384_11_00-000001"
    assert names_in(folder) == [f"{name}.png", "GOPR0384_11_00-000002.png"]
    assert np.array_equal(read(folder / f"{name}.png"), images[name][1])
    first = file_digest(folder / f"{name}.png")
    assert first != file_digest(folder / "GOPR0384_11_00-000002.png")
    assert len(read_bytes(folder / f"{name}.png")) > 100
    with pytest.raises(ImageError, match="No such entry in the LMDB"):
        read(folder / "gone.png")
    (folder / "data.mdb").write_bytes(b"nothing")
    broken = folder.rename(folder.with_name("broken.lmdb"))
    with pytest.raises(BenchError, match="is no LMDB that can be read"):
        names_in(broken)
