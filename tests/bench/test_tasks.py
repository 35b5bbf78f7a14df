"""Denoising, super-resolution and preprocessing, through the real command."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.image import Pixels, read, write_png
from tests.conftest import Bench
from tests.support.commands import typed


@pytest.fixture
def photographs(tmp_path: Path, photograph: Pixels) -> Path:
    """Three crops of a photograph, of a size that no scale divides."""
    folder = tmp_path / "photographs"
    for index in range(3):
        top = 97 * index
        write_png(folder / f"{index}.png", np.ascontiguousarray(photograph[top : top + 101, :98]))
    return folder


def scores(run: Path) -> pd.DataFrame:
    return pd.read_csv(run / "scores.csv").pivot_table("value", "model", "metric")


@pytest.mark.slow
def test_denoising_adds_the_noise_it_says_and_keeps_what_models_saw(
    bench: Bench, photographs: Path, tmp_path: Path
) -> None:
    ran = bench(
        *typed("run --suite kodak24:sigma=25 --data"),
        photographs,
        *typed("--out out --models input,nlm,bicubic --metrics psnr --profile none"),
    )
    assert ran.returncode == 0, ran.stderr
    found = scores(tmp_path / "out")["psnr"]
    unclipped = 20 * math.log10(255 / 25)  # 20.17 dB; clipping to 0..255 takes some noise away
    assert unclipped < found["input"] < unclipped + 1.5
    assert found["nlm"] > found["input"] + 3
    models = json.loads((tmp_path / "out" / "run.json").read_text())["models"]
    assert models["bicubic"]["state"] == "not applicable"
    assert models["bicubic"]["reason"] == "made for super-resolution; this is denoise"
    shown = read(tmp_path / "out" / "degraded" / "0.png")
    restored = read(tmp_path / "out" / "images" / "input" / "0.png")
    assert np.array_equal(shown, restored)  # the noisy image, rounded


@pytest.mark.slow
def test_super_resolution_is_scored_on_luma_at_the_size_that_the_scale_divides(
    bench: Bench, photographs: Path, tmp_path: Path
) -> None:
    ran = bench(
        *typed("run --suite set14:scale=3 --data"),
        photographs,
        *typed("--models bicubic,input --out out"),
    )
    assert ran.returncode == 0, ran.stderr
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["suite"]["border"] == record["suite"]["scale"] == 3
    assert record["spec"]["metrics"][:2] == ["psnr-y", "ssim-y"]
    assert record["models"]["input"]["state"] == "not applicable"
    assert read(tmp_path / "out" / "images" / "bicubic" / "0.png").shape == (99, 96, 3)
    assert read(tmp_path / "out" / "reference" / "0.png").shape == (99, 96, 3)
    assert 20 < scores(tmp_path / "out")["psnr-y"]["bicubic"] < 45


@pytest.mark.slow
def test_preparation_is_recorded_and_comes_before_every_model(
    bench: Bench, folder_suite: Path, tmp_path: Path
) -> None:
    command = [
        *typed("run --suite folder --data"),
        folder_suite,
        *typed("--models input --metrics psnr --profile none"),
    ]
    assert bench(*command, "--out", "plain").returncode == 0
    prepared = bench(*command, "--out", "prepared", "--prepare", "clahe:clip=0.02,wavelet")
    assert prepared.returncode == 0, prepared.stderr
    record = json.loads((tmp_path / "prepared" / "run.json").read_text())
    assert record["spec"]["prepare"] == ["clahe:clip=0.02", "wavelet"]
    plain, changed = (scores(tmp_path / name)["psnr"]["input"] for name in ("plain", "prepared"))
    assert changed < plain - 1  # equalised contrast is not that of the reference
    dropped = bench(*command, "--out", "dropped", "--prepare", "quality:side=97")
    assert dropped.returncode == 0, dropped.stderr
    rows = pd.read_csv(tmp_path / "dropped" / "scores.csv")
    assert rows["value"].isna().all()
    assert rows["missing"].str.contains("96x96 is smaller than 97 pixels").all()
    typo = bench(*command, "--out", "typo", "--prepare", "wavlet")
    assert typo.returncode == 2
    assert "did you mean 'wavelet'?" in typo.stderr
