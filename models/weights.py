"""Files of weights: our safetensors with a JSON header, and state dicts of any origin.

Nothing here unpickles freely: ``torch.load`` is always called with ``weights_only=True``.
"""

from __future__ import annotations

import json
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from bench.core.errors import BenchError
from bench.core.files import write_atomic

SUFFIXES = (".safetensors", ".pth", ".ckpt", ".pt")
_KEY = "restoration_bench"
"""The entry of a safetensors file's metadata that holds our header."""


def save_weights(path: Path, network: torch.nn.Module, header: Mapping[str, Any]) -> None:
    """Write a network's state as safetensors with ``header`` as JSON inside.

    Equal weights and headers give equal bytes. The name never stands for half a file.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in _state(network).items()}
    text = json.dumps(dict(header), sort_keys=True)
    write_atomic(path, save(tensors, metadata={_KEY: text}))


def read_header(path: Path) -> dict[str, Any]:
    """Return the header that `save_weights` wrote; empty for a safetensors file of others."""
    _exists(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        header = json.loads(metadata.get(_KEY, "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise BenchError(f"'{path}' is no whole safetensors file: {_first(error)}") from error
    if not isinstance(header, dict):
        raise BenchError(f"'{path}' has a header that is no JSON object: {header!r}")
    return header


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
        owner = read_header(path).get("model", model)
        if owner != model:
            raise BenchError(f"'{path}' holds weights of '{owner}', not of '{model}'")
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
