"""The share of a device's peak: seen to be true on this processor, and on recorded reports."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from bench.compute.messages import Counts, Peak, ProfileReport, Timing
from bench.compute.operations import count
from bench.compute.passes import time_passes
from bench.compute.profile import Conditions, Measurement
from bench.compute.roofline import measure_peak, said
from bench.records import Profile

ATTEMPTS = 5
"""Of a measurement that other work may have disturbed."""


def measured(network: torch.nn.Module, image: torch.Tensor, peak: Peak) -> Measurement:
    """Time and count a network in this process."""
    with torch.inference_mode():
        timing = time_passes(network, [image], 8, 0.6, events=False)
    found = count(network, image)
    counts = Counts(
        params=found.params,
        macs=found.macs,
        elementwise=found.elementwise,
        activations=found.activations,
        uncovered=found.uncovered,
        weight_bytes=0,
        traffic=found.traffic,
    )
    told = ProfileReport(threads=1, latency=timing, counts=counts, done=True)
    asked = Conditions(*image.shape[2:])
    return Measurement("m", "m", asked, (told,), peak=peak)


def shares(found: Measurement) -> tuple[float, float]:
    rows = {row.quantity: row for row in found.profiles()}
    values = [rows[f"{name}_percent"].value for name in ("arithmetic", "bandwidth")]
    assert values[0] is not None
    assert values[1] is not None
    return values[0], values[1]


def undisturbed(
    network: torch.nn.Module, image: torch.Tensor, near: Callable[[float, float], bool]
) -> tuple[float, float]:
    """Return shares of a peak that is measured beside them: other work slows one of the two."""
    for _ in range(ATTEMPTS):
        peak = measure_peak(torch.device("cpu"), torch.float32, seconds=0.2)
        found = shares(measured(network, image, peak))
        if near(*found):
            break
    return found


def test_a_large_convolution_is_bound_by_arithmetic_and_comes_near_the_peak() -> None:
    network = torch.nn.Conv2d(128, 128, 3, padding=1)
    image = torch.rand(1, 128, 96, 96).contiguous(memory_format=torch.channels_last)
    arithmetic, bandwidth = undisturbed(network, image, lambda share, _: 25 < share < 250)
    assert 25 < arithmetic < 250  # Winograd needs fewer operations than are counted
    assert arithmetic > 3 * bandwidth


def test_an_elementwise_model_is_bound_by_bandwidth() -> None:
    image = torch.rand(1, 3, 2048, 2048)
    network = torch.nn.Hardtanh()
    arithmetic, bandwidth = undisturbed(network, image, lambda _, share: 15 < share < 400)
    assert arithmetic == 0
    assert 15 < bandwidth < 400


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
