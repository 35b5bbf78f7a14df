"""Tables across data sets: suites in columns, models in rows, what is missing said."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.records import Pair, Score
from bench.report import across, write_across
from bench.runs.store import RunFolder
from tests.bench.report.html import Page
from tests.support.commands import called
from tests.support.runs import write_run


def run_of(
    path: Path, suite: str, scores: dict[str, list[float]], metric: str = "psnr", seed: int = 0
) -> RunFolder:
    """A run in which every image is a scene; a model without scores was not applicable."""
    number = len(next(iter(scores.values())))
    pairs = [Pair(f"i{n}", path / "x", path / "y", f"s{n}") for n in range(number)]
    values = {
        model: {pair.id: {metric: Score(v)} for pair, v in zip(pairs, column, strict=True)}
        for model, column in scores.items()
        if column
    }
    states = {m: ("not applicable", "made for denoise") for m, c in scores.items() if not c}
    run = write_run(path, pairs, values, [metric], states)  # type: ignore[arg-type]
    record = run.record()
    run.write_record(
        replace(
            record,
            spec=replace(record.spec, suite=suite, seed=seed),
            suite=replace(record.suite, name=suite.partition(":")[0]),
        )
    )
    return run


@pytest.fixture
def runs(tmp_path: Path) -> list[RunFolder]:
    """Three suites; `b` beats `a` on two of them, `c` is on two alone."""
    return [
        run_of(
            tmp_path / "one",
            "kodak24:sigma=25",
            {"a": [30, 31, 32, 33, 34, 35], "b": [31, 32, 33, 34, 35, 36], "c": []},
        ),
        run_of(
            tmp_path / "two",
            "cbsd68:sigma=25",
            {"a": [28.0] * 6, "b": [27.0] * 6, "c": [26.0] * 6, "d": [20.0] * 6},
        ),
        run_of(
            tmp_path / "three",
            "bsd68:sigma=25",
            {"a": [0.1] * 6, "b": [0.05] * 6, "c": [0.3] * 6},
            metric="lpips-alex",
        ),
    ]


def test_suites_are_columns_models_rows_and_ranks_those_of_all_suites(
    runs: list[RunFolder],
) -> None:
    made = across(runs)
    table = made.table
    assert [(c.group, c.head) for c in table.columns] == [
        ("", "Model"),
        ("kodak24:sigma=25", "PSNR"),
        ("cbsd68:sigma=25", "PSNR"),
        ("bsd68:sigma=25", "LPIPS (alex)"),
        ("Overall", "Mean rank"),
        ("Overall", "P(first)"),
    ]
    shown = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    # b is first, second, first (lower LPIPS is better); a is second, first, second
    assert shown["b"] == ["33.50", "27.00", "0.050", "1.33", "1.00"]
    assert shown["a"] == ["32.50", "28.00", "0.100", "1.67", "0.00"]
    assert shown["c"] == ["—", "26.00", "0.300", "—", "—"]
    assert list(shown) == ["b", "a", "c", "d"]
    why = {row[0].text: row[4].notes for row in table.rows}
    assert why["c"] == ("kodak24:sigma=25: not applicable: made for denoise",)
    assert why["d"] == ("not run on kodak24:sigma=25", "not run on bsd68:sigma=25")
    legend = "\n".join(table.legend)
    assert "kodak24:sigma=25, PSNR: one mean squared error over R, G, B; peak 255; mean" in legend
    assert "the 2 models that all of them have" in legend
    assert "6 of 24 test images" in legend


def test_it_is_written_as_other_tables_are(runs: list[RunFolder], tmp_path: Path) -> None:
    page = Page(write_across(runs, tmp_path / "out").read_text(encoding="utf-8"))
    assert page.tables["table-across"][0][-1] == "Overall"
    with (tmp_path / "out" / "tables" / "across.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 3
    (gone,) = [r for r in rows if (r["model"], r["suite"]) == ("c", "kodak24:sigma=25")]
    assert gone["value"] == ""
    assert gone["missing"] == "kodak24:sigma=25: not applicable: made for denoise"
    (best,) = [r for r in rows if (r["model"], r["suite"]) == ("b", "bsd68:sigma=25")]
    assert float(best["value"]) == pytest.approx(0.05)
    assert float(best["mean_rank"]) == pytest.approx(4 / 3)
    assert "\\multicolumn" in (tmp_path / "out" / "tables" / "across.tex").read_text()
    assert "1.33" in (tmp_path / "out" / "tables" / "across.md").read_text()


def test_the_command_prints_it_and_says_where_it_lies(
    runs: list[RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "results"))
    paths = [run.path for run in runs]
    told = called("report", *paths, "--across")
    assert "Overall Mean rank" in told
    assert "not run on kodak24:sigma=25" in told
    page = Path(told.rpartition("report: ")[2])
    assert page.is_file()
    assert page.parent.parent == tmp_path / "results" / "across"
    shown = called("report", *paths, "--across", "--json")
    rows = json.loads(shown[shown.index("{") :])["rows"]
    assert {row["suite"] for row in rows} == {run.record().suite_key for run in runs}
    assert "--study has no part in it" in called(
        "report", *paths, "--across", "--study", "x.db", status=2
    )


def test_seeds_of_one_model_are_one_row_and_other_runs_of_it_are_left_out(tmp_path: Path) -> None:
    runs = [
        run_of(tmp_path / f"seed{seed}", "kodak24:sigma=25", {"a": [30.0 + seed] * 6}, seed=seed)
        for seed in (0, 1)
    ]
    other = run_of(tmp_path / "other", "kodak24:sigma=25", {"a": [40.0] * 6}, seed=2)
    record = other.record()
    other.write_record(replace(record, spec=replace(record.spec, preset="paper")))
    made = across([*runs, other])
    ((model, score, rank, _),) = made.table.rows
    assert (model.text, score.text) == ("a", "30.50")
    between = "95 % interval between seeds [24.15, 36.85], beside that between scenes"
    told = f"mean of 2 seeds, from 30.00 to 31.00; {between}; not tested against the others"
    assert score.notes == (told,)
    assert made.left_out == ((str(other.path), "a: another run of it is shown"),)
    assert rank.notes == ("no other model is ranked in all suites",)


def test_beside_means_of_seeds_nothing_is_called_best_or_tied(tmp_path: Path) -> None:
    one = {"a": [30.0, 31.0] * 3, "b": [31.0, 32.0] * 3}
    runs = [
        run_of(tmp_path / "seed0", "kodak24:sigma=25", one),
        run_of(tmp_path / "seed1", "kodak24:sigma=25", {"a": [10.0, 11.0] * 3}, seed=1),
    ]
    untested = "kodak24:sigma=25: nothing is marked, for means of several seeds are not tested."
    table = across(runs).table
    assert {row[0].text: row[1].mark for row in table.rows} == {"a": "", "b": ""}
    assert untested in table.legend
    alone = across(runs[:1]).table
    assert {row[0].text: row[1].mark for row in alone.rows} == {"a": "", "b": "best"}
    assert untested not in alone.legend


def test_what_was_measured_but_is_not_shown_is_named(tmp_path: Path) -> None:
    metrics = {name: Score(1.0) for name in ("psnr", "ssim", "vif")}
    pairs = [Pair(f"i{n}", tmp_path / "x", tmp_path / "y", f"s{n}") for n in range(4)]
    values = {"a": {pair.id: metrics for pair in pairs}}
    legend = across([write_run(tmp_path / "run", pairs, values, list(metrics))]).table.legend
    (said,) = (line for line in legend if "not shown here" in line)
    assert said.endswith("not shown here, but in the report of each run: VIF.")


def test_who_is_told_more_is_marked_and_has_no_rank_among_the_others(
    runs: list[RunFolder],
) -> None:
    record = runs[0].record()
    told = replace(record.models["b"], told=("noise",))
    runs[0].write_record(replace(record, models={**record.models, "b": told}))
    table = across(runs).table
    marked = {row[0].text: row[4].notes for row in table.rows}
    why = "on kodak24:sigma=25 it is told more than the others: knows the noise level"
    assert marked["b ‡"] == (why,)
    assert any(line.startswith("‡ b: given the true noise level") for line in table.legend)


def test_one_scene_is_said_and_gives_no_probability(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", "kodak24:sigma=25", {"a": [30.0], "b": [31.0]})
    made = across([run])
    assert made.caveats[0].startswith("kodak24:sigma=25: one scene")
    assert {row[-1].text for row in made.table.rows} == {"—"}
    assert [row[-2].text for row in made.table.rows] == ["1.00", "2.00"]
