"""Perceptual losses against hand-made convolutions and the metric, with random weights as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bench.core.errors import BenchError, Unscorable
from bench.image import Picture, Pixels, to_tensor
from bench.metrics.lpips import Lpips
from models.recipes import Recipe
from models.training.losses import Losses, left_out
from models.training.perceptual import PERCEPTUAL
from tests.support.backbones import put_backbone

CPU = torch.device("cpu")
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture
def images(photograph: Pixels) -> tuple[Pixels, Pixels]:
    sharp = np.ascontiguousarray(photograph[100:164, 150:214])
    noise = np.random.default_rng(0).normal(0, 15, sharp.shape)
    return np.rint((sharp + noise).clip(0, 255)).astype(np.uint8), sharp


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No backbone is found, whatever this machine has."""
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.chdir(tmp_path)


def conv3_3(image: torch.Tensor, state: dict[str, torch.Tensor]) -> torch.Tensor:
    """VGG19 as its paper lists it, up to the third convolution of the third block."""
    blocks = (("0", "2"), ("5", "7"), ("10", "12", "14"))
    features = (image.double() - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(
        3, 1, 1
    )
    for number, block in enumerate(blocks):
        features = F.max_pool2d(features, 2) if number else features
        for name in block:
            weight, bias = (
                state[f"features.{name}.{kind}"].double() for kind in ("weight", "bias")
            )
            features = F.conv2d(
                features if name == "0" else features.relu(), weight, bias, padding=1
            )
    return features


def test_the_vgg_loss_is_the_squared_difference_at_conv3_3(
    images: tuple[Pixels, Pixels], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = put_backbone("vgg19", tmp_path / "found", monkeypatch)
    restored, reference = (to_tensor(image) for image in images)
    restored.requires_grad_()
    loss = PERCEPTUAL["vgg"].load(CPU)(restored, reference)
    expected = (conv3_3(restored, state) - conv3_3(reference, state)).square().mean()
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-4)
    loss.backward()  # type: ignore[no-untyped-call]
    assert restored.grad is not None
    assert float(restored.grad.abs().max()) > 0


def test_lpips_as_a_loss_is_the_metric(
    images: tuple[Pixels, Pixels], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_backbone("alex", tmp_path / "found", monkeypatch)
    metric = Lpips("alex")
    expected = metric.compare(Picture(images[0]), metric.features(Picture(images[1])))
    restored = to_tensor(images[0]).requires_grad_()
    loss = PERCEPTUAL["lpips-alex"].load(CPU)(restored, to_tensor(images[1]))
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)
    loss.backward()  # type: ignore[no-untyped-call]
    assert restored.grad is not None
    assert bool(restored.grad.isfinite().all())


def test_the_networks_of_losses_are_not_learnt(
    images: tuple[Pixels, Pixels], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_backbone("vgg19", tmp_path / "found", monkeypatch)
    losses = Losses({"l1": 1.0, "vgg": 0.5})
    restored, reference = (to_tensor(image) for image in images)
    terms = losses.terms(restored, reference)
    assert list(terms) == ["l1", "vgg"]
    assert float(losses.total(terms)) == pytest.approx(
        float(terms["l1"]) + 0.5 * float(terms["vgg"])
    )


@pytest.mark.usefixtures("nowhere")
def test_a_term_without_weights_is_left_out_with_the_reason() -> None:
    missing = left_out(Recipe(losses={"l1": 1.0, "vgg": 0.1, "lpips-alex": 1.0}))
    assert list(missing) == ["vgg", "lpips-alex"]
    assert "vgg19-dcbb9e9d.pth" in missing["vgg"]
    assert "bench fetch weights" in missing["vgg"]
    with pytest.raises(Unscorable, match="backbone weights not found"):
        PERCEPTUAL["vgg"].load(CPU)


@pytest.mark.usefixtures("nowhere")
def test_a_recipe_of_nothing_else_is_refused_and_never_gets_random_weights() -> None:
    with pytest.raises(BenchError, match="without vgg the recipe has no loss left: backbone"):
        left_out(Recipe(losses={"vgg": 100.0}))
