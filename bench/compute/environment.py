"""Where numbers were made: machine, libraries and settings as really in force.

No host name, user name, path or variable beyond those named here is recorded.
"""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from bench.compute.processes import THREAD_VARIABLES
from bench.core.errors import BenchError, Unscorable
from bench.core.extras import INSTALL
from bench.core.limits import granted_cores, memory, usable_cores
from bench.core.version import VERSION

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "opencv-python-headless",
    "scikit-image",
    "lpips",
    "piq",
    "pillow",
    "onnxruntime",
    "spandrel",
    "spandrel-extra-arches",
    "lightning",
    "pandas",
)
"""Those whose version can change a number."""

LITTLE_DISK = 2e9
"""Bytes of free disk under which `doctor` warns: about one run of 500 images with eight models."""


def environment(device: str = "cpu") -> dict[str, Any]:
    """Return what a reader needs to judge or repeat a run, as JSON can hold it.

    Thread counts, TF32 and cuDNN flags are those of this process at this moment. ``device`` is
    ``cpu``, ``cuda`` or ``cuda:N``; ``gpu`` is None where none is available.
    """
    import cv2
    import torch

    backends = torch.backends
    return {
        "device": device,
        "platform": {"system": platform.platform(), "machine": platform.machine()},
        "cpu": cpu(),
        "memory_mb": memory_mb(),
        "gpu": gpu(device),
        "threads": {
            "torch": torch.get_num_threads(),
            "torch_interop": torch.get_num_interop_threads(),
            "opencv": cv2.getNumThreads(),
            **{name: os.environ.get(name) for name in THREAD_VARIABLES},
        },
        "numerics": {
            "matmul_tf32": backends.cuda.matmul.allow_tf32,
            "cudnn_tf32": backends.cudnn.allow_tf32,
            "cudnn_benchmark": backends.cudnn.benchmark,
            "cudnn_deterministic": backends.cudnn.deterministic,
            "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
        },
        "python": platform.python_version(),
        "packages": dict(packages()),
        "decoders": dict(decoders()),
        "code": dict(code()),
        "load": list(psutil.getloadavg()),
    }


def pick_device(asked: str) -> str:
    """Return ``cpu``, ``cuda`` or ``cuda:N``: what is asked for, or the best there is for ``auto``.

    Raises `BenchError` for a GPU that torch does not find.
    """
    if asked == "cpu" or (asked == "auto" and _surely_no_gpu()):
        return "cpu"
    import torch

    kind, _, number = asked.partition(":")
    if kind not in ("auto", "cuda") or not (number or "0").isdigit():
        raise BenchError(f"device '{asked}': expected auto, cpu, cuda or cuda:N")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "auto":
        return "cuda" if found else "cpu"
    if int(number or 0) >= found:
        raise BenchError(f"device '{asked}': torch finds {found} CUDA devices; use --device cpu")
    return asked


_GPU_FILES = ("nvidiactl", "nvhost-ctrl", "nvhost-ctrl-gpu", "nvmap", "dxg", "kfd")
"""In /dev of Linux, one of them wherever torch can find a GPU: NVIDIA's, a Jetson's, those of
Windows below and AMD's."""


def _surely_no_gpu(folder: Path = Path("/dev")) -> bool:
    """Whether there is no GPU for torch, as far as can be seen without importing it."""
    return sys.platform == "linux" and not any((folder / name).exists() for name in _GPU_FILES)


def doctor() -> dict[str, dict[str, Any]]:
    """Return the `environment`, and ``checks``: name -> {"found": bool, "detail": what to do}."""
    import torch

    has_cuda = torch.cuda.is_available()
    found = environment("cuda" if has_cuda else "cpu")
    name = found["gpu"]["name"] if has_cuda else "models run on the CPU"
    checks = {"CUDA": _check(has_cuda, name), "NVML": _check(*_nvml())}
    for name, version in found["packages"].items():
        if version is None:
            checks[name] = _check(
                False,
                f"not installed: {INSTALL}",
            )
    checks |= _backbones()
    checks["published networks"] = _published()
    checks |= _data_sets()
    free = shutil.disk_usage(".").free
    checks["free disk"] = _check(free >= LITTLE_DISK, f"{free / 1e9:.1f} GB in this folder")
    return {"environment": found, "checks": checks}


