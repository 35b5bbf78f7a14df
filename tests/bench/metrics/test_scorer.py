"""The scorer: what is missing and why, borders, threads, and one reference for many models."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.core.errors import BenchError, Unscorable
from bench.image import ImageError, ImageSizeError, Picture, Pixels, read, write_png
from bench.metrics.card import OnCpu
from bench.metrics.scorer import Scorer
from bench.metrics.table import METRICS
from bench.records import Score

PIXELWISE = ("psnr", "psnr-y", "ssim", "ssim-y", "ssim-volume", "ms-ssim", "vif", "mse", "mae")


class NotANumber(OnCpu):
    def features(self, reference: Picture) -> None:
        return None

    def compare(self, restored: Picture, features: None) -> float:
        return math.nan


class Counting(OnCpu):
    featurised = 0

    def features(self, reference: Picture) -> int:
        Counting.featurised += 1
        return int(reference.pixels.sum())

    def compare(self, restored: Picture, features: int) -> float:
        if restored.pixels.max() == 0:
            raise Unscorable("black")
        return float(features)


class Streams:
    """1 where all is computed on one stream, which is not the one that networks work on."""

    def __init__(self, device: str) -> None:
        self.device = device

    def features(self, reference: Picture) -> torch.cuda.Stream:
        return torch.cuda.current_stream()

    def compare(self, restored: Picture, features: torch.cuda.Stream) -> float:
        own = torch.cuda.current_stream()
        return float(own == features != torch.cuda.default_stream())


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the metrics above to the table, as an outside package would."""
    added = {"nan": "NotANumber", "counting": "Counting", "streams": "Streams"}
    for name, factory in added.items():
        card = replace(METRICS["psnr"], name=name, factory=f"{__name__}:{factory}")
        monkeypatch.setitem(METRICS, name, card)


def score(scorer: Scorer, restored: Pixels, reference: Pixels | None) -> dict[str, Score]:
    return scorer.score(restored, scorer.reference(reference))


def image(seed: int, height: int = 48, width: int = 50) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_identical_images_have_the_best_score_of_every_metric(photo: Pixels) -> None:
    scores = score(Scorer(PIXELWISE), photo.copy(), photo)
    assert scores.pop("vif").value == pytest.approx(1, abs=1e-7)
    best = {"psnr": math.inf, "psnr-y": math.inf, "mse": 0, "mae": 0}
    assert {name: s.value for name, s in scores.items()} == {
        name: best.get(name, 1) for name in scores
    }


def test_all_is_every_metric_of_the_table(photo: Pixels, no_weights: Path) -> None:
    scorer = Scorer(["all"])
    scores = score(scorer, photo, photo)
    assert list(scores) == list(scorer.names) == list(METRICS)
    missing = {name for name, s in scores.items() if s.value is None}
    missing.discard("ocr")  # nothing is written there, or nothing reads it
    extras = {n for n in missing if " install " in (scores[n].reason or "")}
    assert extras <= {"flip", "dists", "lightglue-matches"}
    missing -= {"tof", "warp-error"}  # of a photograph by itself
    assert missing - extras == {"lpips-alex", "lpips-vgg", "lpips-squeeze", "dists"} - extras
    assert all("bench fetch weights" in (scores[name].reason or "") for name in missing - extras)


def test_aliases_are_written_out_and_the_order_is_kept() -> None:
    assert Scorer(["vif", "lpips", "psnr", "vif"]).names == ("vif", "lpips-alex", "psnr")


def test_an_unknown_metric_suggests_the_nearest() -> None:
    with pytest.raises(BenchError, match="did you mean 'ssim'"):
        Scorer(["sim"])


def test_without_a_reference_only_its_own_metrics_have_values(photo: Pixels) -> None:
    scores = score(Scorer([*PIXELWISE, "blur-effect"]), photo, None)
    blur = scores.pop("blur-effect")
    assert blur.value is not None
    assert 0 < blur.value < 1
    assert set(scores.values()) == {Score.missing("no reference image")}


def test_one_pixel_has_errors_but_no_structure() -> None:
    scores = score(Scorer([*PIXELWISE, "blur-effect"]), image(1, 1, 1), image(2, 1, 1))
    valued = {name for name, s in scores.items() if s.value is not None}
    assert valued == {"psnr", "psnr-y", "mse", "mae", "ssim-volume"}
    for name, smallest in [("ssim", 11), ("ms-ssim", 161), ("vif", 41), ("blur-effect", 4)]:
        assert scores[name].reason == (
            f"the image is 1x1 pixels; this metric needs at least {smallest}x{smallest}"
        )


