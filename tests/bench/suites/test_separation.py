"""No test image in training: under another name, copied, or encoded anew."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.core.layout import VARIABLE
from bench.image import Pixels, read, write_png
from bench.records import Pair
from bench.suites.learned import pixels_of
from bench.suites.separation import refuse_test_images


def made(root: Path, name: str, photograph: Pixels, at: int) -> Pair:
    for half, pixels in (
        ("d", photograph[at : at + 40, :50]),
        ("r", photograph[at : at + 40, 60:110]),
    ):
        write_png(root / half / f"{name}.png", np.ascontiguousarray(pixels))
    return Pair(name, root / "d" / f"{name}.png", root / "r" / f"{name}.png", name)


@pytest.fixture
def train(tmp_path: Path, photograph: Pixels) -> list[Pair]:
    return [made(tmp_path / "train", f"a{i}", photograph, 50 * i) for i in range(3)]


@pytest.fixture
def test(tmp_path: Path, photograph: Pixels) -> list[Pair]:
    return [made(tmp_path / "test", f"t{i}", photograph, 50 * i + 250) for i in range(3)]


def refused(train: list[Pair], test: list[Pair]) -> str:
    with pytest.raises(BenchError) as error:
        refuse_test_images({"training": train}, test)
    return str(error.value)


def test_splits_without_a_common_image_pass_and_it_is_said_what_was_compared(
    train: list[Pair], test: list[Pair]
) -> None:
    told = refuse_test_images({"training": train[:2], "validation": train[2:]}, test)
    assert told == "12 files compared by bytes, 12 of them by pixels"
    assert refuse_test_images({"training": train, "validation": []}, []).startswith("6 files")


@pytest.mark.parametrize("how", ["the same path", "a symbolic link", "a hard link"])
def test_one_file_under_whatever_name_is_refused(
    train: list[Pair], test: list[Pair], how: str, tmp_path: Path
) -> None:
    other = test[1].reference if how == "the same path" else tmp_path / "other name.png"
    assert other is not None
    assert test[1].reference is not None
    if how == "a symbolic link":
        other.symlink_to(test[1].reference)
    elif how == "a hard link":
        os.link(test[1].reference, other)
    said = refused([*train[:2], replace(train[2], reference=other)], test)
    assert said.startswith("training image 'a2' (reference, ")
    assert "is test image 't1' (reference, " in said
    assert ": the same file; nothing is learnt from test images" in said


def test_a_copy_is_refused_by_its_bytes_even_as_the_other_half(
    train: list[Pair], test: list[Pair]
) -> None:
    assert test[0].reference is not None
    shutil.copyfile(test[0].reference, train[1].degraded)
    said = refused(train, test)
    assert said.startswith("training image 'a1' (degraded, ")
    assert "is test image 't0' (reference, " in said
    assert ": the same bytes;" in said


def test_an_image_encoded_anew_is_refused_by_its_pixels(
    train: list[Pair], test: list[Pair]
) -> None:
    path = train[0].degraded
    pixels = read(test[2].degraded)
    encoded = cv2.imencode(".png", pixels[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
    path.write_bytes(encoded.tobytes())
    assert path.read_bytes() != test[2].degraded.read_bytes()
    said = refused(train, test)
    assert "training image 'a0' (degraded" in said
    assert "is test image 't2' (degraded" in said
    assert ": the same pixels;" in said


def test_pixels_beyond_what_is_decoded_are_said_not_to_be_compared_unless_they_are_known(
    train: list[Pair], test: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "results"))
    monkeypatch.setattr("bench.suites.learned.MOST_DECODED", 5)
    told = refuse_test_images({"training": train}, test)
    assert told == "12 files compared by bytes; 12 are too many to decode"
    for pair in (*train, *test)[:4]:  # 8 of them: 4 are left to decode
        for path in (pair.degraded, pair.reference):
            assert path is not None
            assert pixels_of(path)
    told = refuse_test_images({"training": train}, test)
    assert told == "12 files compared by bytes, 12 of them by pixels"


def test_what_is_degraded_on_reading_is_compared_as_the_sharp_file(test: list[Pair]) -> None:
    sharp = test[0].reference
    assert sharp is not None
    pair = Pair("made", sharp, sharp, "made", degradation={"blur": "gaussian", "size": 2.0})
    assert "'made' (degraded" in refused([pair], test)
