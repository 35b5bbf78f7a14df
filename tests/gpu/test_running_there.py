"""Running on a GPU: every variant, place of work and command comes to the pictures of a CPU."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import bench as product
from bench.demo.at_hand import choices
from bench.demo.trying import Workshop, Worse
from bench.image import Pixels, read, to_pixels, to_tensor, write_png
from models.loading import load_restorer
from models.restorer import tiles_for_memory
from models.variants import VARIANTS
from tests.conftest import Bench
from tests.support.commands import called

MODEL = "litenet-shipped-deblur"
METRICS = ("psnr", "ssim", "vif", "st-lpips-alex")
EVERYWHERE = ("float16", "bfloat16", "autocast", "x8")
ON_A_GPU = ("channels_last", "cudagraph", "float16+cudagraph", "channels_last+float16")
WHERE_INSTALLED = {
    "compile": "torch.compile cannot",
    "onnx": "onnxruntime ",
    "tensorrt": "onnxruntime |needs a CUDA device",
    "keep_memory": "on a GPU torch keeps memory already",
}
"""Variants that need something else, and what is said where that is not there."""
NOT_OURS = "tlc"
"""The variant that takes a network of others."""
NEAR_DB = 0.05

FACTORY = """
import torch

def dim():
    network = torch.nn.Conv2d(3, 3, 1, bias=False)
    torch.nn.init.dirac_(network.weight)
    network.weight.data *= 0.9
    return network

class Own:
    name, needs_psf, uses_noise, scale = "own", False, False, 1
    def __init__(self, device="cpu"):
        self.device = torch.device(device)
        self.network = dim().to(self.device)
    def restore(self, degraded, hints):
        assert degraded.device.type == "cpu"  # as it was promised
        with torch.inference_mode():
            return self.network(degraded.to(self.device)).cpu()
"""


@pytest.fixture
def run(
    folder_suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., product.Run]:
    """Run models on the six images; the results are the test's."""
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "results"))
    (tmp_path / "own.py").write_text(FACTORY)

    def made(*models: str, out: str, **how: object) -> product.Run:
        asked = {"metrics": METRICS, "profile": None, "train": "never", **how}
        return product.run("folder", data=folder_suite, models=models, out=tmp_path / out, **asked)  # type: ignore[arg-type]

    return made


def means(found: product.Run) -> dict[str, dict[str, float]]:
    """By model and metric."""
    scores = found.scores
    assert set(scores["missing"]) == {""}
    table = scores.groupby(["model", "metric"])["value"].mean().unstack()
    return {str(model): dict(row) for model, row in table.iterrows()}


def test_every_variant_scores_as_on_a_cpu_or_says_why_it_cannot(
    run: Callable[..., product.Run], device: str
) -> None:
    known = {
        one for names in (*EVERYWHERE, *ON_A_GPU, *WHERE_INSTALLED) for one in names.split("+")
    }
    assert known | {NOT_OURS} == VARIANTS.keys()
    variants = [*EVERYWHERE, *ON_A_GPU * (device == "cuda"), *WHERE_INSTALLED]
    found = run(MODEL, *(f"{MODEL}@{one}" for one in variants), out="there", device=device)
    here = means(run(MODEL, out="here", device="cpu"))[MODEL]
    scored = means(found)
    for name in (MODEL, *(f"{MODEL}@{one}" for one in variants)):
        variant, model = name.partition("@")[2], found.record.models[name]
        if model.state != "done":
            assert re.search(WHERE_INSTALLED.get(variant, "never"), str(model)), model
            continue
        if variant != "x8":  # which makes another picture
            assert scored[name]["psnr"] == pytest.approx(here["psnr"], abs=NEAR_DB), name
            assert scored[name]["ssim"] == pytest.approx(here["ssim"], abs=2e-3), name
        assert scored[name]["psnr"] > here["psnr"] - 1, name


