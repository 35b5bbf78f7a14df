"""What is listed is readable at 80 columns, and whole in a pipe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from shutil import which

import pytest
from rich.cells import cell_len

from bench.cli.tables import laid_out
from bench.metrics.backbones import BACKBONES
from bench.metrics.card import GROUPS
from bench.metrics.set_table import set_metric_cards
from bench.metrics.table import METRICS
from bench.suites.table import SUITES
from models.catalogue import model_cards
from tests.conftest import Bench
from tests.support.runs import simple_run

HEADER = ("model", "PSNR", "what")
ROWS = [
    ("a-long-model-name", "24.91= [23.10, 26.20]", "it does something that takes words"),
    ("b", "9.00", "写真 of wide letters"),
]


@pytest.fixture
def no_backbones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder that networks are looked for in; it is empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "results"))
    return tmp_path


def lines_of(width: int | None) -> list[str]:
    return [line for part in laid_out(HEADER, ROWS, width) for line in (*part.header, *part.rows)]


def test_a_pipe_gets_one_line_a_row() -> None:
    assert len(lines_of(None)) == 3
    assert all(cell in lines_of(None)[1] for cell in ROWS[0])


@pytest.mark.parametrize("width", [24, 40, 60, 80])
def test_no_line_is_wider_and_no_word_is_broken(width: int) -> None:
    words = {word for row in ROWS for cell in row for word in cell.split()}
    lines = lines_of(width)
    assert words <= {word for line in lines for word in line.split()}
    if width >= 40:  # else the name and its number have no room
        assert max(map(cell_len, lines)) <= width


def test_what_has_no_room_is_continued_below_behind_the_names_again() -> None:
    first, second = laid_out(HEADER, ROWS, 42)
    assert first.header[0].split() == ["model", "PSNR"]
    assert second.header[0].split() == ["model", "what"]
    assert second.rows[0].startswith("a-long-model-name")


@pytest.mark.parametrize(("verb", "table"), [("models", model_cards()), ("suites", SUITES)])
def test_lists_have_one_line_a_row_at_80_columns(
    bench_here: Bench, verb: str, table: dict[str, object]
) -> None:
    shown = bench_here(verb, COLUMNS="80").stdout.splitlines()
    assert [line.split()[0] for line in shown[1:-1]] == list(table)
    assert max(map(len, shown)) <= 80


@pytest.mark.parametrize(
    "arguments", [["metrics"], ["profile", "--quantities"], ["models", "unet"]]
)
def test_other_lists_fit_80_columns(bench_here: Bench, arguments: list[str]) -> None:
    shown = bench_here(*arguments, COLUMNS="80").stdout
    if arguments == ["metrics"]:
        assert all(f"\n{name} " in shown for name in METRICS)
    tables = [line for line in shown.splitlines() if ": " not in line]
    assert max(map(len, tables)) <= 80


def test_a_list_in_a_pipe_cuts_nothing(bench_here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    shown = bench_here("metrics").stdout.splitlines()
    listed = {card.name: card for card in (*METRICS.values(), *set_metric_cards().values())}
    rows = [line for line in shown if line.partition(" ")[0] in listed]
    assert sorted(line.split()[0] for line in rows) == sorted(listed)
    assert all(listed[line.split()[0]].citation in line for line in rows)


def test_metrics_are_listed_by_group_with_what_each_needs(
    bench_here: Bench, no_backbones: Path
) -> None:
    lines = bench_here("metrics").stdout.splitlines()
    heads = [line.partition(":")[0] for line in lines if line.partition(":")[0] in GROUPS]
    assert heads == list(GROUPS)
    rows = {row["name"]: row for row in json.loads(bench_here("metrics", "--json").stdout)}
    groups = {name: row["group"] for name, row in rows.items()}
    assert [n for n, group in groups.items() if group == "perceptual"] == [
        "st-lpips-alex",
        "st-lpips-vgg",
        "lpips-alex",
        "lpips-vgg",
        "lpips-squeeze",
        "dists",
    ]
    assert [n for n, group in groups.items() if group == "use"] == [
        "ocr",
        "orb-matches",
        "lightglue-matches",
    ]
    assert rows["ocr"]["here"] == (which("tesseract") is not None)
    assert (groups["ssim"], groups["blur-effect"]) == ("fidelity", "no-reference")
    assert {n for n, group in groups.items() if group == "whole set"} == {"fid", "kid"}
    assert [rows[name]["needs"] for name in ("psnr", "fsim", "lpips-alex", "fid")] == [
        "nothing",
        "piq",
        "lpips, 244 MB",
        "109 MB",
    ]
    assert (rows["psnr"]["download_mb"], rows["psnr"]["here"]) == (None, True)
    assert (rows["fid"]["download_mb"], rows["fid"]["here"]) == (109, False)
    (no_backbones / BACKBONES["inception"].file).touch()
    rows = {row["name"]: row for row in json.loads(bench_here("metrics", "--json").stdout)}
    assert (rows["kid"]["here"], rows["kid"]["needs"]) == (True, "109 MB (here)")


def test_a_metric_of_others_is_grouped_by_what_it_needs() -> None:
    mine = replace(METRICS["mae"], name="mine", group="")
    assert mine.group == "fidelity"
    assert replace(mine, group="", backbone="alex").group == "perceptual"
    assert replace(mine, group="", needs_reference=False).group == "no-reference"
    assert replace(mine, group="perceptual").group == "perceptual"
    with pytest.raises(ValueError, match="group 'precise' of metric 'mine': not in"):
        replace(mine, group="precise")


def test_models_are_chosen_by_task_and_family(bench_here: Bench) -> None:
    rows = json.loads(bench_here("models", "--task", "denoise", "--family", "cnn", "--json").stdout)
    wanted = [n for n, c in model_cards().items() if "denoise" in c.tasks and c.family == "cnn"]
    assert [row["name"] for row in rows] == wanted
    wrong = bench_here("models", "--task", "denoize")
    assert wrong.returncode == 2
    assert "did you mean 'denoise'" in wrong.stderr


def test_all_of_a_model_has_its_recipes_and_citation(bench_here: Bench, tmp_path: Path) -> None:
    kept = tmp_path / "results" / "weights" / "folder" / "0" / "unet.safetensors"
    kept.parent.mkdir(parents=True)
    kept.touch()
    shown = bench_here("models", "unet", BENCH_RESULTS="results").stdout
    for told in (
        model_cards()["unet"].citation,
        "312,092",
        "quick recipe",
        "recipe of its paper",
        "weights: results/weights/folder/0/unet.safetensors",
    ):
        assert told in shown
    assert "did you mean 'unet'" in bench_here("models", "unett").stderr


def test_all_of_a_suite_has_its_licence_and_how_to_get_it(bench_here: Bench) -> None:
    shown = bench_here("suites", "gopro").stdout
    assert shown == bench_here("suites", "show", "gopro").stdout
    for told in ("CC BY 4.0", "9 GB", "next: bench fetch gopro", "test images: 1,111"):
        assert told in shown
    assert json.loads(bench_here("suites", "gopro", "--json").stdout)["name"] == "gopro"


def test_tables_of_runs_fit_80_columns(bench_here: Bench, tmp_path: Path) -> None:
    scores = {"a-model-of-a-long-name": [20.0, 21.0, 22.5], "another-long-name": [22.0, 23.0, 24.0]}
    run = simple_run(tmp_path / "results" / "folder" / "0a1b2c3d", scores, ["x", "y", "z"])
    for arguments in (
        ["runs"],
        ["runs", "show", run.path],
        ["compare", run.path, *scores],
        ["pick", run.path, "--quality", "psnr", "--max", "psnr=30"],
    ):
        shown = bench_here(*arguments, COLUMNS="80", BENCH_RESULTS="results")
        assert shown.returncode == 0, shown.stderr
        tables = [line for line in shown.stdout.splitlines() if str(tmp_path) not in line]
        assert max(map(len, tables)) <= 80, shown.stdout
        if arguments[0] != "runs" or len(arguments) > 1:
            assert all(name in shown.stdout for name in scores)
        if arguments[0] in ("compare", "pick"):
            assert "[" in shown.stdout
            assert " interval +" not in shown.stdout
