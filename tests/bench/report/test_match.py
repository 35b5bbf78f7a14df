"""Runs share tables only where suite, images, preparation and conventions are the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bench.image import read, write_png
from bench.records import Pair, Score
from bench.report import write_report
from bench.report.reading.analysis import analyse
from bench.report.reading.gather import gather
from bench.runs.store import RunFolder
from tests.bench.report.html import Page
from tests.support.runs import costs, photograph_pairs, simple_run, write_run

VALUES: dict[str, list[float | str]] = {"input": [29.0, 30.0], "m": [30.0, 33.0]}


def two(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> list[RunFolder]:
    """Return two runs that are alike but for what ``change`` does to the second's run.json."""
    runs = [simple_run(tmp_path / name, VALUES, ["a", "b"]) for name in ("one", "two")]
    record = json.loads((runs[1].path / "run.json").read_text())
    change(record)
    (runs[1].path / "run.json").write_text(json.dumps(record))
    return runs


def with_convention(run: RunFolder, metric: str, convention: str) -> None:
    """Let a run have scored by another convention."""
    record = run.record()
    metrics = {**record.metrics}
    metrics[metric] = replace(metrics[metric], convention=convention)
    run.write_record(replace(record, metrics=metrics))


def of_pictures(root: Path, strength: float, bright: int = 0) -> RunFolder:
    """Return a run of real photographs; ``strength`` is its model's, ``bright`` the input's."""
    pairs = photograph_pairs(root / "data", ["chelsea", "coffee"], (96, 96))
    scores = {"m": {pair.id: {"psnr": Score(30.0 + strength)} for pair in pairs}}
    for pair in pairs:
        degraded = read(pair.degraded)
        write_png(pair.degraded, np.clip(degraded.astype(int) + bright, 0, 255).astype(np.uint8))
        restored = np.asarray(cv2.GaussianBlur(degraded, (0, 0), strength))
        write_png(root / "run" / "images" / "m" / f"{pair.id}.png", restored)
    return write_run(root / "run", pairs, scores, ["psnr"])


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("spec", "suite"), "gopro:blur=blur", "another suite: gopro:blur=blur, not demo"),
        (("suite", "border"), 4, "another border is cut before scoring: 4 pixels"),
        (
            ("spec", "prepare"),
            ["clahe", "wavelet"],
            "other steps before every model (--prepare): clahe, wavelet, not none",
        ),
        (("metrics", "psnr", "convention"), "luma", "another convention of psnr: luma"),
    ],
)
def test_what_differs_is_named(tmp_path: Path, path: tuple[str, ...], value: Any, why: str) -> None:
    def change(record: dict[str, Any]) -> None:
        for key in path[:-1]:
            record = record[key]
        record[path[-1]] = value

    runs = two(tmp_path, change)
    data = gather(runs)
    assert data.left_out == ((str(runs[1].path), why),)
    assert [row.name for row in data.rows] == ["input", "m"]


