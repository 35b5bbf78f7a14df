"""MATLAB's own low-resolution images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.degrade.pipeline import Degradation, degrade
from bench.degrade.resample import downsample, upsample, whole_multiple
from bench.image import Pixels, read
from bench.metrics.scorer import Scorer


@pytest.fixture
def set5(real_data: Path) -> dict[str, Path]:
    found = {
        path.name.removesuffix("_GT.bmp"): path
        for path in sorted((real_data / "testsets" / "Set5").glob("*_GT.bmp"))
    }
    if len(found) != 5:
        pytest.skip("no Set5 in the real data")
    return found


def _matlab(real_data: Path, name: str, scale: int) -> Pixels:
    return read(real_data / "testsets" / "Set5_LR_bicubic" / f"x{scale}" / f"{name}x{scale}.bmp")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_downsampling_is_matlabs_pixel_for_pixel(
    real_data: Path, set5: dict[str, Path], scale: int
) -> None:
    for name, path in set5.items():
        ours = downsample(whole_multiple(read(path), scale), scale)
        assert np.array_equal(ours, _matlab(real_data, name, scale)), name
        assert np.array_equal(degrade(read(path), Degradation(scale=scale)).image, ours)


@pytest.mark.parametrize(
    ("scale", "published"), [(2, 33.66), (3, 30.39), (4, 28.42)]
)  # Dong et al. 2016 (SRCNN), doi:10.1109/TPAMI.2015.2439281
def test_upsampling_has_bicubics_published_psnr(
    real_data: Path, set5: dict[str, Path], scale: int, published: float
) -> None:
    scorer = Scorer(["psnr-y"], border=scale)
    values = []
    for name, path in set5.items():
        restored = upsample(_matlab(real_data, name, scale), scale)
        reference = scorer.reference(whole_multiple(read(path), scale))
        score = scorer.score(restored, reference)["psnr-y"].value
        assert score is not None
        values.append(score)
    assert np.mean(values) == pytest.approx(published, abs=0.03)
