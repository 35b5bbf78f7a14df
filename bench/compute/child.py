"""One measurement in a fresh process: ``python -m bench.compute.child``.

A JSON job comes on stdin. Everything that takes long to import is imported, then the line ``go`` is
waited for, so that no neighbour's start disturbs what is timed. Each part of the result is a JSON
object on a line of its own on stdout, written when it is known: what was measured before a crash is
kept. What the model prints goes to stderr.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.compute import copies
from bench.compute.messages import Counts, DeviceMemory, Energy, Peak, ProfileJob, ProfileReport
from bench.core.errors import BenchError, message_of

if TYPE_CHECKING:
    import torch

    from bench.compute.calls import Call
    from models.restorer import Hints, Restorer

    Run = Callable[[torch.Tensor], object]

Tell = Callable[[ProfileReport], None]

QUICK = 1.0
"""Seconds of a first pass, up to which operations are counted in a pass that is run for real."""


def main() -> None:
    """Read the job, measure, and tell; in every copy of this process, too."""
    try:
        job, imports_s = _imported()
    except Exception as error:  # noqa: BLE001  the reason is the result
        traceback.print_exc()
        _teller()(ProfileReport(failed=message_of(error)))
        return
    tell = _teller()
    try:
        tell(ProfileReport(threads=_threads(job), imports_s=imports_s))
        if sys.stdin.readline() == "go\n":
            _measure(job, tell)
            tell(ProfileReport(done=True))
    except Exception as error:  # noqa: BLE001  a model may raise anything; the reason is the result
        traceback.print_exc()
        tell(ProfileReport(failed=message_of(error)))


def _imported() -> tuple[ProfileJob, float | None]:
    """Import what takes long; return the job and the seconds since the start, None in a copy."""
    job = ProfileJob.from_line(sys.stdin.readline())

    import torch  # noqa: F401  imported now to be out of the way later

    import models.loading  # noqa: F401

    spent = None if job.started is None else time.monotonic() - job.started
    if job.splits is not None and copies.split(job.splits):
        return ProfileJob.from_line(sys.stdin.readline()), None
    return job, spent


def _teller() -> Tell:
    """Return what writes results to stdout; all else that is printed goes to stderr from now on."""
    results = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(part: ProfileReport) -> None:
        results.write(part.to_line() + "\n")

    return tell


def _threads(job: ProfileJob) -> int:
    """Use the threads asked for; return those that torch uses."""
    import torch

    if job.threads:
        torch.set_num_threads(job.threads)
        if opencv := sys.modules.get("cv2"):
            opencv.setNumThreads(job.threads)
    return torch.get_num_threads()


def _measure(job: ProfileJob, tell: Tell) -> None:
    import torch

    device = torch.device(job.device)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise BenchError("no CUDA device is available here; use --device cpu")
        if device.index is not None:
            torch.cuda.set_device(device)
    torch.manual_seed(0)
    precision = (
        nullcontext()
        if job.dtype == "float32"
        else torch.autocast(device.type, getattr(torch, job.dtype))
    )
    with precision:
        start = _start(job, tell)
        _time(*_timed(start, job), start.restorer, job, tell)
        if job.count:
            _part("files", tell, lambda: ProfileReport(files_per_s=_files_per_s(start, job)))
    if job.count:
        _part("counts", tell, lambda: ProfileReport(counts=_counts(start, job.spec)))


@dataclass
class Start:
    """A model after its first pass, and what that pass asked of its network or ONNX session."""

    restorer: Restorer
    hints: Hints
    calls: list[Call]
    shapes: list[tuple[int, ...]]
    first_pass_s: float = 0.0


def _start(job: ProfileJob, tell: Tell) -> Start:
    """Load and make the first pass: the cold start, and the memory that it takes."""
    import torch

    from bench.compute.calls import observe, observe_calls, observe_onnx
    from bench.compute.memory import peak_resident, reset_peak, resident
    from models.contract import Contained
    from models.ensemble import Ensemble
    from models.loading import load_restorer
    from models.memory import cut_to_fit
    from models.restorer import Hints, NetworkRestorer

    image = torch.rand(job.batch, 3, job.height, job.width)
    reset, before = reset_peak(), resident()
    ceiling = peak_resident()
    begin = time.perf_counter()
    weights = Path(job.weights) if job.weights else None
    restorer = load_restorer(
        job.spec,
        device=job.device,
        weights=weights,
        random_weights=weights is None,
        tile=None if job.tile == "auto" else job.tile,  # chosen below, before what is counted
    )
    if isinstance(restorer, Contained):
        restorer = restorer.inner  # what holds it back is no cost of the model's
    worker = restorer.inner if isinstance(restorer, Ensemble) else restorer
    if isinstance(worker, NetworkRestorer):
        worker.shrinks = False  # what is measured is what was asked for, or missing
    if job.tile == "auto":
        side = cut_to_fit(restorer, job.height, job.width, batch=job.batch)
        tell(ProfileReport(chosen_tile=side or 0))
    if restorer.network is None and job.dtype != "float32":
        raise BenchError(f"no network: it computes in its own precision, not in {job.dtype}")
    loaded = time.perf_counter()
    psf = _gaussian_psf() if restorer.needs_psf else None
    hints = Hints(image="profile", psf=psf, scale=job.scale)
    start = Start(restorer, hints, [], [])
    if isinstance(worker, NetworkRestorer) and worker.network is not None:
        result, start.calls = observe_calls(worker, lambda: restorer.restore(image, hints))
    elif restorer.network is not None:
        restorer.network.eval()
        result, start.calls = observe(restorer.network, lambda: restorer.restore(image, hints))
    elif _is_onnx(job.spec):
        result, start.shapes = observe_onnx(lambda: restorer.restore(image, hints))
    else:
        result = restorer.restore(image, hints)
    done = time.perf_counter()
    if result.shape[0] != image.shape[0]:
        raise BenchError(f"it restored {result.shape[0]} of a batch of {image.shape[0]} images")
    start.first_pass_s = done - loaded
    tell(ProfileReport(load_s=loaded - begin, first_pass_s=start.first_pass_s))
    peak = peak_resident()
    if reset or peak > ceiling:
        tell(ProfileReport(process_memory=peak - before))
    else:
        reason = "less than its imports took, and the system does not let the peak be reset"
        tell(ProfileReport(missing={"process_memory": reason}))
    return start


def _timed(start: Start, job: ProfileJob) -> tuple[Run, list[torch.Tensor]]:
    """Return what is timed, and four random inputs for it: the forward pass where there is one."""
    import torch

    from models.restorer import NetworkRestorer

    restorer, hints = start.restorer, start.hints
    like = start.calls[0].image() if len(start.calls) == 1 else None
    if restorer.network is not None and like is not None:
        network = restorer.call if isinstance(restorer, NetworkRestorer) else restorer.network

        def forward(images: torch.Tensor) -> object:
            with torch.inference_mode():
                return network(images)

        last = like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        inputs = [torch.rand(like.shape) for _ in range(4)]
        return forward, [x.to(restorer.device, like.dtype, memory_format=layout) for x in inputs]
    size = (job.batch, 3, job.height, job.width)
    images = [torch.rand(size) for _ in range(4)]
    return lambda image: restorer.restore(image, hints), images


def _time(
    run: Run, inputs: list[torch.Tensor], restorer: Restorer, job: ProfileJob, tell: Tell
) -> None:
    from bench.compute.passes import busy_ms, time_passes

    on_gpu = job.device != "cpu" and restorer.network is not None

    def latency() -> ProfileReport:
        timing = time_passes(run, inputs, job.passes, job.seconds, events=on_gpu)
        return ProfileReport(latency=timing)

    _part("latency", tell, latency)
    if job.peak:
        _part("peak", tell, lambda: ProfileReport(peak=_peak(inputs[0], restorer, job)))
    _part("energy", tell, lambda: ProfileReport(energy=_energy(run, inputs, job.seconds, on_gpu)))
    if on_gpu:
        del inputs[1:]  # the memory of one pass holds one input
        _part(
            "device_memory",
            tell,
            lambda: ProfileReport(device_memory=_device_memory(run, inputs[0])),
        )
    if on_gpu and job.count:  # last: what records kernels stays, and slows launches
        _part("busy", tell, lambda: ProfileReport(busy_ms=busy_ms(run, inputs)))


def _part(name: str, tell: Tell, function: Callable[[], ProfileReport]) -> None:
    """Tell one part of the result, or why it is missing."""
    try:
        tell(function())
    except Exception as error:  # noqa: BLE001  the other parts stand
        traceback.print_exc()
        tell(ProfileReport(missing={name: message_of(error)}))


def _device_memory(run: Run, image: torch.Tensor) -> DeviceMemory:
    import torch

    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    run(image)
    torch.cuda.synchronize()
    peak, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    return DeviceMemory(allocated=peak, reserved=reserved)


def _energy(run: Run, inputs: list[torch.Tensor], seconds: float, on_gpu: bool) -> Energy:
    import torch

    from bench.compute.energy import NoCounter, energy_counter, processor_energy_counter
    from bench.compute.passes import repeat_for

    if on_gpu:
        uuid = str(torch.cuda.get_device_properties(torch.cuda.current_device()).uuid)
        joules = energy_counter(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
    else:
        joules = processor_energy_counter()
    before = joules()
    passes, elapsed = repeat_for(run, inputs, max(seconds, 1.0))
    spent = joules() - before
    if spent <= 0:
        raise NoCounter(f"the energy counter did not move in {elapsed:.1f} s")
    return Energy(joules=spent, passes=passes, seconds=elapsed)


def _peak(image: torch.Tensor, restorer: Restorer, job: ProfileJob) -> Peak:
    """Measure what the device can do in the precision that the model computes in."""
    import torch

    from bench.compute.roofline import measure_peak

    dtype = image.dtype if job.dtype == "float32" else getattr(torch, job.dtype)
    device = torch.device(job.device) if restorer.network is not None else torch.device("cpu")
    return measure_peak(device, dtype)


def _files_per_s(start: Start, job: ProfileJob) -> float:
    """Restore a file to a file for a while; the image has the detail of a photograph, not noise's,
    which would take PNG longer."""
    import cv2
    import numpy as np

    from bench.image import read, to_pixels, to_tensor, write_png

    noise = np.random.default_rng(0).standard_normal((job.height, job.width, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    pixels = np.clip(128 + 64 * (smooth - smooth.mean()) / max(smooth.std(), 1e-6), 0, 255)
    limit = min(0.5, job.seconds / 5)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.png", Path(folder) / "out.png"
        write_png(source, pixels.astype(np.uint8))
        begin, number, elapsed = time.perf_counter(), 0, 0.0
        while number < 2 or elapsed < limit:
            restored = start.restorer.restore(to_tensor(read(source)), start.hints)
            write_png(target, to_pixels(restored))
            number, elapsed = number + 1, time.perf_counter() - begin
    return number / elapsed


def _counts(start: Start, spec: str) -> Counts:
    from bench.compute import calls, operations, operations_onnx
    from models.specs import onnx_parts
    from models.variants import parted

    network = start.restorer.network
    if _is_onnx(spec):
        path, _ = onnx_parts(parted(spec)[0])
        found = calls.count_onnx_calls(path, start.shapes)
        return Counts(**asdict(found), weight_bytes=operations_onnx.weight_bytes(path))
    if network is None:
        raise BenchError("not a network")
    if not start.calls:
        raise BenchError("the network was not called while an image was restored")
    found = calls.count_calls(network, start.calls, running=start.first_pass_s < QUICK)
    return Counts(**asdict(found), weight_bytes=operations.weight_bytes(network))


def _is_onnx(spec: str) -> bool:
    from models.specs import form_of

    return form_of(spec) == "onnx"


def _gaussian_psf() -> Any:
    """Return a (9,9) Gaussian of sigma 1.5 that sums to 1, for models that need a blur."""
    import numpy as np

    line = np.exp(-((np.arange(9) - 4) ** 2) / (2 * 1.5**2))
    kernel = np.outer(line, line)
    return kernel / kernel.sum()


if __name__ == "__main__":
    main()
