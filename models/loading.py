"""From a model spec (`models.specs`) to a `Restorer` that is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench.core.errors import BenchError, NotApplicable
from bench.core.files import sha256_of
from bench.core.plugins import load_object
from bench.image import read, to_tensor
from bench.records import Tile
from bench.suites.outputs import Outputs
from models.catalogue import MODELS, Card, model_cards
from models.construction import construct
from models.contract import Contained
from models.foreign import NoiseMapRestorer, load_onnx, load_spandrel
from models.memory import choose_tiles
from models.own_code import load_own
from models.published_files import published_file
from models.restorer import CPU, NOTHING_KNOWN, Hints, NetworkRestorer, Restorer
from models.specs import card_of, form_of, label, onnx_parts
from models.variants import parted, variants
from models.weights import (
    WeightsHeader,
    header_as_found,
    load_weights,
    read_header,
    save_weights,
)
from models.weights_folder import no_weights
from models.windows import RecurrentRestorer, WindowRestorer, reach_of

__all__ = [
    "header_as_found",
    "load_restorer",
    "read_header",
    "save_weights",
    "sha256_of",
]

RANDOM_SEED = 0
AS_JPEG = "its files are JPEG: what that coding lost is part of its scores"


def load_restorer(
    spec: str,
    device: str = "cpu",
    weights: Path | None = None,
    random_weights: bool = False,
    tile: Tile = None,
) -> Restorer:
    """Make the model that ``spec`` names ready to run on ``device``.

    ``weights`` fill a network of the catalogue; ``random_weights`` (seeded) stand in for them where
    only the cost is measured, but not for a published network, which its file describes. ``tile``
    cuts large images for networks (`bench.records.Tile`). Raises `BenchError` for whatever is
    missing, damaged or unfit.
    """
    if tile == "auto":
        restorer = load_restorer(spec, device, weights, random_weights)
        choose_tiles(restorer)
        return restorer
    card = card_of(spec)
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise BenchError(f"device '{device}': torch finds no CUDA device here; give --device cpu")
    name, form, (base, named) = label(spec), form_of(spec), parted(spec)

    def varied(build: Callable[[], Restorer]) -> Restorer:
        restorer = build()
        if named:
            restorer.name = name
        for variant in named:
            restorer = load_object(variants()[variant].apply)(restorer)
        return restorer

    if card is not None:
        of_card = partial(_load_card, card, name, device, weights, random_weights, tile)
        if card.name in MODELS or card.checkpoint is not None or card.shipped is not None:
            return varied(of_card)
        return Contained(lambda: varied(of_card))
    if form == "outputs":
        return OutputsRestorer(name, Path(base.removeprefix("outputs:")))
    if form == "onnx":
        return Contained(lambda: varied(lambda: _load_onnx(base, name, device, tile)))
    if form == "factory":
        return Contained(lambda: varied(lambda: _load_factory(base, name, device, tile)))
    path = Path(base)
    header = read_header(path) if path.suffix.lower() == ".safetensors" else None
    if header is not None:
        return varied(lambda: _load_own(path, header, name, device, tile))
    return varied(lambda: load_spandrel(path, name, device, tile))


def build_network(card: Card, seed: int) -> torch.nn.Module:
    """Build a network of the catalogue with weights drawn from ``seed``, no other's draws touched.

    Raises `BenchError` if what the card builds is no network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = construct(card.build, card.options)
    if not isinstance(network, torch.nn.Module):
        raise BenchError(f"'{card.name}' is no network: {card.build} made {type(network).__name__}")
    return network


def tells_noise(network: torch.nn.Module) -> bool:
    """Say whether a network takes the noise level as a fourth channel beside the image."""
    return getattr(network, "told_noise", False) is True


def scale_of(network: torch.nn.Module) -> int:
    """Return by how much a network enlarges: its attribute ``scale``, 1 where it has none."""
    scale = getattr(network, "scale", 1)
    return scale if isinstance(scale, int) else 1


def _load_card(
    card: Card,
    name: str,
    device: str,
    weights: Path | None,
    random_weights: bool,
    tile: int | None,
) -> Restorer:
    if card.checkpoint is not None:
        return load_spandrel(weights or published_file(card), name, device, tile)
    if card.shipped is not None:
        network = _built(card)
        load_weights(network, weights or card.shipped.file, card.shipped.network)
        return _restorer(network, card, name, device, tile)
    if card.recipe is None:
        built = load_object(card.build)(**card.options)
        return _wrap(built, card.build, name=name, device=device, tile=tile, multiple=card.multiple)
    if weights is None and not random_weights:
        raise no_weights(card.name)
    if weights is not None and weights.suffix.lower() == ".safetensors":
        header = read_header(weights)
        if header is not None and header.model == card.name:  # else `load_weights` says so
            card = _as_trained(card, header)
    network = _built(card)
    if weights is not None:
        load_weights(network, weights, card.name)
    return _restorer(network, card, name, device, tile)


