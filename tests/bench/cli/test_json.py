"""``--json`` of the verbs that do something: one JSON value on standard output, nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from bench.cli import app
from tests.support.runs import simple_run


def told(*arguments: object, status: int = 0) -> Any:
    shown = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert shown.exit_code == status, shown.stderr
    return json.loads(shown.stdout)


def test_a_run_tells_where_it_lies_and_what_became_of_each_model(
    folder_suite: Path, tmp_path: Path
) -> None:
    found = told("run", "--suite", "folder", "--data", folder_suite, "--models", "input,wiener",
                 "--metrics", "psnr", "--profile", "none", "--out", tmp_path / "out")  # fmt: skip
    assert Path(found["report"]).is_file()
    assert found["run"] == str(tmp_path / "out")
    states = {name: model["state"] for name, model in found["models"].items()}
    assert states == {"input": "done", "wiener": "not applicable"}
    assert found["failures"] == []


def test_restored_photographs_are_told_one_by_one(folder_suite: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    good = folder_suite / "input" / "scene0.png"
    found = told("restore", "unsharp", good, broken, "--out", tmp_path / "out", status=1)
    first, second = found["images"]
    assert Path(first["restored"]).is_file()
    assert (second["restored"], found["weights"]) == (None, None)
    assert "broken.png" in second["error"]


def test_a_report_tells_its_page(tmp_path: Path) -> None:
    run = simple_run(tmp_path / "run", {"input": [20.0, 21.0], "b": [22.0, 23.0]}, ["x", "y"])
    found = told("report", run.path, "--out", tmp_path / "page")
    assert found == {"report": str(tmp_path / "page" / "index.html"), "notes": []}
