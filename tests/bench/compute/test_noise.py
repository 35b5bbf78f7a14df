"""The rule of when a cost is noisy, and the range that it then lies in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.compute.noise import disagreement, seen, summary, with_noise
from bench.compute.quantities import QUANTITIES
from bench.framework.costs import cost_draws, cost_of
from bench.records import Profile

ROW = Profile(
    model="m",
    device="cpu",
    dtype="float32",
    height=32,
    width=32,
    batch=1,
    threads=2,
    quantity="latency_ms",
    unit="ms",
    value=100.0,
    low=70.0,
    high=150.0,
    noisy=None,
    samples=((70.0, 75.0, 80.0), (150.0, 145.0, 160.0)),
)
QUIET = replace(ROW, samples=((100.0, 101.0), (99.0, 100.0)))


def of(quantity: str, value: float | None = 5.0, **changed: object) -> Profile:
    plain = replace(ROW, quantity=quantity, value=value, low=None, high=None, samples=())
    return replace(plain, **changed)  # type: ignore[arg-type]


def test_medians_more_than_a_fifth_apart_disagree() -> None:
    assert disagreement([(10.0,), (12.0,)]) == ""
    assert disagreement([(10.0, 10.0, 50.0), (12.1,)]) == (
        "medians of the processes differ by 21 %"
    )
    assert disagreement([]) == disagreement([(5.0,)]) == disagreement([(0.0,), (0.0,)]) == ""


def test_what_takes_time_is_noisy_with_the_latency_and_counts_never_are() -> None:
    told = with_noise([ROW, *map(of, QUANTITIES)], {})
    noisy = {row.quantity for row in told if row.noisy}
    assert noisy == {
        "latency_ms",
        "latency_ms_p90",
        "system_percent",
        "throughput_mpix_s",
        "cold_start_s",
        "energy_j",
        "files_per_s",
        "gpu_busy_percent",
        "arithmetic_percent",
        "bandwidth_percent",
        "device_tflops",
        "device_gb_s",
    }
    assert with_noise([of("energy_j", None), ROW], {})[0].noisy == ""  # there is no figure


def test_memory_is_noisy_by_its_own_processes_alone() -> None:
    memory = of("process_memory_mb", samples=((100.0,), (190.0,)))
    told = with_noise([QUIET, memory, of("macs")], {})
    assert [row.noisy for row in told] == ["", "medians of the processes differ by 90 %", ""]
    assert seen(told) == "process memory: medians of the processes differ by 90 %"


def test_a_load_is_held_against_the_threads_and_all_reasons_are_told() -> None:
    load = ("3 involuntary context switches while timing; load 4.1",)
    assert with_noise([QUIET], {"m": load})[0].noisy == "load 4.1 on 2 threads"
    assert with_noise([replace(QUIET, threads=4)], {"m": load})[0].noisy == ""
    notes = ("noisy: passes repeated in 1 of 2 processes", *load)
    assert with_noise([ROW], {"m": notes})[0].noisy == (
        "medians of the processes differ by 100 %; passes repeated in 1 of 2 processes; "
        "load 4.1 on 2 threads"
    )
    assert with_noise([replace(QUIET, noisy="")], {"m": notes})[0].noisy == ""  # told otherwise


def test_a_noisy_cost_lies_between_the_medians_of_its_processes() -> None:
    figures = {
        row.quantity: row
        for row in with_noise(
            [
                replace(ROW, low=90.0, high=140.0),
                of("energy_j", 5.0),
                of("macs", 9.0),
                of("throughput_mpix_s", 2.0),
            ],
            {},
        )
    }
    latency = cost_of(figures, "latency_ms")
    assert latency is not None
    assert (latency.value, latency.reach) == (100.0, (75.0, 150.0))
    energy, speed = cost_of(figures, "energy_j"), cost_of(figures, "throughput_mpix_s")
    assert energy is not None
    assert speed is not None
    assert energy.reach == (3.75, 7.5)  # measured once: it varies as the time does
    assert speed.reach == pytest.approx((2 / 1.5, 2 / 0.75))
    macs = cost_of(figures, "macs")
    assert macs is not None
    assert macs.reach == (9.0, 9.0)
    assert cost_of(figures, "params") is None


def test_a_quiet_cost_is_compared_by_its_value() -> None:
    cost = cost_of({"latency_ms": replace(QUIET, noisy="")}, "latency_ms")
    assert cost is not None
    assert (cost.low, cost.high, cost.reach) == (70.0, 150.0, (100.0, 100.0))


def test_draws_of_a_noisy_cost_fill_its_range_evenly_and_follow_the_latency() -> None:
    figures = {row.quantity: row for row in with_noise([ROW, of("throughput_mpix_s", 2.0)], {})}
    drawn, source = cost_draws(figures, "latency_ms", 20_000, 0)
    assert source == "noise"
    assert (drawn.min(), drawn.max()) == pytest.approx((70.0, 150.0), rel=1e-3)
    assert np.median(drawn) == pytest.approx((70.0 * 150.0) ** 0.5, rel=0.02)
    speed, _ = cost_draws(figures, "throughput_mpix_s", 20_000, 0)
    assert np.corrcoef(np.log(drawn), np.log(speed))[0, 1] == pytest.approx(-1)


def test_a_summary_names_few_models() -> None:
    text = summary({f"m{i}": "load 9.0 on 1 thread" for i in range(7)})
    assert text.endswith("m1 (load 9.0 on 1 thread), and 5 more.")
    assert "m2" not in text
