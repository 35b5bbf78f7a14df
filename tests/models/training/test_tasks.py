"""Networks trained for each task that they are for, on photographs degraded on reading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.core.errors import BenchError
from bench.image import Pixels, write_png
from bench.suites.table import open_suite
from models.catalogue import MODELS
from models.loading import load_restorer
from models.restorer import Hints
from models.training.data import PairedCrops, ViewCache
from models.training.fresh import degraded_anew
from models.training.train import Job, train
from models.weights import read_header
from tests.support.commands import called, typed

SMALL: Mapping[str, Mapping[str, Any]] = {
    "vdsr": {"layers": 3, "width": 8},
    "esrgan": {"blocks": 1, "width": 8},
    "hybrid-gan-x4": {"widths": (8, 8, 8, 8), "blocks": 1, "layers": 1, "heads": 2},
    "hybrid-gan": {"widths": (8, 8, 8, 8), "blocks": 1, "layers": 1, "heads": 2},
    "drunet": {"widths": (8, 8, 8, 8), "blocks": 1},
    "dncnn": {"layers": 3, "width": 8},
    "dncnn-grey": {"layers": 3, "width": 8},
}
"""Options that make a network small enough for a test of what surrounds it."""

ENLARGING = ("srcnn", "vdsr", "esrgan", "hybrid-gan-x4")
FAST = (("srcnn", 3), ("vdsr", 2), ("hybrid-gan-x4", 2))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory, photograph: Pixels) -> Path:
    """Four photographs in train, one in val and two in test."""
    root = tmp_path_factory.mktemp("photographs")
    for number, split in enumerate(["train"] * 4 + ["val"] + ["test"] * 2):
        top, left = divmod(number, 4)
        piece = photograph[top * 100 : top * 100 + 96, left * 100 : left * 100 + 96]
        write_png(root / split / f"{number}.png", np.ascontiguousarray(piece))
    return root


def job(name: str, photographs: Path, spec: str, folder: Path) -> Job:
    suite = open_suite(spec, photographs)
    card = MODELS[name].enlarging(suite.scale)
    card = replace(card, options={**card.options, **SMALL.get(name, {})})
    recipe = replace(card.preset("quick"), batch=2, validate_every=2)
    crop = recipe.crop if name == "esrgan" else 32 if "hybrid" in name else 16
    return Job(
        card=card,
        recipe=replace(recipe, crop=crop),
        suite=suite.key,
        train=suite.pairs("train"),
        val=suite.pairs("val"),
        folder=folder,
        budget="2steps",
    )


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        pytest.param(name, scale, marks=[] if (name, scale) in FAST else [pytest.mark.slow])
        for name in ENLARGING
        for scale in (2, 3, 4)
    ],
)
def test_a_network_that_enlarges_learns_and_loads_at_the_suites_scale(
    name: str, scale: int, photographs: Path, tmp_path: Path
) -> None:
    trained = train(job(name, photographs, f"photos:scale={scale}", tmp_path))
    assert trained.header.options["scale"] == scale
    loaded = load_restorer(str(trained.weights))
    assert loaded.restore(torch.rand(1, 3, 16, 24)).shape == (1, 3, 16 * scale, 24 * scale)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("dncnn", "photos:sigma=25"),
        ("dncnn-grey", "photos:sigma=5-50"),
        ("drunet", "photos:sigma=5-50"),
        ("hybrid-gan", "photos:sigma=5-50"),
        ("dncnn", "photos:jpeg=10-40"),
        ("unet", "photos:jpeg=10"),
    ],
)
def test_a_network_learns_to_denoise_or_to_mend_jpeg(
    name: str, spec: str, photographs: Path, tmp_path: Path
) -> None:
    trained = train(job(name, photographs, spec, tmp_path))
    restored = load_restorer(str(trained.weights)).restore(
        torch.rand(1, 3, 24, 24), Hints(noise=25)
    )
    assert restored.shape == (1, 3, 24, 24)
    assert trained.header.suite.endswith(spec.removeprefix("photos"))


def test_a_network_that_is_told_the_noise_learns_only_where_it_is_known(
    photographs: Path, tmp_path: Path
) -> None:
    with pytest.raises(BenchError, match=r"told the noise level.*sigma=5-50"):
        train(job("drunet", photographs, "photos:jpeg=10", tmp_path))


def test_what_drunet_puts_out_depends_on_the_noise_that_it_is_told(
    photographs: Path, tmp_path: Path
) -> None:
    trained = train(job("drunet", photographs, "photos:sigma=5-50", tmp_path))
    restorer, image = load_restorer(str(trained.weights)), torch.rand(1, 3, 16, 16)
    first, second = (restorer.restore(image, Hints(noise=level)) for level in (5, 50))
    assert restorer.uses_noise
    assert not torch.equal(first, second)


def test_a_network_of_another_scale_is_refused(photographs: Path, tmp_path: Path) -> None:
    wanted = replace(job("srcnn", photographs, "photos:scale=3", tmp_path), card=MODELS["srcnn"])
    with pytest.raises(BenchError, match=r"'srcnn' enlarges x4; .* asks for x3"):
        train(wanted)


def crops(photographs: Path, spec: str, stop: int = 40, **options: Any) -> PairedCrops:
    pairs = open_suite(spec, photographs).pairs("train")
    return PairedCrops(
        pairs, side=24, seed=0, augment=(), start=0, stop=stop, cache=ViewCache(), **options
    )


def test_noise_is_drawn_anew_for_each_crop_and_follows_from_its_number(photographs: Path) -> None:
    found = [
        degraded - sharp
        for degraded, sharp in map(crops(photographs, "photos:sigma=5-50").__getitem__, range(40))
    ]
    levels = torch.tensor([float(noise.std()) * 255 for noise in found])
    assert 4 < levels.min() < 15  # 40 draws from 5 to 50: the least is over 15 once in 25,000
    assert 40 < levels.max() < 55
    again = crops(photographs, "photos:sigma=5-50")
    assert torch.equal(again[7][0] - again[7][1], found[7])


def test_the_noise_map_holds_the_level_of_its_crop(photographs: Path) -> None:
    for degraded, sharp in map(
        crops(photographs, "photos:sigma=20-50", 5, told_noise=True).__getitem__, range(5)
    ):
        assert degraded.shape == (4, 24, 24)
        assert (degraded[:3] - sharp).std() == pytest.approx(float(degraded[3, 0, 0]), rel=0.1)


def test_jpeg_of_a_crop_is_that_of_the_suite() -> None:
    from bench.degrade.processing import jpeg

    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    sharp = torch.from_numpy(pixels).permute(2, 0, 1).float().div(255)
    made, level = degraded_anew(sharp, {"jpeg": (10, 10)}, np.random.default_rng(1))
    assert level is None
    assert np.array_equal(made.permute(1, 2, 0).mul(255).round().numpy(), jpeg(pixels, 10))


@pytest.mark.slow
def test_the_commands_train_run_and_score_at_another_scale(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "results"))
    suite = [*typed("--suite photos:scale=3 --data"), photographs]
    called("train", "srcnn", *suite, *typed("--budget 2steps"))
    text = called(
        "run", *suite, *typed("--models bicubic,srcnn --metrics psnr --profile none --out out")
    )
    assert "srcnn" in text
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["models"]["srcnn"]["state"] == "done"
    assert record["models"]["srcnn"]["weights"]["header"]["options"]["scale"] == 3
    assert record["suite"]["task"] == "super-resolution"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("swinir-light", "photos:scale=2"),
        ("swinir-light", "photos:scale=3"),
        ("swinir", "photos:scale=2"),
        ("esrgan", "photos:scale=2"),
        ("swinir-denoise", "photos:sigma=5-50"),
        ("drunet", "photos:sigma=5-50"),
    ],
)
def test_a_large_network_learns_as_it_is(
    name: str, spec: str, photographs: Path, tmp_path: Path
) -> None:
    wanted = job(name, photographs, spec, tmp_path)
    recipe = replace(wanted.recipe, batch=2, crop=min(wanted.recipe.crop, 64))
    card = MODELS[name].enlarging(wanted.train[0].scale)
    trained = train(replace(wanted, card=card, recipe=recipe))
    found = read_header(trained.weights)
    assert found is not None
    assert found.best_step == 2


def test_the_commands_train_by_a_recipe_of_ones_own_apart_from_the_preset(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "results"))
    suite = [*typed("--suite photos:sigma=25 --data"), photographs]
    (tmp_path / "my.toml").write_text('batch = 2\ncrop = 16\nfit = "resize"\n[losses]\nl1 = 1.0\n')
    own = [*typed("--recipe my.toml --set network.width=8 --set schedule.kind=cyclic")]
    short = typed("--budget 2steps")
    called("train", "dncnn", *suite, *own, *typed("--set network.layers=3"), *short)
    (weights,) = (tmp_path / "results" / "training").rglob("*.safetensors")
    header = read_header(weights)
    assert header is not None
    assert header.recipe["losses"] == {"l1": 1.0}
    assert header.recipe["fit"] == "resize"
    assert header.options["width"] == 8
    assert weights.parent.name.startswith("recipe-")
    text = called("train", "dncnn", *suite, *typed("--set network.wdith=8"), *short, status=2)
    assert "did you mean 'width'?" in text
    same = [*suite, *typed("--out one --set batch=2 --set crop=16 --set network.width=8"), *short]
    called("train", "dncnn", *same)
    text = called("train", "dncnn", *same, *typed("--set losses.l1=1"), status=2)
    assert "recipe.losses.l1 was None, now 1" in text
    assert "recipe.batch" not in text
    run = ["run", *suite, *own, *typed("--set network.layers=3"), *short]
    called(*run, *typed("--models dncnn --metrics psnr --profile none --out out"))
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["models"]["dncnn"]["weights"]["origin"] == "loaded"  # those of the same recipe
    assert "network.layers=3" in record["spec"]["recipe"]
    refused = called("run", *suite, *own, *typed("--train never --models dncnn"), status=2)
    assert "--train never trains nothing" in refused
