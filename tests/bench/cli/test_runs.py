"""``bench runs``, and the root of results that ``--results`` moves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bench.cli import app
from bench.cli.rate.options import DEFAULT_DB, open_store
from bench.core.errors import BenchError
from bench.core.layout import move_results, results, studies_address
from bench.runs.finding import all_runs
from bench.runs.store import RunFolder
from tests.support.runs import simple_run


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root of results with one run of two models on three images, and kept weights."""
    monkeypatch.setenv("BENCH_RESULTS", "")  # what --results sets is undone after the test
    scores = {"input": [20.0, 21.0, 22.0], "better": [23.0, 24.0, 25.0]}
    simple_run(tmp_path / "elsewhere" / "demo" / "0a1b2c3d", scores, ["a", "b", "c"])
    (tmp_path / "elsewhere" / "weights" / "demo").mkdir(parents=True)
    (tmp_path / "elsewhere" / "weights" / "demo" / "run.json").write_text("no run")
    return tmp_path / "elsewhere"


def asked(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["--results", str(root), *arguments], env={"COLUMNS": "200"}, catch_exceptions=True
    )


def test_runs_under_the_root_are_listed(root: Path) -> None:
    shown = asked(root, "runs", "--json")
    (row,) = json.loads(shown.output)
    assert row["run"] == str(root / "demo" / "0a1b2c3d")
    assert (row["images"], row["models_done"], row["status"]) == (3, "2 of 2", "done")
    assert "0a1b2c3d" in asked(root, "runs").output


def test_a_suites_latest_run_is_found_under_the_root(root: Path) -> None:
    shown = asked(root, "runs", "show", "demo", "--json")
    assert json.loads(shown.output)["models"]["better"]["state"] == "done"
    assert (
        f"bench report {root / 'demo' / '0a1b2c3d'}" in asked(root, "runs", "show", "demo").output
    )


def test_a_run_is_removed_only_when_it_is_meant(root: Path) -> None:
    run, weights = root / "demo" / "0a1b2c3d", root / "weights" / "demo" / "run.json"
    assert asked(root, "runs", "remove", str(run)).exit_code == 1  # asked, nobody said yes
    assert RunFolder(run).exists
    missed = asked(root, "runs", "remove", str(run.with_name("typo")), "--yes")
    assert isinstance(missed.exception, BenchError)
    assert RunFolder(run).exists
    removed = asked(root, "runs", "remove", str(run), "--yes", "--json")
    assert (removed.exit_code, json.loads(removed.stdout)) == (0, {"removed": [str(run)]})
    assert not run.exists()
    assert weights.is_file()
    assert all_runs(root) == []


def test_a_damaged_run_is_listed_as_that(root: Path) -> None:
    (root / "demo" / "0a1b2c3d" / "run.json").write_text("{")
    (row,) = json.loads(asked(root, "runs", "--json").output)
    assert row["status"] == "damaged"
    assert "restore it or run again" in row["note"]


def test_the_environment_moves_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_RESULTS", "/srv/shared")
    assert results() == Path("/srv/shared")
    assert studies_address() == "sqlite:////srv/shared/studies.db"
    monkeypatch.delenv("BENCH_RESULTS")
    assert studies_address() == "sqlite:///results/studies.db"


def test_studies_lie_under_the_root_too(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store(DEFAULT_DB, create=True)
    store.close()
    assert store.url.endswith("results/studies.db")
    move_results(root)
    moved = open_store(DEFAULT_DB, create=True)
    moved.close()
    assert (root / "studies.db").is_file()
