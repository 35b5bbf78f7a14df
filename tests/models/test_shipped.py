"""The weights that come with the package: what they learned from, what they say, what they do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch

import bench
from bench.core.errors import BenchError
from bench.degrade.noise import white
from bench.image import Pixels, quantise, read, to_tensor, write_png
from bench.records import Pair
from bench.suites.demo_plan import SCENES, make, photograph, plan
from bench.suites.learned import overlap
from models.catalogue import model_cards
from models.loading import load_restorer, read_header
from models.shipped.making import make_pairs
from models.shipped.photographs import PHOTOGRAPHS
from models.shipped.table import SHIPPED, Shipped
from models.shipped.telling import figures_of
from models.shipped.train import pack, recipe_of, trained
from tests.support.commands import called

HOUSE = Path(__file__).parents[2]
TESTED = tuple(Path(skimage.data_dir) / file for files in SCENES["test"].values() for file in files)


def psnr(restored: Pixels, reference: Pixels) -> float:
    return float(-10 * np.log10(np.mean((restored / 255.0 - reference / 255.0) ** 2)))


def gain(name: str, degraded: np.ndarray, reference: Pixels) -> float:
    """Return by how many dB a model brings an image nearer to its reference."""
    restored = load_restorer(name).restore(to_tensor(degraded))
    made = quantise(restored[0].permute(1, 2, 0).clamp(0, 1).numpy())
    return psnr(made, reference) - psnr(quantise(degraded), reference)


# --- what they learned from -----------------------------------------------------------------------


def test_no_photograph_that_they_learned_from_is_one_that_the_demo_tests_with() -> None:
    tested = [photograph(path.name) for path in TESTED]
    for one in PHOTOGRAPHS:
        assert one.path not in TESTED
        learned = one.pixels()
        assert not any(np.array_equal(learned, other) for other in tested), one.name
        assert one.licence, one.credit


@pytest.mark.parametrize("row", SHIPPED.values(), ids=list(SHIPPED))
def test_the_file_knows_its_images_and_none_of_the_demos_test_images_is_among_them(
    row: Shipped,
) -> None:
    header = read_header(row.file)
    assert header is not None
    assert header.learned is not None
    assert header.learned.images >= 400
    assert header.undertrained == ""
    pairs = [Pair(path.stem, path, path, path.stem) for path in TESTED]
    found = overlap(header.learned, pairs)
    assert found.images == ()
    assert "bytes and pixels" in found.compared


def test_a_photograph_whose_package_is_missing_says_what_to_install() -> None:
    gone = replace(PHOTOGRAPHS[0], package="no_such_package_here")
    with pytest.raises(BenchError, match=r"pip install -e '\.\[shipped\]'"):
        _ = gone.path


# --- the files ------------------------------------------------------------------------------------


def test_all_files_together_take_less_than_3_megabytes() -> None:
    assert sum(row.file.stat().st_size for row in SHIPPED.values()) < 3e6


def test_what_is_stored_in_half_precision_is_computed_with_in_single() -> None:
    network = load_restorer("litenet-shipped-deblur").network
    assert network is not None
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


@pytest.mark.slow
def test_the_wheel_has_the_weights(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for folder in ("bench", "models", "raters"):
        shutil.copytree(
            HOUSE / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(HOUSE / file, source)
    build = "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = source.glob("*.whl")
    files = zipfile.ZipFile(wheel).namelist()
    assert {f"models/shipped/{row.file.name}" for row in SHIPPED.values()} <= set(files)


# --- what they do ---------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["litenet", "rescnn", "unet"])
def test_they_deblur_and_denoise_photographs_that_they_never_saw(network: str) -> None:
    shaken, blurred = (shot for shot in plan()[:4] if shot.light == "normal")
    for shot in (shaken, blurred):  # of astronaut and of chelsea
        reference, degraded = make(shot)
        assert gain(f"{network}-shipped-deblur", degraded.pixels, reference) > 0.5, shot.id
    noisy = white(reference, 25.0, np.random.default_rng(0))
    assert gain(f"{network}-shipped-denoise", noisy, reference) > 6


@pytest.mark.parametrize("row", SHIPPED.values(), ids=list(SHIPPED))
def test_a_sharp_photograph_stays_nearly_as_it_is(row: Shipped) -> None:
    sharp = photograph("coffee.png")[100:260, 200:360]
    restored = load_restorer(row.name).restore(to_tensor(sharp))[0].permute(1, 2, 0).numpy()
    assert psnr(quantise(restored.clip(0, 1)), sharp) > 30


def test_a_fresh_machine_restores_with_them_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_png(Path("a.png"), np.ascontiguousarray(photograph("chelsea.png")[:48, :64]))
    said = called("restore", "litenet", "a.png")
    assert "weights: litenet-shipped-deblur, shipped with the package, for deblurring" in said
    figures = figures_of(SHIPPED["litenet-shipped-deblur"])
    assert f"{figures['psnr']:.2f} dB, untouched {figures['input_psnr']:.2f} dB" in said
    assert read(Path("restored/a.png")).shape == (48, 64, 3)
    said = called("restore", "unet-shipped-denoise", "a.png", "--out", "other")
    assert "unet-shipped-denoise, shipped with the package, for denoising" in said
    assert not np.array_equal(read(Path("other/a.png")), read(Path("a.png")))


def test_a_run_without_training_takes_them_under_their_own_name(
    folder_suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*models: str, suite: str = "folder") -> dict[str, str]:
        made = bench.run(
            suite, data=folder_suite, models=models, metrics=("psnr",), limit=1, profile=None,
            train="never",
        )  # fmt: skip
        return {name: model.state for name, model in made.record.models.items()}

    assert run("input", "rescnn", "rescnn@x8", "cnn") == {
        "input": "done",
        "rescnn-shipped-deblur": "done",
        "rescnn-shipped-deblur@x8": "done",
        "cnn": "failed",
    }
    assert run("rescnn", "rescnn-shipped-deblur") == {"rescnn-shipped-deblur": "done"}
    assert run("rescnn", "rescnn-shipped-deblur", suite="folder:sigma=25") == {
        "rescnn-shipped-denoise": "done",
        "rescnn-shipped-deblur": "not applicable",
    }


def test_a_network_tells_what_ships_of_it_and_what_that_learned_from() -> None:
    said = called("models", "litenet")
    assert "shipped: litenet-shipped-deblur" in said
    assert "shipped: litenet-shipped-denoise" in said
    assert "china (sklearn), CC BY 2.0, danielbuechele" in said
    (row,) = json.loads(called("models", "unet-shipped-denoise", "--json"))
    (shipped,) = row["shipped"]
    assert shipped["validation"]["psnr"] > shipped["validation"]["input_psnr"] + 5
    assert {one["name"] for one in shipped["photographs"]} == {one.name for one in PHOTOGRAPHS}
    assert "training" in called("models", "cnn")


def test_models_that_are_listed_with_them_are_named_apart_from_their_network() -> None:
    cards = model_cards()
    for name, row in SHIPPED.items():
        assert cards[name].tasks == (row.task,)
        assert cards[name].build == cards[row.network].build
        assert cards[name].recipe is None
        assert not cards[name].standard


# --- the command ----------------------------------------------------------------------------------


def test_the_command_makes_pairs_trains_on_them_and_packs_what_comes_out(tmp_path: Path) -> None:
    few = [replace(one, pieces=2) for one in PHOTOGRAPHS if one.name in ("brick", "coins")]
    make_pairs(tmp_path / "pairs", few)
    row = replace(SHIPPED["rescnn-shipped-denoise"], steps=2)
    assert recipe_of(row).budget == "2steps"
    found = trained(row, tmp_path)
    pack(found.weights, found.header, packed := tmp_path / "rescnn-denoise.safetensors")
    assert packed.stat().st_size < 0.6 * found.weights.stat().st_size
    before, after = (
        load_restorer("rescnn", weights=file).restore(to_tensor(photograph("camera.png")[:64, :64]))
        for file in (found.weights, packed)
    )
    assert float((before - after).abs().max()) < 1e-3
