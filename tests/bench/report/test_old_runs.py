"""A run folder of before run.json had its present form still gives every answer."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.core.errors import BenchError
from bench.report import write_report
from bench.runs.record import SCHEMA
from bench.runs.store import RunFolder
from tests.bench.report.html import Page
from tests.support.runs import costs, simple_run

RECORDS = Path(__file__).parents[1] / "runs" / "data"
VALUES: dict[str, list[float | str]] = {
    "input": [27.0, 28.5, 26.0],
    "unsharp": [27.5, 29.0, 26.2],
    "nlm": [28.0, 29.5, 26.9],
    "wiener": [26.0, 27.0, 25.0],
    "unet": [29.0, 30.5, 28.0],
}


@pytest.fixture(params=["run-schema-1.json", "run-schema-1-first.json"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> RunFolder:
    """A folder whose run.json is one of those that this program wrote in schema 1."""
    models = json.loads((RECORDS / request.param).read_text())["models"]
    values = {model: VALUES[model] for model in models}
    figures = [row for n, model in enumerate(models) for row in costs(model, 2.0 + n, 1e6)]
    run = simple_run(tmp_path / "old", values, ["a", "b", "c"], profiles=figures)
    shutil.copyfile(RECORDS / request.param, run.path / "run.json")
    return RunFolder(run.path)


def answer(*words: str) -> Any:
    shown = CliRunner().invoke(app, [*words, "--json"])
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.output)


@pytest.mark.slow
def test_it_gives_a_report(old: RunFolder) -> None:
    page = Page(write_report([old]).read_text(encoding="utf-8"))
    best = "unet ?°" if "unet" in old.record().models else "nlm"
    assert page.tables["table-results"][2][0] == best
    assert "Demo: photographs from scikit-image, degraded here" in page.text


def test_it_compares_and_picks(old: RunFolder) -> None:
    found = answer("compare", str(old.path), "nlm", "input")
    assert found["difference"] == pytest.approx((1.0 + 1.0 + 0.9) / 3)
    picked = answer("pick", str(old.path), "--quality", "psnr", "--max", "latency_ms=5.5")
    # nlm takes 4 ms, to 4.8; wiener 5 ms, to 6
    assert picked["chosen"] == "nlm"


def test_the_same_command_takes_it_up_and_another_does_not(old: RunFolder) -> None:
    spec = old.record().spec
    RunFolder.create(old.path, spec)
    with pytest.raises(BenchError, match=r"prepare was \[\], now \['clahe'\]"):
        RunFolder.create(old.path, replace(spec, prepare=("clahe",)))


def test_writing_it_again_makes_it_one_of_today(old: RunFolder) -> None:
    record = old.record()
    old.write_record(record)
    assert RunFolder(old.path).record() == record
    assert json.loads((old.path / "run.json").read_text())["schema"] == SCHEMA
