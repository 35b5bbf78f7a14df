"""What metrics cost: measured, kept, shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.core.errors import BenchError
from bench.metrics.cost import MetricCost, MetricCosts, keep_costs, kept_costs, measure_metrics
from bench.metrics.table import METRICS
from tests.conftest import Bench


def test_a_metric_that_does_more_costs_more_and_one_without_a_score_says_why(
    no_weights: Path,
) -> None:
    heard: list[str] = []
    found = measure_metrics(
        ["psnr", "ms-ssim", "lpips-alex"], progress=lambda *said: heard.append(said[-1])
    )
    psnr, ms_ssim = found["psnr"].image, found["ms-ssim"].image
    assert psnr is not None
    assert ms_ssim is not None
    assert 0 < psnr < ms_ssim
    assert found["lpips-alex"].image is None
    assert "bench fetch weights lpips-alex" in found["lpips-alex"].reason
    assert heard[:3] == ["psnr", "ms-ssim", "lpips-alex"]


def test_figures_are_kept_and_a_damaged_file_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert kept_costs() is None
    cost = MetricCost(image=1.5, reference=0.5, reason="")
    found = MetricCosts(machine="a CPU, 2 cores", costs={"psnr": cost})
    keep_costs(found)
    assert kept_costs() == found
    Path("results/metric-costs.json").write_text("{")
    with pytest.raises(BenchError, match="'bench metrics --time' measures again"):
        kept_costs()


def test_the_list_shows_them_once_measured(
    bench_here: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.metrics.table.METRICS", {"psnr": METRICS["psnr"]})
    before = bench_here("metrics")
    assert "ms/MP" not in before.stdout
    assert "bench metrics --time" in before.stdout
    assert bench_here("metrics", "--time").returncode == 0
    after = bench_here("metrics").stdout
    assert "ms/MP: of a restored image of one megapixel, on " in after
    rows = {row["name"]: row for row in json.loads(bench_here("metrics", "--json").stdout)}
    assert rows["psnr"]["ms_a_megapixel"] > 0
    assert rows["psnr"]["timed_on"].endswith("cores")
    assert rows["fid"]["ms_a_megapixel"] is None
