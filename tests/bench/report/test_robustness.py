"""Charts of scores against how strongly images were degraded."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.records import Pair, Score
from bench.report.drawing.theme import Plot, looks
from bench.report.reading.analysis import Analysis, analyse
from bench.report.reading.gather import gather
from bench.report.sections.robustness import curves
from tests.support.runs import write_run

LIGHT = ("0.06", "0.25", "1")


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """Four photographs at three levels of light; the model loses more in the dark."""
    root = tmp_path_factory.mktemp("light")
    pairs = [
        Pair(
            f"{scene}-{light}",
            root / "d.png",
            root / "r.png",
            scene,
            {"light, fraction": light, "scene": scene, "kind": "night"},
        )
        for scene in "abcd"
        for light in LIGHT
    ]
    losses = {
        "input": {"0.06": 8.0, "0.25": 4.0, "1": 0.0},
        "tv": {"0.06": 6.0, "0.25": 3.0, "1": -1.0},
    }
    scores = {
        model: {
            pair.id: {"psnr": Score(30.0 + "abcd".index(pair.cluster) - loss[light])}
            for pair in pairs
            if (light := pair.strata["light, fraction"])
        }
        for model, loss in losses.items()
    }
    return analyse(gather([write_run(root / "run", pairs, scores, ["psnr"])]))


@pytest.fixture(scope="module")
def plots(analysis: Analysis) -> list[Plot]:
    return curves(analysis, "psnr", looks(["input", "tv"], "input", {}))


def test_only_kinds_whose_levels_are_numbers_are_charted(plots: list[Plot]) -> None:
    assert [plot.name for plot in plots] == ["robustness-psnr-light--fraction"]


def test_the_words_tell_the_means_at_both_ends(plots: list[Plot]) -> None:
    # scenes add 0, 1, 2, 3: 1.5 on average
    assert plots[0].alt == (
        "Mean PSNR by light, fraction, from 0.06 to 1: tv 25.5 to 32.5, input 23.5 to 31.5."
    )


def test_levels_that_crowd_at_one_end_are_set_apart_and_it_is_said(plots: list[Plot]) -> None:
    assert "light, fraction (logarithmic)" in plots[0].svg
    assert all(f">{level}</text>" in plots[0].svg for level in LIGHT)
    assert "Bars: 95 % intervals of the means over scenes.</text>" in plots[0].svg


def test_the_plot_is_written_to_disk(plots: list[Plot], tmp_path: Path) -> None:
    plots[0].write(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".svg"}
    plots[0].write(tmp_path, pdf=True)
    assert {path.suffix for path in tmp_path.iterdir()} == {".pdf", ".png", ".svg"}