@pytest.mark.parametrize("value", [0, 128, 255])
def test_constant_images_have_numbers_or_reasons_never_nan(photo: Pixels, value: int) -> None:
    flat = np.full_like(photo, value)
    scorer = Scorer([*PIXELWISE, "blur-effect"])
    assert all(s.value is not None for s in score(scorer, flat, photo).values())
    against = score(scorer, photo, flat)
    assert [name for name, s in against.items() if s.value is None] == ["vif"]
    assert "constant" in (against["vif"].reason or "")


@pytest.mark.parametrize("shape", [(50, 48), (48, 49), (1, 1)])
def test_images_of_two_sizes_are_refused(shape: tuple[int, int]) -> None:
    scorer = Scorer(["psnr"])
    with pytest.raises(ImageSizeError, match="reference is 50x48; compare images of one size"):
        scorer.score(image(1, *shape), scorer.reference(image(2, 48, 50)))


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)], ids=["grey", "float"]
)
def test_what_is_no_image_is_refused(pixels: Any) -> None:
    with pytest.raises(ImageError, match=r"expected \(H,W,3\) uint8"):
        Scorer(["psnr"]).reference(pixels)


def test_a_border_is_cut_from_both_images() -> None:
    x, y = image(1), image(2)
    inner = score(Scorer(PIXELWISE), x[3:-3, 3:-3], y[3:-3, 3:-3])
    assert score(Scorer(PIXELWISE, border=3), x, y) == inner


def test_an_image_that_is_all_border_is_refused() -> None:
    with pytest.raises(ImageSizeError, match="all border"):
        Scorer(["psnr"], border=4).reference(image(1, 8, 20))


@pytest.mark.usefixtures("extra")
def test_not_a_number_becomes_missing() -> None:
    assert score(Scorer(["nan"]), image(1), image(2)) == {
        "nan": Score.missing("nan came out as not a number for this image")
    }


@pytest.mark.usefixtures("extra")
def test_a_reference_is_featurised_once_for_all_models() -> None:
    scorer = Scorer(["counting", "psnr"])
    before = Counting.featurised
    prepared = scorer.reference(image(1))
    values = [scorer.score(image(seed), prepared)["counting"].value for seed in (2, 3, 4)]
    assert Counting.featurised == before + 1
    assert values == [image(1).sum()] * 3


@pytest.mark.usefixtures("extra")
def test_one_unscorable_metric_leaves_the_others() -> None:
    scores = score(Scorer(["counting", "psnr"]), np.zeros((48, 50, 3), np.uint8), image(1))
    assert scores["counting"] == Score.missing("black")
    assert scores["psnr"].value is not None


def test_threads_give_the_same_numbers_bit_for_bit() -> None:
    scorer = Scorer(PIXELWISE)
    references = [image(seed, 170 + seed, 190) for seed in range(4)]
    restored = [[image(10 * seed + m, 170 + seed, 190) for m in range(3)] for seed in range(4)]
    alone = [[score(scorer, x, y) for x in xs] for xs, y in zip(restored, references, strict=True)]
    with ThreadPoolExecutor(8) as pool:
        prepared = list(pool.map(scorer.reference, references))
        together = [
            [pool.submit(scorer.score, x, p) for x in xs]
            for xs, p in zip(restored, prepared, strict=True)
        ]
        assert [[future.result() for future in row] for row in together] == alone


def test_a_saved_png_scores_what_the_pixels_score(tmp_path: Path) -> None:
    x, y = image(1), image(2)
    write_png(tmp_path / "x.png", x)
    write_png(tmp_path / "y.png", y)
    scorer = Scorer(PIXELWISE)
    again = score(scorer, read(tmp_path / "x.png"), read(tmp_path / "y.png"))
    assert again == score(scorer, x, y)


@pytest.mark.gpu
def test_metrics_compute_beside_networks_on_a_gpu_and_find_what_a_cpu_does(extra: None) -> None:
    scorer = Scorer(["streams", "st-lpips-alex"], "cuda")
    on_cpu = Scorer(["st-lpips-alex"])
    with ThreadPoolExecutor(4) as threads:
        found = list(
            threads.map(lambda n: score(scorer, image(n, 96, 96), image(n + 8, 96, 96)), range(8))
        )
    assert [one["streams"].value for one in found] == [1.0] * 8
    for number, one in enumerate(found):
        expected = score(on_cpu, image(number, 96, 96), image(number + 8, 96, 96))
        value = expected["st-lpips-alex"].value
        assert one["st-lpips-alex"].value == pytest.approx(value, rel=1e-3)  # TF32 convolutions
