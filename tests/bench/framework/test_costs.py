"""Costs: names, conditions that never mix, and draws that have the intervals shown."""

from __future__ import annotations

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.framework.costs import (
    CostConditions,
    all_conditions,
    cost_draws,
    figure_under,
    require_same,
    resolve_quantity,
    why_no_figure,
)
from bench.statistics.intervals import quantile_with_interval
from tests.bench.framework.evidence import costs, figure

PASSES = ((10.0, 11.0, 10.5, 30.0), (14.0, 13.5, 15.0, 14.2), (9.0, 9.5, 9.2, 9.1))


def test_short_names_stand_for_quantities_and_their_units() -> None:
    nothing = costs(figure("m", "process_memory_mb", 5.0))
    assert resolve_quantity("latency", nothing) == ("latency_ms", 1.0)
    assert resolve_quantity("gmacs", nothing) == ("macs", 1e9)
    assert resolve_quantity("gflops", nothing) == ("macs", 0.5e9)  # FLOPs = 2 x MACs
    assert resolve_quantity("memory_gb", nothing) == ("process_memory_mb", 1000.0)
    assert resolve_quantity("params", nothing) == ("params", 1.0)


def test_memory_is_the_gpus_where_it_was_measured() -> None:
    on_gpu = costs(figure("m", "device_memory_mb", 900.0), figure("m", "process_memory_mb", 5.0))
    assert resolve_quantity("memory_mb", on_gpu)[0] == "device_memory_mb"


def test_a_mistyped_cost_suggests_the_nearest() -> None:
    with pytest.raises(BenchError, match="did you mean 'latency_ms'"):
        resolve_quantity("latencyms", {})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"threads": 4}, "threads 1 and 4"),
        ({"device": "cuda"}, "device cpu and cuda"),
        ({"dtype": "float16"}, "dtype float32 and float16"),
        ({"height": 720}, "height 256 and 720"),
        ({"batch": 8}, "batch 1 and 8"),
    ],
)
def test_costs_of_different_conditions_are_refused_with_what_differs(
    changed: dict[str, object], said: str
) -> None:
    first, other = figure("m", "latency_ms", 5.0), figure("n", "latency_ms", 3.0, **changed)
    with pytest.raises(BenchError, match=f"never ranked together.*differ in {said}"):
        require_same([(first, 0), (other, 0)])
    found = costs(first, other)
    at = all_conditions(found)[0]
    assert figure_under(found["n"], "latency_ms", at) is None
    assert "under other conditions only" in why_no_figure(found["n"], "latency_ms", at)


def test_machines_do_not_mix_but_counts_do_not_depend_on_them() -> None:
    with pytest.raises(BenchError, match="machine 0 and 1"):
        require_same([(figure("m", "latency_ms", 5.0), 0), (figure("n", "latency_ms", 5.0), 1)])
    one, other = figure("m", "macs", 5.0), figure("n", "macs", 5.0, threads=4, device="cuda")
    assert require_same([(one, 0), (other, 1)]) == CostConditions(
        device="", dtype="", height=256, width=256, batch=1, threads=0
    )
    assert require_same([]) is None


def test_draws_of_processes_and_passes_have_the_figures_own_interval() -> None:
    value, low, high = quantile_with_interval(PASSES, 0.5)
    latency = figure("m", "latency_ms", value, low=low, high=high, samples=PASSES)
    drawn, source = cost_draws({"latency_ms": latency}, "latency_ms", 20_000, 0)
    assert source == "processes"
    # Both ends are quantiles of the same distribution, which is discrete: a step is 0.5 ms.
    assert np.quantile(drawn, [0.025, 0.5, 0.975]) == pytest.approx([low, value, high], abs=0.5)


def test_quantities_that_follow_from_latency_are_drawn_by_the_same_passes() -> None:
    value, low, high = quantile_with_interval(PASSES, 0.5)
    late = quantile_with_interval(PASSES, 0.9)
    figures = {
        "latency_ms": figure("m", "latency_ms", value, low=low, high=high, samples=PASSES),
        "latency_ms_p90": figure("m", "latency_ms_p90", late[0], low=late[1], high=late[2]),
        "throughput_mpix_s": figure("m", "throughput_mpix_s", 65.536 / value, low=1.0, high=9.0),
    }
    median = cost_draws(figures, "latency_ms", 500, 3)[0]
    speed = cost_draws(figures, "throughput_mpix_s", 500, 3)[0]
    assert speed == pytest.approx(65.536 / median)
    assert (cost_draws(figures, "latency_ms_p90", 500, 3)[0] >= median).all()


def test_draws_of_an_interval_alone_have_that_interval() -> None:
    latency = figure("m", "latency_ms", 20.0, low=15.0, high=60.0)
    drawn, source = cost_draws({"latency_ms": latency}, "latency_ms", 200_000, 0)
    assert source == "interval"
    assert np.quantile(drawn, [0.025, 0.5, 0.975]) == pytest.approx([15, 20, 60], rel=0.02)


def test_a_count_does_not_vary() -> None:
    drawn, source = cost_draws({"macs": figure("m", "macs", 2e9)}, "macs", 10, 0)
    assert source == "exact"
    assert set(drawn) == {2e9}
