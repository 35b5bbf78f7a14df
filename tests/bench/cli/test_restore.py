"""`bench restore`: every photograph gets an image of its own, and none is written over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.core.mirror import mirrored, refuse_collisions
from bench.image import Pixels, read, write_png
from models.catalogue import model_cards
from models.loading import build_network
from models.weights import save_weights
from models.weights_folder import WeightsFolder
from tests.support.commands import called
from tests.support.training import header_of


def photo(path: Path, photograph: Pixels, at: int) -> Path:
    write_png(path, np.ascontiguousarray(photograph[at : at + 40, at : at + 40]))
    return path


def beside(*files: Path) -> dict[Path, Path]:
    """Files that are given one by one: each below its own folder."""
    return {file: file.parent for file in files}


def test_folders_are_mirrored_and_suffixes_kept_apart(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    files = [a / "IMG_1.jpg", b / "IMG_1.jpg", a / "IMG_1.png", b / "IMG_2.png"]
    found = mirrored(beside(*files), Path("restored"), ".png")
    assert [str(path) for path in found.values()] == [
        "restored/a/IMG_1.jpg.png",
        "restored/b/IMG_1.png",
        "restored/a/IMG_1.png.png",
        "restored/b/IMG_2.png",
    ]
    assert mirrored({}, Path("o"), ".png") == {}


def test_files_of_many_folders_lie_side_by_side_and_those_of_a_folder_as_below_it(
    tmp_path: Path,
) -> None:
    one, other = tmp_path / "deep" / "er" / "x.jpg", tmp_path / "b" / ".." / "b" / "y.jpg"
    assert mirrored(beside(one, other), Path("o"), ".png") == {
        one: Path("o/x.png"),
        other: Path("o/y.png"),
    }
    inside = tmp_path / "photos" / "sub" / "z.jpg"
    assert mirrored({inside: tmp_path / "photos"}, Path("o"), ".png") == {
        inside: Path("o/sub/z.png")
    }


def test_names_that_differ_in_case_only_stay_apart_where_case_counts_for_nothing() -> None:
    found = mirrored(beside(Path("IMG.JPG"), Path("img.png")), Path("o"), ".png")
    assert len({str(path).lower() for path in found.values()}) == 2


def test_a_source_is_never_a_target_and_what_is_there_only_when_told(tmp_path: Path) -> None:
    source, there = tmp_path / "a.png", tmp_path / "out" / "a.png"
    source.write_bytes(b"source")
    with pytest.raises(BenchError, match=r"a\.png' is one of the files given .* another --out"):
        refuse_collisions(mirrored(beside(source), tmp_path, ".png"), overwrite=True)
    there.parent.mkdir()
    there.write_bytes(b"made before")
    targets = mirrored(beside(source), tmp_path / "out", ".png")
    with pytest.raises(BenchError, match=r"is there already; .* or give --overwrite"):
        refuse_collisions(targets, overwrite=False)
    refuse_collisions(targets, overwrite=True)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(BenchError, match="is one of the files given"):
        refuse_collisions(mirrored(beside(source), link, ".png"), overwrite=True)


def test_three_photographs_of_one_name_become_three(
    tmp_path: Path, photograph: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for at, name in enumerate(("a/IMG_1.bmp.png", "b/IMG_1.png", "a/IMG_1.png")):
        photo(tmp_path / name, photograph, 50 * at)
    before = (tmp_path / "a" / "IMG_1.png").read_bytes()
    called("restore", "input", "a", "b", "--out", "restored")
    for at, name in enumerate(("a/IMG_1.bmp.png", "b/IMG_1.png", "a/IMG_1.png")):
        expected = photograph[50 * at : 50 * at + 40, 50 * at : 50 * at + 40]
        assert np.array_equal(read(tmp_path / "restored" / name), expected)
    refused = called("restore", "input", "a", "--out", "a", status=2)
    assert "is one of the files given and would be written over" in refused
    assert (tmp_path / "a" / "IMG_1.png").read_bytes() == before
    assert "are there already" in called(
        "restore", "input", "a", "b", "--out", "restored", status=2
    )
    called("restore", "input", "a", "b", "--out", "restored", "--overwrite")


def test_weights_are_the_only_ones_or_asked_for(
    tmp_path: Path, photograph: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "a.png", photograph, 0)
    assert "no weights for 'cnn'" in called("restore", "cnn", "a.png", status=2)
    made = tmp_path / "rescnn.safetensors"
    save_weights(made, build_network(model_cards()["rescnn"], 0), header_of("rescnn"))
    first = WeightsFolder().keep(made, "demo", "0" * 16)
    assert f"weights: {first}" in called("restore", "rescnn", "a.png")  # before the shipped ones
    second = WeightsFolder().keep(made, "holiday", "1" * 16)
    asked = called("restore", "rescnn", "a.png", "--overwrite", status=2)
    assert "trained 2 times, on different images; say which is meant" in asked
    assert f"--weights {second}" in asked
    called("restore", "rescnn", "a.png", "--overwrite", "--weights", str(second))
