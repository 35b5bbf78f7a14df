"""Images of known kinds, and LPIPS backbones of random weights that pass for found files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data
from torchvision import models

from bench.image import Pixels
from bench.metrics.backbones import BACKBONES

NETWORKS = {"alex": models.alexnet, "vgg": models.vgg16, "squeeze": models.squeezenet1_1}


@pytest.fixture(scope="session")
def photo() -> Pixels:
    """A photograph of 256x256 pixels."""
    return np.ascontiguousarray(data.astronaut()[:256, 100:356])


@pytest.fixture(scope="session")
def worse(photo: Pixels) -> Pixels:
    """The photograph, blurred and noisy."""
    noise = np.random.default_rng(0).normal(0, 6, photo.shape)
    soft = cv2.GaussianBlur(photo, (0, 0), 1.3)
    return np.clip(np.rint(soft + noise), 0, 255).astype(np.uint8)


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A working folder where no backbone is found, whatever this machine has."""
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def random_backbone(
    no_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], dict[str, torch.Tensor]]:
    """Return a function that puts a file of seeded random weights where a backbone is looked for.

    The table's row is changed so that the file's name holds its digest, as a real one's does; all
    else is the real path. The function returns the weights.
    """

    def put(net: str) -> dict[str, torch.Tensor]:
        torch.manual_seed(len(net))
        with torch.device("meta"):
            layers = NETWORKS[net](weights=None).features
        layers.to_empty(device="cpu")
        with torch.no_grad():
            for weight in layers.parameters():  # He's scale, so that no layer fades or explodes
                weight.normal_(0, (2 / weight[0].numel()) ** 0.5 if weight.ndim > 1 else 0.1)
        state = {f"features.{key}": value for key, value in layers.state_dict().items()}
        folder = no_weights / "found"
        folder.mkdir(exist_ok=True)
        torch.save(state, folder / "new.pth")
        digest = hashlib.sha256((folder / "new.pth").read_bytes()).hexdigest()[:8]
        file = (folder / "new.pth").rename(folder / f"{net}-{digest}.pth")
        monkeypatch.setitem(BACKBONES, net, replace(BACKBONES[net], file=file.name))
        monkeypatch.setenv("BENCH_WEIGHTS", str(folder))
        return state

    return put
