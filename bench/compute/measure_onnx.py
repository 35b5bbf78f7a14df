"""Measure what an ONNX network costs on this machine, with nothing but onnxruntime and numpy.

    python3 -m pip install onnxruntime numpy
    python3 THIS_FILE.py

It looks for the .onnx file of its own name beside it, measures as `bench profile` does (fresh
processes, warm-up until stable, passes over four random inputs, again where they are noisy), and
writes a .json file beside it, which `bench report RUN --costs FILE.json` reads. From Python 3.8 on.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MODEL = ""
SIZE = "256x256"

STABLE, NOISY, FEWEST = 0.05, 0.25, 3  # as in bench/compute/passes.py
NOT_HERE = "measured by the stand-alone script, which does not know it"


def arguments() -> argparse.Namespace:
    """Return what was asked for; ends with what is wrong with it."""
    here = Path(__file__)
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--onnx", default=str(here.with_suffix(".onnx")))
    parser.add_argument("--out", default=str(here.with_suffix(".json")))
    parser.add_argument("--model", default=MODEL or here.stem, help="its name in the report")
    parser.add_argument("--size", default=SIZE, help="HEIGHTxWIDTH")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--passes", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=10.0, help="longest timing of a process")
    parser.add_argument("--provider", default="CPUExecutionProvider", help="of onnxruntime")
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    height, _, width = asked.size.partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
        parser.error(f"--size {asked.size}: expected HEIGHTxWIDTH, such as 720x1280")
    if min(asked.batch, asked.processes, asked.passes) < 1 or asked.threads < 0:
        parser.error("batch, processes and passes: expected at least 1; threads: at least 0")
    if not Path(asked.onnx).is_file():
        parser.error(f"no file '{asked.onnx}'; give --onnx FILE")
    asked.height, asked.width = int(height), int(width)
    return asked


def main() -> None:
    """Measure in fresh processes, and write what they told."""
    asked = arguments()
    if asked.started is not None:
        sys.stdout.write(json.dumps(measure(asked)) + "\n")
        return
    reports = []
    for number in range(asked.processes):
        sys.stderr.write(f"process {number + 1} of {asked.processes}\n")
        reports.append(in_a_fresh_process())
    told = [json.loads(line) for line in reports]
    about: dict[str, Any] = next((one.pop("about") for one in told if "about" in one), {})
    for one in told:
        one.pop("about", None)
    found = {
        "schema": 1,
        "model": asked.model,
        "device": device_of(asked.provider),
        "dtype": about.get("dtype", "float32"),
        "height": asked.height,
        "width": asked.width,
        "batch": asked.batch,
        "threads": about.get("threads", asked.threads or cores()),
        "environment": environment(about.get("versions", {}), asked.provider),
        "reports": [json.dumps(one) for one in told],
    }
    Path(asked.out).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    times = [ms for one in told if "latency" in one for ms in one["latency"]["passes_ms"]]
    failed = [one["failed"] for one in told if "failed" in one]
    if times:
        middle = statistics.median(times)
        sys.stdout.write(f"{asked.model}: {middle:.4g} ms a pass; {asked.out}\n")
    if failed:
        sys.exit(f"a process failed: {failed[0]}; {asked.out}")


def in_a_fresh_process() -> str:
    """Return the line that a measurement in a process of its own prints, or why there is none."""
    flags = ["-S"] * sys.flags.no_site + ["-I"] * sys.flags.isolated
    started = f"--started={time.time()!r}"
    command = [sys.executable, *flags, __file__, *sys.argv[1:], started]
    done = subprocess.run(command, capture_output=True)
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    if done.returncode == 0 and lines:
        return lines[-1]
    words = done.stderr.decode(errors="replace").strip().splitlines() or [""]
    return json.dumps({"failed": f"the process ended with status {done.returncode}: {words[-1]}"})


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Measure in this process: what `bench.compute.messages.ProfileReport` tells."""
    import numpy
    import onnxruntime

    imports_s = max(0.0, time.time() - asked.started)
    before, begin = peak_bytes(), time.perf_counter()
    options = onnxruntime.SessionOptions()
    threads = asked.threads or cores()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(asked.onnx, options, providers=[asked.provider])
    if session.get_providers()[0] != asked.provider:
        raise SystemExit(f"onnxruntime has no {asked.provider} here")
    entry = session.get_inputs()[0]
    kind = {"tensor(float)": "float32", "tensor(float16)": "float16"}.get(entry.type)
    if kind is None:
        raise SystemExit(f"the file takes {entry.type}; expected float or float16 images")
    rng = numpy.random.default_rng(0)
    shape = shape_of(asked, session, entry)
    inputs = [rng.random(shape, dtype=numpy.float32).astype(kind) for _ in range(4)]
    loaded = time.perf_counter()
    session.run(None, {entry.name: inputs[0]})
    first = time.perf_counter()
    memory = peak_bytes()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    turns = itertools.cycle(inputs)

    def one_pass() -> float:
        image = next(turns)
        start = time.perf_counter()
        session.run(None, {entry.name: image})
        return time.perf_counter() - start

    warm, until = [], time.perf_counter() + max(asked.seconds / 5, 0.2)
    while time.perf_counter() < until:
        warm.append(one_pass())
        last = warm[-3:]
        if len(last) == 3 and max(last) <= min(last) * (1 + STABLE):
            break
    number = max(FEWEST, min(asked.passes, int(asked.seconds / max(warm[-1], 1e-6))))
    switched, begun = switches(), os.times()
    gc.disable()
    times = [1000 * one_pass() for _ in range(number)]
    repeated = spread(times) > NOISY and sum(times) < 2000 * asked.seconds
    if repeated:
        times = min(times, [1000 * one_pass() for _ in range(number)], key=spread)
    ended = os.times()
    user, system = ended.user - begun.user, ended.system - begun.system
    counted = device_of(asked.provider) == "cpu" and user + system > 0
    return {
        "threads": threads,
        "imports_s": imports_s,
        "load_s": loaded - begin,
        "first_pass_s": first - loaded,
        **({"process_memory": memory - before} if memory > before else {}),
        "latency": {
            "warm_up": len(warm),
            "passes_ms": times,
            "wall_ms": times,
            "repeated": repeated,
            "switches": switches() - switched,
            "load": load,
            "system": system / (user + system) if counted else None,
            "handed_out": None,
        },
        "missing": dict.fromkeys(not_known(device_of(asked.provider)), NOT_HERE),
        "done": True,
        "about": {
            "threads": threads,
            "dtype": kind,
            "versions": {"onnxruntime": onnxruntime.__version__, "numpy": numpy.__version__},
        },
    }