def test_runs_of_before_there_were_steps_match_those_without_any(tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["schema"] = 1
        del record["spec"]["prepare"]

    runs = two(tmp_path, change)
    assert gather(runs).left_out == ()


def test_a_third_run_matches_the_second_too(tmp_path: Path) -> None:
    pairs = [Pair("i", tmp_path / "x", None, "a")]
    scores = [{"psnr": Score(1.0)}, {"psnr": Score(2.0), "ssim": Score(0.5)}]
    metrics = [["psnr"], ["psnr", "ssim"], ["psnr", "ssim"]]
    runs = [
        write_run(tmp_path / str(n), pairs, {f"m{n}": {"i": scores[min(n, 1)]}}, metrics[n])
        for n in range(3)
    ]
    with_convention(runs[2], "ssim", "uniform 7")
    data = gather(runs)
    assert data.left_out == ((str(runs[2].path), "another convention of ssim: uniform 7"),)
    assert [row.name for row in data.rows] == ["m0", "m1"]


def test_a_run_named_twice_counts_once(tmp_path: Path) -> None:
    run = simple_run(tmp_path / "one", VALUES, ["a", "b"])
    again = RunFolder(tmp_path / "one" / ".." / "one")
    assert gather([run, again]).left_out == ((str(again.path), "named twice"),)


def test_copies_of_the_same_pictures_match_wherever_they_lie(tmp_path: Path) -> None:
    runs = [of_pictures(tmp_path / name, strength) for name, strength in (("a", 1.0), ("b", 2.0))]
    data = gather(runs)
    assert data.left_out == ()
    assert [row.name for row in data.rows] == ["m", "m (run)"]
    assert data.table.column("psnr", "m (run)").tolist() == [32.0] * 4


def test_other_pictures_of_the_same_names_do_not_match(tmp_path: Path) -> None:
    runs = [of_pictures(tmp_path / "a", 1.0), of_pictures(tmp_path / "b", 1.0, bright=1)]
    ((_, why),) = gather(runs).left_out
    assert why == "other images: the degraded chelsea-0 is not the same picture"


def test_a_run_with_references_does_not_match_one_without(tmp_path: Path) -> None:
    runs = []
    for name, reference in (("one", tmp_path / "y.png"), ("two", None)):
        pairs = [Pair("i", tmp_path / "x.png", reference, "a")]
        runs.append(
            write_run(tmp_path / name, pairs, {name: {"i": {"psnr": Score(1.0)}}}, ["psnr"])
        )
    ((_, why),) = gather(runs).left_out
    assert why == "other images: the reference i is not the same picture"


def test_costs_of_two_machines_stand_in_two_tables_and_both_machines_are_described(
    tmp_path: Path,
) -> None:
    names = {"one": ("m", "n"), "two": ("o", "p")}
    runs = []
    for run, (first, second) in names.items():
        values: dict[str, list[float | str]] = {first: [30.0, 31.0], second: [29.0, 28.0]}
        figures = [*costs(first, 5.0, 1e6), *costs(second, 9.0, 2e6)]
        runs.append(simple_run(tmp_path / run, values, ["a", "b"], profiles=figures))
    runs[1].write_record(replace(runs[1].record(), environment={"cpu": "another"}))
    page = Page(write_report(runs, tmp_path / "report").read_text(encoding="utf-8"))
    here, there = page.tables["table-costs"], page.tables["table-costs-2"]
    assert [row[0] for row in here[1:]] == ["m", "n"]
    assert [row[0] for row in there[1:]] == ["o", "p"]
    rows = {row[0]: row for row in page.tables["table-results"][2:]}
    assert page.tables["table-results"][1][2::2] == ["ParametersM", "Latencyms"]
    assert [rows[name][4].startswith("—") for name in "mnop"] == [False, False, True, True]
    assert [rows[name][2] for name in "mnop"] == ["1.00", "2.00", "1.00", "2.00"]
    assert "Environment of machine 2" in page.text
    assert "on machine 2; options" in page.text


def test_runs_of_one_suite_and_one_set_of_images_share_the_tables(tmp_path: Path) -> None:
    first = simple_run(tmp_path / "one", {"input": [29.0, 30.0], "m": [30.0, 33.0]}, ["a", "b"])
    other = simple_run(tmp_path / "two", {"input": [29.0, 30.0], "m": [31.0, 35.0]}, ["a", "b"])
    data = gather([first, other])
    assert [row.name for row in data.rows] == ["input", "m", "m (two)"]
    assert data.table.column("psnr", "m (two)").tolist() == [31.0, 35.0]
    assert not data.left_out
    page = write_report([first, other], tmp_path / "report").read_text(encoding="utf-8")
    assert [row[0] for row in Page(page).tables["table-results"][2:]] == ["m (two)", "m", "input"]


def test_a_model_that_two_runs_have_is_shown_once_with_the_costs_of_both(tmp_path: Path) -> None:
    values: dict[str, list[float | str]] = {"input": [29.0, 30.0], "m": [30.0, 33.0]}
    small = costs("m", 5.0, 1e6)
    large = [replace(row, height=512, width=512) for row in costs("m", 20.0, 1e6)]
    first = simple_run(tmp_path / "one", values, ["a", "b"], profiles=small)
    other = simple_run(tmp_path / "two", values, ["a", "b"], profiles=large)
    data = gather([first, other])
    assert [row.name for row in data.rows] == ["input", "m"]
    sizes = {at.height: figures["latency_ms"].value for at, figures in data.costs["m"].items()}
    assert sizes == {256: 5.0, 512: 20.0}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"clusters": ["a", "x"]}, "other images"),
        ({"metric": "ssim"}, "no metric in common"),
    ],
)
def test_runs_that_cannot_be_joined_are_named_with_the_reason(
    tmp_path: Path, changed: dict[str, object], why: str
) -> None:
    values: dict[str, list[float | str]] = {"input": [0.5, 0.6], "m": [0.7, 0.8]}
    first = simple_run(tmp_path / "one", values, ["a", "b"])
    options = {"clusters": ["a", "b"], "metric": "psnr"} | changed
    other = simple_run(tmp_path / "two", values, **options)  # type: ignore[arg-type]
    told: list[str] = []
    page = write_report([first, other], tmp_path / "report", told.append).read_text("utf-8")
    assert "Left out, because what they measured cannot be compared" in Page(page).text
    assert f"{other.path}: {why}" in Page(page).text
    assert [line.partition(why)[0] for line in told] == [f"left out: {other.path}: "]
    assert [row[0] for row in Page(page).tables["table-results"][2:]] == ["m", "input"]


