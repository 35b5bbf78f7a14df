"""Metrics of whole sets: FID and KID against libraries, what is missing and why, runs taken up."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore

import bench
from bench.core.errors import BenchError, Unscorable
from bench.image import Pixels, write_png
from bench.metrics.inception import (
    Inception,
    InceptionFeatures,
    frechet_distance,
    inception_score,
    kid,
    squared_discrepancy,
)
from bench.metrics.set_table import SET_METRICS, SetMetricCard, choose_metrics, set_metric_cards
from bench.metrics.sets import SetScorer
from bench.records import SetScore
from tests.support.backbones import put_inception


def features(seed: int, count: int, scale: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(6, 6, generator=generator)
    return torch.randn(count, 6, generator=generator) @ mixing * scale + seed / 10


class Passing(torch.nn.Module):
    """Features that were made before: what a library's own network would put out."""

    num_features = 6

    def __init__(self) -> None:
        super().__init__()
        self.dummy = torch.nn.Parameter(torch.zeros(()))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images


@pytest.mark.parametrize("counts", [(40, 30), (4, 5)])  # full covariances, and deficient ones
def test_the_distance_is_that_of_the_covariances(counts: tuple[int, int]) -> None:
    x, y = features(1, counts[0]), features(2, counts[1], 0.5)
    ours = frechet_distance(x, y)
    one, two = (np.cov(side.double().numpy().T) for side in (x, y))
    root = scipy.linalg.sqrtm(one @ two).real
    gap = (x.double().mean(0) - y.double().mean(0)).square().sum()
    assert ours == pytest.approx(float(gap) + np.trace(one + two - 2 * root), rel=1e-4)


def test_the_distance_is_torchmetrics() -> None:
    x, y = features(1, 40), features(2, 30, 0.5)
    library = FrechetInceptionDistance(feature=Passing(), normalize=False)
    for side, real in ((x, True), (y, False)):
        library.update(side.double(), real=real)
    assert frechet_distance(x, y) == pytest.approx(float(library.compute()), rel=1e-4)


