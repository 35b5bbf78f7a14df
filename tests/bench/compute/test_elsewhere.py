"""Costs of another machine: the script runs with two packages, and its file is read in a report."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from bench.compute.elsewhere import read_cost_file
from bench.compute.measure_onnx import NOT_HERE, device_of, not_known
from bench.core.errors import BenchError
from bench.report import write_report
from bench.report.reading.gather import gather
from bench.runs.store import RunFolder
from tests.bench.report.html import Page
from tests.support.commands import called
from tests.support.runs import costs, simple_run

SHORT = ("--processes", "2", "--passes", "4", "--seconds", "0.3", "--threads", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the other machine gets, and what its script wrote there."""
    folder = tmp_path_factory.mktemp("edge")
    shown = called("profile", "unet", "--size", "60x64", "--export", folder / "edge.onnx", "--json")
    told = json.loads(shown)
    assert told["model"] == "unet"
    bare(folder)
    return folder


def bare(folder: Path, *more: str, status: int = 0) -> str:
    """Run the script where Python has its standard library, onnxruntime and numpy, and no more."""
    packages = folder / "packages"
    if not packages.exists():
        packages.mkdir()
        installed = Path(numpy.__file__).parents[1]
        for name in ("numpy", "numpy.libs", "onnxruntime"):
            if (installed / name).exists():
                (packages / name).symlink_to(installed / name)
    done = subprocess.run(
        [sys.executable, "-S", "-P", folder / "edge.py", *SHORT, *more],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(packages)},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def run_of(path: Path) -> RunFolder:
    values: dict[str, list[float | str]] = {"unet": [30.0, 31.0], "input": [20.0, 21.0]}
    rows = [*costs("unet", 50.0, 1e6), *costs("input", 0.1, None)]
    return simple_run(path, values, ["a", "b"], profiles=rows)


def test_the_file_holds_the_figures_of_its_processes(folder: Path) -> None:
    found = read_cost_file(folder / "edge.json")
    assert (found.model, found.device, found.threads) == ("unet", "cpu", 1)
    assert (found.height, found.width, found.dtype) == (60, 64, "float32")
    rows = {row.quantity: row for row in found.profiles()}
    assert [len(passes) for passes in rows["latency_ms"].samples] == [4, 4]
    latency = rows["latency_ms"]
    assert latency.value is not None
    assert latency.low is not None
    assert 0 < latency.low <= latency.value
    assert (rows["cold_start_s"].value or 0) > 0
    assert "macs" not in rows  # of the network, and of no machine
    assert "does not know" in (rows["energy_j"].missing or "")


def test_a_report_shows_them_apart_and_ranks_them_with_no_others(
    folder: Path, tmp_path: Path
) -> None:
    run = run_of(tmp_path / "run")
    file = read_cost_file(folder / "edge.json")
    data = gather([run], [file])
    assert [at.machine for at in data.conditions()] == [0, 1]
    called("report", run.path, "--costs", folder / "edge.json")
    page = Page((run.path / "report" / "index.html").read_text(encoding="utf-8"))
    assert "Costs on cpu, float32, 60×64, batch 1, 1 thread, machine 2" in page.text
    assert "Environment of machine 2" in page.text
    with (run.path / "report" / "tables" / "costs.csv").open(newline="") as lines:
        here = [row for row in csv.DictReader(lines) if row["quantity"] == "latency_ms"]
    assert {row["model"]: float(row["value"]) for row in here} == {"unet": 50.0, "input": 0.1}
    with (run.path / "report" / "tables" / "costs-2.csv").open(newline="") as lines:
        assert {row["model"] for row in csv.DictReader(lines)} == {"unet"}


