"""Our files of weights: safetensors with a JSON header that says how they came about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from bench.core.errors import BenchError
from bench.core.files import write_atomic
from bench.core.formats import Format, Upgrade, with_defaults
from bench.records import Learned
from models.checkpoints import first, kind_of, network_states, read_state, require_file

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
class TrainingCost:
    """What a training took, interruptions left out.

    ``seconds`` are of the clock, timing and validation included; ``device_seconds`` of the GPU's
    steps, or of all threads of a CPU. ``samples`` are crops learned from. ``memory_mb`` is the peak
    of the GPU's allocator, or of the process. ``flops`` are reckoned: three forward passes of the
    network that restores for each crop. ``best_seconds`` passed until the weights that were kept.
    """

    seconds: float
    device_seconds: float
    steps: int
    samples: int
    memory_mb: float
    energy_j: float | None
    energy_missing: str | None
    flops: float | None
    flops_missing: str | None
    best_seconds: float


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
    ``undertrained`` says why it is no result, and is empty where it is one. ``cost`` is None in
    files of older versions.
    """

    learned: Learned | None
    planned_steps: int
    best_step: int
    stopped: Stopped
    validation: ValidationFigures
    unwatched: Mapping[str, str]
    undertrained: str
    cost: TrainingCost | None
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


def _unknown_cost(header: dict[str, Any]) -> dict[str, Any]:
    """Schema 3 to 4: nobody kept what it took, nor judged whether it was enough."""
    return dict(with_defaults(header, {"undertrained": "", "cost": None}))


UPGRADES: dict[int, Upgrade] = {1: _always_there, 2: _unknown_images, 3: _unknown_cost}
"""Schema of a header -> how the next one is made of it."""

HEADER = Format(
    kind=WeightsHeader, schema=4, upgrades=UPGRADES, advice="train again or take another file"
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
    require_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise BenchError(f"'{path}' is no whole safetensors file: {kind_of(path)}") from error
    return metadata.get(_KEY)


def load_weights(network: torch.nn.Module, path: Path, model: str) -> None:
    """Fill ``network``, which is ``model`` of the catalogue, with the weights of a file.

    Raises `BenchError` if the file is another model's, or does not fit.
    """
    if path.suffix.lower() == ".safetensors":
        header = read_header(path)  # None: of others, who may call the same network as they like
        if header is not None and header.model != model:
            raise BenchError(f"'{path}' holds weights of '{header.model}', not of '{model}'")
    wanted = network.state_dict().keys()
    states = [state for state, _ in network_states(read_state(path))]
    state = next((state for state in states if state.keys() == wanted), states[0])
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise BenchError(f"'{path}' does not fit '{model}': {first(error, lines=3)}") from error


def _state(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return dict(network.state_dict())
