"""The share of a device's peak, by a clock of the test's own and on recorded reports.

On a real clock: ``tests/performance/roofline.py``.
"""

from __future__ import annotations

import pytest
import torch

from bench.compute import roofline
from bench.compute.messages import Counts, Peak, ProfileReport, Timing
from bench.compute.operations import count
from bench.compute.profile import Conditions, Measurement
from bench.compute.roofline import measure_peak, said
from bench.records import Profile


def shares(found: Measurement) -> tuple[float, float]:
    rows = {row.quantity: row for row in found.profiles()}
    values = [rows[f"{name}_percent"].value for name in ("arithmetic", "bandwidth")]
    assert values[0] is not None
    assert values[1] is not None
    return values[0], values[1]


def test_a_peak_is_the_work_over_the_quickest_pass_after_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a clock that only the work moves: what else the machine is busy with is not asked."""
    now = 0.0
    side, size = roofline.SIDE["cpu"], roofline.COPIED["cpu"]
    multiply, copy = torch.mm, torch.Tensor.copy_
    products, copies = (iter((1.0, 9.0, 4.0, 5.0, 6.0)) for _ in range(2))

    def mm(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        nonlocal now
        now += next(products)
        assert one.shape == other.shape == (side, side)
        return multiply(one, other)

    def copy_(target: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        nonlocal now
        now += 2 * next(copies)
        assert source.untyped_storage().nbytes() == size
        assert target.data_ptr() != source.data_ptr()
        return copy(target, source)

    monkeypatch.setattr(roofline.time, "perf_counter", lambda: now)
    monkeypatch.setattr(torch, "mm", mm)
    monkeypatch.setattr(torch.Tensor, "copy_", copy_)
    peak = measure_peak(torch.device("cpu"), torch.float32, seconds=15.0)
    assert peak == Peak(flops=2 * side**3 / 4, bytes_s=2 * size / 8, dtype="float32")


def test_an_elementwise_model_has_traffic_and_no_arithmetic() -> None:
    found = count(torch.nn.Hardtanh(), (1, 3, 64, 64))
    assert (found.macs, found.traffic) == (0, 4 * 2 * 3 * 64 * 64)


def test_traffic_is_what_each_operation_reads_and_writes() -> None:
    found = count(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 1), torch.nn.ReLU()), (1, 3, 10, 10))
    convolution = 300 + 8 * 3 + 8 + 800  # image, weight, bias, result
    assert found.traffic == 4 * (convolution + 800 + 800)


def test_shares_follow_from_counts_time_and_peak() -> None:
    timing = Timing(
        warm_up=3, passes_ms=(10.0,) * 9, wall_ms=(10.0,) * 9, repeated=False, switches=0, load=0
    )
    counts = Counts(
        params=1, macs=10**9, elementwise=0, activations=0, uncovered=(), weight_bytes=4,
        traffic=10**8,
    )  # fmt: skip
    told = ProfileReport(threads=1, latency=timing, counts=counts, done=True)
    most = Peak(flops=1e12, bytes_s=2e10, dtype="float32")
    found = Measurement("m", "m", Conditions(8, 8), (told,), peak=most)
    assert shares(found) == pytest.approx((20.0, 50.0))  # 2 GFLOP and 0.1 GB in 10 ms
    rows: dict[str, Profile] = {row.quantity: row for row in found.profiles()}
    assert (rows["device_tflops"].value, rows["device_gb_s"].value) == (1.0, 20.0)
    assert said(rows).endswith(
        "20 % of the device's arithmetic and 50 % of its bandwidth: nearer to the roof of bandwidth"
    )


def test_without_a_peak_or_counts_the_reason_is_told() -> None:
    told = ProfileReport(threads=1, missing={"peak": "no room"})
    rows = {r.quantity: r for r in Measurement("m", "m", Conditions(8, 8), (told,)).profiles()}
    assert rows["device_tflops"].missing == rows["arithmetic_percent"].missing == "no room"
    assert said(rows) == ""
