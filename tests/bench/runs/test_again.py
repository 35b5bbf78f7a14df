"""Costs that were noisy are measured anew; the others stay as they are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.compute.noise import noisy
from bench.records import Profile
from bench.runs.store import RunFolder
from tests.conftest import Bench
from tests.support.runs import simple_run

ROW = Profile(
    model="nlm",
    device="cpu",
    dtype="float32",
    height=32,
    width=32,
    batch=1,
    threads=1,
    quantity="latency_ms",
    unit="ms",
    value=900.0,
    low=800.0,
    high=2000.0,
    samples=((800.0, 900.0), (2000.0, 2100.0)),
)
QUIET = replace(ROW, model="tv", value=5.0, low=4.9, high=5.1, samples=((5.0, 4.9), (5.1, 5.0)))


def test_what_is_called_noisy_has_its_reason() -> None:
    assert list(noisy([ROW], {}).values()) == ["medians of the processes differ by 141 %"]
    assert noisy([QUIET], {"tv": ("3 involuntary context switches while timing; load 0.9",)}) == {}
    busy = {"tv": ("3 involuntary context switches while timing; load 11.5",)}
    assert list(noisy([QUIET], busy).values()) == ["load 11.5 on 1 thread"]
    repeated = {"tv": ("noisy: passes repeated in 1 of 2 processes",)}
    assert list(noisy([QUIET], repeated).values()) == ["passes repeated in 1 of 2 processes"]
    missing = replace(ROW, value=None, low=None, high=None, samples=(), missing="it crashed")
    assert noisy([missing], {}) == {}


def noisy_run(path: Path) -> RunFolder:
    scores = {"nlm": [20.0, 21.0], "tv": [22.0, 23.0]}
    notes = {"nlm": ("noisy: medians of the processes differ by 141 %",), "tv": ("as it was",)}
    return simple_run(path, scores, ["x", "y"], profiles=[ROW, QUIET], profile_notes=notes)


@pytest.mark.slow
def test_only_the_noisy_figures_are_replaced(bench_here: Bench, tmp_path: Path) -> None:
    run = noisy_run(tmp_path / "run")
    done = bench_here(
        "profile", "--again", run.path, "--processes", 1, "--passes", 3, "--seconds", 0.5, "--json"
    )
    (change,) = json.loads(done.stdout)
    assert (change["model"], change["before"]) == ("nlm", 900.0)
    assert change["why"] == "medians of the processes differ by 141 %"
    rows = {row.model: row for row in run.read_profiles()}
    assert rows["tv"] == QUIET
    assert rows["nlm"].value == change["after"] != 900.0
    assert len(rows["nlm"].samples) == 1
    assert run.record().profile_notes["tv"] == ("as it was",)
    assert not any("141" in note for note in run.record().profile_notes["nlm"])
    assert done.returncode == (1 if change["still"] else 0)


def test_a_quiet_run_stays_as_it_is(bench_here: Bench, tmp_path: Path) -> None:
    run = simple_run(tmp_path / "run", {"tv": [22.0, 23.0]}, ["x", "y"], profiles=[QUIET])
    before = (run.path / "profiles.csv").read_bytes()
    done = bench_here("profile", "--again", run.path)
    assert done.returncode == 0
    assert "nothing is measured anew" in done.stdout
    assert (run.path / "profiles.csv").read_bytes() == before


def test_a_model_or_a_run_is_named_and_not_both(bench_here: Bench) -> None:
    for wrong in (["profile"], ["profile", "unet", "--again", "demo"]):
        told = bench_here(*wrong)
        assert told.returncode == 2
        assert "expected a model to measure, or --again RUN" in told.stderr
