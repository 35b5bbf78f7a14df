"""Sweeps: a file read strictly, runs as typed, taken up, going on past failures, and a table."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.image import Pixels, write_png
from bench.sweep import read_sweep
from tests.support.commands import called

EXAMPLE = Path(__file__).parents[2] / "docs" / "sweep.toml"


@pytest.fixture
def here(tmp_path: Path, photograph: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with three small photographs, and no results of others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)
    for index in range(3):
        piece = np.ascontiguousarray(photograph[50 * index : 50 * index + 40, 100:148])
        write_png(tmp_path / "photos" / f"{index}.png", piece)
    return tmp_path


def sweep(text: str) -> Path:
    path = Path("my sweep.toml")
    path.write_text(text)
    return path


@pytest.mark.usefixtures("here")
def test_the_example_runs_is_taken_up_and_ends_in_a_table() -> None:
    shutil.copy(EXAMPLE, "sweep.toml")
    dry = called("sweep", "sweep.toml", "--dry")
    assert dry.count("bench run --suite") == 3
    assert (
        "bench run --suite kodak24:sigma=50 --data photos --models input,nlm,nlm@x8 "
        "--metrics psnr,ssim --limit 2 --profile none"
    ) in dry
    assert not Path("results").exists()
    told = called("sweep", "sweep.toml")
    assert "run 1 of 3: kodak24:sigma=15" in told
    runs = sorted(Path("results").glob("*/*/run.json"))
    assert [path.parent.parent.name for path in runs] == ["bsd68", "kodak24", "kodak24"]
    table = Path(told.rpartition("report: ")[2].strip()).parent / "tables" / "across.csv"
    rows = [line.split(",") for line in table.read_text().splitlines()]
    assert {row[1] for row in rows[1:]} == {
        "kodak24:sigma=15",
        "kodak24:sigma=50",
        "bsd68:sigma=25",
    }
    assert "not run on bsd68:sigma=25" in told  # nlm@x8
    restored = {p: p.stat().st_mtime_ns for p in Path("results").rglob("images/*/*.png")}
    again = called("sweep", "sweep.toml", "--json")
    assert json.loads(again[again.index('{ "report"') :])["failures"] == []
    assert {path: path.stat().st_mtime_ns for path in restored} == restored


@pytest.mark.usefixtures("here")
def test_a_run_is_the_one_that_is_typed_and_what_fails_stops_no_other() -> None:
    Path("empty").mkdir()
    file = sweep(
        'models = ["input"]\nmetrics = ["psnr"]\nprofile = "none"\n'
        '[[suites]]\nsuite = "cbsd68"\ndata = "empty"\n'
        '[[suites]]\nsuite = "kodak24"\ndata = "photos"\n'
    )
    (failing, fine) = read_sweep(file)
    told = called("sweep", file, status=1)
    assert f"error: {failing.name}: " in told
    assert "kodak24" in told.rpartition("report: ")[0]
    (run,) = Path("results").glob("*/*/run.json")
    before = json.loads(run.read_text())
    called(*fine.command().split()[1:])
    assert [run] == list(Path("results").glob("*/*/run.json"))  # the same folder
    assert json.loads(run.read_text())["started"] == before["started"]
    assert before["options"]["suite"] == fine.suite


@pytest.mark.usefixtures("here")
def test_seeds_are_trained_for_anew_and_only_models_that_are_trained_have_several() -> None:
    file = sweep(
        'models = ["input", "unet", "unet@x8"]\nseeds = [3, 4]\nbudget = "5steps"\n'
        '[[suites]]\nsuite = "demo"\nlimit = 2\n'
    )
    first, second = read_sweep(file)
    assert (first.seed, first.terms.models) == (3, ("input", "unet", "unet@x8"))
    assert (second.seed, second.terms.models) == (4, ("unet", "unet@x8"))
    assert {first.terms.train, second.terms.train} == {"always"}
    assert second.command() == (
        "bench run --suite demo --models unet,unet@x8 --limit 2 --train always --budget 5steps "
        "--seed 4"
    )
    text = file.read_text()
    (only,) = read_sweep(sweep(text.replace('"unet", "unet@x8"', '"nlm"')))
    assert only.seed == 3
    with pytest.raises(
        BenchError, match=r'several seeds or recipes are several trainings .* "never"'
    ):
        read_sweep(sweep(f'train = "never"\n{text}'))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models = [", "cannot read a sweep from"),
        ('models = ["input"]', r"names no suites: expected a table \[\[suites\]\]"),
        (
            'modles = ["input"]\n[[suites]]\nsuite = "demo"',
            "no key 'modles'; did you mean 'models'",
        ),
        ('[[suites]]\nsuite = "demo"\nlimt = 3', "demo': no key 'limt'; did you mean 'limit'"),
        ('limit = "3"\n[[suites]]\nsuite = "demo"', "limit = '3': expected a whole number above 0"),
        ('seeds = [1, 1]\n[[suites]]\nsuite = "demo"', "expected a list of different whole"),
        ('train = "maybe"\n[[suites]]\nsuite = "demo"', 'expected "missing" or "never"'),
        (
            'profile = "big"\n[[suites]]\nsuite = "demo"',
            "size 'big': expected HEIGHTxWIDTH",
        ),
        ('[[suites]]\nsuite = "dmo"', "no suite 'dmo'; did you mean 'demo'"),
        (
            'models = ["inptu"]\n[[suites]]\nsuite = "demo"',
            "no model 'inptu'; did you mean 'input'",
        ),
        ('[[suites]]\nsuite = "kodak24"', "kodak24: "),
        ('[[suites]]\nsuite = "kodak24"\nlevels = {sigma = 15}', r"expected levels = \{ OPTION ="),
        (
            '[[suites]]\nsuite = "kodak24"\ndata = "photos"\nlevels = {sigma = ["a"]}',
            "sigma=a is not one of",
        ),
        ('[[suites]]\nsuite = "demo"\n[[suites]]\nsuite = "demo"', "asks twice for"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_runs(text: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        read_sweep(sweep(text))
    called("sweep", "my sweep.toml", status=2)
    assert not Path("results").exists()
