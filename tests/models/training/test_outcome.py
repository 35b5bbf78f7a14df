"""What a training cost, and whether it came to anything."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from bench.compute import learning
from bench.compute.profile import Conditions, Measurement
from bench.compute.quantities import TRAINING, named
from bench.core.errors import BenchError
from bench.framework.marks import UNDERTRAINED, marks_of
from bench.image import Pixels, write_png
from bench.runs.record import WeightsRecord
from models.recipes import QUICK
from models.training.budget import Budget, as_long
from models.training.outcome import undertrained
from models.training.plan import Task
from models.training.timing import StepTiming
from models.weights import ValidationFigures, WeightsHeader, read_header
from tests.support.commands import called, typed
from tests.support.runs import model_record
from tests.support.training import header_of

BETTER = ValidationFigures(psnr=30.0, ssim=0.9, input_psnr=29.0, input_ssim=0.8)


def outcome(**changed: object) -> str:
    given: dict[str, object] = {
        "budget": "100steps", "stopped": "as planned", "steps": 100, "epoch": 10, "seconds": 5.0,
        "found": BETTER,
    }  # fmt: skip
    return undertrained(QUICK, **{**given, **changed})  # type: ignore[arg-type]


def test_a_training_is_a_result_from_its_recipes_least_on() -> None:
    assert outcome() == ""
    assert outcome(steps=99) == "ended after 99 steps; its recipe asks for 100steps at least"
    assert outcome(steps=1, stopped="out of time").endswith("at least, out of time")
    assert outcome(steps=20, stopped="no improvement") == ""  # patience is part of the recipe


def test_a_training_below_the_untouched_input_is_no_result_however_long() -> None:
    worse = replace(BETTER, psnr=28.5)
    expected = "its best validation, 28.50 dB, is below the untouched input's 29.00 dB"
    assert outcome(found=worse, steps=10_000) == expected


@pytest.mark.parametrize(
    ("least", "changed", "enough"),
    [
        ("10epochs", {"steps": 100}, True),  # of 10 steps each
        ("11epochs", {"steps": 100}, False),
        ("90s", {"budget": "90s", "seconds": 80.0}, True),  # it was given all of the time
        ("90s", {"budget": "20s", "seconds": 95.0}, False),
        ("90s", {"budget": "5000steps", "seconds": 95.0}, True),
    ],
)
def test_the_least_may_be_epochs_or_time(
    least: str, changed: dict[str, object], enough: bool
) -> None:
    given = {"budget": "1steps", "steps": 1, "seconds": 1.0, **changed}
    found = undertrained(
        replace(QUICK, least=least),
        stopped="as planned",
        epoch=10,
        found=BETTER,
        **given,  # type: ignore[arg-type]
    )
    assert (found == "") == enough


def test_a_budget_is_as_long_as_another_of_its_unit() -> None:
    assert as_long("10m", "90s")
    assert not as_long("89s", "90s")
    assert not as_long("1000epochs", "3steps")


def test_an_undertrained_model_is_marked_wherever_scores_are() -> None:
    header = asdict(header_of("unet", undertrained="ended after 3 steps"))
    weights = WeightsRecord(origin="trained", file="w", sha256="", header=header)
    (mark,) = marks_of(replace(model_record("unet"), weights=weights), "demo")
    assert (mark.symbol, mark.short) == ("‼", UNDERTRAINED)
    assert "no result: ended after 3 steps" in mark.sentence


def test_a_budget_that_buys_one_step_is_refused_before_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import time

    from models.training import timing

    slow = StepTiming(mean=9.0, step=9.0, validation=1.0)
    monkeypatch.setattr(timing, "_choose_threads", lambda task, seconds: (1, task, slow))
    task = Task(network=None, recipe=QUICK, pairs=[], validation=())  # type: ignore[arg-type]
    with pytest.raises(BenchError, match=r"20 s buys 0 steps here: one takes 9 s.*--budget 2steps"):
        timing.make_plan(task, {}, Budget(seconds=20), 0, time.monotonic() - 12)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, photograph: Pixels) -> Path:
    """A folder with photographs, and a small network trained there for two steps."""
    root = tmp_path_factory.mktemp("outcome")
    for number in range(5):
        piece = photograph[:64, number * 64 : (number + 1) * 64]
        write_png(root / "photos" / f"{number}.png", np.ascontiguousarray(piece))
    called(
        *typed("train dncnn --suite photos:sigma=25 --budget 2steps --set batch=2 --set crop=16"),
        *typed("--set network.layers=3 --set network.width=8"),
        *typed("--data"), root / "photos", "--out", root / "training",
    )  # fmt: skip
    return root


def header(folder: Path) -> WeightsHeader:
    found = read_header(folder / "training" / "dncnn.safetensors")
    assert found is not None
    return found


def test_the_header_tells_what_it_took(trained: Path) -> None:
    found = header(trained)
    cost = found.cost
    assert cost is not None
    assert (cost.steps, cost.samples) == (2, 4)
    assert 0 < cost.best_seconds <= cost.seconds < 60
    assert cost.device_seconds > 0
    assert 50 < cost.memory_mb < 50_000
    assert (cost.energy_j is None) != (cost.energy_missing is None)
    # 3x3 convolutions, 3 to 8 to 8 to 3 channels at 16x16; 2 a MAC, 3 passes, 4 crops
    assert cost.flops == 2 * 3 * 4 * 9 * (24 + 64 + 24) * 256
    assert found.undertrained.startswith("ended after 2 steps; its recipe asks for 100steps")


def test_the_costs_of_learning_are_costs_like_others(trained: Path) -> None:
    measured = Measurement(
        "dncnn", "dncnn", Conditions(64, 64), (), weights=trained / "training/dncnn.safetensors"
    )
    rows = {row.quantity: row for row in measured.profiles()}
    cost = header(trained).cost
    assert cost is not None
    for name, field, unit, *_ in TRAINING:
        row = rows[f"train_{name}"]
        assert (row.value, row.unit) == (getattr(cost, field), unit)
        assert row.value is not None or row.missing
    assert named("train_minutes") == {"train_s": 60.0}
    untrained = "its weights were not trained"
    for spec, expected in {"nlm": 0, "dncnn": untrained}.items():
        assert learning.steps(Measurement("m", spec, Conditions(64, 64), ())) == expected


def test_undertrained_weights_are_not_taken_for_a_longer_run(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    monkeypatch.setenv("BENCH_RESULTS", str(trained / "results"))
    common = typed("run --suite photos:sigma=25 --data photos --models input,dncnn --metrics psnr")
    small = typed("--set batch=2 --set crop=16 --set network.layers=3 --set network.width=8")
    both = [*common, *small, *typed("--profile none")]
    first = called(*both, *typed("--budget 2steps --out one"))
    assert "dncnn ‡‼" in first
    assert "undertrained, no result: ended after 2 steps" in first
    again = called(*both, *typed("--budget 2steps --out two"))
    assert "loads" in again
    longer = called(*both, *typed("--budget 3steps --out three"))
    assert "passes over" in longer
    assert "dncnn: trains" in longer
    record = json.loads((trained / "three" / "run.json").read_text())
    assert record["models"]["dncnn"]["weights"]["header"]["budget"] == "3steps"
    page = (trained / "three" / "report" / "index.html").read_text()
    assert "dncnn is undertrained" in page or "undertrained, no result" in page
    picked = called(*typed("pick three --quality psnr"))
    assert "note: dncnn: undertrained, no result" in picked
    shutil.rmtree(trained / "results")
