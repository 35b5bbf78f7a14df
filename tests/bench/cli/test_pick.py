"""``bench pick``: on a run, as a newcomer and as a program use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bench.cli import app
from bench.core.errors import BenchError
from bench.runs.store import RunFolder
from raters.database.store import Store
from raters.studies.changes import close_study
from raters.studies.creation import StudyOptions, create_study
from raters.studies.tokens import invite
from tests.support.studies import judge, preferring, trained


@pytest.fixture(scope="module")
def run(photographs_run: RunFolder) -> str:
    """Latency: unsharp 6 ms (to 7.2), nlm 310, tv 45 (to 54), median 1.1, sharper 52 (to 62.4)."""
    return str(photographs_run.path)


def asked(run: str, *options: str) -> Result:
    return CliRunner().invoke(app, ["pick", run, *options], env={"COLUMNS": "200"})


def answer(run: str, *options: str) -> dict[str, Any]:
    shown = asked(run, *options, "--json")
    assert shown.exception is None or isinstance(shown.exception, SystemExit), shown.exception
    found: dict[str, Any] = json.loads(shown.output)
    return found


def test_the_upper_end_of_the_latency_counts(run: str) -> None:
    assert answer(run, "--quality", "psnr")["chosen"] == "sharper"
    assert answer(run, "--quality", "psnr", "--max", "latency_ms=62.4")["chosen"] == "sharper"
    found = answer(run, "--quality", "psnr", "--max", "latency_ms=62")  # its median is 52
    assert found["chosen"] != "sharper"
    (sharper,) = [c for c in found["candidates"] if c["model"] == "sharper"]
    assert (sharper["state"], sharper["broken"]) == ("over", ["latency_ms <= 62"])
    assert sharper["figures"]["latency_ms"] == pytest.approx([52, 46.8, 62.4])


def test_several_limits_hold_together_and_the_answer_says_its_conditions(run: str) -> None:
    shown = asked(
        run, "--quality", "ssim", "--max", "latency=60", "--max", "memory_mb=30", "--min", "psnr=10"
    )
    assert shown.exit_code == 0
    assert "is the best by ssim within the budget (latency <= 60, memory_mb <= 30" in shown.output
    assert "costs on cpu, float32, 256×256, batch 1, 2 threads" in shown.output
    assert "compared on the" in shown.output
    assert "wiener" in shown.output  # it could not run: listed, with the reason
    assert "not applicable: no PSF" in shown.output


def test_where_nothing_fits_the_exit_status_is_one_and_the_way_out_is_told(run: str) -> None:
    shown = asked(run, "--quality", "psnr", "--max", "latency_ms=1")
    assert shown.exit_code == 1
    assert "no model fits the budget (latency_ms <= 1); what would have to give:" in shown.output
    assert "median (psnr " in shown.output
    assert "with latency_ms <= 1.32" in shown.output  # the upper end of 1.1 ms
    assert answer(run, "--quality", "psnr", "--max", "latency_ms=1.32")["chosen"] == "median"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--quality", "lpips"), "no lpips-alex: LPIPS's alex backbone weights were not found"),
        (("--quality", "pnsr"), "did you mean 'psnr'"),
        (("--quality", "psnr", "--max", "latencyms=5"), "did you mean 'latency_ms'"),
        (("--quality", "psnr", "--max", "latency_ms"), "expected NAME=VALUE with a number"),
        (("--quality", "psnr", "--max", "latency_ms=fast"), "expected NAME=VALUE with a number"),
        (("--quality", "people"), "--study"),
        (("--quality", "psnr", "--study", "nowhere.db"), "no study database 'nowhere.db'"),
    ],
)
def test_what_cannot_be_answered_says_what_to_do(
    run: str, options: tuple[str, ...], said: str
) -> None:
    shown = asked(run, *options)
    assert isinstance(shown.exception, BenchError)
    assert said in str(shown.exception)
    assert not Path("nowhere.db").exists()


@pytest.mark.slow
def test_people_can_decide(run: str, tmp_path: Path) -> None:
    db, store = tmp_path / "studies.db", Store(str(tmp_path / "studies.db"))
    strength = {"input": -1.2, "tv": 1.6, "sharper": 0.2}
    options = StudyOptions(
        "pairs", models=tuple(strength), per_pair=20, trials=30, images=4, crop=64
    )
    create_study(store, Path(run), options)
    for number, token in enumerate(invite(store, "pairs", 4)):
        judge(trained(store, token), preferring(store, strength, number))
    close_study(store, "pairs")
    store.close()
    asked_for = ("--quality", "people", "--study", f"{db}#pairs")
    found = answer(run, *asked_for)
    assert found["chosen"] == "tv"
    known = [c for c in found["candidates"] if c["state"] != "unknown"]
    assert [c["model"] for c in known] == ["tv", "sharper"]  # the input adds nothing
    assert {c["reason"] for c in found["candidates"] if c["state"] == "unknown"} == {
        "not in the study"
    }
    assert found["quality"] == {
        "name": "people",
        "kind": "people",
        "unit": "log odds",
        "higher_is_better": True,
    }
    # The upper end of tv's latency is 54 ms, of sharper's 62.4; neither is fast enough here.
    assert answer(run, *asked_for, "--max", "latency_ms=53")["chosen"] is None
    shown = asked(run, "--quality", "people", "--study", f"{db}#nobody")
    assert isinstance(shown.exception, BenchError)
