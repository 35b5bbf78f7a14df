"""Published figures stand beside ours with both conventions, and are never equated wrongly."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.image import write_png
from bench.metrics.table import METRICS
from bench.published import REPORTS
from bench.records import Pair, Score
from bench.report import write_report
from bench.report.reading.analysis import analyse, family
from bench.report.reading.gather import gather
from bench.report.sections.published import published
from bench.runs.record import WeightsRecord
from bench.runs.store import RunFolder
from bench.suites.table import SUITES
from models.catalogue import MODELS, model_cards
from models.variants import VARIANTS
from tests.bench.report.html import Page
from tests.support.runs import write_run

GOPRO = 1111
DEVICE = "the device: cpu here, not stated there"


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


def all_rows(run: RunFolder) -> list[dict[str, Any]]:
    table = published(analyse(gather([run])))
    return [] if table is None else [dict(record) for record in table.records]


def rows(run: RunFolder) -> list[dict[str, Any]]:
    """The rows of models that were run."""
    return [row for row in all_rows(run) if row["model"]]


def test_every_name_metric_suite_and_option_is_one_that_there_is() -> None:
    for report in REPORTS:
        assert report.names or report.words
        assert set(report.names) <= model_cards().keys()
        assert set(report.variants) <= VARIANTS.keys()
        for key, value in report.options.items():
            assert value in SUITES[report.suite].options[key]
        assert SUITES[report.suite].images["test"]
        for figure in report.figures:
            assert figure.same_as is None or family(METRICS[figure.same_as].name) == figure.family
            assert 20 < figure.value < 41 if figure.family == "psnr" else 0.67 < figure.value < 1
            assert figure.source
            assert "memory" not in figure.caveat


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
    assert psnr["differs"] == DEVICE
    assert (psnr["published_mparams"], psnr["published_gmacs"]) == (26.1, 140)


def test_another_convention_is_named_on_both_sides_and_not_subtracted(tmp_path: Path) -> None:
    run = gopro_run(
        tmp_path / "run", {"restormer": "restormer.pth"}, {"psnr": 32.9, "ssim": 0.93}, GOPRO
    )
    _, ssim = rows(run)
    assert ssim["metric"] == "ssim"
    assert ssim["difference"] is None
    assert ssim["differs"] == f"the convention; {DEVICE}"
    assert "Gaussian 11 sigma 1.5" in ssim["our_convention"]
    assert "MATLAB" in ssim["published_convention"]
    page = Page((write_report([run])).read_text(encoding="utf-8"))
    shown = page.tables["table-published"]
    assert shown[2][:2] == ["restormer", f"Restormer, SSIM{ssim['source']}"]
    assert shown[2][4] == "0.9610"
    assert "MATLAB ssim on H×W×3" in shown[2][5]
    assert shown[2][6].startswith("—")
    assert "another convention of the measure" in page.text
    for suffix in ("csv", "md", "tex"):
        assert (run.path / "report" / "tables" / f"published.{suffix}").stat().st_size > 200


def test_part_of_the_test_set_is_not_the_test_set(tmp_path: Path) -> None:
    run = gopro_run(tmp_path / "run", {"mprnet": "mprnet.pth"}, {"psnr": 32.0}, images=110)
    psnr, ssim = rows(run)
    assert psnr["difference"] is None
    assert psnr["differs"] == f"the images: 110 of the test set's 1111; {DEVICE}"
    page = write_report([run]).read_text(encoding="utf-8")
    assert "other images: 110 of the 1111 of the test set" in page
    assert (ssim["metric"], ssim["ours"]) == (None, None)  # no SSIM was measured


def test_all_that_differs_of_a_training_of_ours_is_said(tmp_path: Path) -> None:
    header = {
        "model": "srn",
        "budget": "10m",
        "stopped": "early",
        "left_out": {"vgg": "no weights"},
    }
    weights = WeightsRecord(origin="trained", file="srn.safetensors", sha256="0", header=header)
    run = gopro_run(tmp_path / "run", {"srn": "srn"}, {"psnr": 28.0}, weights=weights)
    record = run.record()
    spec = replace(record.spec, prepare=("wavelet",), limit=2, tile=128)
    run.write_record(replace(record, spec=spec))
    paper = MODELS["srn"].paper
    assert paper is not None
    assert rows(run)[0]["differs"].split("; ") == [
        "the images: 2 of the test set's 1111, spread by --limit 2",
        "the input: after wavelet",
        "the way: in tiles of 128 pixels",
        "the weights: trained by this program, not by the authors",
        f"its length: 10m here, {paper.budget} in its paper's recipe",
        "its end: early",
        "left out of its losses: vgg (no weights)",
        DEVICE,
    ]


def test_the_size_of_the_images_differs_where_it_does(tmp_path: Path) -> None:
    run = gopro_run(tmp_path / "run", {"t1t4-gan": "t1t4-gan"}, {"psnr": 28.0})
    assert "the size" not in rows(run)[0]["differs"]  # the file is gone: it is not known
    write_png(tmp_path / "run" / "x", np.zeros((72, 128, 3), np.uint8))
    assert "the size: 72x128 here, 450x800 there" in rows(run)[0]["differs"]


def test_images_that_were_cut_are_not_the_published_ones(tmp_path: Path) -> None:
    suite = "gopro:blur=blur,crop=320x180"
    run = gopro_run(tmp_path / "run", {"mprnet": "mprnet.pth"}, {"psnr": 32.0}, GOPRO, suite)
    row = rows(run)[0]
    assert row["difference"] is None
    assert row["differs"] == f"the size: crop=320x180 here, whole images there; {DEVICE}"


def test_variants_are_compared_with_what_was_published_with_them(tmp_path: Path) -> None:
    spec = "nafnet-gopro-w64"
    run = gopro_run(
        tmp_path / "run",
        {spec: spec, f"{spec}@tlc": f"{spec}@tlc", f"{spec}@tlc+x8": f"{spec}@tlc+x8"},
        {"psnr": 33.0},
        GOPRO,
    )
    found = {
        (row["model"], row["published_model"]): row["differs"].removesuffix(DEVICE)
        for row in rows(run)
        if row["family"] == "psnr"
    }
    local = "test-time local statistics"
    assert found == {
        (spec, "NAFNet, width 64"): f"{local}: theirs with, ours without; ",
        (spec, "NAFNet, width 64, plain"): "",
        (f"{spec}@tlc", "NAFNet, width 64"): "",
        (f"{spec}@tlc", "NAFNet, width 64, plain"): f"{local}: ours with, theirs without; ",
        (f"{spec}@tlc+x8", "NAFNet, width 64"): "self-ensemble (x8): ours with, theirs without; ",
        (f"{spec}@tlc+x8", "NAFNet, width 64, plain"): (
            f"{local}: ours with, theirs without; self-ensemble (x8): ours with, theirs without; "
        ),
    }


def test_what_was_not_run_is_shown_after_what_was_with_its_published_cost(tmp_path: Path) -> None:
    run = gopro_run(tmp_path / "run", {"input": "input", "unet": "unet"}, {"psnr": 25.0})
    found = all_rows(run)
    assert [row["published_model"] for row in found[:2]] == [
        "Untouched input of the t1-t4 paper"
    ] * 2
    assert [row["model"] for row in found[:2]] == ["input"] * 2
    rest = found[2:]
    assert {row["model"] for row in rest} == {None}
    assert rest[0]["published_model"] == "FFTformer"  # 34.21 dB: the best comes first
    assert rest[0]["published_mparams"] == 16.6
    assert len(found) == sum(len(r.figures) for r in REPORTS if r.suite == "gopro")
    page = Page(write_report([run]).read_text(encoding="utf-8"))
    shown = page.tables["table-published"]
    assert shown[3][0] == "not run here"
    assert "16.6 M parameters; 131.8 GMACs at 256×256" in shown[3][8]


@pytest.mark.parametrize(
    ("label", "spec", "expected"),
    [
        ("deblurgan", "deblurgan", {"DeblurGAN", "DeblurGAN, there"}),
        ("DeblurGAN_v2-mobile", "DeblurGAN_v2-mobile.pth", {"DeblurGAN-v2, MobileNet"}),
        ("deblurganv2", "outputs:deblurganv2", {"DeblurGAN-v2"}),
        ("NAFNet-GoPro-width32", "a/NAFNet-GoPro-width32.pth", {"NAFNet, width 32"}),
        (
            "nafnet",
            "nafnet.pth",
            {"NAFNet, width 32", "NAFNet, width 64", "NAFNet, width 64, plain"},
        ),
        ("mprnet-gopro@x8", "mprnet-gopro@x8", {"MPRNet"}),
        ("Restormer@x8", "Restormer.pth@x8", {"Restormer"}),
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
    assert all_rows(run) == []
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
