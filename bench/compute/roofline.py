"""What a device can do at most, and the share of it that a model reaches.

A model takes at least the longer of two times: its arithmetic at the device's peak, and its traffic
at the device's bandwidth (Williams, Waterman and Patterson 2009, doi:10.1145/1498765.1498785). Both
peaks are measured: the first by products of large matrices, the second by copies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

from bench.compute.messages import Counts, Peak
from bench.records import Profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from bench.compute.profile import Measurement

SIDE = {"cpu": 1024, "cuda": 8192}
"""Of the square matrices that are multiplied."""
COPIED = {"cpu": 1 << 28, "cuda": 1 << 30}
"""Bytes of what is copied: more than caches hold."""


def measure_peak(device: torch.device, dtype: torch.dtype, seconds: float = 0.1) -> Peak:
    """Measure a device's `Peak` in a precision, each part for ``seconds`` after one warm-up.

    The quickest pass counts. Float32 on a GPU is multiplied with TF32 where convolutions are.
    """
    import torch

    side, size = SIDE[device.type], COPIED[device.type]
    with torch.inference_mode(), _tf32_as_convolutions():
        matrix = torch.rand(side, side, device=device).to(dtype)
        product = _quickest(lambda: torch.mm(matrix, matrix), seconds, device)
        source = torch.ones(size, dtype=torch.uint8, device=device)
        target = torch.empty_like(source)
        copy = _quickest(lambda: target.copy_(source), seconds, device)
    name = str(dtype).removeprefix("torch.")
    return Peak(flops=2 * side**3 / product, bytes_s=2 * size / copy, dtype=name)


@contextmanager
def _tf32_as_convolutions() -> Iterator[None]:
    from torch.backends import cuda, cudnn

    before = cuda.matmul.allow_tf32
    cuda.matmul.allow_tf32 = cudnn.allow_tf32
    try:
        yield
    finally:
        cuda.matmul.allow_tf32 = before


def _quickest(run: Callable[[], object], seconds: float, device: torch.device) -> float:
    import torch

    def timed() -> float:
        begin = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begin

    timed()
    best, end = timed(), time.perf_counter() + seconds
    while time.perf_counter() < end:
        best = min(best, timed())
    return best


def device_tflops(measured: Measurement) -> float | str:
    """Return the device's peak in TFLOP/s, or why it is not known."""
    return measured.peak.flops / 1e12 if measured.peak else _unknown(measured)


def device_gb_s(measured: Measurement) -> float | str:
    """Return the device's bandwidth in GB/s, or why it is not known."""
    return measured.peak.bytes_s / 1e9 if measured.peak else _unknown(measured)


def arithmetic_percent(measured: Measurement) -> float | str:
    """Return which share of the device's peak the matrix-like operations reach, in %."""
    found = _counted(measured)
    if isinstance(found, str):
        return found
    counts, seconds, peak = found
    return 100 * 2 * counts.macs / seconds / peak.flops


def bandwidth_percent(measured: Measurement) -> float | str:
    """Return which share of the device's bandwidth the operations' traffic reaches, in %."""
    found = _counted(measured)
    if isinstance(found, str):
        return found
    counts, seconds, peak = found
    if counts.traffic is None:
        return "the bytes that an ONNX file's operations move are not counted"
    return 100 * counts.traffic / seconds / peak.bytes_s


def said(figures: Mapping[str, Profile]) -> str:
    """Say how near a model comes to the roof that is above it; nothing where that is not known."""
    shares = {
        name: row.value
        for name in ("arithmetic", "bandwidth")
        if (row := figures.get(f"{name}_percent")) and row.value is not None
    }
    if len(shares) < 2:
        return ""
    nearest = max(shares, key=lambda name: shares[name])
    return (
        f"reaches {shares['arithmetic']:.0f} % of the device's arithmetic and "
        f"{shares['bandwidth']:.0f} % of its bandwidth: nearer to the roof of {nearest}"
    )


def _counted(measured: Measurement) -> tuple[Counts, float, Peak] | str:
    """Return what was counted of a pass, its seconds and the device's peak, or what is missing."""
    if measured.peak is None:
        return _unknown(measured)
    counts = next((report.counts for report in measured.reports if report.counts), None)
    passes = [ms for r in measured.reports if r.latency for ms in r.latency.passes_ms]
    if counts is None:
        return measured.reason("counts")
    if not passes:
        return measured.reason("latency")
    return counts, median(passes) / 1000, measured.peak


def _unknown(measured: Measurement) -> str:
    return measured.reason("peak", "the device's peak was not measured")


def files_per_s(measured: Measurement) -> float | str:
    """Return the photographs a second from file to file, or why that is not known."""
    told = (report.files_per_s for report in measured.reports if report.files_per_s is not None)
    return next(told, None) or measured.reason("files")