def test_the_distance_of_a_set_from_itself_is_nothing_and_a_shift_is_its_square() -> None:
    x = features(1, 12)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(x, x + 0.5) == pytest.approx(6 * 0.25, rel=1e-5)


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore` will save all extracted features")
@pytest.mark.filterwarnings("ignore:std\\(\\)")  # of one split
def test_the_score_is_torchmetrics() -> None:
    logits = 2 * features(3, 20)
    library = InceptionScore(feature=Passing(), splits=1, normalize=False)
    library.update(logits)
    assert inception_score(logits) == pytest.approx(float(library.compute()[0]), rel=1e-5)


def test_the_score_is_one_for_equal_images_and_the_classes_for_sure_ones() -> None:
    assert inception_score(features(3, 1).expand(5, -1)) == pytest.approx(1)
    assert inception_score(100 * torch.eye(6)) == pytest.approx(6)


def test_the_discrepancy_is_its_sums_term_by_term() -> None:
    """Binkowski et al. 2018, eq. 4."""
    x, y = (features(seed, count).double().numpy() for seed, count in ((1, 5), (2, 4)))

    def k(a: Any, b: Any) -> float:
        return float((a @ b / 6 + 1) ** 3)

    expected = (
        np.mean([k(a, b) for a, b in permutations(x, 2)])
        + np.mean([k(a, b) for a, b in permutations(y, 2)])
        - 2 * np.mean([k(a, b) for a, b in product(x, y)])
    )
    assert squared_discrepancy(x, y) == pytest.approx(expected, rel=1e-12)


def test_kid_is_unbiased_of_halves_and_the_same_every_time() -> None:
    x, y = (features(seed, 40).double().numpy() for seed in (1, 2))
    value, deviation = kid(x, y)
    assert kid(x, y) == (value, deviation)
    assert deviation > 0
    # Over subsets the estimate has the mean of the whole sets' own: a U-statistic.
    assert value == pytest.approx(squared_discrepancy(x, y), abs=4 * deviation / 100**0.5)


def test_kid_of_two_draws_of_one_kind_is_nothing_and_of_two_kinds_is_more() -> None:
    draw = np.random.default_rng(0)
    x, y, z = draw.normal(size=(60, 8)), draw.normal(size=(60, 8)), draw.normal(1, 1, (60, 8))
    alike, deviation = kid(x, y)
    assert abs(alike) < deviation
    apart, deviation = kid(x, z)
    assert apart > 5 * deviation


def test_the_features_are_torchvisions(no_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network: Any = put_inception(no_weights / "found", monkeypatch)
    images = torch.rand((3, 3, 80, 64), generator=torch.Generator().manual_seed(0))
    images = images.mul(255).round().div(255)
    found = Inception().features(images)
    mean, deviation = (
        torch.tensor(values).view(1, 3, 1, 1)
        for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    whole = torch.nn.functional.interpolate(images, (299, 299), mode="bilinear", antialias=True)
    with torch.no_grad():
        logits = network((whole - mean) / deviation)  # torchvision's own normalisation
        assert torch.allclose(network.fc(found), logits, rtol=1e-3, atol=1e-4)
    pixels = images[0].mul(255).round().byte().permute(1, 2, 0).numpy()
    assert np.allclose(InceptionFeatures()(pixels), found[0], rtol=1e-3, atol=1e-4)


# --- the scorer ---------------------------------------------------------------------------------


class Colours:
    """The mean colour, but of black images none."""

    made = 0
    seen = 0

    def __init__(self, device: str = "cpu") -> None:
        Colours.made += 1

    def __call__(self, pixels: Pixels) -> Any:
        Colours.seen += 1
        if not pixels.any():
            raise Unscorable("a black image has no colour")
        return pixels.mean((0, 1))


def distance(restored: Any, reference: Any) -> tuple[float, None]:
    return float(np.linalg.norm(restored.mean(0) - reference.mean(0))), None


def nothing(restored: Any, reference: Any) -> tuple[float, float]:
    return float("nan"), 1.0


CAST = SetMetricCard(
    name="cast",
    features=f"{__name__}:Colours",
    compare=f"{__name__}:distance",
    fewest=2,
    higher_is_better=False,
    low=0,
    high=442,
    unit="",
    convention="distance of mean colours",
    citation="",
)


@pytest.fixture(autouse=True)
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add two set metrics, which share their features, as outside packages would."""
    nan = replace(CAST, name="nan-cast", compare=f"{__name__}:nothing")
    for card in (CAST, nan):
        monkeypatch.setitem(SET_METRICS, card.name, card)


def grey(*levels: int) -> list[Pixels]:
    return [np.full((8, 9, 3), level, np.uint8) for level in levels]


def test_rows_of_the_same_features_share_their_work_and_nan_is_missing() -> None:
    before = Colours.made, Colours.seen
    scorer = SetScorer(["cast", "nan-cast"])
    found = scorer.compare(scorer.describe(grey(10, 20)), scorer.describe(grey(40, 50)))
    assert (Colours.made - before[0], Colours.seen - before[1]) == (1, 4)
    assert found["cast"].value == pytest.approx(30 * 3**0.5)
    assert (found["cast"].images, found["cast"].deviation) == (2, None)
    assert found["nan-cast"] == SetScore(
        images=2, reason="nan-cast came out as not a number for these images"
    )


@pytest.mark.parametrize(
    ("restored", "reference", "reason"),
    [
        ((10,), (10, 20), "1 restored images; cast needs at least 2"),
        ((), (10, 20), "0 restored images; cast needs at least 2"),
        ((10, 20, 30), (10,), "1 reference images; cast needs at least 2"),
        ((10, 0), (10, 20), "a black image has no colour"),
    ],
)
def test_what_cannot_be_measured_has_its_reason(
    restored: tuple[int, ...], reference: tuple[int, ...], reason: str
) -> None:
    scorer = SetScorer(["cast"])
    found = scorer.compare(scorer.describe(grey(*restored)), scorer.describe(grey(*reference)))
    assert found == {"cast": SetScore(images=len(restored), reason=reason)}


def test_a_border_is_cut_first() -> None:
    framed = grey(0, 0)
    for image in framed:
        image[3:-3, 3:-3] = 60
    scorer = SetScorer(["cast"], border=3)
    found = scorer.compare(scorer.describe(framed), scorer.describe(grey(60, 60)))
    assert found["cast"].value == 0


def test_without_inceptions_weights_both_are_missing(no_weights: Path) -> None:
    scorer = SetScorer(["fid", "kid"])
    found = scorer.compare(scorer.describe(grey(1, 2)), scorer.describe(grey(1, 2)))
    assert all("bench fetch weights" in (score.reason or "") for score in found.values())


def test_names_of_both_tables_are_chosen_together() -> None:
    chosen = choose_metrics(["kid", "lpips", "psnr", "kid"])
    assert (chosen.of_images, chosen.of_sets) == (("lpips-alex", "psnr"), ("kid",))
    assert choose_metrics(["all"]).of_sets == ()
    with pytest.raises(BenchError, match="did you mean 'kid'"):
        choose_metrics(["kidd"])
    with pytest.raises(BenchError, match="whole sets"):
        bench.metric("kid")


def test_a_name_of_both_tables_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SET_METRICS, "psnr", replace(CAST, name="psnr"))
    with pytest.raises(BenchError, match=r"share names \(\['psnr'\]\)"):
        set_metric_cards()


# --- runs ---------------------------------------------------------------------------------------


def test_a_run_measures_sets_once_and_anew_where_an_image_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, level in (("a", 100), ("b", 140)):
        (truth,) = grey(level)
        write_png(tmp_path / "photos" / "target" / f"{name}.png", truth)
        write_png(tmp_path / "photos" / "input" / f"{name}.png", truth + 10)

    def run() -> bench.Run:
        return bench.run(
            "folder",
            data=tmp_path / "photos",
            models=["input"],
            metrics=("mae", "cast"),
            profile=None,
            out=tmp_path / "run",
        )

    (row,) = run().sets.to_dict("records")
    assert (row["model"], row["metric"], row["images"], row["missing"]) == ("input", "cast", 2, "")
    assert row["value"] == pytest.approx(10 * 3**0.5)
    assert np.isnan(row["deviation"])
    seen = Colours.seen
    assert run().sets.to_dict("records")[0]["value"] == row["value"]
    assert Colours.seen == seen
    write_png(tmp_path / "photos" / "input" / "a.png", *grey(130))
    (row,) = run().sets.to_dict("records")
    assert row["value"] == pytest.approx(20 * 3**0.5)  # 30 and 10 on average
    made = run()
    assert set(made.scores["metric"]) == {"mae"}
    assert made.record.sets["cast"].convention == "distance of mean colours"
