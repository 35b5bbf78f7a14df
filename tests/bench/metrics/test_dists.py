"""DISTS against piq's, with the same backbone and the authors' weights of channels."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from bench.image import Pixels
from bench.metrics import checks, dists
from bench.metrics.scorer import Scorer
from bench.records import Score
from tests.support.backbones import put_backbone

MADE = {key: torch.rand(1, sum(dists.CHANNELS), 1, 1) for key in ("alpha", "beta")}


@pytest.fixture
def learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Channels' weights like the authors', whose sum is 1, where their package would be."""
    total = sum(weights.sum() for weights in MADE.values())
    package = tmp_path / "DISTS_pytorch"
    package.mkdir()
    torch.save({key: w / total for key, w in MADE.items()}, package / "weights.pt")
    spec = SimpleNamespace(origin=str(package / "__init__.py"))
    monkeypatch.setattr(dists, "find_spec", lambda name: spec)
    return package / "weights.pt"


def scored(restored: Pixels, reference: Pixels) -> Score:
    scorer = Scorer(["dists"])
    return scorer.score(restored, scorer.reference(reference))["dists"]


@pytest.mark.slow
def test_it_is_piqs_with_the_same_weights(
    learned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: Pixels
) -> None:
    put_backbone("vgg", tmp_path / "weights", monkeypatch)
    small = np.ascontiguousarray(photo[:99, :64])
    mild, strong = (
        np.asarray(cv2.GaussianBlur(small, (0, 0), sigma), np.uint8) for sigma in (1, 4)
    )
    values = [scored(image, small).value for image in (small, mild, strong)]
    assert values == pytest.approx(
        [checks.dists(i, small) for i in (small, mild, strong)], abs=1e-5
    )
    assert 0 < 1e-3 < (values[1] or 0) < (values[2] or 0) < 1
    assert values[0] == pytest.approx(0, abs=1e-5)
    large = np.pad(photo, ((0, 40), (0, 20), (0, 0)), mode="reflect")  # is made smaller first
    blurred = np.asarray(cv2.GaussianBlur(large, (0, 0), 2), np.uint8)
    assert scored(blurred, large).value == pytest.approx(checks.dists(blurred, large), abs=1e-5)


def test_without_package_or_backbone_it_is_missing_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: Pixels, no_weights: Path
) -> None:
    monkeypatch.setattr(dists, "find_spec", lambda name: None)
    assert "pip install 'restoration-bench[dists]'" in (scored(photo, photo).reason or "")
    assert Scorer(["dists"]).weights["dists"] == "none"


def test_without_the_backbone_it_says_what_fetches_it(
    learned: Path, photo: Pixels, no_weights: Path
) -> None:
    assert "bench fetch weights lpips-vgg" in (scored(photo, photo).reason or "")
