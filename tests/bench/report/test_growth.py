"""Costs over several sizes and batches: what is drawn, fitted and said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.records import Profile
from bench.report import write_report
from bench.report.drawing.tables import Table
from bench.report.drawing.theme import Plot, looks
from bench.report.reading.analysis import Analysis, analyse
from bench.report.reading.gather import gather
from bench.report.sections.growth import curves, sweeps
from tests.bench.report.html import Page
from tests.support.runs import costs, simple_run

MACHINE = {"device": "cpu", "memory_mb": 16_000}


def measured(
    model: str, side: int, batch: int, ms: float | None, mb: float = 100.0
) -> list[Profile]:
    """Return a model's rows at one size and batch; without a time where it did not run."""
    found = []
    for row in costs(model, ms or 1.0, 1e6):
        at = replace(row, height=side, width=2 * side, batch=batch)
        if row.quantity == "latency_ms" and ms is None:
            at = replace(at, value=None, low=None, high=None, missing="out of memory")
        if row.quantity == "process_memory_mb":
            value = None if ms is None else mb
            at = replace(at, value=value, low=value, high=value)
            at = replace(at, missing=None if ms else "out of memory")
        found.append(at)
    speed = None if ms is None else batch * 2 * side**2 / 1000 / ms
    row = replace(found[0], quantity="throughput_mpix_s", unit="Mpixel/s", value=speed)
    return [*found, replace(row, missing=None if ms else "out of memory")]


def analysed(path: Path, figures: list[Profile]) -> Analysis:
    values: dict[str, list[float | str]] = {"a": [30.0, 31.0], "b": [29.0, 30.0]}
    run = simple_run(path, values, ["x", "y"], profiles=figures, environment=MACHINE)
    return analyse(gather([run]))


def made(analysis: Analysis) -> tuple[dict[str, Plot], dict[str, Table]]:
    blocks = curves(analysis, looks(list(analysis.order), analysis.base, {}))
    tables = [block for block in blocks if isinstance(block, Table)]
    rows = [block for block in blocks if not isinstance(block, Table | str)]
    return {p.name: p for row in rows for p in row}, {t.name: t for t in tables}  # type: ignore[union-attr]


@pytest.fixture
def three(tmp_path: Path) -> Analysis:
    """Of two models at three sizes; b is noisy once, and does not run at the largest."""
    noisy = [
        replace(row, noisy="load 9 on 2 threads") if row.quantity == "latency_ms" else row
        for row in measured("b", 100, 1, 3.0, 50)
    ]
    figures = [
        *measured("a", 100, 1, 10, 100),
        *measured("a", 200, 1, 40, 400),
        *measured("a", 400, 1, 160, 1600),
        *noisy,
        *measured("b", 200, 1, 48, 100),
        *measured("b", 400, 1, None),
    ]
    return analysed(tmp_path / "run", figures)


def test_one_size_has_no_curves(tmp_path: Path) -> None:
    analysis = analysed(tmp_path / "run", [*costs("a", 1.0, 1e6), *costs("b", 2.0, 1e6)])
    assert sweeps(analysis) == []
    assert curves(analysis, {}) == []


def test_time_memory_and_throughput_are_drawn_over_the_sizes(three: Analysis) -> None:
    plots, _ = made(three)
    assert list(plots) == [
        f"{name}-by-size" for name in ("latency-ms", "process-memory-mb", "throughput-mpix-s")
    ]
    assert plots["latency-ms-by-size"].alt == (
        "Latency in ms against megapixels of an image, cpu, float32, batch 1, 2 threads, first to "
        "last: a 10.0 to 160; b 3.00 ≈ to 48.0."
    )


def test_the_table_tells_exponents_the_largest_size_and_what_fits(three: Analysis) -> None:
    _, tables = made(three)
    first, second = tables["growth-by-size"].records
    assert first["latency_ms_exponent"] == pytest.approx(1.0)  # 16 times the pixels and the time
    assert second["latency_ms_exponent"] == pytest.approx(2.0)  # 4 times the pixels, 16 the time
    assert first["latency_ms_exponent_low"] < 1.0 < first["latency_ms_exponent_high"]
    assert (first["largest"], first["beyond"]) == ("400×800", "")
    assert (second["largest"], second["beyond"]) == ("200×400", "400×800: out of memory")
    assert first["fits_megapixels"] == pytest.approx(3.2)  # 16 GB are ten times 1.6 GB, at 0.32
    assert not first["fits_at_least"]
    shown = tables["growth-by-size"].rows[1]
    assert shown[1].text == "2.00 ≈"
    assert shown[3].notes == ("400×800: out of memory",)


def test_a_fixed_part_of_memory_and_figures_of_one_sample_are_said(tmp_path: Path) -> None:
    figures = [
        replace(row, samples=((row.value,),)) if row.quantity == "process_memory_mb" else row
        for side, ms, memory in ((100, 10.0, 1000), (400, 160.0, 1600))
        for row in measured("a", side, 1, ms, memory)
    ]
    figures = [
        replace(row, low=None, high=None) if row.quantity == "process_memory_mb" else row
        for row in figures
    ]
    table = made(analysed(tmp_path / "run", figures))[1]["growth-by-size"]
    (record,), (row,) = table.records, table.rows
    assert row[2].detail == "1 sample, no interval"
    assert record["process_memory_mb_exponent_low"] is None
    assert record["fits_at_least"]
    assert row[4].text.startswith("≥ ")
    assert any("≥: memory grew more slowly" in line for line in table.legend)


def test_batches_are_drawn_apart_from_sizes(tmp_path: Path) -> None:
    figures = [row for n in (1, 2, 8) for row in measured("a", 100, n, 4.0 * n**0.5)]
    plots, tables = made(analysed(tmp_path / "run", figures))
    assert "latency-ms-by-batch" in plots
    assert "against images in a pass, cpu, float32, 100×200, 2 threads" in (
        plots["latency-ms-by-batch"].alt
    )
    assert tables == {}


def test_other_threads_and_devices_are_other_curves(tmp_path: Path) -> None:
    figures = [
        replace(row, threads=threads)
        for threads in (1, 4)
        for side in (100, 200)
        for row in measured("a", side, 1, side / threads)
    ]
    plots, _ = made(analysed(tmp_path / "run", figures))
    assert "against threads, cpu, float32, 100×200, batch 1, first to last: a 100 to 25.0" in (
        plots["latency-ms-by-threads"].alt
    )
    assert "1 thread," in plots["latency-ms-by-size"].alt
    assert "4 threads," in plots["latency-ms-by-size-2"].alt


def test_curves_stand_on_the_page_and_in_files(three: Analysis) -> None:
    page = Page(write_report(three.data.runs).read_text(encoding="utf-8"))
    assert "Growth with the size of the image on cpu, float32, batch 1" in page.text
    folder = three.data.runs[0].path / "report"
    assert (folder / "plots" / "latency-ms-by-size.png").is_file()
    assert (folder / "tables" / "growth-by-size.csv").is_file()
