"""Our files of weights: safetensors with a JSON header that says how they came about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from bench.core.errors import BenchError
from bench.core.files import write_atomic
from bench.core.formats import Format, Upgrade, from_json, to_json, with_defaults
from bench.records import Learned
from models.checkpoints import first, kind_of, network_states, read_state, require_file
from models.structure import narrow
from models.suffixes import HEADER_KEY

NO_NOTES: Mapping[str, str] = {}

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
class Compressed:
    """One step of how a model was made smaller: by which method, of which file, and what was done.

    ``amount`` is what was asked for, None where the method takes none; ``done`` is what came of it,
    in words by key.
    """

    method: str
    of: str
    sha256: str
    amount: float | None
    done: Mapping[str, str]

    def __str__(self) -> str:
        words = "; ".join(f"{key} {value}" for key, value in self.done.items())
        return f"{self.method} of {self.of} ({self.sha256[:8]}): {words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """The larger network whose output and features a training follows too, and how heavily."""

    model: str
    sha256: str
    output: float
    features: float


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
    the steps that every image went through before the network got it. ``execution`` is how its
    steps were computed (`models.training.execution`), empty in files of older versions.
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
    teacher: Teacher | None
    execution: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsHeader(TrainingTerms):
    """What our files of weights say of themselves: the training's terms, and what came of it.

    ``learned`` are the images of training and validation; None in files of older versions, which
    kept no record of them. ``best_step`` is the one whose weights the file holds. ``unwatched`` are
    figures that could not be watched, with the reason. ``device`` is ``cpu`` or ``cuda``.
    ``compressed`` are the steps by which the network was made smaller, the last one last, and
    ``widths`` its layers that are narrower than the card's (`models.structure`).
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
    compressed: tuple[Compressed, ...]
    widths: Mapping[str, tuple[int, int]]
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


def _plain_networks(header: dict[str, Any]) -> dict[str, Any]:
    """Schema 3 to 4: nothing was made smaller or taught, and nobody kept what it took."""
    return dict(
        with_defaults(
            header,
            {
                "compressed": [],
                "widths": {},
                "teacher": None,
                "undertrained": "",
                "cost": None,
            },
        )
    )


def _executed_somehow(header: dict[str, Any]) -> dict[str, Any]:
    """Schema 4 to 5: nobody kept how its steps were computed."""
    return dict(with_defaults(header, {"execution": {}}))


def _litenet_of_six_blocks(header: dict[str, Any]) -> dict[str, Any]:
    """Schema 5 to 6: litenet has eight blocks now; it had six where its options do not say."""
    if header.get("model") != "litenet":
        return header
    recipe, options = header.get("recipe") or {}, {"blocks": 6, **(header.get("options") or {})}
    network = {"blocks": options["blocks"], **(recipe.get("network") or {})}
    return {**header, "options": options, "recipe": {**recipe, "network": network}}


UPGRADES: dict[int, Upgrade] = {
    1: _always_there,
    2: _unknown_images,
    3: _plain_networks,
    4: _executed_somehow,
    5: _litenet_of_six_blocks,
}
"""Schema of a header -> how the next one is made of it."""

HEADER = Format(
    kind=WeightsHeader, schema=6, upgrades=UPGRADES, advice="train again or take another file"
)


MASKED = "prune-unstructured"
"""The method that leaves weights at 0, which a training then holds there."""

ONNX_KEY = "compressed"
"""The entry of an ONNX file's metadata that holds its steps of compression, whatever it is of."""


def save_weights(
    path: Path, network: torch.nn.Module, header: WeightsHeader, notes: Mapping[str, str] = NO_NOTES
) -> None:
    """Write a network's state as safetensors with ``header`` as JSON inside, and ``notes`` beside.

    Equal weights and headers give equal bytes. The name never stands for half a file.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in _state(network).items()}
    text = json.dumps(HEADER.to_json(header), sort_keys=True)
    write_atomic(path, save(tensors, metadata={HEADER_KEY: text, **notes}))


def read_header(path: Path) -> WeightsHeader | None:
    """Return the header in a file of ours, safetensors or ONNX; None for a file of others.

    Raises `BenchError` for a missing or damaged file, and for a header that is not as it should be.
    """
    text = _header_text(path)
    return None if text is None else HEADER.from_text(text, f"the header of '{path}'")


def header_of(path: Path) -> WeightsHeader | None:
    """As `read_header`, and None for a checkpoint, which has no header."""
    return read_header(path) if path.suffix.lower() in (".safetensors", ".onnx") else None


def steps_of(path: Path) -> tuple[Compressed, ...]:
    """Return by which steps the model in a file was made smaller, none where it was not.

    Raises `BenchError` for a file that is damaged, or says it as none of ours does.
    """
    header = header_of(path)
    if header is not None or path.suffix.lower() != ".onnx":
        return header.compressed if header else ()
    source = f"the entry '{ONNX_KEY}' of '{path}'"
    try:
        found = json.loads(_metadata(path).get(ONNX_KEY, "[]"))
    except ValueError as error:
        raise BenchError(f"{source} is damaged ({error}); {HEADER.advice}") from None
    return from_json(tuple[Compressed, ...], found, source, HEADER.advice)


def header_as_found(path: Path) -> dict[str, Any]:
    """Return the header as it lies in the file, of whatever schema; empty where none can be read.

    Raises `BenchError` for a missing or damaged file.
    """
    metadata = _metadata(path)
    try:
        found = json.loads(metadata.get(HEADER_KEY, "{}"))
        steps = json.loads(metadata.get(ONNX_KEY, "[]"))
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {**found, "compressed": steps} if steps else found


def onnx_metadata(header: WeightsHeader | None, steps: Sequence[Compressed]) -> dict[str, str]:
    """Return the metadata that tell how an ONNX file came about, for `read_header` to find.

    ``header`` is that of the weights that it was made of, None where they had none.
    """
    found = {ONNX_KEY: json.dumps(to_json(steps), sort_keys=True)}
    if header is not None:
        own = replace(header, compressed=tuple(steps))
        found[HEADER_KEY] = json.dumps(HEADER.to_json(own), sort_keys=True)
    return found


def _header_text(path: Path) -> str | None:
    return _metadata(path).get(HEADER_KEY)


def _metadata(path: Path) -> dict[str, str]:
    require_file(path)
    if path.suffix.lower() == ".onnx":
        return _of_onnx(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise BenchError(f"'{path}' is no whole safetensors file: {kind_of(path)}") from error
    return metadata


def _of_onnx(path: Path) -> dict[str, str]:
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # of protobuf, whose errors have no common kind
        raise BenchError(f"'{path}' is no whole ONNX file: {kind_of(path)}") from error
    return {entry.key: entry.value for entry in model.metadata_props}


def load_weights(network: torch.nn.Module, path: Path, model: str) -> None:
    """Fill ``network``, which is ``model`` of the catalogue, with the weights of a file.

    Where the file says that layers are narrower, they are made so first. Raises `BenchError` if the
    file is another model's, or does not fit.
    """
    if path.suffix.lower() == ".safetensors":
        header = read_header(path)  # None: of others, who may call the same network as they like
        if header is not None and header.model != model:
            raise BenchError(f"'{path}' holds weights of '{header.model}', not of '{model}'")
        if header is not None:
            narrow(network, header.widths, f"the header of '{path}'")
    wanted = network.state_dict().keys()
    states = [state for state, _ in network_states(read_state(path))]
    state = next((state for state in states if state.keys() == wanted), states[0])
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise BenchError(f"'{path}' does not fit '{model}': {first(error, lines=3)}") from error


def _state(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return dict(network.state_dict())
