"""`bench compress`: before and after in one table, and one clear line for what cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from bench.api import open_run
from bench.checks import CompressionOrder, check_compression
from bench.compressing import Compression, compress
from bench.core.errors import BenchError
from bench.core.layout import VARIABLE
from bench.image import Pixels, write_png
from bench.published.compression import claims_of
from bench.records import Pair
from bench.suites.opening import open_pair
from models.architectures.rescnn import ResidualCNN
from models.compression import quantised
from models.loading import load_restorer
from models.weights import read_header, save_weights
from tests.support.commands import called
from tests.support.training import header_of

OPTIONS = {"width": 16, "blocks": 2}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, photograph: Pixels) -> Iterator[Path]:
    """A folder with a small copy of GoPro's layout, and weights of a network in file ``own``."""
    root = tmp_path_factory.mktemp("compress")
    scenes = {"train": ("GOPR0372_07_00", "GOPR0374_11_01"), "test": ("GOPR0384_11_00",)}
    for split, names in scenes.items():
        for number, scene in enumerate(names):
            for frame in range(3):
                y, x = 90 * number + 30 * frame, 300 if split == "test" else 40
                sharp = np.ascontiguousarray(photograph[y : y + 80, x : x + 80])
                blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 1.6), np.uint8)
                folder = root / "gopro" / split / scene
                write_png(folder / "sharp" / f"{frame:06d}.png", sharp)
                write_png(folder / "blur" / f"{frame:06d}.png", blurred)
    network = ResidualCNN(**OPTIONS)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.02)
    save_weights(root / "own.safetensors", network, header_of("rescnn", options=OPTIONS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(root / "results"))
        yield root


@pytest.fixture(autouse=True)
def inside(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(place / "results"))


def asked(place: Path, model: str, method: str, **more: Any) -> Compression:
    order = CompressionOrder(
        **{"data": place / "gopro"} | more,
        model=str(place / model), method=method, suite="gopro", metrics=("psnr", "ssim"),
        profile=None, out=place / "made",
    )  # fmt: skip
    return compress(check_compression(order))


@pytest.fixture(scope="module")
def pruned(place: Path) -> Compression:
    return asked(place, "own.safetensors", "prune", amounts=(0.3, 0.6), budget="2steps")


def test_a_sweep_over_amounts_is_measured_beside_the_original(pruned: Compression) -> None:
    original, less, least = pruned.rows
    assert [row.model for row in pruned.rows] == ["own", "own-prune30", "own-prune60"]
    assert original.file_bytes > less.file_bytes > least.file_bytes
    assert original.quality["psnr"].change is None
    scores = pruned.run.scores
    means = scores[scores["metric"] == "psnr"].groupby("model")["value"].mean()
    change = less.quality["psnr"].change
    assert change == pytest.approx(means["own-prune30"] - means["own"])
    assert less.costs["latency_ms"].missing == "costs were not measured"
    table = pd.read_csv(pruned.table)
    assert set(table["quantity"]) >= {"file_bytes", "params", "latency_ms", "psnr", "ssim"}
    assert pruned.plot is None  # no cost was measured that quality could be drawn against


def test_a_pruned_file_is_a_model_like_any_other_and_says_how_it_came(
    place: Path, pruned: Compression
) -> None:
    file = pruned.made[0]
    header = read_header(file)
    assert header is not None
    (step,) = header.compressed
    assert (step.method, step.of, step.amount) == ("prune", "own", 0.3)
    assert header.widths["body.0.first"][1] < 16
    restorer = load_restorer(str(file))
    assert restorer.network is not None
    left = sum(p.numel() for p in restorer.network.parameters())
    assert f"{left:,}" in step.done["parameters"]
    record = pruned.run.record.models["own-prune30"]
    assert str(step) in record.remarks
    assert record.separation == "separate"
    assert record.weights is not None
    assert record.weights.header["compressed"][0]["method"] == "prune"


def test_a_compressed_model_is_compressed_again_on_training_images_alone(
    place: Path, pruned: Compression, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def noted(pair: Pair) -> Any:
        seen.append(str(pair.degraded))
        return open_pair(pair)

    monkeypatch.setattr(quantised, "open_pair", noted)
    found = asked(place, "made/own-prune30.safetensors", "quantise")
    assert len(seen) == 3  # the other scene of training is that of validation
    assert all("/train/" in path for path in seen)
    record = found.run.record.models["own-prune30-int8"]
    assert record.separation == "separate"
    steps = record.weights.header["compressed"] if record.weights else []
    assert [step["method"] for step in steps] == ["prune", "quantise"]
    assert "bytes (-" in steps[1]["done"]["as ONNX"]


def test_the_same_command_trains_nothing_twice(place: Path, pruned: Compression) -> None:
    before = {path: path.read_bytes() for path in pruned.made}
    again = asked(place, "own.safetensors", "prune", amounts=(0.3, 0.6), budget="2steps")
    assert {path: path.read_bytes() for path in again.made} == before
    assert again.run.path == pruned.run.path


def test_masked_weights_stay_zero_through_the_training_that_follows(place: Path) -> None:
    found = asked(place, "own.safetensors", "prune-unstructured", amounts=(0.5,), budget="2steps")
    network = load_restorer(str(found.made[0])).network
    assert network is not None
    weights = torch.cat([p.flatten() for p in network.parameters() if p.ndim > 1])
    assert 0.5 <= float((weights == 0).float().mean()) < 0.51
    assert found.rows[1].file_bytes >= found.rows[0].file_bytes - 100  # and no smaller


@pytest.mark.slow
def test_the_command_draws_quality_against_cost_and_compares_pupils(place: Path) -> None:
    common = ("--suite", "gopro", "--data", place / "gopro", "--budget", "3steps", "--json")
    more = ("--out", place / "told", "--metrics", "psnr", "--profile", "64x64", "--limit", "3")
    own = place / "own.safetensors"
    shown = called("compress", own, "--method", "prune", "--amount", "0.3,0.6", *common, *more)
    told = json.loads(shown[shown.index('{ "made"') :])
    assert (place / "told" / "own-prune.png").read_bytes()[:4] == b"\x89PNG"
    assert told["models"][1]["costs"]["params"]["value"] < told["models"][0]["costs"]["params"][
        "value"
    ]  # fmt: skip
    shown = called("compress", own, "--method", "distil", "--into", "litenet", *common, *more)
    told = json.loads(shown[shown.index('{ "made"') :])
    assert [model["model"] for model in told["models"]] == [
        "own", "litenet-distilled", "litenet-alone",
    ]  # fmt: skip
    assert "litenet-distilled - litenet-alone" in told["compared"][0]
    assert open_run(told["run"]).record.models["litenet-distilled"].separation == "separate"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nlm --method quantise", "'nlm' is classical: it has no network to be made smaller"),
        ("own.safetensors --method prune", "how much? give --amount"),
        ("own.safetensors --method prune --amount 1.5", "--amount 1.5: expected the part"),
        ("own.safetensors --method prune --amount some", "--amount some: expected a part"),
        ("own.safetensors --method quantise --amount 0.4", "--method quantise takes none"),
        ("own.safetensors --method quantise --budget 5s", "--method quantise trains nothing"),
        ("own.safetensors@x8 --method quantise", "is a variant; expected the model itself"),
        ("own.safetensors --method distil", "whom? name a small network"),
        ("own.safetensors --method distil --into gan", "it learns by method 'gan'"),
        ("own.safetensors --method prune --amount 0.4 --into unet", "only --method distil"),
        ("own.safetensors --method squeeze", "squeeze"),
        ("own.safetensors --method quantise --limit 0", "--limit 0: expected at least 1 image"),
        ("net.onnx --method prune --amount 0.4", "is an ONNX file, which no longer learns"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    place: Path, words: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    (place / "net.onnx").touch()
    line = [*words.split(), "--suite", "gopro", "--data", "gopro"]
    assert said in called("compress", *line, status=2)


def test_a_suite_without_training_images_cannot_calibrate(place: Path, tmp_path: Path) -> None:
    alone = tmp_path / "test" / "GOPR0384_11_00"
    alone.parent.mkdir()
    alone.symlink_to(place / "gopro" / "test" / "GOPR0384_11_00")
    with pytest.raises(BenchError, match="quantise calibrates on training images; 'gopro'"):
        asked(place, "own.safetensors", "quantise", data=tmp_path)


def test_weights_of_others_are_quantised_and_not_pruned(place: Path) -> None:
    torch.save(ResidualCNN(**OPTIONS).state_dict(), place / "others.pth")
    with pytest.raises(BenchError, match="--method prune takes networks of 'bench models'"):
        asked(place, "others.pth", "prune", amounts=(0.3,))


def test_what_the_hybrid_networks_authors_claim_is_a_row() -> None:
    (claim,) = claims_of("hybrid-gan")
    assert claim.smaller == 0.4
    assert "without major performance degradation" in str(claim)
    assert claims_of("unet") == ()
