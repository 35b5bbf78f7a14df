"""FID and inception score of a training: watched where the network's file is, else said why not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.core.errors import Unscorable
from models.catalogue import MODELS
from models.recipes import Adversary, Recipe
from models.training.distribution import DistributionMetrics, unwatched
from models.training.train import Job, train
from tests.support.backbones import put_inception
from tests.support.training import DISCRIMINATOR, curves, job_of, pairs_in


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
    """Put a file of Inception's shape where it is looked for."""
    return put_inception(no_weights, monkeypatch)


@pytest.mark.slow
def test_images_that_are_the_references_are_at_no_distance(network: Any) -> None:
    metrics = DistributionMetrics()
    images = torch.rand((4, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    for batch in images.split(2):
        metrics.add(batch, batch)
    assert metrics.figures()["fid"] == pytest.approx(0, abs=1e-6)
    metrics.add(images.flip(0), images)  # the references are known by now
    again = metrics.figures()
    assert again["fid"] == pytest.approx(0, abs=1e-6)
    assert 1 <= again["inception_score"] <= 4


def gan(folder_suite: Path, folder: Path) -> Job:
    recipe = Recipe(
        method="gan", adversary=Adversary("bce", 0.01), batch=1, crop=32, validate_every=1
    )
    card = replace(MODELS["gan"], options={"widths": (8,)}, discriminator=DISCRIMINATOR)
    return job_of(pairs_in(folder_suite), folder, card, recipe)


@pytest.mark.slow
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
        DistributionMetrics()
