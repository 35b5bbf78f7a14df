"""Recipes against each other over seeds: one file, one command, one table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench.core.errors import BenchError
from bench.image import Pixels, write_png
from bench.report.across import between_seeds
from bench.sweep import read_sweep
from tests.support.commands import called, typed

SMALL = '"batch=2", "crop=16", "network.layers=3", "network.width=8"'
HOUSE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, photograph: Pixels) -> Path:
    """A working folder with six small photographs."""
    root = tmp_path_factory.mktemp("ablation")
    for number in range(6):
        piece = photograph[64:112, number * 48 : (number + 1) * 48]
        write_png(root / "photos" / f"{number}.png", np.ascontiguousarray(piece))
    return root


def test_a_sweep_of_recipes_over_seeds_ends_in_a_table_with_intervals_over_seeds(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)
    Path("ablation.toml").write_text(
        'models = ["input", "dncnn"]\nmetrics = ["psnr"]\nprofile = "none"\nbudget = "2steps"\n'
        f"seeds = [0, 1]\nset = [{SMALL}]\n"
        'recipes = [["losses.l1=1"], ["optimiser=sgd"]]\n'
        '[[suites]]\nsuite = "photos:sigma=25"\ndata = "photos"\n'
    )
    planned = read_sweep(Path("ablation.toml"))
    assert [(run.seed, run.terms.set[-1], len(run.terms.models)) for run in planned] == [
        (0, "losses.l1=1", 2),
        (1, "losses.l1=1", 1),
        (0, "optimiser=sgd", 1),
        (1, "optimiser=sgd", 1),
    ]
    told = called("sweep", "ablation.toml")
    assert "95 % interval between seeds" in told
    table = Path(told.rpartition("report: ")[2].strip()).parent / "tables" / "across.csv"
    rows = {row["model"]: row for row in csv.DictReader(table.read_text().splitlines())}
    assert len(rows) == 3
    (row,) = (row for name, row in rows.items() if "optimiser=sgd" in name)
    assert row["seeds"] == "2"
    low, value, high = (float(row[key]) for key in ("seeds_low", "value", "seeds_high"))
    assert low <= value <= high
    assert rows["input"]["seeds_low"] == ""


def test_the_interval_between_seeds_is_students() -> None:
    means = [27.1, 27.4, 26.9]
    expected = stats.t.interval(0.95, 2, loc=np.mean(means), scale=stats.sem(means))
    assert between_seeds(means) == pytest.approx(expected)


def test_several_seeds_are_trained_each_in_its_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    small = [word for change in json.loads(f"[{SMALL}]") for word in ("--set", change)]
    command = [*typed("train dncnn --suite photos:sigma=25 --data photos --budget 2steps"), *small]
    told = called(*command, *typed("--out several --seeds 2"))
    assert "2 seeds: " in told
    assert "standard deviation" in told
    found = sorted(Path("several").rglob("dncnn.safetensors"))
    assert [path.parent.name for path in found] == ["several", "seed-1"]
    rows = called(*command, *typed("--out several --seeds 2 --json"))
    seeds = [one["header"]["seed"] for one in json.loads(rows[rows.index('{ "seeds"') :])["seeds"]]
    assert seeds == [0, 1]


def test_recipes_that_are_none_are_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    for line, says in (
        ('recipes = "l1"', "expected a list of different lists of changes"),
        ('recipes = [["lossses.l1=1"]]', "did you mean 'losses'"),
        ("recipes = [[], []]", "expected a list of different lists of changes"),
    ):
        Path("wrong.toml").write_text(
            f'models = ["dncnn"]\n{line}\n[[suites]]\nsuite = "photos:sigma=25"\ndata = "photos"\n'
        )
        with pytest.raises(BenchError, match=says):
            read_sweep(Path("wrong.toml"))


def test_the_ablation_that_comes_along_differs_in_its_adversary_alone() -> None:
    planned = read_sweep(HOUSE / "docs" / "cnn-against-gan.toml")
    assert [run.seed for run in planned] == [0, 1, 2] * 2
    assert {run.terms.set for run in planned} == {
        ("method=plain", "adversary=none"),
        ("adversary.loss=bce",),
    }
