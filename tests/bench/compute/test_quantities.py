"""The table of cost quantities: every row can be read, shown and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.compute import quantities as table
from bench.compute.messages import ProfileReport
from bench.compute.profile import Conditions, Measurement
from bench.compute.quantities import QUANTITIES, Quantity, names, plotted_in, row_of, shown_in
from bench.core.errors import BenchError
from bench.framework.costs import resolve_quantity
from bench.report.drawing.numbers import significant
from bench.report.reading.analysis import analyse
from bench.report.reading.gather import gather
from bench.report.sections.costs import costs as cost_table
from tests.support.runs import costs, simple_run

FAILED = Measurement("m", "m", Conditions(8, 8), (ProfileReport(failed="it died"),))
Add = Callable[[Quantity], None]


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch) -> Iterator[Add]:
    """Join a row as a package does."""

    def joined(row: Quantity) -> None:
        more = {**QUANTITIES, row.name: row}
        monkeypatch.setattr(table, "extended", lambda own, group, kind: more)
        table.quantities.cache_clear()

    yield joined
    table.quantities.cache_clear()


def test_no_alias_is_the_name_of_a_quantity() -> None:
    assert len(names()) == len(set(names()))
    assert not set(QUANTITIES) & {a for row in QUANTITIES.values() for a in row.aliases}


def test_every_row_has_words_for_a_heading_and_for_a_sentence() -> None:
    assert all(row.heading and row.meaning for row in QUANTITIES.values())
    assert row_of("macs").word == "MACs"
    assert row_of("device_memory_mb").word == "device memory"


def test_places_are_those_of_the_page() -> None:
    assert shown_in("short") == ["params", "macs", "latency_ms"]
    assert plotted_in("page") == ["latency_ms", "macs"]
    assert plotted_in("bars")[:3] == ["latency_ms", "macs", "params"]


def test_a_shared_name_is_the_first_that_was_measured() -> None:
    assert resolve_quantity("memory_gb", {}) == ("process_memory_mb", 1000.0)
    assert resolve_quantity("gflops", {}) == ("macs", 0.5e9)  # 1 MAC is 2 FLOPs
    with pytest.raises(BenchError, match="did you mean 'latency_ms'"):
        resolve_quantity("latency_mss", {})


@pytest.mark.parametrize(
    ("measure", "value", "missing"),
    [
        (lambda one: 2 * one.conditions.height, 16.0, None),
        (lambda one: "no meter here", None, "no meter here"),
        (None, None, "nothing measures it: its row of the table has no measure"),
    ],
)
def test_a_row_from_outside_has_a_value_or_a_reason(
    add: Add,
    measure: Callable[[Measurement], float | str] | None,
    value: float | None,
    missing: str | None,
) -> None:
    add(Quantity("toy", "J", "a toy", measure=measure, aliases={"toys": 10.0}))
    row = FAILED.profiles()[-1]
    assert (row.quantity, row.unit, row.value, row.missing) == ("toy", "J", value, missing)
    assert all((one.value is None) == bool(one.missing) for one in FAILED.profiles())
    assert resolve_quantity("toys", {}) == ("toy", 10.0)


def test_a_measure_that_gives_no_number_and_no_reason_is_refused(add: Add) -> None:
    add(Quantity("toy", "J", "a toy", measure=lambda one: float("nan")))
    with pytest.raises(BenchError, match="measure of 'toy' returned nan; expected a finite"):
        FAILED.profiles()


def test_the_cost_table_has_what_joined_what_nobody_measured_and_what_is_gone(
    add: Add, tmp_path: Path
) -> None:
    add(Quantity("toy", "J", "a toy", "Toys", "kJ", 1e-3))
    figures = costs("m", 5.0, 1e6)
    figures += [
        replace(figures[0], quantity=name, unit="J", value=2500.0) for name in ("toy", "gone")
    ]
    run = simple_run(tmp_path / "run", {"m": [30.0, 31.0]}, ["a", "b"], profiles=figures)
    analysis = analyse(gather([run]))
    found = cost_table(analysis, analysis.data.conditions()[0])
    shown = {
        (column.head, column.unit): cell.text
        for column, cell in zip(found.columns, found.rows[0], strict=True)
    }
    assert shown["Toys", "kJ"] == "2.50"
    assert shown["gone", ""] == significant(2500.0)
    (line,) = (line for line in found.legend if "Cold start" in line)
    assert line.endswith(" of every model: — (not measured).")
