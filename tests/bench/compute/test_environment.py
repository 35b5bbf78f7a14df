"""What is recorded of the machine is what is in force, and nothing personal."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cv2
import pytest
import torch

import bench
from bench.compute.environment import (
    PACKAGES,
    code,
    decoders,
    doctor,
    environment,
    pick_device,
)
from bench.core.errors import BenchError


def test_environment_survives_json():
    found = environment()
    assert json.loads(json.dumps(found)) == found


def test_threads_and_flags_are_those_in_force(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", not torch.backends.cudnn.benchmark)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        found = environment()
    finally:
        torch.set_num_threads(before)
    assert found["threads"]["torch"] == 1
    assert found["threads"]["opencv"] == cv2.getNumThreads()
    assert found["threads"]["OMP_NUM_THREADS"] == "7"
    assert found["numerics"]["cudnn_benchmark"] is torch.backends.cudnn.benchmark


def test_versions_are_those_of_the_libraries_themselves():
    found = environment()
    assert found["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert set(found["packages"]) == set(PACKAGES)
    assert found["code"]["version"] == bench.__version__
    version = decoders()["opencv libpng"]
    assert version is None or f"ver {version})" in cv2.getBuildInformation()


def test_commit_is_the_one_checked_out():
    home = Path(bench.__file__).parents[1]
    asked = subprocess.run(
        ["git", "-C", str(home), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    expected = asked.stdout.strip() if (home / ".git").exists() else None
    assert code()["commit"] == expected


def test_nothing_personal_is_recorded(monkeypatch):
    monkeypatch.setenv("API_TOKEN", "xyzzy-secret")
    text = json.dumps(doctor())
    assert "xyzzy-secret" not in text
    assert str(Path.home()) + "/" not in text
    assert str(Path.cwd()) not in text


def test_doctor_says_what_is_found_and_what_is_not(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    checks = doctor()["checks"]
    assert checks["CUDA"]["found"] is torch.cuda.is_available()
    assert checks["free disk"]["detail"].endswith("GB in this folder")
    assert checks["lpips-alex weights"]["found"] is False
    assert "bench fetch weights" in checks["lpips-alex weights"]["detail"]
    assert checks["gopro data"] == {"found": False, "detail": "no data/gopro; bench fetch gopro"}
    (tmp_path / "data" / "gopro").mkdir(parents=True)
    assert doctor()["checks"]["gopro data"] == {"found": True, "detail": "data/gopro"}
    assert "demo data" not in checks  # it is made here
    assert "bench fetch models NAME" in checks["published networks"]["detail"]
    (tmp_path / "NAFNet-GoPro-width32.pth").touch()  # as its authors call it
    found = doctor()["checks"]["published networks"]
    assert found == {"found": True, "detail": "nafnet-gopro-w32"}


def test_device_is_what_is_asked_for_or_the_best_there_is():
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(BenchError, match="CUDA devices; use --device cpu"):
        pick_device("cuda:99")
    with pytest.raises(BenchError, match="expected auto, cpu"):
        pick_device("tpu")