def _as_trained(card: Card, header: WeightsHeader) -> Card:
    """Return the card with the options that a suite or a recipe gave its network in training."""
    recipe: Mapping[str, Any] = header.recipe.get("network") or {}
    given = {key: header.options[key] for key in ("scale",) if key in header.options}
    return replace(card, options={**card.options, **given, **recipe})


def _built(card: Card) -> torch.nn.Module:
    try:
        return build_network(card, RANDOM_SEED)
    except TypeError as error:
        raise BenchError(f"'{card.name}' has no such options: {dict(card.options)}") from error


def _restorer(
    network: torch.nn.Module, card: Card, name: str, device: str, tile: int | None
) -> NetworkRestorer:
    kind = NoiseMapRestorer if tells_noise(network) else _kind_of(network)
    return kind(name, network, device, card.multiple, tile=tile, scale=scale_of(network))


def _kind_of(network: torch.nn.Module) -> type[NetworkRestorer]:
    """Return what runs a network: by the frames that it sees (`models.windows`)."""
    reach = reach_of(network)
    if reach.recurrent:
        return RecurrentRestorer
    return WindowRestorer if reach.frames > 1 else NetworkRestorer


def _load_own(
    path: Path, header: WeightsHeader, name: str, device: str, tile: int | None
) -> Restorer:
    cards = model_cards()
    model = header.model
    if model not in cards:
        raise BenchError(
            f"'{path}' holds weights of '{model}', which is not in the catalogue: install the "
            "package that brings it"
        )
    card = replace(cards[model], options=header.options)
    try:
        network = _built(card)
    except BenchError as error:
        raise BenchError(f"'{path}': {error}") from error
    load_weights(network, path, model)
    return _restorer(network, card, name, device, tile)


def _load_factory(spec: str, name: str, device: str, tile: int | None) -> Restorer:
    found = load_own(spec)
    if not isinstance(found, torch.nn.Module):
        try:
            found = found()
        except TypeError as error:
            raise BenchError(f"'{spec}' cannot be called without arguments: {error}") from error
    multiple = getattr(found, "multiple", 1)
    return _wrap(
        found,
        spec,
        name=name,
        device=device,
        tile=tile,
        multiple=multiple if isinstance(multiple, int) else 1,
    )


def _load_onnx(spec: str, name: str, device: str, tile: int | None) -> Restorer:
    file, output = onnx_parts(spec)
    return load_onnx(file, name, device, tile, output=output)


def _wrap(
    built: Any, source: str, name: str, device: str, tile: int | None, multiple: int
) -> Restorer:
    """Return a restorer for what a builder made: a restorer, or a network.

    A restorer with a method ``to`` is moved to the device; the others work where they work.
    """
    if isinstance(built, torch.nn.Module):
        kind = _kind_of(built)
        return kind(name, built, device, multiple, tile=tile, scale=scale_of(built))
    if not callable(getattr(built, "restore", None)):
        raise BenchError(
            f"'{source}' made {type(built).__name__}; expected a torch.nn.Module, or a Restorer "
            "with a method restore"
        )
    if callable(getattr(built, "to", None)):
        built.to(device)
    restorer: Restorer = built
    return restorer


@dataclass
class OutputsRestorer:
    """Finished images of any program, as a restorer: looked up by the image's names.

    Their size is not checked here: whoever scores them does.
    """

    name: str
    folder: Path
    needs_psf: bool = False
    uses_noise: bool = False
    scale: int | None = None
    device: torch.device = CPU
    network: torch.nn.Module | None = None
    remarks: list[str] = field(default_factory=list)
    """What a reader of the scores should know of the files."""
    outputs: Outputs = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.outputs = Outputs(self.folder)

    def restore(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> torch.Tensor:
        """See `Restorer.restore`. Raises `NotApplicable` where the folder lacks the image."""
        if hints.image is None:
            raise NotApplicable("a folder of outputs needs the image's id to find it")
        path = self.outputs.find((hints.image, *hints.names))
        if path is None:
            raise NotApplicable(f"no image '{hints.image}' in '{self.folder}'")
        if path.suffix.lower() in (".jpg", ".jpeg") and AS_JPEG not in self.remarks:
            self.remarks.append(AS_JPEG)
        return to_tensor(read(path))
