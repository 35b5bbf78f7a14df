"""Suites made of anyone's photographs: on disk is what was asked for, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.core.errors import BenchError
from bench.degrade.parameters import Degradation
from bench.degrade.pipeline import degrade
from bench.image import read, write_png
from bench.suites.check import check_suite
from bench.suites.folder import named_images
from bench.suites.made import make, read_manifest, require_ours, usable
from bench.suites.mixture import Mixture
from bench.suites.photographs import identify, order
from tests.conftest import Bench
from tests.support.commands import typed
from tests.support.making import (
    SMALL,
    files_of,
    make_suite,
    open_made_suite,
    quiet,
    values_of,
)


@pytest.fixture(scope="module")
def suite(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "suite"
    make_suite(source, root, Mixture(**{**values_of(SMALL), "test": 0.4, "val": 0.2}))
    return root


# --- what is made -------------------------------------------------------------------------------


def test_stored_pixels_are_the_photograph_degraded_as_the_manifest_says(
    source: Path, suite: Path
) -> None:
    files = named_images(source)
    manifest = read_manifest(suite)
    assert manifest
    for row in manifest["pairs"]:
        (top, left, height, width), margin = row["piece"], row["margin"]
        whole = read(files[row["photograph"]])
        wide = whole[top - margin : top + height + margin, left - margin : left + width + margin]
        made = degrade(wide.copy(), Degradation.from_dict(row["degradation"]), margin)
        folder = suite / row["split"]
        assert (read(folder / "input" / f"{row['id']}.png") == made.pixels).all()
        target = read(folder / "target" / f"{row['id']}.png")
        assert (target == whole[top : top + height, left : left + width]).all()
        np.testing.assert_array_equal(np.load(folder / "psf" / f"{row['id']}.npy"), made.psf)


def test_every_photograph_is_in_one_split_with_all_its_images(suite: Path) -> None:
    opened = open_made_suite(suite)
    clusters = {s: {pair.cluster for pair in opened.pairs(s)} for s in ("train", "val", "test")}
    assert {split: len(names) for split, names in clusters.items()} == {
        "train": 2,
        "val": 1,
        "test": 2,
    }
    assert set.union(*clusters.values()) == {"a", "b", "c", "d", "more-e"}
    for split, names in clusters.items():
        # 1 without blur and 2 with, at 2 levels of noise
        assert len(opened.pairs(split)) == 6 * len(names)  # type: ignore[arg-type]


def test_pairs_tell_their_levels_in_words_and_numbers(suite: Path) -> None:
    opened = open_made_suite(suite)
    strata = [pair.strata for pair in opened.pairs("test")]
    assert {s["blur"] for s in strata} == {"none", "shake", "defocus"}
    assert {s["blur extent, px"] for s in strata} == {"0", "4"}
    assert {s["noise, levels"] for s in strata} == {"2", "8"}
    assert all(pair.psf and pair.psf.is_file() for pair in opened.pairs("test"))
    assert opened.layout == "{test,val,train}/{input,target,psf} with manifest.json (made here)"
    assert any("8-bit levels at mid grey" in note for note in opened.notes)


def test_every_photograph_has_draws_of_its_own_and_the_same_at_every_level(suite: Path) -> None:
    manifest = read_manifest(suite)
    assert manifest
    drawn = {(row["cluster"], row["degradation"]["seed"]) for row in manifest["pairs"]}
    assert len(drawn) == len({seed for _, seed in drawn}) == 5


def test_the_same_photographs_and_options_make_the_same_files(source: Path, tmp_path: Path) -> None:
    make_suite(source, tmp_path / "one")
    shutil.copytree(source, tmp_path / "copy")
    make_suite(tmp_path / "copy", tmp_path / "other")
    assert files_of(tmp_path / "one") == files_of(tmp_path / "other")


def test_one_photograph_more_changes_no_image_of_the_others(source: Path, tmp_path: Path) -> None:
    one = make_suite(source, tmp_path / "one")
    shutil.copytree(source, tmp_path / "copy")
    pixels = read(source / "a.png")
    write_png(tmp_path / "copy" / "Z.png", np.ascontiguousarray(pixels[::-1]))
    more = make_suite(tmp_path / "copy", tmp_path / "more")
    rows = {row["id"]: row["files"] for row in more["pairs"]}
    assert len(rows) == len(one["pairs"]) * 6 / 5
    assert all(rows[row["id"]] == row["files"] for row in one["pairs"])


def test_another_seed_draws_other_paths(source: Path, tmp_path: Path) -> None:
    one, other = (
        make_suite(source, tmp_path / str(seed), Mixture(**{**values_of(SMALL), "seed": seed}))
        for seed in (0, 1)
    )
    assert one["pairs"][0]["degradation"]["seed"] != other["pairs"][0]["degradation"]["seed"]


def test_without_a_crop_all_but_the_rim_is_taken(source: Path, tmp_path: Path) -> None:
    made = make_suite(source, tmp_path / "suite", Mixture(**{**values_of(SMALL), "crop": None}))
    assert {tuple(row["piece"]) for row in made["pairs"]} == {(8, 8, 84, 84)}  # 2 x 4 pixels


# --- running again ------------------------------------------------------------------------------


def test_made_again_nothing_is_written(source: Path, tmp_path: Path) -> None:
    make_suite(source, tmp_path / "suite")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "suite").rglob("*")}
    make_suite(source, tmp_path / "suite")
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "suite").rglob("*")} == before


def test_other_options_and_other_photographs_are_refused(source: Path, tmp_path: Path) -> None:
    make_suite(source, tmp_path / "suite")
    before = files_of(tmp_path / "suite")
    with pytest.raises(BenchError, match=r"made otherwise: noise \[2, 8\] \(now \[2, 9\]\); name"):
        make_suite(source, tmp_path / "suite", Mixture(**{**values_of(SMALL), "noise": (2, 9)}))
    shutil.copytree(source, tmp_path / "copy")
    (tmp_path / "copy" / "a.png").unlink()
    with pytest.raises(BenchError, match=r'made otherwise: a "[0-9a-f]{11}\.\. \(now none\)'):
        make_suite(tmp_path / "copy", tmp_path / "suite")
    assert files_of(tmp_path / "suite") == before


def test_a_damaged_suite_is_no_suite_and_is_made_again(source: Path, tmp_path: Path) -> None:
    root = tmp_path / "suite"
    make_suite(source, root)
    whole = files_of(root)
    lost = next((root / "test" / "input").iterdir())
    lost.unlink()
    with pytest.raises(BenchError, match=rf"1 files .* test/input/{lost.name}; make the suite"):
        open_made_suite(root)
    assert check_suite("folder", root).count == 1
    make_suite(source, root)
    assert files_of(root) == whole


def test_a_changed_byte_is_found_by_its_checksum(source: Path, tmp_path: Path) -> None:
    root = tmp_path / "suite"
    make_suite(source, root)
    assert check_suite("folder", root, decode=True).count == 0
    file = next((root / "test" / "psf").iterdir())
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert check_suite("folder", root).count == 0  # nothing decoded: sizes are right
    found = check_suite("folder", root, decode=True)
    assert found.problems == [
        f"'test/psf/{file.name}' is not what was made: its SHA-256 is not the manifest's"
    ]


def test_a_crash_leaves_nothing_half_made(source: Path, tmp_path: Path) -> None:
    files = named_images(source)
    wanted = order(files, SMALL, identify(files, SMALL, quiet), quiet)

    def killed(stage: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "suite", wanted, killed)
    assert [path.name for path in tmp_path.iterdir()] == [".suite.lock"]


@pytest.mark.parametrize("inside", ["holiday.jpg", "test/GOPR0384_11_00", "train", "manifest.json"])
@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_with_something_else_is_never_replaced(
    source: Path, tmp_path: Path, inside: str, replace: bool
) -> None:
    """Published data sets have folders 'test' and 'train' too."""
    if replace and inside == "manifest.json":
        return  # of an older demo suite nothing may be left but a manifest
    path = tmp_path / "data" / inside
    path.mkdir(parents=True)
    with pytest.raises(BenchError, match=r"(it holds|damaged or no manifest).* name an?"):
        require_ours(tmp_path / "data", "x", {"suite": "demo"}, replace)
    assert path.is_dir()


def test_the_demo_never_replaces_a_suite_of_photographs(suite: Path) -> None:
    with pytest.raises(BenchError, match=r"suite mixture \(now demo\)"):
        require_ours(suite, "the demo suite", {"suite": "demo"}, replace=True)


def test_a_suite_of_another_identity_is_not_usable(suite: Path) -> None:
    manifest = read_manifest(suite)
    assert manifest
    keys = ("suite", "version", "options", "photographs")
    identity = {key: manifest[key] for key in keys}
    assert usable(suite, identity) == manifest
    assert usable(suite, {**identity, "version": 0}) is None


# --- the command --------------------------------------------------------------------------------


@pytest.mark.slow
def test_photographs_become_a_report_with_charts(
    bench: Bench, source: Path, tmp_path: Path
) -> None:
    words = (
        *typed("suites make"),
        source,
        *typed("--out suite --blur shake,defocus --extent 0,4"),
        *typed("--noise 2,8 --light 1,0.25 --jpeg 95,30 --crop 64"),
        *typed("--per-photo 8"),
    )
    made = bench(*words)
    assert made.returncode == 0, made.stderr
    assert "making 40 images in 'suite', 1 MB at most" in made.stderr
    assert "next: bench run --suite folder --data suite" in made.stdout
    again = bench(*words)
    assert "holds this suite already" in again.stdout
    checked = bench("suites", "check", "folder", "--data", "suite", "--decode")
    assert (checked.returncode, "40 images, 5 clusters" in checked.stdout) == (0, True)
    ran = bench(
        *typed("run --suite folder --data suite --models input,unsharp,wiener"),
        *typed("--metrics psnr --profile none --out run"),
    )
    assert ran.returncode == 0, ran.stderr
    plots = {path.stem for path in (tmp_path / "run" / "report" / "plots").glob("robust*.png")}
    assert plots == {
        f"robustness-psnr-{key}"
        for key in ("blur-extent--px", "noise--levels", "light--fraction", "JPEG-quality")
    }
    rows = json.loads((tmp_path / "suite" / "manifest.json").read_text())["pairs"]
    assert len({row["cluster"] for row in rows}) == 5


def test_other_fields_of_a_degradation_can_be_set(source: Path, tmp_path: Path) -> None:
    words = [
        *typed("--extent 4 --noise 0 --light 0.5 --crop 64 --set low_light=dark"),
        *typed("--set exposure=0.5 --set angle=30"),
    ]
    command = ["suites", "make", str(source), "--out", str(tmp_path / "suite"), *words]
    assert CliRunner().invoke(app, command).exit_code == 0
    manifest = read_manifest(tmp_path / "suite")
    assert manifest
    made = [row["degradation"] for row in manifest["pairs"]]
    assert [(how["low_light"], how["exposure"], how["angle"]) for how in made] == [
        ("dark", 0.5, 30)
    ] * 5
    assert "all: low_light=dark, exposure=0.5, angle=30" in manifest["notes"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--noise", "two"], "--noise 'two': expected numbers, separated by commas"),
        (["--crop", "1.5"], "--crop '1.5': expected whole numbers"),
        (["--val", "much"], "--val much: expected a part such as 5% or 0.05"),
        (["--set", "exposure"], "expected"),
        (["--quality", "blur=x"], "expected a number"),
        (["--blur", "shaek"], "did you mean 'shake'"),
    ],
)
def test_wrong_words_are_told(source: Path, tmp_path: Path, words: list[str], said: str) -> None:
    command = ["suites", "make", str(source), "--out", str(tmp_path / "suite"), *words]
    wrong = CliRunner().invoke(app, command)
    assert isinstance(wrong.exception, BenchError)
    assert said in str(wrong.exception)


def test_a_suite_among_its_photographs_is_refused(source: Path) -> None:
    wrong = CliRunner().invoke(app, ["suites", "make", str(source), "--out", str(source / "x")])
    assert "lies among the photographs" in str(wrong.exception)
    assert not (source / "x").exists()


@pytest.mark.parametrize("verb", ["check", "make"])
def test_help_shows_an_example(verb: str) -> None:
    shown = CliRunner().invoke(app, ["suites", verb, "--help"], env={"COLUMNS": "200"})
    assert f"Example: bench suites {verb}" in shown.output
