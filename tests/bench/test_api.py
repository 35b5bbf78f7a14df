"""``import bench``: what the command line does, from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

import bench
from bench.core.errors import BenchError
from bench.image import Pixels, write_png
from bench.runs.store import RunFolder


def test_importing_it_loads_nothing_heavy() -> None:
    """Reading a run needs no network, and running one no trainer before something is trained."""
    code = """
import sys, bench
print(bench.__version__, {"torch", "pandas"} & set(sys.modules))
print(bench.open_run.__name__, {"torch", "matplotlib"} & set(sys.modules))
import bench.runs.runner
print({"lightning", "torchvision"} & set(sys.modules))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = [f"{bench.__version__} set()", "open_run set()", "set()"]
    assert ran.stdout.splitlines() == told


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'scoer'"):
        bench.scoer  # noqa: B018  # type: ignore[attr-defined]


def test_a_metric_is_a_function_of_two_images(photograph: Pixels, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 5, photograph.shape)
    noisy = np.clip(photograph + noise, 0, 255).astype(np.uint8)
    expected = peak_signal_noise_ratio(photograph, noisy)
    assert bench.metric("psnr")(noisy, photograph) == pytest.approx(expected, abs=1e-9)
    write_png(tmp_path / "noisy.png", noisy)
    write_png(tmp_path / "sharp.png", photograph)
    from_files = bench.metric("psnr")(tmp_path / "noisy.png", str(tmp_path / "sharp.png"))
    assert from_files == pytest.approx(expected, abs=1e-9)
    assert 0 < bench.metric("blur-effect")(noisy) < 1  # needs no reference


def test_what_a_metric_cannot_score_says_why(photograph: Pixels) -> None:
    with pytest.raises(BenchError, match="no reference image"):
        bench.metric("psnr")(photograph)
    with pytest.raises(BenchError, match=r"'all' is \d+ metrics; name one"):
        bench.metric("all")
    with pytest.raises(BenchError, match="did you mean 'ssim'"):
        bench.metric("ssmi")


@pytest.mark.slow
def test_an_opened_run_has_tidy_tables_and_answers(
    photographs_run: RunFolder, tmp_path: Path
) -> None:
    run = bench.open_run(photographs_run.path)
    assert list(run.scores.columns) == ["model", "image", "metric", "value", "missing"]
    assert set(run.costs["quantity"]) >= {"latency_ms", "params"}
    psnr = run.scores.query("metric == 'psnr'").pivot_table("value", "image", "model")
    common = psnr[np.isfinite(psnr).all(axis=1)]  # the images that every model's mean is of
    picked = run.pick("psnr")
    assert picked.chosen == "sharper"
    (sharper,) = (one for one in picked.candidates if one.model == "sharper")
    assert sharper.figures["psnr"][0] == pytest.approx(common["sharper"].mean())
    assert run.pick("psnr", maxima={"latency_ms": 50}).chosen != "sharper"
    assert run.compare("sharper", "input").difference > 0
    assert run.report(tmp_path / "page").name == "index.html"
    with pytest.raises(BenchError, match="no run 'nothing'"):
        bench.open_run("nothing")


def test_a_run_from_python_does_only_what_is_missing(
    folder_suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = {"data": folder_suite, "models": ["input", "unsharp"], "metrics": ["psnr"], "limit": 2}
    first = bench.run("folder", profile=None, **asked)
    assert (len(first.scores), first.record.status) == (4, "done")
    images = sorted(first.path.glob("images/*/*.png"))
    before = [path.stat().st_mtime_ns for path in images]
    assert len(images) == 4
    again = bench.run("folder", profile=None, **asked)
    assert again.path == first.path
    assert [path.stat().st_mtime_ns for path in images] == before
    with pytest.raises(BenchError, match="no suite 'foldr'; did you mean 'folder'"):
        bench.run("foldr")


def test_standard_networks_without_weights_and_data_to_learn_from_are_left_out(
    folder_suite: Path, tmp_path: Path
) -> None:
    made = bench.run(
        "folder", data=folder_suite, metrics=["psnr"], limit=1, profile=None, out=tmp_path / "run"
    )
    record = made.record
    assert "nlm" in record.models
    assert "unet" not in record.models
    assert [name for name, model in record.models.items() if model.state == "failed"] == []
    named = bench.run(
        "folder",
        data=folder_suite,
        models=["unet"],
        metrics=["psnr"],
        limit=1,
        profile=None,
        out=tmp_path / "named",
    )
    assert named.record.models["unet"].state == "failed"  # asked for by name
