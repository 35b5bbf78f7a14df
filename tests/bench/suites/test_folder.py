from __future__ import annotations

from pathlib import Path

import pytest

from bench.core.errors import BenchError
from bench.suites.folder import (
    REFERENCE,
    cluster_of,
    name_of,
    named_images,
    paired,
    sequence_of,
)
from bench.suites.table import open_suite


def _touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("GOPR0384_11_00/blur/000001.png", "GOPR0384_11_00-000001"),
        ("GOPR0384_11_00/sharp/000001.png", "GOPR0384_11_00-000001"),
        ("input/GOPR0384_11_00-000001.png", "GOPR0384_11_00-000001"),
        ("Target/street/0.5.jpg", "street-0.5"),
        ("kodim01.png", "kodim01"),
        ("blur.png", "blur"),  # only folders say which half of a pair it is
    ],
)
def test_both_halves_of_a_pair_have_one_name(path: str, name: str) -> None:
    assert name_of(path) == name


def test_images_are_found_at_any_depth_in_name_order(tmp_path: Path) -> None:
    _touch(tmp_path, "b.PNG", "a/2.jpg", "a/1.png", ".hidden.png", "a/.DS_Store", "notes.txt")
    found = named_images(tmp_path)
    assert list(found) == ["a-1", "a-2", "b"]
    assert found["a-2"] == tmp_path / "a" / "2.jpg"


def test_links_that_lead_in_a_circle_are_followed_once(tmp_path: Path) -> None:
    folder = tmp_path / "input"
    _touch(folder, "a.png", "deep/b.png")
    (folder / "deep" / "up").symlink_to(folder)
    (folder / "self").symlink_to("self")
    (tmp_path / "elsewhere").symlink_to(folder / "deep")
    assert sorted(named_images(folder)) == ["a", "deep-b"]
    assert sorted(named_images(tmp_path / "elsewhere")) == ["b", "up-a"]


def test_a_whole_data_set_stands_for_its_references(tmp_path: Path) -> None:
    _touch(tmp_path, "S/blur/1.png", "S/blur_gamma/1.png", "S/sharp/1.png")
    assert named_images(tmp_path, prefer=REFERENCE) == {"S-1": tmp_path / "S" / "sharp" / "1.png"}


def test_one_name_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"two images are called 'a'.*a\.(png|jpg)"):
        named_images(_touch(tmp_path, "a.png", "a.jpg"))


def test_a_folder_without_images_and_a_missing_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no images in .* expected files that end in"):
        named_images(_touch(tmp_path, "notes.txt"))
    with pytest.raises(BenchError, match="no folder"):
        named_images(tmp_path / "nowhere")


def test_a_cluster_is_what_several_names_share_before_the_last_dash() -> None:
    names = ["street-1", "street-2", "old-harbour", "tower"]
    assert cluster_of(names) == {
        "street-1": "street",
        "street-2": "street",
        "old-harbour": "old-harbour",
        "tower": "tower",
    }


def test_ones_own_two_folders_are_a_suite(tmp_path: Path) -> None:
    _touch(tmp_path, "input/a-1.png", "input/a-2.png", "target/a-1.jpg", "target/a-2.png")
    _touch(tmp_path, "psf/a-2.npy")
    suite = open_suite("folder", tmp_path)
    assert suite.spec == "folder"
    assert suite.pairs("train") == suite.pairs("val") == []
    first, second = suite.pairs("test")
    assert (first.id, first.cluster, first.psf) == ("a-1", "a", None)
    assert first.degraded == tmp_path / "input" / "a-1.png"
    assert first.reference == tmp_path / "target" / "a-1.jpg"
    assert second.psf == tmp_path / "psf" / "a-2.npy"


def test_names_of_a_mac_pair_with_those_of_linux(tmp_path: Path) -> None:
    composed, decomposed = "\u00e9cole.png", "e\u0301cole.png"
    _touch(tmp_path, f"input/{decomposed}", f"target/{composed}")
    (pair,) = open_suite("folder", tmp_path).pairs("test")
    assert pair.id == "\u00e9cole"
    assert pair.degraded.is_file()
    assert pair.reference is not None
    assert pair.reference.is_file()


def test_splits_and_halves_may_be_written_large(tmp_path: Path) -> None:
    _touch(tmp_path, "Train/Blur/a.png", "Train/Sharp/a.png", "Test/Blur/b.png", "Test/Sharp/b.png")
    found = paired(tmp_path, sequence_of)
    assert found is not None
    assert {split: [pair.id for pair in pairs] for split, pairs in found[1].items()} == {
        "test": ["b"],
        "train": ["a"],
    }


def test_ones_own_folder_is_called_as_it_says_or_as_it_lies(tmp_path: Path) -> None:
    root = tmp_path / "holiday"
    _touch(root, "input/a.png", "target/a.png")
    suite = open_suite("folder", root)
    assert (suite.card.name, suite.card.title, suite.key) == ("holiday", "holiday", "holiday")
    (root / "suite.toml").write_text(
        '\ufeffname = "Harbour 2026"\ntask = "denoise"\nlicence = "CC0"\n', encoding="utf-8"
    )
    suite = open_suite("folder", root)
    assert (suite.card.name, suite.card.title) == ("Harbour 2026", "Harbour 2026")
    assert (suite.card.task, suite.card.licence, suite.spec) == ("denoise", "CC0", "folder")


@pytest.mark.parametrize("name", ["demo", "gopro", "weights", "training"])
def test_ones_own_folder_is_never_taken_for_another_suite(tmp_path: Path, name: str) -> None:
    _touch(tmp_path / name, "input/a.png", "target/a.png")
    assert open_suite("folder", tmp_path / name).card.name == f"own-{name}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('nmae = "x"', "no key 'nmae' is known; expected name, title, task, licence, citation"),
        (
            'task = "deblurr"',
            "task = 'deblurr'; expected one of deblur, denoise, dejpeg, super-resolution",
        ),
        ("name = 3", "name = 3; expected some text"),
        ("name", "cannot read '.*suite.toml': "),
    ],
)
def test_what_a_folder_says_wrongly_of_itself_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    _touch(tmp_path, "input/a.png", "target/a.png")
    (tmp_path / "suite.toml").write_text(text)
    with pytest.raises(BenchError, match=said):
        open_suite("folder", tmp_path)


def test_a_folder_suite_says_what_it_expects(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no folder 'input' and no 'target'.*--data"):
        open_suite("folder", tmp_path)
    _touch(tmp_path, "input/a.png", "input/b.png", "target/a.png")
    with pytest.raises(BenchError, match=r"1 only in '.*input': b"):
        open_suite("folder", tmp_path)