def shape_of(asked: argparse.Namespace, session: Any, entry: Any) -> tuple[int, ...]:
    """Return (B,C,H,W): sides up to the multiple that the file names; a grey network, thrice."""
    text = session.get_modelmeta().custom_metadata_map.get("multiple", "1")
    high, _, wide = text.partition("x")
    steps = int(high), int(wide or high)
    sides = [-(-asked.height // steps[0]) * steps[0], -(-asked.width // steps[1]) * steps[1]]
    channels = entry.shape[1] if isinstance(entry.shape[1], int) else 3
    return (asked.batch * (3 if channels == 1 else 1), channels, *sides)


def device_of(provider: str) -> str:
    """Return what a provider of onnxruntime works on: cpu, cuda, or another in its own word."""
    word = provider.removesuffix("ExecutionProvider").lower()
    return {"xnnpack": "cpu", "tensorrt": "cuda", "nvtensorrtrtx": "cuda"}.get(word, word)


def not_known(device: str) -> list[str]:
    """Return the parts of a measurement that this script has nothing of."""
    of_gpu = [] if device == "cpu" else ["busy", "device_memory"]
    return ["counts", "energy", "peak", "files", *of_gpu]


def spread(times: list[float]) -> float:
    """Return the interquartile range over the median."""
    low, middle, high = statistics.quantiles(times, n=4)
    return (high - low) / middle


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usage() -> Any:
    """Return what this process has used; None where nobody tells."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF)


def peak_bytes() -> int:
    """Return the most bytes that this process has had resident; 0 where nobody tells."""
    used = usage()
    return 0 if used is None else int(used.ru_maxrss) * (1 if sys.platform == "darwin" else 1024)


def switches() -> int:
    """Return the involuntary context switches so far."""
    used = usage()
    return 0 if used is None else int(used.ru_nivcsw)


def environment(versions: dict[str, str], provider: str) -> dict[str, Any]:
    """Return what a reader needs of the machine: no name of host or user."""
    found: dict[str, Any] = {
        "platform": {"system": platform.platform(), "machine": platform.machine()},
        "cpu": {"model": cpu_model(), "usable_cores": cores()},
        "gpu": None,
        "python": platform.python_version(),
        "packages": versions,
        "provider": provider,
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        found["memory_mb"] = round(pages / 1e6)
    return found


def cpu_model() -> str:
    """Return what the system calls the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Hardware", "Model")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