def test_another_convention_under_the_same_name_is_not_joined(tmp_path: Path) -> None:
    values: dict[str, list[float | str]] = {"input": [0.5], "m": [0.7]}
    first, other = (simple_run(tmp_path / name, values, ["a"], "ssim") for name in ("one", "two"))
    with_convention(other, "ssim", "uniform 7")
    assert gather([first, other]).left_out == (
        (str(other.path), "another convention of ssim: uniform 7"),
    )


def test_a_metric_that_one_run_lacks_is_missing_with_that_reason(tmp_path: Path) -> None:
    pairs = [Pair("i", tmp_path / "x", None, "a")]
    first = write_run(tmp_path / "one", pairs, {"m": {"i": {"psnr": Score(1.0)}}}, ["psnr"])
    both = {"i": {"psnr": Score(2.0), "ssim": Score(0.5)}}
    other = write_run(tmp_path / "two", pairs, {"n": both}, ["psnr", "ssim"])
    table = gather([first, other]).table
    assert table.metrics == ("psnr", "ssim")
    assert table.excluded("ssim", "m") == {"not measured in its run": 1}


@pytest.mark.slow
def test_costs_of_different_machines_are_never_in_one_plot(tmp_path: Path) -> None:
    values: dict[str, list[float | str]] = {"m": [30.0, 31.0], "n": [29.0, 28.0]}
    both = [*costs("m", 5.0, 1e6), *costs("n", 9.0, 2e6)]
    first = simple_run(tmp_path / "one", values, ["a", "b"], profiles=both)
    slower = [*costs("o", 50.0, 1e6), *costs("p", 90.0, 2e6)]
    renamed: dict[str, list[float | str]] = {"o": [32.0, 33.0], "p": [27.0, 28.0]}
    other = simple_run(tmp_path / "two", renamed, ["a", "b"], profiles=slower)
    other.write_record(replace(other.record(), environment={"cpu": "another"}))
    write_report([first, other], tmp_path / "report")
    analysis = analyse(gather([first, other]))
    here, there = analysis.data.conditions()
    assert analysis.cost("o", "latency_ms", here) is None
    assert analysis.cost("o", "latency_ms", there) is not None
    assert analysis.cost("o", "params", here) is not None  # does not depend on the machine
    svg = (tmp_path / "report" / "plots" / "psnr-against-latency-ms.svg").read_text()
    assert re.search(r">m \d+ %<", svg)
    assert ">o" not in svg


def test_several_runs_have_a_folder_of_their_own_and_leave_the_first_runs_report(
    tmp_path: Path,
) -> None:
    values: dict[str, list[float | str]] = {"m": [30.0, 31.0], "n": [29.0, 28.0]}
    first, second, third = (
        simple_run(tmp_path / name, values, ["a", "b"]) for name in ("first", "second", "a" * 80)
    )
    alone = write_report([first])
    before = alone.read_bytes()
    both = write_report([first, second])
    assert alone == first.path / "report" / "index.html"
    assert both.parent.parent == tmp_path
    assert both.parent.name.startswith("report-first+second-")
    assert alone.read_bytes() == before
    assert (both.parent / "tables" / "results.csv").is_file()
    assert write_report([first, second]) == both  # the same runs, the same folder
    others = {write_report(runs) for runs in ([second, first], [first, third], [third, second])}
    assert len(others | {both, alone}) == 5
    assert write_report([first, first]) == alone  # named twice is one run
    assert max(len(page.parent.name) for page in others) < 120