def cpu() -> dict[str, Any]:
    """Return the processor, its cores, and how many of them this process may use."""
    return {
        "model": _cpu_model(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "usable_cores": usable_cores(),
        "cgroup_cores": granted_cores(),
    }


def gpu(device: str) -> dict[str, Any] | None:
    """Return the GPU that ``device`` means, the first one for ``cpu``; None without CUDA."""
    import torch

    if not torch.cuda.is_available():
        return None
    index = int(device.partition(":")[2] or 0)
    properties = torch.cuda.get_device_properties(index)
    return {
        "name": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "memory_mb": round(properties.total_memory / 1e6),
        "driver": _driver(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }


@functools.cache
def packages() -> dict[str, str | None]:
    """Return the version of each of `PACKAGES`, None where it is not installed."""
    return {name: _version(name) for name in PACKAGES}


@functools.cache
def decoders() -> dict[str, str | None]:
    """Return the versions of the libraries that turn PNG and JPEG files into pixels."""
    import cv2
    from PIL import features

    built = cv2.getBuildInformation()
    found: dict[str, str | None] = {}
    for name, label in (("libpng", "PNG"), ("libjpeg", "JPEG"), ("zlib", "ZLib")):
        match = re.search(rf"^\s*{label}:.*\(ver ([^)]+)\)", built, re.MULTILINE)
        found[f"opencv {name}"] = match[1] if match else None
    for name in ("libjpeg_turbo", "jpg", "zlib_ng", "zlib"):
        with suppress(ValueError):  # a feature that this Pillow does not know
            found[f"pillow {name}"] = features.version(name)
    return found


@functools.cache
def code() -> dict[str, Any]:
    """Return this package's version and, from a git checkout, its commit and whether it is dirty.

    Asked once for a process: the state when its code was loaded.
    """
    state: dict[str, Any] = {"version": VERSION, "commit": None, "dirty": None}
    home = Path(__file__).resolve().parents[2]
    top = _git(home, "rev-parse", "--show-toplevel")
    if top and Path(top).resolve() == home:  # else installed inside somebody else's checkout
        state["commit"] = _git(home, "rev-parse", "HEAD")
        changes = _git(home, "status", "--porcelain", "--", "bench", "models", "raters")
        state["dirty"] = None if changes is None else bool(changes)
    return state


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *words],  # it is a reader's question
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Hardware")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory_mb(device: str = "cpu") -> int:
    """Return the memory that this process may use, or a GPU's (``device``), in 10^6 bytes."""
    if device != "cpu" and (found := gpu(device)):
        return int(found["memory_mb"])
    return round(memory().total / 1e6)


def _driver() -> str | None:
    import pynvml

    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        return str(pynvml.nvmlSystemGetDriverVersion())
    with suppress(OSError):
        text = Path("/proc/driver/nvidia/version").read_text()
        if version := re.search(r"\b(\d+\.\d+(?:\.\d+)?)\b", text):
            return version[1]
    return None


def _check(found: bool, detail: str) -> dict[str, Any]:
    return {"found": found, "detail": detail}


def _nvml() -> tuple[bool, str]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return False, f"no GPU energy: {error}"
    return True, f"driver {pynvml.nvmlSystemGetDriverVersion()}"


def _data_sets() -> dict[str, dict[str, Any]]:
    """Return a check for the folder of each suite that needs data of its own name."""
    from bench.suites.table import suite_cards

    checks = {}
    for name, card in suite_cards().items():
        if card.source and not card.made_here:
            folder = Path("data") / name
            how = f"bench fetch {name}" if card.download else card.source
            found = folder.is_dir()
            checks[f"{name} data"] = _check(found, str(folder) if found else f"no {folder}; {how}")
    return checks


def _published() -> dict[str, Any]:
    """Return a check for the files of published networks: which of them are here."""
    from models.catalogue import model_cards
    from models.published_files import find_published

    cards = [card for card in model_cards().values() if card.checkpoint]
    here = [card.name for card in cards if find_published(card)]
    none = f"none of {len(cards)}; bench fetch models NAME"
    return _check(bool(here), ", ".join(here) or none)


def _backbones() -> dict[str, dict[str, Any]]:
    """Return a check for the weights under each perceptual metric and loss."""
    from bench.metrics.backbones import BACKBONES, find_backbone

    checks = {}
    for name in BACKBONES:
        try:
            found = _check(True, find_backbone(name).name)
        except Unscorable as reason:
            found = _check(False, str(reason))
        checks[f"{BACKBONES[name].use} weights"] = found
    return checks
