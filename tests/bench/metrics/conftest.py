"""Images of known kinds, and LPIPS backbones of random weights that pass for found files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from bench.image import Pixels
from tests.support.backbones import put_backbone


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
    """Return a function that puts a backbone of random weights where it is looked for."""
    return lambda net: put_backbone(net, no_weights / "found", monkeypatch)
