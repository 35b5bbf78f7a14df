"""A package from outside installs, is listed, and runs like our own."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.image import read, write_png
from tests.conftest import Bench
from tests.support.commands import typed

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "tests" / "outside"


@pytest.fixture
def outside(tmp_path: Path) -> str:
    """Install the outside package into a folder of its own; return where it and ours are found."""
    source, target = tmp_path / "source", tmp_path / "site"
    shutil.copytree(PACKAGE, source)
    install = [sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps"]
    subprocess.run(
        [*install, "--no-build-isolation", "--quiet", "--target", str(target), str(source)],
        check=True,
        env={**os.environ, "VIRTUAL_ENV": sys.prefix},
    )
    return os.pathsep.join([str(target), str(ROOT)])


@pytest.mark.slow
def test_an_outside_package_is_listed_and_run(bench: Bench, outside: str, tmp_path: Path) -> None:
    listed = bench("models", "--json", PYTHONPATH=outside)
    assert "outside-invert" in [row["name"] for row in json.loads(listed.stdout)]
    ran = bench(
        *typed("run --suite outside-greys --models input,outside-invert,input@outside-dim"),
        *typed("--profile none --metrics outside-max,mae --out out"),
        *typed("--executor outside-local"),
        PYTHONPATH=outside,
    )
    assert ran.returncode == 0, ran.stderr
    assert "restored by an executor from outside" in ran.stderr
    scores = (tmp_path / "out" / "scores.csv").read_text().splitlines()
    assert "input,low,outside-max,50.0," in scores  # |100 - 150|
    assert "outside-invert,low,outside-max,5.0," in scores  # |255 - 100 - 150|
    assert "input@outside-dim,low,outside-max,100.0," in scores  # |100 / 2 - 150|
    reported = bench("report", "out", PYTHONPATH=outside)
    assert reported.returncode == 0, reported.stderr
    page = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert '<a href="#outside-letters">Letters</a>' in page
    assert "Letters: 36." in page  # input, outside-invert, input@outside-dim


@pytest.mark.slow
def test_a_baseline_from_outside_is_what_the_others_are_measured_against(
    bench: Bench, outside: str, tmp_path: Path
) -> None:
    ran = bench(
        *typed("run --suite outside-greys --models outside-invert,outside-copy"),
        *typed("--profile none --metrics outside-max --out out"),
        PYTHONPATH=outside,
    )
    assert ran.returncode == 0, ran.stderr
    page = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert "Improvement over the plain copy" in page
    assert "untouched" not in page
    with (tmp_path / "out" / "report" / "tables" / "improvements.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["model"] == "outside-invert"
    assert float(row["difference"]) == -45  # errors of 5 and 50


@pytest.mark.slow
def test_a_set_metric_from_outside_is_listed_run_kept_shown_and_scored(
    bench: Bench, outside: str, tmp_path: Path
) -> None:
    listed = {
        row["name"]: row
        for row in json.loads(bench("metrics", "--json", PYTHONPATH=outside).stdout)
    }
    assert listed["outside-cast"]["of"] == "whole sets"
    command = (
        *typed("run --suite outside-greys --models input,outside-invert"),
        *typed("--profile none --metrics mae,outside-cast,kid"),
        *typed("--out out"),
    )
    ran = bench(*command, PYTHONPATH=outside, BENCH_WEIGHTS=str(tmp_path), TORCH_HOME=str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    with (tmp_path / "out" / "sets.csv").open(newline="") as file:
        rows = {(row["model"], row["metric"]): row for row in csv.DictReader(file)}
    assert float(rows["input", "outside-cast"]["value"]) == 0  # 100 and 150 against 150 and 100
    inverted = float(rows["outside-invert", "outside-cast"]["value"])
    assert inverted == pytest.approx(5 * 3**0.5)  # 155 and 105: five levels in three channels
    assert rows["input", "kid"]["value"] == ""
    assert "bench fetch weights" in rows["input", "kid"]["missing"]
    page = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert "All images together" in page
    table = (tmp_path / "out" / "report" / "tables" / "sets.md").read_text(encoding="utf-8")
    assert "8.660" in table
    assert "bench fetch weights" in table
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert list(record["sets"]) == ["outside-cast", "kid"]
    assert list(record["metrics"]) == ["mae"]
    scored = bench(
        "score",
        "out/images/outside-invert",
        "--reference",
        "out/images/input",
        "--metrics",
        "outside-cast,mae",
        "--json",
        PYTHONPATH=outside,
    )
    values = {row["metric"]: row for row in json.loads(scored.stdout)}
    assert values["outside-cast"]["mean"] == pytest.approx(inverted)
    assert values["outside-cast"]["n"] == 2


@pytest.mark.slow
def test_a_blur_from_outside_degrades_photographs(
    bench: Bench, outside: str, tmp_path: Path
) -> None:
    photograph = np.zeros((96, 96, 3), np.uint8)
    photograph[48, 48] = 255
    write_png(tmp_path / "photos" / "dot.png", photograph)
    made = bench(
        *typed("suites make photos --out made --blur outside-smear"),
        *typed("--extent 8 --noise 0 --crop 64"),
        PYTHONPATH=outside,
    )
    assert made.returncode == 0, made.stderr
    (image,) = (tmp_path / "made").glob("test/input/*outside-smear8*.png")
    bright = read(image)[..., 0] > 0
    assert bright.any(axis=0).sum() == 1  # columns
    assert bright.any(axis=1).sum() == 8  # rows: the extent


@pytest.mark.slow
def test_a_cost_from_outside_is_listed_measured_reported_and_picked_by(
    bench: Bench, outside: str, tmp_path: Path
) -> None:
    listed = bench("profile", "--quantities", PYTHONPATH=outside, COLUMNS="200")
    assert "thousands of timed passes" in listed.stdout
    assert "outside-single-passes" in listed.stdout
    ran = bench(
        *typed("run --suite outside-greys --models outside-invert,input"),
        *typed("--profile 32x32 --metrics mae --out out"),
        PYTHONPATH=outside,
    )
    assert ran.returncode == 0, ran.stderr
    with (tmp_path / "out" / "profiles.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "outside-invert"]
    found = {row["quantity"]: row for row in rows}
    thousands = float(found["outside-passes"]["value"])
    assert 0 < thousands <= 0.09  # three processes of at most 30 passes
    assert (found["outside-passes"]["unit"], found["outside-passes"]["missing"]) == ("k", "")
    assert found["outside-price"]["value"] == ""
    assert "has no measure" in found["outside-price"]["missing"]
    table = (tmp_path / "out" / "report" / "tables" / "costs.md").read_text(encoding="utf-8")
    assert " Passes |" in table
    assert "Price of every model: — (nothing measures it" in table
    limit = f"--max=outside-single-passes={1000 * thousands - 1:g}"
    picked = bench("pick", "out", "--quality", "mae", limit, "--json", PYTHONPATH=outside)
    assert json.loads(picked.stdout)["chosen"] is None
    limit = f"--max=outside-passes={thousands}"
    picked = bench("pick", "out", "--quality", "mae", limit, "--json", PYTHONPATH=outside)
    assert json.loads(picked.stdout)["chosen"] == "outside-invert"


def test_without_the_package_its_names_are_unknown(bench_here: Bench) -> None:
    ran = bench_here("run", "--suite", "outside-greys")
    assert ran.returncode == 2
    assert "no suite 'outside-greys'" in ran.stderr
