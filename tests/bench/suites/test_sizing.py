"""Cutting and resizing, the options of every suite: what is read, recorded and refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from bench.core.errors import BenchError
from bench.degrade.pipeline import Degradation, degrade
from bench.degrade.resample import matrix
from bench.image import ImageSizeError, Pixels, quantise, read, write_png
from bench.records import Pair, Sizing
from bench.runs.finding import find_run
from bench.suites.identity import pair_digest
from bench.suites.opening import open_pair
from bench.suites.sizing import sized
from bench.suites.table import open_suite
from tests.conftest import Bench


@pytest.fixture
def pair(tmp_path: Path, photograph: Pixels) -> Pair:
    """A sharp photograph of 300x200 (width x height), and the same made darker."""
    sharp = np.ascontiguousarray(photograph[40:240, 60:360])
    write_png(tmp_path / "sharp.png", sharp)
    write_png(tmp_path / "dark.png", sharp // 2)
    return Pair("a", tmp_path / "dark.png", tmp_path / "sharp.png", "a")


def _sized(pair: Pair, crop: tuple[int, int] | None = None, **rest: object) -> Pair:
    return replace(pair, sizing=Sizing(crop, **rest))  # type: ignore[arg-type]


def test_the_middle_is_cut_from_both_images(pair: Pair) -> None:
    views = open_pair(_sized(pair, (120, 80)))
    assert pair.reference is not None
    assert np.array_equal(views.reference, read(pair.reference)[60:140, 90:210])
    assert np.array_equal(views.degraded, read(pair.degraded)[60:140, 90:210])


def test_bicubic_is_matlabs_area_is_the_mean_and_bilinear_is_opencvs(photograph: Pixels) -> None:
    sharp = photograph[:400, :512]
    found = sized(sharp, Sizing(None, (128, 100), "bicubic"))
    lines = np.einsum("ab,bwc->awc", matrix(400, 100), sharp.astype(float))
    exact = np.einsum("ab,hbc->hac", matrix(512, 128), lines)
    apart = np.abs(found - exact.clip(0, 255))  # MATLAB has 8 bits after each axis
    assert apart.mean() < 0.3
    assert np.quantile(apart, 0.99) < 1
    areas = sized(sharp, Sizing(None, (128, 100), "area"))
    assert np.abs(areas - sharp.reshape(100, 4, 128, 4, 3).mean(axis=(1, 3))).max() <= 0.5
    plain = sized(sharp, Sizing(None, (128, 100), "bilinear"))
    assert np.array_equal(plain, cv2.resize(np.ascontiguousarray(sharp), (128, 100)))


def test_it_is_cut_first_and_then_resized(pair: Pair) -> None:
    views = open_pair(_sized(pair, (200, 200), resize=(50, 50), kernel="area"))
    assert pair.reference is not None
    middle = read(pair.reference)[:, 50:250]
    assert np.abs(views.reference - middle.reshape(50, 4, 50, 4, 3).mean(axis=(1, 3))).max() <= 0.5


def test_what_is_degraded_on_reading_is_degraded_after_it(pair: Pair) -> None:
    how = Degradation("motion", size=7.0, sigma=10.0, seed=3)
    made = replace(pair, degraded=pair.reference, degradation=how.as_dict())  # type: ignore[arg-type]
    views = open_pair(_sized(made, (160, 160), resize=(80, 80), kernel="bicubic"))
    assert pair.reference is not None
    sharp = sized(read(pair.reference), Sizing((160, 160), (80, 80), "bicubic"))
    assert np.array_equal(views.reference, sharp)
    assert np.array_equal(views.degraded, degrade(sharp, how).image)
    assert views.psf is not None


def test_a_stored_psf_holds_for_a_piece_and_not_at_another_size(pair: Pair, tmp_path: Path) -> None:
    np.save(tmp_path / "psf.npy", np.full((3, 3), 1 / 9))
    known = replace(pair, psf=tmp_path / "psf.npy")
    assert _sized(known, (96, 96)).knows_psf
    assert open_pair(_sized(known, (96, 96))).psf is not None
    smaller = _sized(known, None, resize=(96, 96), kernel="area")
    assert not smaller.knows_psf
    assert open_pair(smaller).psf is None


def test_stored_small_images_are_cut_to_match_and_never_resized(pair: Pair, tmp_path: Path) -> None:
    assert pair.reference is not None
    write_png(tmp_path / "small.png", np.ascontiguousarray(read(pair.reference)[::2, ::2]))
    enlarged = replace(pair, degraded=tmp_path / "small.png", scale=2)
    views = open_pair(_sized(enlarged, (120, 80)))
    assert (views.degraded.shape, views.reference.shape) == ((40, 60, 3), (80, 120, 3))  # type: ignore[union-attr]
    assert np.array_equal(views.degraded, views.reference[::2, ::2])  # type: ignore[index]
    with pytest.raises(ImageSizeError, match=r"resize=80x80: the images .* are stored, 2 times"):
        open_pair(_sized(enlarged, None, resize=(80, 80), kernel="area"))
    with pytest.raises(ImageSizeError, match="expected multiples of 2"):
        open_pair(_sized(enlarged, (121, 80)))


def test_an_image_that_is_smaller_than_the_piece_is_named_with_its_size(pair: Pair) -> None:
    with pytest.raises(ImageSizeError, match="crop=400x100: got an image of 300x200"):
        open_pair(_sized(pair, (400, 100)))


def test_a_pair_is_another_pair_at_another_size_and_the_old_one_without(pair: Pair) -> None:
    kinds = [pair, _sized(pair, (96, 96)), _sized(pair, None, resize=(96, 96), kernel="area")]
    assert len({pair_digest(one) for one in kinds}) == 3
    assert not pair.needs_views
    assert all(one.needs_views for one in kinds[1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("resize=128", "resize=128; expected WIDTHxHEIGHT in pixels, each from 16 to 20000"),
        ("resize=8x128", "each from 16"),
        ("crop=-9x99", "expected WIDTHxHEIGHT"),
        ("kernel=area", "give resize=WxH, too"),
        ("resize=64x64,kernel=bicubik", "did you mean 'bicubic'"),
    ],
)
def test_nonsense_is_refused_before_anything_is_read(options: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        open_suite(f"folder:{options}", Path("nowhere"))


def test_a_run_says_so_and_scores_what_it_read(bench_here: Bench, folder_suite: Path) -> None:
    spec = "folder:crop=80x64,resize=40x32,kernel=area"
    words = ["run", "--suite", spec, "--data", folder_suite, "--models", "input"]
    found = bench_here(*words, "--metrics", "psnr", "--profile", "none")
    assert found.returncode == 0, found.stderr
    run = find_run(str(next((folder_suite.parent / "results").glob("data*/*/run.json")).parent))
    record = run.record()
    assert record.spec.suite == spec
    note = "all images (width x height): cut to their middle 80x64, then resized to 40x32, area"
    assert note in " ".join(record.suite.notes)
    assert note in (run.path / "report" / "index.html").read_text()
    scores = {cell.image: cell.scores["psnr"].value for cell in run.cells("input")}
    for image in ("scene0", "scene5"):
        both = [
            cv2.resize(
                np.asarray(Image.open(folder_suite / kind / f"{image}.png"))[16:80, 8:88],
                (40, 32),
                interpolation=cv2.INTER_AREA,
            )
            for kind in ("input", "target")
        ]
        assert scores[image] == pytest.approx(peak_signal_noise_ratio(both[1], both[0]), abs=1e-9)
        shown = read(run.view_path("reference", image))  # what the report and raters see
        assert np.array_equal(shown, both[1])
    assert quantise(shown).dtype == np.uint8
    again = json.loads(
        bench_here(*words, "--metrics", "psnr", "--profile", "none", "--json").stdout
    )
    assert again["models"]["input"]["state"] == "done"
