"""Published checkpoints, loaded by path, reach the figures that their authors report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.image import Picture, read, to_pixels, to_tensor
from bench.metrics.table import METRICS
from models.loading import load_restorer

BSD68 = {
    "test003": 30.130,
    "test019": 28.298,
    "test035": 28.181,
    "test051": 28.617,
    "test067": 24.758,
}
"""Every sixteenth image and what it reached when all 68 had a mean of 29.234 (published: 29.23)."""


@pytest.mark.slow
def test_dncnn_removes_noise_as_published(real_data: Path) -> None:
    """Sigma 25, added as floats, never rounded; the image's number seeds its noise."""
    restorer = load_restorer(str(real_data / "checkpoints" / "dncnn_gray_sigma25.pth"))
    assert restorer.scale == 1
    for name, expected in BSD68.items():
        clean = to_tensor(read(real_data / "testsets" / "BSD68" / f"{name}.png"))
        rng = np.random.default_rng(int(name.removeprefix("test")) - 1)
        noise = rng.normal(0, 25 / 255, (1, 1, *clean.shape[2:]))
        restored = restorer.restore((clean + torch.from_numpy(noise)).float())
        psnr = -10 * float((restored - clean).square().mean().log10())
        assert psnr == pytest.approx(expected, abs=0.02), name


@pytest.mark.slow
def test_craft_enlarges_set5_four_times_as_measured(real_data: Path) -> None:
    """Set5 x4: 32.388 dB, 8-bit output, luma, border 4."""
    restorer = load_restorer(str(real_data / "checkpoints" / "craft_x4_ntire2024.pth"))
    assert restorer.scale == 4
    metric = METRICS["psnr-y"].make()
    found = []
    for small in sorted((real_data / "testsets" / "Set5_LR_bicubic" / "x4").glob("*.bmp")):
        name = small.stem.removesuffix("x4")
        large = Picture(read(real_data / "testsets" / "Set5" / f"{name}_GT.bmp"), border=4)
        restored = Picture(to_pixels(restorer.restore(to_tensor(read(small)))), border=4)
        found.append(metric.compare(restored, metric.features(large)))
    assert len(found) == 5
    assert np.mean(found) == pytest.approx(32.388, abs=0.002)
