"""Bars of costs: each chart under one set of conditions, with every model that has a figure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.records import Profile
from bench.report.drawing.theme import Plot, looks
from bench.report.reading.analysis import Analysis, analyse
from bench.report.reading.gather import gather
from bench.report.sections.bars import MODELS, Bar, _lines, bars
from tests.support.runs import costs, simple_run


def analysed(path: Path, figures: list[Profile], models: int = 3) -> Analysis:
    values: dict[str, list[float | str]] = {f"m{n}": [30.0 - n, 31.0 - n] for n in range(models)}
    return analyse(gather([simple_run(path, values, ["a", "b"], profiles=figures)]))


def drawn(analysis: Analysis) -> dict[str, Plot]:
    styles = looks(list(analysis.order), analysis.base, {})
    found = [p for at in analysis.data.conditions() for p in bars(analysis, at, styles)]
    return {plot.name: plot for plot in found}


def test_bars_are_in_the_order_of_quality_and_say_their_numbers(tmp_path: Path) -> None:
    figures = [*costs("m0", 50.0, 4e6), *costs("m1", 5.0, 1e6), *costs("m2", 0.5, None)]
    found = drawn(analysed(tmp_path / "run", figures))
    assert set(found) == {"cost-latency-ms", "cost-params", "cost-macs", "cost-process-memory-mb"}
    assert found["cost-latency-ms"].alt == (
        "Latency in ms (log scale), cpu, float32, 256×256, batch 1, 2 threads: "
        "m0 50.0, m1 5.00, m2 0.500."
    )  # 50 * 1.2 is more than 50 times 0.5 * 0.9
    assert found["cost-params"].alt.endswith("m0 4.00, m1 1.00.")
    assert "log scale" not in found["cost-params"].alt
    assert found["cost-params"].notes == ["1 model without a figure; see the table."]


def test_costs_of_other_conditions_are_never_in_one_chart(tmp_path: Path) -> None:
    large = [replace(row, height=512, width=512) for row in costs("m2", 80.0, 2e6)]
    figures = [*costs("m0", 50.0, 4e6), *costs("m1", 5.0, 1e6), *large]
    found = drawn(analysed(tmp_path / "run", figures))
    assert "m2" not in found["cost-latency-ms"].alt
    assert "cost-latency-ms-2" not in found  # one model alone is no chart
    assert "m2 2.00" in found["cost-params"].alt  # which depends on no condition
    assert "cost-params-2" not in found


def test_many_models_are_cut_to_the_best_and_counted(tmp_path: Path) -> None:
    figures = [row for n in range(30) for row in costs(f"m{n}", 5.0 + n, 1e6)]
    plot = drawn(analysed(tmp_path / "run", figures, 30))["cost-latency-ms"]
    assert plot.alt.count(", m") == MODELS - 1
    assert plot.notes == ["6 further models in the table."]


def test_the_lines_of_a_chart_are_called_what_they_are() -> None:
    known = Bar("a", 2.0, 1.0, 3.0, noisy=False)
    noisy, alone = replace(known, noisy=True), replace(known, low=2.0, high=2.0)
    assert _lines([known, alone]) == "Lines: 95 % intervals."
    assert _lines([noisy, alone]) == "Dashed lines: ranges of noisy costs."
    assert _lines([noisy, known]) == f"{_lines([known])} {_lines([noisy])}"
    assert _lines([alone]) == ""
