"""Outputs of other programs, found by the names that those give them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.core.errors import BenchError
from bench.image import Pixels, write_png
from bench.records import Pair
from bench.suites.outputs import Outputs, names_of, pair_with_references
from tests.support.commands import called, typed


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


GOPRO = [
    Pair(
        f"GOPR0384_11_00-{n:06d}",
        Path(f"t/GOPR0384_11_00/blur/{n:06d}.png"),
        Path(f"t/GOPR0384_11_00/sharp/{n:06d}.png"),
        "GOPR0384_11_00",
    )
    for n in (1, 2)
]
SET5 = [Pair("baby", Path("LR/babyx4.png"), Path("HR/baby_GT.bmp"), "baby", scale=4)]
DIV2K = [Pair("0901", Path("LR/0901x4.png"), Path("HR/0901.png"), "0901", scale=4)]


@pytest.mark.parametrize(
    ("pairs", "names"),
    [
        (GOPRO, ["GOPR0384_11_00-000001.png", "GOPR0384_11_00-000002.png"]),
        (GOPRO, ["GOPR0384_11_00_000001.png", "GOPR0384_11_00_000002.png"]),
        (GOPRO, ["GOPR0384_11_00/000001.png", "GOPR0384_11_00/000002.png"]),
        (
            GOPRO,
            [
                "gopro/visualization/GOPR0384_11_00_000001.jpg",
                "gopro/visualization/GOPR0384_11_00_000002.jpg",
            ],
        ),
        (SET5, ["baby.png"]),
        (SET5, ["babyx4.png"]),
        (SET5, ["baby_GT.png"]),
        (SET5, ["baby_SR.png"]),
        (SET5, ["Set5/BABY_x4_out.png"]),
        (DIV2K, ["0901x4.png"]),
        (DIV2K, ["0901_HR_x4.png"]),
        ([Pair("a_blur", Path("i/a_blur.png"), Path("t/a_blur.png"), "a")], ["a_restored.png"]),
        ([Pair("\u00e9cole", Path("i/e\u0301cole.png"), None, "e")], ["e\u0301cole.png"]),
    ],
)
def test_files_are_found_as_the_field_names_them(
    tmp_path: Path, pairs: list[Pair], names: list[str]
) -> None:
    found = Outputs(touch(tmp_path, *names)).match(pairs)
    expected = {pair.id: tmp_path / name for pair, name in zip(pairs, names, strict=True)}
    assert found == expected


def test_an_exact_name_comes_before_all_others(tmp_path: Path) -> None:
    outputs = Outputs(touch(tmp_path, "baby_SR.png", "baby.png", "old/baby_GT.png"))
    assert outputs.find(names_of(SET5[0])) == tmp_path / "baby.png"


def test_what_could_be_two_images_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "a", "baby_SR.png", "baby_out.png")
    with pytest.raises(
        BenchError, match=r"several files could be image 'baby': '.*SR.png', '.*out.png"
    ):
        Outputs(tmp_path / "a").match(SET5)
    pairs = [Pair(name, Path(f"{name}.png"), None, name) for name in ("img-1", "img_1")]
    with pytest.raises(BenchError, match=r"could be the output of 'img-1' and of 'img_1'"):
        Outputs(touch(tmp_path / "b", "IMG 1.png")).match(pairs)


def test_a_folder_without_an_output_says_what_it_holds_and_what_was_expected(
    tmp_path: Path,
) -> None:
    touch(tmp_path, "x.png", "y.png")
    with pytest.raises(BenchError) as error:
        Outputs(tmp_path).match(GOPRO)
    assert str(error.value) == (
        f"'{tmp_path}' holds x, y, none of which is an output of an image of the suite; expected "
        "files called like GOPR0384_11_00-000001, GOPR0384_11_00-000002, with any suffix, or as "
        "the suite's own files"
    )


def test_outputs_pair_with_references_and_those_without_are_told(tmp_path: Path) -> None:
    restored = touch(tmp_path / "out", "S_1.png", "S_2.png")
    reference = touch(
        tmp_path / "set", "S/sharp/1.png", "S/sharp/2.png", "S/sharp/3.png", "S/blur/1.png"
    )
    found = pair_with_references(restored, reference)
    assert found.pairs == [
        ("S-1", restored / "S_1.png", reference / "S" / "sharp" / "1.png"),
        ("S-2", restored / "S_2.png", reference / "S" / "sharp" / "2.png"),
    ]
    assert found.missing == ("S-3",)
    touch(restored, *(f"stray{n}.png" for n in range(7)))
    with pytest.raises(BenchError, match=r"7 only in '.*out': stray0\.png, .*, \.\.; add their"):
        pair_with_references(restored, reference)


def test_two_files_are_a_pair_whatever_they_are_called(tmp_path: Path) -> None:
    touch(tmp_path, "mine.png", "truth.png")
    pairs = pair_with_references(tmp_path / "mine.png", tmp_path / "truth.png").pairs
    assert pairs == [("mine", tmp_path / "mine.png", tmp_path / "truth.png")]


# --- through the product --------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path: Path, photograph: Pixels) -> Path:
    for n in range(3):
        sharp = np.ascontiguousarray(photograph[40 * n : 40 * n + 40, :50])
        write_png(tmp_path / "photos" / "target" / f"{n}.png", sharp)
        write_png(tmp_path / "photos" / "input" / f"{n}.png", sharp // 2)
    return tmp_path / "photos"


def test_a_subset_is_scored_as_one_and_nothing_at_all_is_refused(
    tmp_path: Path, photos: Path, photograph: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_png(tmp_path / "mine, all" / "1_restored.png", photograph[40:80, :50] // 4 * 4)
    run = (
        *typed("run --suite folder --data"),
        photos,
        *typed("--metrics psnr --profile none --out run"),
    )
    shown = called(*run, "--models", "input,outputs:mine, all")
    assert "mine, all: has outputs of 1 of 3 images" in shown
    table = bench.open_run(tmp_path / "run").scores
    own = table[table.model == "mine, all"].set_index("image").value
    assert own.isna().to_list() == [True, False, True]
    (tmp_path / "mine, all" / "1_restored.png").rename(tmp_path / "mine, all" / "other.png")
    refused = called(*run[:-1], "two", "--models", "input,outputs:mine, all", status=2)
    assert "holds other, none of which is an output of an image of the suite" in refused
    assert not (tmp_path / "two" / "run.json").exists()


def test_scores_of_a_folder_cut_references_to_the_scale_and_tell_sizes_as_files_have_them(
    tmp_path: Path, photograph: Pixels
) -> None:
    write_png(tmp_path / "truth" / "a_GT.png", np.ascontiguousarray(photograph[:43, :50]))
    write_png(tmp_path / "mine" / "ax4.png", np.ascontiguousarray(photograph[:40, :48]))
    scored = bench.score(tmp_path / "mine", tmp_path / "truth", metrics=["psnr"], scale=4, border=4)
    assert scored.cells[0].scores["psnr"].value == math.inf
    wrong = bench.score(tmp_path / "mine", tmp_path / "truth", metrics=["psnr"], border=4)
    assert "restored image is 48x40 but its reference is 50x43" in wrong.failures[0].message
