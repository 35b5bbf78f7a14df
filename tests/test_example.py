"""The worked example of the documents, made small: through HTTP to a truth that comes back."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from bench.framework.people import read_study
from raters.database.store import Store
from raters.studies.status import status
from tests.support.runs import photograph_run

SCRIPT = Path(__file__).parents[1] / "docs" / "example.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    found = importlib.util.spec_from_file_location("example", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    import sys

    sys.modules["example"] = module  # where dataclasses look for their annotations
    found.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_simulated_raters_judge_over_http_and_the_truth_comes_back(
    example: ModuleType, tmp_path: Path
) -> None:
    run = photograph_run(
        tmp_path / "run", scenes=("astronaut", "chelsea", "coffee", "camera"), size=(96, 96)
    )
    db = tmp_path / "studies.db"
    with ThreadPoolExecutor(1) as own:  # browser tests leave a loop in the main thread
        truth = own.submit(example.ask, run, db, raters=24, trials=30, images=8).result()
    assert set(truth) == {"input", "unsharp", "nlm", "tv", "median", "sharper"}
    assert sorted(truth.values()) == [-1.5, -0.9, -0.3, 0.3, 0.9, 1.5]
    store = Store(str(db))
    now = status(store, example.NAME)
    store.close()
    assert now.state == "closed"
    assert now.finished == 24
    assert all(rater.done == 30 for rater in now.raters)
    assert now.golden_passed > 0.9 * now.golden_seen

    scale = read_study(str(db), example.NAME, run, samples=300)
    rows = example.recovered(scale, truth)
    assert sum(row.inside for row in rows) >= 5  # of 6 at 95 %
    assert rows[0].model == next(iter(truth))
    for row in rows:
        assert abs(row.value - row.truth) < 1
    people = {row.model: row.value for row in rows}
    assert sorted(people, key=people.__getitem__)[0] == list(truth)[-1]


def test_the_documents_show_what_the_script_made() -> None:
    text = (SCRIPT.parent / "example.md").read_text(encoding="utf-8")
    folder = SCRIPT.parent / "example"
    lines = (folder / "truth.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "model,truth,value,low,high,group,inside"
    for line in lines[1:]:
        model, true, value, low, high, group, inside = line.split(",")
        row = f"| {model} | {float(true):.2f} | {float(value):.2f} "
        row += f"[{float(low):.2f}, {float(high):.2f}] | {group} | "
        assert row.replace("-", "−") in text.replace("-", "−")
        assert inside in ("True", "False")
    for image in folder.glob("*.png"):
        assert f"example/{image.name}" in text
    assert "simulated" in text.lower()
    assert sum(file.stat().st_size for file in folder.iterdir()) < 500_000
