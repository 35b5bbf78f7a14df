"""Photographs that nobody has a reference of: from the folder to page, pick and study."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage
from click.testing import Result
from typer.testing import CliRunner

from bench.cli import app
from bench.image import read, write_png
from bench.metrics.table import WITHOUT_REFERENCE
from bench.runs.store import RunFolder
from bench.suites.table import open_suite
from tests.bench.report.html import Page

PHOTOGRAPHS = {"astronaut.png": "people", "chelsea.png": "cats", "coffee.png": "tables"}


def call(*words: object) -> Result:
    return CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three real photographs, a little out of focus, in folders of their own."""
    root = tmp_path_factory.mktemp("holiday")
    for name, folder in PHOTOGRAPHS.items():
        sharp = read(Path(skimage.data_dir) / name)[:200, :200]
        blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 1.2), np.uint8)
        write_png(root / folder / name, np.ascontiguousarray(blurred))
    return root


@pytest.fixture(scope="module")
def run(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """What 'bench run' makes of them by the suite's own metrics and one that needs a reference."""
    out = tmp_path_factory.mktemp("results") / "run"
    metrics = ",".join([*WITHOUT_REFERENCE, "ssim", "ocr"])
    done = call(
        *("run", "--suite", "photos", "--data", photographs, "--models", "input,unsharp,tv"),
        *("--metrics", metrics, "--profile", "none", "--device", "cpu", "--out", out),
    )
    assert done.exit_code == 0, done.output
    assert "No image has a reference. NIQE, BRISQUE, Blur effect compare with none" in done.output
    assert "SSIM, OCR have no score: no reference: nobody knows how these ph" in done.output
    return RunFolder(out)


def test_a_folder_of_photographs_is_a_suite_whatever_lies_where_in_it(photographs: Path) -> None:
    suite = open_suite("photos", photographs)
    pairs = suite.pairs("test")
    assert [pair.id for pair in pairs] == ["cats-chelsea", "people-astronaut", "tables-coffee"]
    assert [pair.reference for pair in pairs] == [None] * 3
    assert suite.card.metrics == WITHOUT_REFERENCE
    assert not suite.pairs("train")


def test_input_without_target_is_photographs_without_references(photographs: Path) -> None:
    inside = open_suite("folder", _with_input(photographs))
    assert [pair.reference for pair in inside.pairs("test")] == [None] * 3
    assert inside.card.metrics == WITHOUT_REFERENCE


def _with_input(photographs: Path) -> Path:
    root = photographs.with_name("mine")
    root.mkdir(exist_ok=True)
    if not (root / "input").exists():
        (root / "input").symlink_to(photographs)
    return root


@pytest.mark.slow
def test_the_suites_own_metrics_need_no_reference_and_what_needs_a_blur_stays_out(
    photographs: Path, tmp_path: Path
) -> None:
    done = call(
        *("run", "--suite", "photos", "--data", photographs, "--limit", 1, "--profile", "none"),
        *("--device", "cpu", "--out", tmp_path / "run", "--json"),
    )
    assert done.exit_code == 0, done.output
    record = RunFolder(tmp_path / "run").record()
    assert tuple(record.metrics) == WITHOUT_REFERENCE
    assert set(record.models) == {"input", "nlm", "tv", "unsharp"}
    assert {model.state for model in record.models.values()} == {"done"}


def test_scores_that_need_no_reference_are_there_and_the_others_say_why(run: RunFolder) -> None:
    scores = run.scores()
    for metric, rows in scores.groupby("metric"):
        assert len(rows) == 9
        if metric in ("ssim", "ocr"):
            assert rows["value"].isna().all()
            assert rows["missing"].str.startswith("no reference: nobody knows").all()
        else:
            assert rows["value"].notna().all(), metric
    blur = scores[scores["metric"] == "blur-effect"].groupby("model")["value"].mean()
    assert blur["unsharp"] < blur["input"]  # sharpened is sharper


def test_the_page_says_what_can_be_said_without_references(run: RunFolder) -> None:
    page = Page((run.path / "report" / "index.html").read_text("utf-8"))
    assert "restores best" not in page.text
    assert "not whether it shows what was there" in page.text
    assert f"bench rate new --run {run.path}" in page.text
    assert "SSIM" in page.text
    results = page.tables["table-results"]
    assert [row[0] for row in results[-3:]].count("input") == 1
    assert all("—" not in row[1] for row in results[-3:])  # niqe of every model
    assert "differs most from its input" in page.text  # where failure cases look
    assert "hold the reference" not in page.text
    assert {"#samples", "#viewer"} <= set(page.navigation)


def test_pick_and_compare_go_by_metrics_that_need_no_reference(run: RunFolder) -> None:
    picked = call("pick", run.path, "--quality", "blur-effect", "--json")
    assert json.loads(picked.stdout)["chosen"] == "unsharp"
    by_nature = call("pick", run.path, "--quality", "niqe")
    assert by_nature.exit_code == 0
    assert "note: 'niqe' compares with no reference" in by_nature.output
    compared = call("compare", run.path, "unsharp", "input", "--json")
    found = json.loads(compared.stdout)
    assert (found["metric"], found["images"]) == ("niqe", 3)  # the run's first
    assert "not whether it shows what was there" in found["note"]


def test_people_judge_without_a_reference(run: RunFolder, tmp_path: Path) -> None:
    made = call("rate", "new", "--run", run.path, "--db", tmp_path / "s.db", "--protocol", "pair")
    assert made.exit_code == 0, made.output
    assert "3 models, 3 images" in made.output
    beside = call("rate", "new", "--run", run.path, "--db", tmp_path / "s.db", "--protocol", "dcr")
    assert "has no references for all of its images" in str(beside.exception)


def test_score_without_references_measures_what_needs_none(
    photographs: Path, tmp_path: Path, run: RunFolder
) -> None:
    out = tmp_path / "scores.csv"
    done = call("score", photographs, "--out", out, "--json", "--device", "cpu")
    means = {row["metric"]: row["mean"] for row in json.loads(done.stdout)}
    assert tuple(means) == WITHOUT_REFERENCE
    scores = run.scores()
    of_input = scores[(scores["model"] == "input") & (scores["metric"] == "niqe")]["value"].mean()
    assert means["niqe"] == pytest.approx(of_input, abs=1e-12)  # as the run says
    named = call("score", photographs, "--metrics", "ssim", "--device", "cpu")
    assert named.exit_code == 0
    assert "no folder of references was given" in named.output
