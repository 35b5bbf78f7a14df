"""FID and inception score: the formulas against libraries, the network's file found or missed."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore

from bench.core.errors import Unscorable
from bench.metrics.backbones import BACKBONES
from models.catalogue import MODELS
from models.recipes import Adversary, Recipe
from models.training.distribution import Likeness, frechet_distance, inception_score, unwatched
from models.training.train import Job, train
from tests.support.training import DISCRIMINATOR, curves, pairs_in


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


# --- the network --------------------------------------------------------------------------------


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point every folder that is searched at an empty one, which is returned."""
    for variable in ("BENCH_WEIGHTS", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "weights"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


@pytest.fixture
def network(no_weights: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """Put a file of Inception's shape where it is looked for, its digest in its name."""
    from torchvision.models import inception_v3

    torch.manual_seed(0)
    made = inception_v3(weights=None, init_weights=False, transform_input=True)
    torch.save(made.state_dict(), no_weights / "partial")
    digest = hashlib.sha256((no_weights / "partial").read_bytes()).hexdigest()[:8]
    file = no_weights / f"inception-{digest}.pth"
    (no_weights / "partial").rename(file)
    row = replace(BACKBONES["inception"], file=file.name)
    monkeypatch.setitem(BACKBONES, "inception", row)
    return made.eval()


def test_the_features_are_torchvisions(network: Any) -> None:
    images = torch.rand((3, 3, 80, 64), generator=torch.Generator().manual_seed(0))
    images = images.mul(255).round().div(255)
    found = Likeness().features(images)
    mean, deviation = (
        torch.tensor(values).view(1, 3, 1, 1)
        for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    whole = torch.nn.functional.interpolate(images, (299, 299), mode="bilinear", antialias=True)
    with torch.no_grad():
        logits = network((whole - mean) / deviation)  # torchvision's own normalisation
        assert torch.allclose(network.fc(found), logits, rtol=1e-3, atol=1e-4)


def test_images_that_are_the_references_are_at_no_distance(network: Any) -> None:
    likeness = Likeness()
    images = torch.rand((4, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    for batch in images.split(2):
        likeness.add(batch, batch)
    assert likeness.figures()["fid"] == pytest.approx(0, abs=1e-6)
    likeness.add(images.flip(0), images)  # the references are known by now
    again = likeness.figures()
    assert again["fid"] == pytest.approx(0, abs=1e-6)
    assert 1 <= again["inception_score"] <= 4


def gan(folder_suite: Path, folder: Path) -> Job:
    recipe = Recipe(
        method="gan", adversary=Adversary("bce", 0.01), batch=1, crop=32, validate_every=1
    )
    card = replace(MODELS["gan"], options={"widths": (8,)}, discriminator=DISCRIMINATOR)
    pairs = pairs_in(folder_suite)
    return Job(
        card=card,
        recipe=recipe,
        suite="demo",
        train=pairs[:4],
        val=pairs[4:],
        folder=folder,
        budget="2steps",
    )


def test_adversarial_training_watches_both(
    network: Any, folder_suite: Path, tmp_path: Path
) -> None:
    trained = train(gan(folder_suite, tmp_path / "out"))
    assert trained.header.unwatched == {}
    found = curves(tmp_path / "out" / "gan.csv")
    for name in ("val_fid", "val_inception_score"):
        assert len(found[name]) == 2
        assert all(math.isfinite(value) and value > 0 for value in found[name])


def test_without_the_file_both_are_missing_and_the_header_says_why(
    no_weights: Path, folder_suite: Path, tmp_path: Path
) -> None:
    notes: list[str] = []
    trained = train(gan(folder_suite, tmp_path / "out"), note=notes.append)
    reason = "backbone weights not found (inception_v3_google-0cc3c7bd.pth); run 'bench fetch"
    for name in ("fid", "inception_score"):
        assert trained.header.unwatched[name].startswith(reason)
    assert [note for note in notes if note.startswith("gan: fid is not watched: backbone")]
    assert not [name for name in curves(tmp_path / "out" / "gan.csv") if "fid" in name]
    assert unwatched(Recipe()) == {}  # plain training has no use for them
    with pytest.raises(Unscorable, match="backbone weights not found"):
        Likeness()
