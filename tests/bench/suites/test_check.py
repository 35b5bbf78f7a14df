"""Copies of data sets with something wrong, each of another kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.image import Pixels, read, write_png
from bench.suites import check
from bench.suites.check import check_suite
from bench.suites.folder import NoData
from tests.conftest import Bench
from tests.support.layouts import LAYOUTS, Maker


@pytest.fixture
def gopro(tmp_path: Path, photograph: Pixels) -> Path:
    LAYOUTS["gopro official"].make(Maker(tmp_path / "gopro", photograph))
    return tmp_path / "gopro"


@pytest.fixture
def folder(tmp_path: Path, photograph: Pixels) -> Path:
    LAYOUTS["folder input and target"].make(Maker(tmp_path / "folder", photograph))
    return tmp_path / "folder"


def test_a_sound_folder_has_no_problem(folder: Path) -> None:
    found = check_suite("folder", folder, decode=True)
    assert (found.count, found.problems) == (0, [])
    assert found.images == {"test": 3, "val": 0, "train": 0}
    assert found.clusters["test"] == 2  # harbour, and the two of the street
    assert found.decoded


def test_counts_are_compared_with_the_published_ones(gopro: Path) -> None:
    found = check_suite("gopro", gopro)
    assert found.problems == [
        "4 training images; the published data set has 2103",
        "4 test images; the published data set has 1111",
    ]


@pytest.mark.parametrize("decode", [False, True])
def test_sizes_that_do_not_fit_are_found(folder: Path, decode: bool) -> None:
    pixels = read(folder / "target" / "street-1.png")
    write_png(folder / "target" / "street-1.png", np.ascontiguousarray(pixels[:-1]))
    found = check_suite("folder", folder, decode=decode)
    assert found.count == 1
    assert "street-1: degraded 24x36 does not fit the reference's 23x36" in found.problems[0]


def test_sizes_are_compared_with_the_scale(tmp_path: Path, photograph: Pixels) -> None:
    LAYOUTS["set5:scale=4 BasicSR"].make(Maker(tmp_path, photograph))
    small = tmp_path / "LRbicx4" / "baby.png"
    assert check_suite("set5:scale=4", tmp_path).count == 1  # 2 of 5 images
    write_png(small, np.ascontiguousarray(read(small)[:-1]))
    problems = check_suite("set5:scale=4", tmp_path).problems
    assert "baby: degraded 5x9 times 4 does not fit the reference's 25x36" in problems[1]


def test_headers_are_read_as_images_are(folder: Path) -> None:
    # stored lying on its side, upright by its EXIF orientation (8: turn by 90 degrees)
    from PIL import Image

    pixels = read(folder / "target" / "harbour.png")
    (folder / "target" / "harbour.png").unlink()
    turned = Image.fromarray(np.rot90(pixels, -1).copy())
    exif = Image.Exif()
    exif[0x0112] = 8
    turned.save(folder / "target" / "harbour.jpg", exif=exif)
    assert turned.size == (24, 36)
    assert check_suite("folder", folder).count == 0
    assert check_suite("folder", folder, decode=True).count == 0


def test_a_file_that_is_no_image_is_found_in_its_header(folder: Path) -> None:
    (folder / "input" / "harbour.png").write_text("not found\n")
    found = check_suite("folder", folder)
    assert found.count == 1
    assert "harbour.png' is not an image" in found.problems[0]


def test_a_cut_off_file_is_found_by_decoding_alone(folder: Path) -> None:
    path = folder / "input" / "harbour.png"
    path.write_bytes(path.read_bytes()[:-400])
    assert check_suite("folder", folder).count == 0
    found = check_suite("folder", folder, decode=True)
    assert found.count == 1
    assert "harbour: " in found.problems[0]


def test_one_image_in_train_and_test_is_found_by_its_pixels(gopro: Path) -> None:
    test, train = gopro / "test" / "GOPR0384_11_00", gopro / "train" / "GOPR0374_11_01"
    image = cv2.imread(str(test / "sharp" / "000001.png"))
    assert image is not None
    cv2.imwrite(
        str(train / "sharp" / "000002.png"), image, [cv2.IMWRITE_PNG_COMPRESSION, 9]
    )  # the same pixels in another file
    assert check_suite("gopro", gopro).count == 2  # the counts
    found = check_suite("gopro", gopro, decode=True)
    assert found.count == 3
    assert "GOPR0374_11_01-000002" in found.problems[2]
    assert "same pixels as 'GOPR0384_11_00-000001' (test)" in found.problems[2]


def test_a_sequence_that_is_in_both_halves_is_found_by_name(gopro: Path) -> None:
    shutil.copytree(gopro / "test" / "GOPR0384_11_00", gopro / "train" / "GOPR0384_11_00")
    problems = check_suite("gopro", gopro).problems
    assert any("'GOPR0384_11_00-000001' is a test and a" in problem for problem in problems)


def test_unpaired_files_are_a_problem_and_missing_data_is_not_there(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "input" / "harbour.png").unlink()
    found = check_suite("folder", folder)
    assert found.count == 1
    assert "1 only in" in found.problems[0]
    with pytest.raises(NoData):
        check_suite("folder", tmp_path / "nowhere")


def test_the_first_problems_are_listed_and_all_are_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "FEW", 2)
    for path in (folder / "input").iterdir():
        path.write_text("no image")
    found = check_suite("folder", folder)
    assert (len(found.problems), found.count) == (2, 3)


def test_progress_counts_every_image(folder: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    check_suite("folder", folder, progress=lambda *told: seen.append(told))
    assert seen[-1] == ("read headers", 3, 3)


# --- the command --------------------------------------------------------------------------------


def test_the_exit_status_says_sound_broken_or_not_there(bench_here: Bench, folder: Path) -> None:
    sound = bench_here("suites", "check", "folder", "--data", folder, "--decode")
    assert (sound.returncode, "3 images" in sound.stdout) == (0, True)
    (folder / "input" / "harbour.png").write_text("no image")
    broken = bench_here("suites", "check", "folder", "--data", folder, "--json")
    assert broken.returncode == 1
    report = json.loads(broken.stdout)
    assert report["count"] == 1
    assert "harbour" in report["problems"][0]
    missing = bench_here("suites", "check", "hide", "--data", folder / "psf")
    assert missing.returncode == 2
    assert "https://github.com/joanshen0508/HA_deblur" in missing.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check"], "Missing argument"),
        (["check", "gopor"], "did you mean 'gopro'"),
        (["chek", "gopro"], "Did you mean 'check'"),
    ],
)
def test_wrong_usage_says_what_was_meant(bench_here: Bench, words: list[str], said: str) -> None:
    wrong = bench_here("suites", *words)
    assert wrong.returncode == 2
    assert said in wrong.stderr


def test_a_suite_says_where_to_get_it_and_the_list_how_to_ask(bench_here: Bench) -> None:
    assert "bench suites NAME shows one" in bench_here("suites", COLUMNS="400").stdout
    assert "bench fetch gopro" in bench_here("suites", "gopro", COLUMNS="400").stdout
    shown = bench_here("suites", "reds", COLUMNS="400").stdout
    assert "seungjunnah.github.io/Datasets/reds.html" in shown
