"""``--json`` of the verbs that do something: one JSON value on standard output, nothing else."""

from __future__ import annotations

import json
import sys
from multiprocessing.forkserver import _forkserver  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli import app, main
from bench.image import write_png
from tests.support.commands import typed
from tests.support.runs import photograph_run, simple_run


def told(*arguments: object, status: int = 0) -> Any:
    shown = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert shown.exit_code == status, shown.stderr
    return json.loads(shown.stdout)


def test_a_run_tells_where_it_lies_and_what_became_of_each_model(
    folder_suite: Path, tmp_path: Path
) -> None:
    found = told(
        *typed("run --suite folder --data"),
        folder_suite,
        *typed("--models input,wiener --metrics psnr --profile none --out"),
        tmp_path / "out",
    )
    assert Path(found["report"]).is_file()
    assert found["run"] == str(tmp_path / "out")
    states = {name: model["state"] for name, model in found["models"].items()}
    assert states == {"input": "done", "wiener": "not applicable"}
    assert found["failures"] == []


LOUD = """
import os, torch
print("imported")
class Loud(torch.nn.Module):
    def forward(self, image):
        print("restoring")
        os.write(1, b"from below python\\n")
        return image
"""


def test_what_a_model_prints_goes_to_standard_error(
    folder_suite: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _forkserver._stop()  # one that an earlier test began would print where that test did
    (tmp_path / "loud.py").write_text(LOUD)
    asked = (
        *typed("run --suite folder --data"),
        folder_suite,
        "--models",
        f"{tmp_path}/loud.py:Loud",
        *typed("--metrics psnr --profile none --out"),
        tmp_path / "out",
        "--json",
    )
    monkeypatch.setattr("sys.argv", ["bench", *map(str, asked)])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capfd.readouterr()
    assert ended.value.code in (None, 0), shown.err
    assert json.loads(shown.out)["run"] == str(tmp_path / "out")
    for line in ("imported", "restoring", "from below python"):
        assert line in shown.err
    sys.stdout.write("as before")
    assert capfd.readouterr().out == "as before"


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


def test_a_suite_made_tells_its_images_and_what_was_left_out(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for name in "ab":
        pixels = draw.integers(0, 256, (96, 96, 3)).astype(np.uint8)
        write_png(tmp_path / "photos" / f"{name}.png", pixels)
    write_png(tmp_path / "photos" / "small.png", pixels[:20, :20])
    command = (
        *typed("suites make"),
        tmp_path / "photos",
        "--out",
        tmp_path / "made",
        *typed("--extent 0,3 --noise 0 --crop"),
        64,
        "--skip-bad",
    )
    found = told(*command)
    assert (found["suite"], found["new"]) == (str(tmp_path / "made"), True)
    assert found["images"] == {"test": 4}
    assert list(found["left_out"]) == ["small"]
    again = told(*command)
    assert (again["new"], again["images"]) == (False, {"test": 4})


@pytest.mark.slow
def test_a_study_tells_what_it_is_its_links_and_its_end(tmp_path: Path) -> None:
    run = photograph_run(tmp_path / "run").path
    db = ("--db", tmp_path / "studies.db")
    made = told(
        "rate", "new", "--run", run, "--name", "harbour", "--crop", 64, "--url", "http://here", *db
    )
    assert made["study"] == "harbour"
    assert made["raters"] > 0
    assert len(made["models"]) > 1
    assert made["dashboard"].startswith("http://here/dashboard/enter/")
    assert made["crowd"].startswith("http://here/p/")
    assert made["window"] == "needs a window of 1000 x 212: fits 1366 x 768"
    assert made["unnamed"] == ["researcher", "contact", "purpose", "kept_for"]
    texts = told("rate", "texts", "--language", "es")
    assert (texts["language"], texts["texts"]["thanks.title"]) == ("es", "¡Gracias!")
    invited = told("rate", "invite", "harbour", "-n", 2, "--url", "http://here", *db)
    assert (len(set(invited["links"])), invited["written"]) == (2, None)
    kept = told("rate", "invite", "harbour", "--out", tmp_path / "links.txt", *db)
    assert (tmp_path / "links.txt").read_text().split() == kept["links"]
    assert kept["written"] == str(tmp_path / "links.txt")
    renewed = told("rate", "invite", "harbour", "--dashboard", "--url", "http://here", *db)
    assert renewed["links"][0] != made["dashboard"]
    erased = told("rate", "erase", "harbour", 1, *db)
    assert erased == {"study": "harbour", "rater": 1, "judgements": 0}
    assert told("rate", "close", "harbour", *db) == {"study": "harbour", "state": "closed"}