def test_several_processes_on_one_device_make_the_same_pictures(
    run: Callable[..., product.Run], device: str
) -> None:
    alone = run(MODEL, "unet-shipped-deblur", out="alone", device=device)
    together = run(
        MODEL,
        "unet-shipped-deblur",
        out="together",
        device=device,
        executor=f"processes:devices={device}+{device}",
    )
    one, other = means(alone), means(together)
    for name, scores in one.items():
        assert other[name] == pytest.approx(scores, abs=1e-6 if device == "cpu" else 1e-3)


def test_code_of_others_works_there_and_gets_its_images_on_the_cpu(
    run: Callable[..., product.Run], tmp_path: Path, device: str
) -> None:
    own = [f"{tmp_path / 'own.py'}:{name}" for name in ("dim", "Own")]
    found = run(*own, out="own", device=device, metrics=("psnr",))
    assert [model.state for model in found.record.models.values()] == ["done", "done"]
    for name in found.record.models:
        for image, degraded in zip(found.images["image"], found.images["degraded"], strict=True):
            given = read(Path(degraded)).astype(float)
            made = read(found.folder.image_path(name, image)).astype(float)
            assert np.abs(made - 0.9 * given).max() <= 1  # half a level, and TF32


def test_a_profile_has_every_figure_or_its_reason(bench_here: Bench, device: str) -> None:
    words = ("--sizes", "64x64,128x128", "--batches", "2", "--processes", "1", "--passes", "5")
    done = bench_here("profile", MODEL, *words, "--seconds", "0.5", "--device", device, "--json")
    figures = json.loads(done.stdout)
    assert {(row["height"], row["batch"]) for row in figures} == {(64, 2), (128, 2)}
    assert {row["device"] for row in figures} == {device}
    for row in figures:
        assert (row["value"] is None) == bool(row["missing"]), row["quantity"]
    by_name = {row["quantity"]: row for row in figures if row["height"] == 128}
    assert by_name["latency_ms"]["value"] > 0
    assert by_name["cold_start_s"]["value"] > 0
    if device == "cuda":
        assert by_name["device_memory_mb"]["value"] > 0
        assert 0 < by_name["gpu_busy_percent"]["value"] <= 100


def test_a_photograph_is_restored_as_by_the_network_on_a_cpu(
    photograph: Pixels, tmp_path: Path, device: str
) -> None:
    write_png(tmp_path / "a.png", photograph[:200, :260])
    called("restore", MODEL, tmp_path / "a.png", "--out", tmp_path / "out", "--device", device)
    made = read(tmp_path / "out" / "a.png").astype(int)
    here = load_restorer(MODEL, "cpu").restore(to_tensor(photograph[:200, :260]))
    assert np.abs(made - to_pixels(here)).max() <= (1 if device == "cpu" else 2)
    assert np.abs(made - photograph[:200, :260]).max() > 2


def test_the_demo_measures_there(photograph: Pixels, tmp_path: Path, device: str) -> None:
    workshop = Workshop(choices([MODEL, "unsharp"]), device, 400_000)
    write_png(tmp_path / "a.png", photograph[:128, :128])
    shown = workshop.read(tmp_path / "a.png")
    made = list(workshop.versions(shown, [MODEL, "unsharp"], Worse(noise=10), tmp_path))
    assert [version.error for version in made] == [None] * 4
    assert (made[1].seconds or 0) > 0


@pytest.fixture
def little() -> Iterator[None]:
    """A GPU of which 600 MB are to be had."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(600e6 / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


@pytest.mark.gpu
def test_where_memory_runs_out_it_works_in_tiles_and_says_so(
    photograph: Pixels, little: None
) -> None:
    image = torch.from_numpy(np.tile(photograph, (4, 4, 1)).astype(np.float32) / 255)
    image = image.permute(2, 0, 1)[None].contiguous()
    restorer = load_restorer("unet-shipped-deblur", "cuda")
    made = restorer.restore(image)
    cut = tiles_for_memory(restorer, *image.shape[-2:])
    assert cut is not None
    assert max(cut) < 2048
    here = load_restorer("unet-shipped-deblur", "cpu").restore(image)
    assert (made - here).abs().mean() < 1e-3
