"""Published figures stand beside ours with both conventions, and are never equated wrongly."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.metrics.table import METRICS
from bench.records import Pair, Score
from bench.report import write_report
from bench.report.reading.analysis import analyse, family
from bench.report.reading.gather import gather
from bench.report.sections.published import REPORTS, published
from bench.runs.record import WeightsRecord
from bench.runs.store import RunFolder
from bench.suites.table import SUITES
from models.catalogue import MODELS
from tests.bench.report.html import Page
from tests.support.runs import write_run

GOPRO = 1111


def gopro_run(
    path: Path,
    models: dict[str, str],
    scores: dict[str, float],
    images: int = 2,
    suite: str = "gopro:blur=blur",
    **info: Any,
) -> RunFolder:
    """Make a run in which every image scores alike. ``models``: label -> spec."""
    pairs = [Pair(f"i{n}", path / "x", path / "y", f"s{n % 11}") for n in range(images)]
    found = {metric: Score(value) for metric, value in scores.items()}
    values = {model: {pair.id: found for pair in pairs} for model in models}
    run = write_run(path, pairs, values, list(scores))
    record = run.record()
    changed = {"weights": None} | info
    run.write_record(
        replace(
            record,
            spec=replace(record.spec, suite=suite),
            suite=replace(record.suite, name=suite.partition(":")[0]),
            models={
                label: replace(record.models[label], spec=spec, **changed)
                for label, spec in models.items()
            },
        )
    )
    return run


def rows(run: RunFolder) -> list[dict[str, Any]]:
    table = published(analyse(gather([run])))
    return [] if table is None else [dict(record) for record in table.records]


def test_every_name_metric_suite_and_option_is_one_that_there_is() -> None:
    for report in REPORTS:
        assert report.names or report.words
        assert set(report.names) <= MODELS.keys()
        for key, value in report.options.items():
            assert value in SUITES[report.suite].options[key]
        assert SUITES[report.suite].images["test"]
        for figure in report.figures:
            assert figure.same_as is None or family(METRICS[figure.same_as].name) == figure.family
            assert 20 < figure.value < 40 if figure.family == "psnr" else 0.7 < figure.value < 1


def test_a_difference_is_given_where_images_and_convention_are_the_same(tmp_path: Path) -> None:
    run = gopro_run(
        tmp_path / "run",
        {"Restormer-GoPro": "weights/Restormer-GoPro.pth"},
        {"psnr": 32.90, "ssim-volume": 0.962},
        GOPRO,
    )
    psnr, ssim = rows(run)
    assert (psnr["published_model"], psnr["metric"], psnr["published"]) == (
        "Restormer",
        "psnr",
        32.92,
    )
    assert psnr["difference"] == pytest.approx(-0.02)
    assert ssim["metric"] == "ssim-volume"
    assert ssim["difference"] == pytest.approx(0.001)
    assert psnr["differs"] == ""


def test_another_convention_is_named_on_both_sides_and_not_subtracted(tmp_path: Path) -> None:
    run = gopro_run(
        tmp_path / "run", {"restormer": "restormer.pth"}, {"psnr": 32.9, "ssim": 0.93}, GOPRO
    )
    _, ssim = rows(run)
    assert ssim["metric"] == "ssim"
    assert ssim["difference"] is None
    assert ssim["differs"] == "the convention"
    assert "Gaussian 11 sigma 1.5" in ssim["our_convention"]
    assert "MATLAB" in ssim["published_convention"]
    page = Page((write_report([run])).read_text(encoding="utf-8"))
    shown = page.tables["table-published"]
    assert shown[2][:2] == ["restormer", f"Restormer, SSIM{ssim['source']}"]
    assert shown[2][4] == "0.9610"
    assert "MATLAB ssim on H×W×3" in shown[2][5]
    assert shown[2][6].startswith("—")
    for suffix in ("csv", "md", "tex"):
        assert (run.path / "report" / "tables" / f"published.{suffix}").stat().st_size > 200


def test_part_of_the_test_set_is_not_the_test_set(tmp_path: Path) -> None:
    run = gopro_run(tmp_path / "run", {"mprnet": "mprnet.pth"}, {"psnr": 32.0}, images=110)
    psnr, ssim = rows(run)
    assert psnr["difference"] is None
    assert psnr["differs"] == "the images: 110 of the test set's 1111"
    assert (ssim["metric"], ssim["ours"]) == (None, None)  # no SSIM was measured


def test_weights_trained_here_and_steps_before_are_said(tmp_path: Path) -> None:
    weights = WeightsRecord(origin="trained", file="srn.safetensors", sha256="0", header={"a": "b"})
    run = gopro_run(tmp_path / "run", {"srn": "srn"}, {"psnr": 28.0}, weights=weights)
    record = run.record()
    run.write_record(replace(record, spec=replace(record.spec, prepare=("wavelet",))))
    differs = rows(run)[0]["differs"]
    assert "the weights: trained by this program, not by the authors" in differs
    assert "the input: after wavelet" in differs


@pytest.mark.parametrize(
    ("label", "spec", "expected"),
    [
        ("deblurgan", "deblurgan", {"DeblurGAN", "DeblurGAN, there"}),
        ("DeblurGAN_v2-mobile", "DeblurGAN_v2-mobile.pth", {"DeblurGAN-v2, MobileNet"}),
        ("deblurganv2", "outputs:deblurganv2", {"DeblurGAN-v2"}),
        ("NAFNet-GoPro-width32", "a/NAFNet-GoPro-width32.pth", {"NAFNet, width 32"}),
        ("nafnet", "nafnet.pth", {"NAFNet, width 32", "NAFNet, width 64"}),
        ("nlm", "nlm", {"Non-local means, there"}),
        ("unet", "unet", set()),
    ],
)
def test_models_are_recognised_by_catalogue_name_or_by_the_files_name(
    tmp_path: Path, label: str, spec: str, expected: set[str]
) -> None:
    run = gopro_run(tmp_path / "run", {label: spec}, {"psnr": 30.0})
    assert {row["published_model"] for row in rows(run)} == expected


@pytest.mark.parametrize("suite", ["gopro:blur=blur_gamma", "demo"])
def test_figures_of_another_suite_or_option_are_not_shown(tmp_path: Path, suite: str) -> None:
    run = gopro_run(tmp_path / "run", {"deepdeblur": "deepdeblur"}, {"psnr": 30.0}, suite=suite)
    assert rows(run) == []
    assert "Published figures" not in write_report([run]).read_text(encoding="utf-8")


def test_a_range_is_shown_as_one(tmp_path: Path) -> None:
    run = gopro_run(
        tmp_path / "run",
        {"srcnn_x3": "srcnn_x3.pth"},
        {"psnr-y": 32.5},
        images=5,
        suite="set5:scale=3",
    )
    (row,) = rows(run)
    assert (row["published"], row["published_to"], row["difference"]) == (32.39, 32.75, None)
    write_report([run])
    with (run.path / "report" / "tables" / "published.csv").open() as file:
        assert next(csv.DictReader(file))["our_convention"].startswith("BT.601 luma")
    assert "32.39 to 32.75" in (run.path / "report" / "tables" / "published.md").read_text()
