"""Photographs of every kind: which can be used, and what is said of the others."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bench.core.errors import BenchError
from bench.image import Pixels, read, write_png
from bench.suites import photographs
from bench.suites.mixture import Mixture
from bench.suites.photographs import MOST_BYTES
from tests.support.making import SMALL, make_suite, open_made_suite, values_of


def _write(folder: Path, photograph: Pixels) -> Path:
    """A grey, a CMYK, a 16-bit and a turned photograph, and four that cannot be used."""
    folder.mkdir()
    sharp = np.ascontiguousarray(photograph[:120, :110])
    Image.fromarray(sharp).convert("L").save(folder / "grey.png")
    Image.fromarray(sharp).convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    cv2.imwrite(str(folder / "deep.png"), sharp.astype(np.uint16)[:, :, ::-1] * 257)
    turned = Image.fromarray(sharp)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(folder / "turned.jpg", exif=exif)
    (folder / "broken.jpg").write_bytes(b"no image")
    Image.fromarray(sharp[:60]).save(folder / "little.png")
    Image.fromarray(np.dstack([sharp, sharp[..., 0]])).save(folder / "seen-through.png")
    write_png(folder / "twice.png", sharp)  # the same pixels as deep.png
    return folder


def test_what_cannot_be_used_is_listed_with_why(photograph: Pixels, tmp_path: Path) -> None:
    folder = _write(tmp_path / "photographs", photograph)
    with pytest.raises(BenchError) as caught:
        make_suite(folder, tmp_path / "suite")
    said = str(caught.value)
    assert said.startswith("4 of 8 photographs cannot be used: broken: ")
    assert "little: 110x60 is too small for 64 pixels with 8 around it that blur brings in" in said
    assert "expected at least 80 on each side" in said
    assert "transparent pixels" in said
    assert "twice: has the same pixels as 'deep'" in said
    assert said.endswith("leave them out with --skip-bad")
    assert not (tmp_path / "suite").exists()


def test_bad_photographs_can_be_left_out_and_the_manifest_tells(
    photograph: Pixels, tmp_path: Path
) -> None:
    folder = _write(tmp_path / "photographs", photograph)
    made = make_suite(folder, tmp_path / "suite", skip_bad=True)
    assert {row["cluster"] for row in made["pairs"]} == {"grey", "cmyk", "deep", "turned"}
    assert set(made["left_out"]) == {"broken", "little", "seen-through", "twice"}
    notes = open_made_suite(tmp_path / "suite").notes
    assert "4 photographs left out: broken, little, seen-through, twice" in notes
    target = read(next((tmp_path / "suite" / "test" / "target").glob("grey-*")))
    assert (target[..., 0] == target[..., 2]).all()


def test_the_quality_filter_leaves_out_what_is_blurred_or_small(
    source: Path, photograph: Pixels, tmp_path: Path
) -> None:
    folder = tmp_path / "photographs"
    shutil.copytree(source, folder)
    soft = cv2.GaussianBlur(photograph[:100, 200:300], (0, 0), 4)
    write_png(folder / "soft.png", np.asarray(soft, np.uint8))
    write_png(folder / "tiny.png", photograph[:40, :40].copy())
    strict = Mixture(**{**values_of(SMALL), "quality": (0.7, 90)})
    made = make_suite(folder, tmp_path / "suite", strict)
    assert set(made["left_out"]) == {"soft", "tiny"}
    assert "is above 0.7" in made["left_out"]["soft"]
    assert made["left_out"]["tiny"] == "40x40 is smaller than 90 pixels on its shorter side"


def test_too_few_photographs_for_the_splits_is_an_error(source: Path, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(source / name, tmp_path / "two")
    mixture = Mixture(**{**values_of(SMALL), "test": 0.4, "val": 0.3})
    with pytest.raises(BenchError, match="2 usable photographs are too few for the splits"):
        make_suite(tmp_path / "two", tmp_path / "suite", mixture)


def test_more_than_fifty_gigabytes_are_refused(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_BYTES == 50e9
    monkeypatch.setattr(photographs, "MOST_BYTES", 700_000)
    # 5 photographs, 6 images of each, 2 x 3 x 64 x 64 bytes a pair
    with pytest.raises(BenchError, match="30 images would take up to"):
        make_suite(source, tmp_path / "suite")
