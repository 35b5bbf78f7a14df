"""The verdict: plain words about the best model, and never more than the scenes allow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.report.reading.analysis import analyse
from bench.report.reading.gather import gather
from bench.report.sections.verdict import verdict
from tests.support.runs import NO_BACKBONE, simple_run

SCENES = list("abcdef")
BASE = [20.0, 22.0, 24.0, 26.0, 28.0, 30.0]


def said(path: Path, values: dict[str, Sequence[float | str]], metric: str = "psnr") -> str:
    scenes = SCENES[: len(next(iter(values.values())))]
    return " ".join(verdict(analyse(gather([simple_run(path, values, scenes, metric)]))))


def plus(*gains: float) -> list[float]:
    return [base + gain for base, gain in zip(BASE, gains, strict=False)]


def test_a_model_that_is_surely_better_is_said_to_be(tmp_path: Path) -> None:
    good, fair = plus(3, 3.1, 2.9, 3, 3.2, 2.8), plus(1, 1.1, 0.9, 1, 1.2, 0.8)
    text = said(tmp_path / "run", {"input": BASE, "good": good, "fair": fair})
    assert text.startswith("good restores best by PSNR. It is 3.00 dB better than the untouched ")
    assert "(95 % interval +2.85 to +3.15)" in text
    assert "more than chance" in text
    assert "No other model is tied with it on these 6 scenes." in text


def test_who_is_tied_is_named_and_chance_is_called_chance(tmp_path: Path) -> None:
    swings, near = plus(4, -3, 4, -3, 4, -3), plus(3, -3, 3, -2, 3, -3)
    text = said(tmp_path / "run", {"input": BASE, "swings": swings, "near": near})
    assert text.startswith(
        "No model is known to improve on the untouched input by PSNR. swings has the best mean. It "
        "is 0.50 dB better"
    )
    assert "which may be chance once all models are tested together." in text
    assert "These 6 scenes do not tell it apart from near and the untouched input." in text


def test_the_best_mean_is_not_the_best_model_where_another_is_tied_with_it(tmp_path: Path) -> None:
    swings, steady = plus(9, 1, 9, 1, 9, 1), plus(3, 3.1, 2.9, 3, 3.2, 2.8)
    text = said(tmp_path / "run", {"input": BASE, "swings": swings, "steady": steady})
    assert text.startswith("swings has the best mean PSNR. It is 5.00 dB better")
    assert "do not tell it apart from steady" in text


@pytest.mark.parametrize(
    ("scenes", "told"), [(1, "on one scene."), (3, "there are too few scenes for a test at 5 %.")]
)
def test_few_scenes_are_no_evidence(tmp_path: Path, scenes: int, told: str) -> None:
    values = {"input": BASE[:scenes], "m": plus(3, 3.1, 2.9)[:scenes]}
    text = said(tmp_path / "run", values)
    assert text.startswith("m has the best mean PSNR.")
    assert text.endswith(told)
    assert "chance" not in text
    assert "tied" not in text
    assert ("interval" in text) == (scenes > 1)


def test_nothing_better_than_nothing_and_lower_scores_that_are_better(tmp_path: Path) -> None:
    worse = said(tmp_path / "worse", {"input": BASE, "m": plus(-1, -1, -1, -1, -1, -1.1)})
    assert worse.startswith("No model improves on the untouched input by PSNR.")
    low = said(tmp_path / "low", {"input": [0.5] * 6, "m": [0.3, 0.31, 0.29, 0.3, 0.3, 0.3]}, "mae")
    assert "It is 0.200 MAE better than the untouched input (95 % interval +0.1" in low


def test_one_model_alone_and_no_score_at_all_are_no_verdict_on_others(tmp_path: Path) -> None:
    assert said(tmp_path / "one", {"m": BASE}) == ""
    assert said(tmp_path / "none", {"m": [NO_BACKBONE] * 6}, "lpips-alex") == ""
