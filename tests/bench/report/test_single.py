"""Costs of which one sample is all that is known: they say so wherever an interval would stand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bench.cli import app
from bench.cli.profile import _show_figures
from bench.compute.messages import Energy, ProfileReport
from bench.compute.profile import Conditions, Measurement
from bench.framework.costs import cost_of
from bench.records import ONE_SAMPLE, Profile
from bench.report import write_report
from bench.runs.store import RunFolder
from tests.bench.framework.evidence import figure
from tests.bench.report.html import Page
from tests.support.runs import simple_run

QUALITY = {"best": 30.0, "good": 28.0, "fair": 25.0}
COLD = {"best": 2.5, "good": 2.0, "fair": 1.5}
MEMORY = {"best": 900.0, "good": 500.0, "fair": 300.0}


def costs(model: str) -> list[Profile]:
    cold, memory = COLD[model], MEMORY[model]
    return [
        figure(model, "params", 1e6),
        figure(model, "latency_ms", 10.0, low=9.0, high=11.0, samples=((9.0, 11.0), (10.0,))),
        figure(model, "cold_start_s", cold, unit="s", samples=((cold,),)),
        figure(model, "process_memory_mb", memory, samples=((memory,),)),
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Six scenes; cold start and memory of one process each."""
    return simple_run(
        tmp_path_factory.mktemp("single") / "run",
        {m: [q + s for s in range(6)] for m, q in QUALITY.items()},
        list("abcdef"),
        profiles=[row for m in QUALITY for row in costs(m)],
    )


def asked(run: RunFolder, *options: str) -> Result:
    words = ["pick", str(run.path), "--quality", "psnr", *options]
    return CliRunner().invoke(app, words, env={"COLUMNS": "250"})


def test_pick_calls_no_limit_kept_by_one_sample_without_saying_so(run: RunFolder) -> None:
    shown = asked(run, "--max", "cold_start_s=2.2").output
    assert "good is the best by psnr within the budget (cold_start_s <= 2.2)" in shown
    said = "cold_start_s of best, good, fair: 1 sample, no interval"
    assert f"note: {said}: limits and comparisons rest on it alone" in shown
    assert f"2 ({ONE_SAMPLE})" in shown
    assert "cold_start_s was 2.5" in shown  # nothing says that it may be more, or less
    assert "may be" not in shown


def test_pick_tells_programs_which_figures_are_of_one_sample(run: RunFolder) -> None:
    options = ("--max", "cold_start_s=2.2", "--max", "latency_ms=20", "--max", "mparams=2")
    found: dict[str, Any] = json.loads(asked(run, *options, "--json").output)
    assert {c["model"]: c["single"] for c in found["candidates"]} == {
        model: ["cold_start_s"] for model in QUALITY
    }


def test_pick_says_nothing_of_samples_where_costs_have_intervals(run: RunFolder) -> None:
    assert "sample" not in asked(run, "--max", "latency_ms=20", "--max", "mparams=2").output


def test_the_report_says_of_each_figure_that_it_is_one_sample(run: RunFolder) -> None:
    page = Page(write_report([run]).read_text(encoding="utf-8"))
    assert ONE_SAMPLE in page.text
    assert "surely keeps to it, or does by its 1 sample." in page.text
    with (run.path / "report" / "tables" / "costs.csv").open(newline="") as file:
        single = {
            (r["model"], r["quantity"]) for r in csv.DictReader(file) if r["single"] == "True"
        }
    assert single == {(m, q) for m in QUALITY for q in ("cold_start_s", "process_memory_mb")}


def test_a_count_and_a_figure_with_an_interval_are_no_single_samples() -> None:
    count, latency, cold, memory = costs("best")
    assert [one.single for one in (count, latency, cold, memory)] == [False, False, True, True]
    noisy = figure("m", "cold_start_s", 2.0, samples=((2.0,),), noisy="load 9 on 1 thread")
    cost = cost_of({"cold_start_s": noisy}, "cold_start_s")
    assert cost is not None
    assert cost.single  # of a noisy one, too: its range rests on the sample


def test_of_a_noisy_cost_pick_still_says_that_it_is_one_sample(tmp_path: Path) -> None:
    noise = {"noisy": "load 9 on 1 thread"}
    rows = [
        figure(
            "m", "latency_ms", 10.0, low=9.0, high=12.0, samples=((9.0, 12.0), (10.0,)), **noise
        ),
        figure("m", "cold_start_s", 2.0, unit="s", samples=((2.0,),), **noise),
    ]
    scores = {"m": [20.0, 21.0]}
    noisy = simple_run(tmp_path / "run", scores, ["a", "b"], profiles=rows)
    shown = asked(noisy, "--max", "cold_start_s=3").output
    assert "2 ≈ [1.8, 2.4] (1 sample)" in shown
    assert f"cold_start_s of m: {ONE_SAMPLE}" in shown
    assert "cold_start_s may be 2.4" in asked(noisy, "--max", "cold_start_s=1").output


def test_a_profile_has_an_interval_of_all_processes_that_measured_and_else_one_sample() -> None:
    def rows(*reports: ProfileReport) -> dict[str, Profile]:
        found = Measurement("m", "m", Conditions(32, 32), reports).profiles()
        return {row.quantity: row for row in found}

    first = ProfileReport(
        imports_s=1.0,
        load_s=0.5,
        first_pass_s=0.5,
        files_per_s=3.0,
        energy=Energy(joules=40.0, passes=10, seconds=1.0),
    )
    second = ProfileReport(
        energy=Energy(joules=60.0, passes=10, seconds=1.0)
    )  # a copy, which has no start
    alone, both = rows(first), rows(first, second)
    known = ["cold_start_s", "files_per_s", "energy_j"]
    assert [q for q, row in alone.items() if row.single] == known
    assert [q for q, row in both.items() if row.single] == known[:2]
    assert both["energy_j"].value == pytest.approx(5.0)  # of 4 and 6 J
    assert (both["energy_j"].low, both["energy_j"].high) == (4.0, 6.0)


def test_a_profile_shows_one_sample_in_the_place_of_an_interval(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    _show_figures("best", costs("best"))
    shown = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert ONE_SAMPLE in shown["cold_start_s"]
    assert "[9, 11]" in shown["latency_ms"]
    assert "sample" not in shown["params"] + shown["latency_ms"]
