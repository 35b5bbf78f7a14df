"""Metrics among each other: correlations by hand, and the chart on the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.framework.scores import read_scores
from bench.image import read, write_png
from bench.records import Score
from bench.report import write_report
from bench.report.sections.metric_agreement import agreements
from tests.support.runs import photograph_pairs, write_run

MODELS = ("input", "a", "b", "c")
PSNR = {"chelsea-0": (20, 21, 22, 23), "chelsea-1": (20, 21, 22, 23)}
MSE = {
    "chelsea-0": (4, 3, 2, 1),
    "chelsea-1": (1, 2, 3, 4),
}  # lower is better: alike, then the reverse


def test_correlations_are_of_turned_scores_image_by_image(tmp_path: Path) -> None:
    pairs = photograph_pairs(tmp_path / "data", ["chelsea"], (64, 64))
    scores = {
        model: {
            pair.id: {
                "psnr": Score(PSNR[pair.id][number]),
                "mse": Score(MSE[pair.id][number] / 100),
                "ssim": Score.missing("none"),
            }
            for pair in pairs
        }
        for number, model in enumerate(MODELS)
    }
    run = write_run(tmp_path / "run", pairs, scores, ["psnr", "mse", "ssim"])
    for pair in pairs:
        for model in MODELS:
            write_png(run.image_path(model, pair.id), read(pair.degraded))
    found = agreements(read_scores(run), ["psnr", "mse", "ssim"])
    assert list(found) == [("psnr", "mse")]
    assert found["psnr", "mse"].by_image == pytest.approx({"chelsea-0": 1, "chelsea-1": -1})
    assert found["psnr", "mse"].mean == pytest.approx(0)
    assert found["psnr", "mse"].least[0] == "chelsea-1"
    page = write_report([run]).read_text(encoding="utf-8")
    assert "Metrics among each other" in page
    assert "PSNR and MSE (0.00)" in page
    assert (tmp_path / "run" / "report" / "plots" / "metric-agreement.svg").is_file()


@pytest.mark.slow
def test_of_many_metrics_those_of_the_standard_panel_stand_in_the_first_table(
    tmp_path: Path,
) -> None:
    names = ["mse", "mae", "psnr", "gmsd", "ssim", "vsi", "mdsi"]
    pairs = photograph_pairs(tmp_path / "data", ["chelsea"], (64, 64))
    scores = {
        model: {pair.id: {m: Score(0.1 + number / 10) for m in names} for pair in pairs}
        for number, model in enumerate(MODELS)
    }
    run = write_run(tmp_path / "run", pairs, scores, names)
    for pair in pairs:
        for model in MODELS:
            write_png(run.image_path(model, pair.id), read(pair.degraded))
    write_report([run])
    heads = {
        name: next(
            line
            for line in (run.path / "report" / "tables" / f"{name}.md").read_text().splitlines()
            if line.startswith("| Model")
        )
        for name in ("results", "results-further")
    }
    shown = [word for word in ("MSE", "PSNR", "SSIM", "MAE", "VSI") if word in heads["results"]]
    assert shown == ["MSE", "PSNR", "SSIM"]  # what was asked for first, and the panel's
    assert all(word in heads["results-further"] for word in ("MAE", "GMSD", "VSI", "MDSI"))
    assert "PSNR" not in heads["results-further"]