def test_figures_are_of_what_the_provider_works_on(folder: Path, tmp_path: Path) -> None:
    providers = ("CPU", "XNNPACK", "CUDA", "Tensorrt", "CoreML", "Nnapi", "QNN")
    words = [device_of(f"{name}ExecutionProvider") for name in providers]
    assert words == ["cpu", "cpu", "cuda", "cuda", "coreml", "nnapi", "qnn"]
    of_telephone = json.loads((folder / "edge.json").read_text()) | {"device": "coreml"}
    reports = [json.loads(line) for line in of_telephone["reports"]]
    for report in reports:
        assert report["missing"] == dict.fromkeys(not_known("cpu"), NOT_HERE)
        report["missing"] = dict.fromkeys(not_known("coreml"), NOT_HERE)
    of_telephone["reports"] = [json.dumps(report) for report in reports]
    (tmp_path / "phone.json").write_text(json.dumps(of_telephone))
    rows = read_cost_file(tmp_path / "phone.json").profiles()
    assert {row.device for row in rows} == {"coreml"}
    missing = {row.quantity: row.missing for row in rows}
    assert missing["gpu_busy_percent"] == missing["device_memory_mb"] == NOT_HERE
    run = run_of(tmp_path / "run")
    called("report", run.path, "--costs", tmp_path / "phone.json")
    page = Page((run.path / "report" / "index.html").read_text(encoding="utf-8"))
    assert "Costs on coreml, float32, 60×64, batch 1" in page.text
    assert "no network runs on the GPU" not in page.text
    said = bare(folder, "--provider", "CoreMLExecutionProvider", "--out", "no.json", status=1)
    assert "onnxruntime has no CoreMLExecutionProvider here" in said
    assert json.loads((folder / "no.json").read_text())["device"] == "coreml"


def test_equal_environments_are_one_machine(folder: Path, tmp_path: Path) -> None:
    file = read_cost_file(folder / "edge.json")
    other = replace(file, environment={"cpu": "another"})
    data = gather([run_of(tmp_path / "run")], [file, replace(file, batch=2), other])
    assert sorted({at.machine for at in data.conditions()}) == [0, 1, 2]
    assert data.environment(2) == {"cpu": "another"}


def test_noise_there_is_noise_here(folder: Path) -> None:
    file = read_cost_file(folder / "edge.json")
    first = json.loads(file.reports[0])
    first["latency"]["passes_ms"] = [100 * ms for ms in first["latency"]["passes_ms"]]
    loud = replace(file, reports=(json.dumps(first), *file.reports[1:]))
    latency = next(row for row in loud.profiles() if row.quantity == "latency_ms")
    assert "medians of the processes differ" in (latency.noisy or "")


def test_what_is_no_file_of_costs_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no costs at"):
        read_cost_file(tmp_path / "gone.json")
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    with pytest.raises(BenchError, match="expected an object; expected what the script of"):
        read_cost_file(wrong)
    file = json.loads((folder / "edge.json").read_text())
    wrong.write_text(json.dumps(file | {"reports": ["nothing"]}))
    with pytest.raises(BenchError, match="is no JSON"):
        read_cost_file(wrong)
    stranger = replace(read_cost_file(folder / "edge.json"), model="net")
    with pytest.raises(BenchError, match="'net' are no model's of this report; expected one of"):
        write_report([run_of(tmp_path / "run")], elsewhere=[stranger])


def test_the_script_says_what_is_wrong(folder: Path) -> None:
    assert "expected HEIGHTxWIDTH" in bare(folder, "--size", "64", status=2)
    assert "no file 'gone.onnx'" in bare(folder, "--onnx", "gone.onnx", status=2)
    shown = bare(folder, "--provider", "NoneExecutionProvider", "--out", "failed.json", status=1)
    assert "a process failed" in shown
    failed = read_cost_file(folder / "failed.json").profiles()
    assert all(row.value is None for row in failed)


def test_nothing_is_overwritten(folder: Path) -> None:
    shown = called("profile", "unet", "--export", folder / "edge.onnx", status=2)
    assert "is there already; give another --export" in shown
    shown = called("profile", "unet", "--export", folder / "edge.pt", status=2)
    assert "ends in .onnx" in shown
