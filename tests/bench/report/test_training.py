"""Curves and sample rows of training."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.core.layout import file_name
from bench.image import write_png
from bench.report import write_report
from bench.report.drawing.theme import looks
from bench.report.reading.analysis import Analysis, analyse
from bench.report.reading.gather import gather
from bench.report.sections.training import ROW_WIDTH, curves, sample_rows
from bench.runs.store import RunFolder
from tests.bench.report.html import Page
from tests.bench.report.test_viewer import decoded_source
from tests.support.runs import simple_run


@pytest.fixture
def trained(tmp_path: Path) -> RunFolder:
    """A run whose two networks have curves as training writes them."""
    run = simple_run(tmp_path / "run", {"unet": [30.0, 33.0], "gan net": [29.0, 31.0]}, ["a", "b"])
    for file, terms in (("unet", ["charbonnier"]), ("gan net", ["l1", "adversarial"])):
        lines = ["epoch,quantity,value"]
        for epoch in range(1, 8):
            for side, gap in (("train", 0.0), ("val", 0.01)):
                values = [(0.5 + number) / epoch + gap for number in range(len(terms))]
                pairs = [("loss", sum(values)), *zip(terms, values, strict=True)]
                pairs += [("psnr", 24 + epoch / 2 - gap), ("ssim", 0.7 + epoch / 100)]
                lines += [f"{epoch},{side}_{name},{value!r}" for name, value in pairs]
            lines.append(f"{epoch},learning_rate,{10.0**-epoch!r}")
        lines.append("8,val_psnr,nan")
        path = run.path / "training" / f"{file_name(file)}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n8,val_ps")  # torn by a crash
    return run


def drawn(analysis: Analysis, folder: Path) -> dict[str, str]:
    plots = curves(analysis, looks(list(analysis.order), analysis.base, {}))
    for plot in plots:
        plot.write(folder)
    return {plot.name: plot.alt for plot in plots}


def test_every_quantity_has_a_plot_with_training_and_validation_in_one(
    trained: RunFolder, tmp_path: Path
) -> None:
    found = drawn(analyse(gather([trained])), tmp_path)
    assert list(found) == [
        "training-psnr",
        "training-ssim",
        "training-loss",
        "training-l1",
        "training-adversarial",
        "training-learning_rate",
    ]
    assert found["training-psnr"] == (
        "PSNR by epoch in validation and training, first to last: unet 24.5 to 27.5, "
        "gan net 24.5 to 27.5."
    )  # validation's, at epochs 1 and 7: the 8th has no number
    assert "unet 0.100 to 1.00e−07" in found["training-learning_rate"]


def test_the_only_term_of_a_loss_is_not_drawn_twice(trained: RunFolder, tmp_path: Path) -> None:
    assert "training-charbonnier" not in drawn(analyse(gather([trained])), tmp_path)


def test_validation_is_solid_and_training_dashed(trained: RunFolder, tmp_path: Path) -> None:
    drawn(analyse(gather([trained])), tmp_path)
    assert "mathdefault" not in (tmp_path / "training-learning_rate.svg").read_text()
    svg = (tmp_path / "training-psnr.svg").read_text()
    lines = re.findall(r'<path d="M [^"]*" clip-path[^>]*style="([^"]*)"', svg)
    coloured = [line for line in lines if "#0072b2" in line or "#d55e00" in line]
    assert sorted("stroke-dasharray" in line for line in coloured) == [False, False, True, True]
    assert "Solid: validation images. Dashed: training images.</text>" in svg
    assert "Solid:" not in (tmp_path / "training-learning_rate.svg").read_text()


def test_a_training_of_one_epoch_is_a_point_on_whole_epochs(
    trained: RunFolder, tmp_path: Path
) -> None:
    for path in trained.path.glob("training/*.csv"):
        path.write_text("epoch,quantity,value\n1,train_cycle,0.3\n")
    drawn(analyse(gather([trained])), tmp_path)
    axes, _, _ = (tmp_path / "training-cycle.svg").read_text().partition("legend_1")
    across, _, _ = axes.partition("ytick_1")
    assert re.findall(r">([^<\s]+)</text>", across) == ["0", "1", "2", "epoch"]
    assert len(re.findall(r"<use [^>]*fill-opacity: 0", axes)) == 2  # hollow, at 1


def test_rows_run_from_the_first_epoch_to_the_last(trained: RunFolder) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 3 * 64 + 8, 3), np.uint8)
    for epoch in (1, 2, 4, 6, 8, 10, 10_000):
        row = np.roll(pixels, epoch, axis=0)
        write_png(trained.path / "training" / file_name("gan net") / f"epoch-{epoch:04d}.png", row)
    (course,) = sample_rows(analyse(gather([trained])))
    assert course.model == "gan net"
    assert [row.title for row in course.rows] == ["epoch 1", "epoch 4", "epoch 8", "epoch 10000"]
    for row, epoch in zip(course.rows, (1, 4, 8, 10_000), strict=True):
        assert np.array_equal(decoded_source(row.source), np.roll(pixels, epoch, axis=0))
    page = Page(write_report([trained]).read_text(encoding="utf-8"))
    alts = [str(image["alt"]) for image in page.images]
    assert "gan net after epoch 8: degraded, restored, reference" in alts
    assert "one validation crop" in page.text


def test_a_wide_row_is_made_smaller_and_says_so(trained: RunFolder) -> None:
    pixels = np.full((256, 960, 3), 120, np.uint8)
    write_png(trained.path / "training" / "unet" / "epoch-0003.png", pixels)
    (trained.path / "training" / "unet" / "epoch-0004.png").write_bytes(b"torn")
    ((row,),) = (course.rows for course in sample_rows(analyse(gather([trained]))))
    assert (row.height, row.width) == (130, ROW_WIDTH)
    assert row.title == "epoch 3, 51 % of its size"
    assert cv2.countNonZero(decoded_source(row.source)[:, :, 0] - 120) == 0


def test_a_run_without_training_has_no_such_section(tmp_path: Path) -> None:
    run = simple_run(tmp_path / "run", {"m": [30.0, 33.0], "n": [29.0, 31.0]}, ["a", "b"])
    assert 'id="training"' not in write_report([run]).read_text(encoding="utf-8")
