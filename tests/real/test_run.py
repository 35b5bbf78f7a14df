"""`bench run` on real GoPro pairs and a real published checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Bench
from tests.support.commands import typed


@pytest.mark.slow
def test_gopro_runs_and_gives_the_known_numbers_of_the_blurred_input(
    bench: Bench, real_data: Path, tmp_path: Path
) -> None:
    ran = bench(
        *typed("run --suite gopro:blur=blur --data"),
        (real_data / "gopro").resolve(),
        *typed("--models input,unsharp,wiener --metrics psnr,ssim --out out --profile none"),
    )
    assert ran.returncode == 0, ran.stderr
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["spec"]["suite"] == "gopro:blur=blur"
    assert "no PSF" in record["models"]["wiener"]["reason"]
    rows = [line.split(",") for line in (tmp_path / "out" / "scores.csv").read_text().splitlines()]
    value = {(row[0], row[1], row[2]): row[3] for row in rows[1:]}
    image = "GOPR0384_11_00-000001"
    assert float(value["input", image, "psnr"]) == pytest.approx(24.050, abs=5e-4)
    assert float(value["input", image, "ssim"]) == pytest.approx(0.7170, abs=5e-5)
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "no PSF" in page


@pytest.mark.slow
def test_a_published_checkpoint_is_profiled_by_its_path(bench: Bench, real_data: Path) -> None:
    weights = (real_data / "checkpoints" / "dncnn_gray_sigma25.pth").resolve()
    found = bench(
        "profile",
        weights,
        *typed("--size 64x64 --passes 3 --seconds 1 --processes 1 --json"),
    )
    assert found.returncode == 0, found.stderr
    rows = {row["quantity"]: row for row in json.loads(found.stdout)}
    assert rows["params"]["value"] == 555_137  # DnCNN-17 grey without batch norm: 0.555 M
    assert rows["latency_ms"]["value"] > 0
    assert rows["latency_ms"]["model"] == "dncnn_gray_sigma25"
