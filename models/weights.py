"""Files of weights: our safetensors with a JSON header, and state dicts of any origin.

Nothing here unpickles freely: ``torch.load`` is always called with ``weights_only=True``.
"""

from __future__ import annotations

import json
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from bench.core.errors import BenchError
from bench.core.files import write_atomic
from bench.core.formats import Format, Upgrade, with_defaults
from bench.records import Learned

SUFFIXES = (".safetensors", ".pth", ".ckpt", ".pt")
_KEY = "restoration_bench"
"""The entry of a safetensors file's metadata that holds our header."""


Stopped = Literal["as planned", "no improvement", "out of time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDigests:
    """The pairs of a training: how many, and the digest of their content."""

    train: str
    validation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationFigures:
    """Means over the validation crops, PSNR in dB: restored by the weights kept, and untouched."""

    psnr: float
    ssim: float
    input_psnr: float
    input_ssim: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTerms:
    """Everything that makes a training what it is: one of equal terms can go on.

    ``recipe`` and ``options`` (of the network's constructor) are as JSON holds them: recipes of
    older versions have other keys. ``left_out`` are terms of its loss without which it was trained,
    with the reason. ``initial`` is the SHA-256 of the weights that it began with. ``prepare`` are
    the steps that every image went through before the network got it.
    """

    model: str
    options: Mapping[str, Any]
    recipe: Mapping[str, Any]
    left_out: Mapping[str, str]
    initial: str | None
    suite: str
    prepare: tuple[str, ...]
    budget: str
    seed: int
    devices: int
    pairs: PairDigests


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsHeader(TrainingTerms):
    """What our files of weights say of themselves: the training's terms, and what came of it.

    ``learned`` are the images of training and validation; None in files of older versions, which
    kept no record of them. ``best_step`` is the one whose weights the file holds. ``unwatched`` are
    figures that could not be watched, with the reason. ``device`` is ``cpu`` or ``cuda``.
    """

    learned: Learned | None
    planned_steps: int
    best_step: int
    stopped: Stopped
    validation: ValidationFigures
    unwatched: Mapping[str, str]
    device: str
    threads: int
    code_version: str
    torch_version: str


def _always_there(header: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 to 2: fill in what came up while the schema was 1."""
    defaults: dict[str, Any] = {
        "left_out": {},
        "initial": None,
        "prepare": [],
        "devices": 1,
        "unwatched": {},
    }
    return dict(with_defaults(header, defaults))


def _unknown_images(header: dict[str, Any]) -> dict[str, Any]:
    """Schema 2 to 3: nobody knows which images it learned from."""
    return dict(with_defaults(header, {"learned": None}))


UPGRADES: dict[int, Upgrade] = {1: _always_there, 2: _unknown_images}
"""Schema of a header -> how the next one is made of it."""

HEADER = Format(
    kind=WeightsHeader, schema=3, upgrades=UPGRADES, advice="train again or take another file"
)


def save_weights(path: Path, network: torch.nn.Module, header: WeightsHeader) -> None:
    """Write a network's state as safetensors with ``header`` as JSON inside.

    Equal weights and headers give equal bytes. The name never stands for half a file.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in _state(network).items()}
    text = json.dumps(HEADER.to_json(header), sort_keys=True)
    write_atomic(path, save(tensors, metadata={_KEY: text}))


def read_header(path: Path) -> WeightsHeader | None:
    """Return the header that `save_weights` wrote; None for a safetensors file of others.

    Raises `BenchError` for a missing or damaged file, and for a header that is not as it should be.
    """
    text = _header_text(path)
    return None if text is None else HEADER.from_text(text, f"the header of '{path}'")


def header_as_found(path: Path) -> dict[str, Any]:
    """Return the header as it lies in the file, of whatever schema; empty where none can be read.

    Raises `BenchError` for a missing or damaged file.
    """
    try:
        found = json.loads(_header_text(path) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _header_text(path: Path) -> str | None:
    _exists(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise BenchError(f"'{path}' is no whole safetensors file: {_first(error)}") from error
    return metadata.get(_KEY)


def read_state(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds, on the CPU: tensors by name, perhaps in nested dicts.

    Raises `BenchError` for a missing, damaged or too large file, for TorchScript, and for a pickle
    that holds anything but tensors and plain containers.
    """
    _exists(path)
    size, free = path.stat().st_size, psutil.virtual_memory().available
    if size > free:
        raise BenchError(
            f"'{path}' is {size / 1e9:.1f} GB but only {free / 1e9:.1f} GB of memory are free"
        )
    if _is_torchscript(path):
        raise BenchError(
            f"'{path}' is TorchScript, a program that would run here unseen; save the network's "
            "state_dict with torch.save, or export the network to ONNX"
        )
    try:
        if path.suffix.lower() == ".safetensors":
            state: Any = load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Detected pickle protocol")
                state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise BenchError(
            f"'{path}' is damaged, or holds more than tensors and is not unpickled for safety: "
            f"{_first(error)}"
        ) from error
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise BenchError(f"'{path}' is no whole checkpoint: {_first(error)}") from error
    if not isinstance(state, dict) or not state:
        raise BenchError(f"'{path}' holds {type(state).__name__}; expected a dict of tensors")
    return state


def load_weights(network: torch.nn.Module, path: Path, model: str) -> None:
    """Fill ``network``, which is ``model`` of the catalogue, with the weights of a file.

    Raises `BenchError` if the file is another model's, or does not fit.
    """
    if path.suffix.lower() == ".safetensors":
        header = read_header(path)  # None: of others, who may call the same network as they like
        if header is not None and header.model != model:
            raise BenchError(f"'{path}' holds weights of '{header.model}', not of '{model}'")
    try:
        network.load_state_dict(read_state(path))
    except RuntimeError as error:
        raise BenchError(f"'{path}' does not fit '{model}': {_first(error, lines=3)}") from error


def _state(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return dict(network.state_dict())


def _exists(path: Path) -> None:
    if not path.is_file():
        raise BenchError(f"no weights at '{path}': there is no such file")


def _is_torchscript(path: Path) -> bool:
    if path.suffix.lower() == ".safetensors" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _first(error: BaseException, lines: int = 1) -> str:
    """Return the first lines of an error, which torch follows with pages of advice."""
    text = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(text[:lines])[:300] or type(error).__name__
