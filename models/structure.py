"""Networks that are narrower than their card's: which layers, and how wide each is left.

What a pruning took away is known by the widths that it left: the weights that are kept lie in the
file as they are. Nothing of a network is pickled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from bench.core.errors import BenchError

Widths = Mapping[str, tuple[int, int]]
"""Name of a layer -> its channels in and out."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table: how a kind of layer has channels.

    ``inside`` and ``outside`` name the attributes that hold their numbers, and the dimension of the
    weight, a ``matrix``, that they are. ``along`` names what has one value for each channel out.
    """

    inside: tuple[str, int]
    outside: tuple[str, int]
    along: tuple[str, ...] = ("bias",)
    matrix: bool = True


_NORM = Kind(
    ("num_features", 0),
    ("num_features", 0),
    along=("weight", "bias", "running_mean", "running_var"),
    matrix=False,
)
KINDS: dict[type[nn.Module], Kind] = {
    nn.Conv2d: Kind(("in_channels", 1), ("out_channels", 0)),
    nn.ConvTranspose2d: Kind(("in_channels", 0), ("out_channels", 1)),
    nn.Linear: Kind(("in_features", 1), ("out_features", 0)),
    nn.BatchNorm2d: _NORM,
    nn.InstanceNorm2d: _NORM,
}
"""Kinds of layers that can be narrowed. Not grouped convolutions: a channel belongs to a group."""


def kind_of_layer(layer: nn.Module) -> Kind | None:
    """Return how a layer has channels, None for what cannot be narrowed."""
    if getattr(layer, "groups", 1) != 1:
        return None
    return KINDS.get(type(layer))


def width_of(layer: nn.Module) -> tuple[int, int]:
    """Return the channels in and out of a layer of `KINDS`."""
    kind = KINDS[type(layer)]
    return int(getattr(layer, kind.inside[0])), int(getattr(layer, kind.outside[0]))


def keep(layer: nn.Module, inside: Sequence[int], outside: Sequence[int]) -> None:
    """Leave a layer of `KINDS` only these of its channels, in place, with their weights."""
    kind = KINDS[type(layer)]
    parts: dict[str, tuple[tuple[int, Sequence[int]], ...]]
    parts = dict.fromkeys(kind.along, ((0, outside),))
    if kind.matrix:
        parts["weight"] = ((kind.inside[1], inside), (kind.outside[1], outside))
    for name, dims in parts.items():
        value = getattr(layer, name)
        if value is None:
            continue
        kept = value.detach()
        for dim, channels in dims:
            kept = kept.index_select(dim, torch.tensor(channels, device=kept.device))
        if isinstance(value, nn.Parameter):
            kept = nn.Parameter(kept, requires_grad=value.requires_grad)
        setattr(layer, name, kept)
    setattr(layer, kind.inside[0], len(inside))
    setattr(layer, kind.outside[0], len(outside))


def narrow(network: nn.Module, widths: Widths, source: str) -> None:
    """Leave the layers of a network the first of their channels, so many as ``widths`` say.

    Weights of that structure are then loaded into it. Raises `BenchError` that names ``source``
    where the network has no such layer, or a narrower one.
    """
    layers = dict(network.named_modules())
    for name, (inside, outside) in widths.items():
        layer = layers.get(name)
        if layer is None or kind_of_layer(layer) is None:
            what = "no layer" if layer is None else f"{type(layer).__name__}, not narrowed, as"
            raise BenchError(
                f"{source} narrows a layer '{name}', but {type(network).__name__} has {what} "
                f"'{name}': it was written for another network; compress that again"
            )
        most = width_of(layer)
        if not (1 <= inside <= most[0] and 1 <= outside <= most[1]):
            raise BenchError(
                f"{source} leaves '{name}' {inside} channels in and {outside} out; the network "
                f"has {most[0]} and {most[1]}, of which at least 1 each is left"
            )
        keep(layer, range(inside), range(outside))


def narrowed(network: nn.Module, of: nn.Module) -> dict[str, tuple[int, int]]:
    """Return the widths of a network's layers that are narrower than those ``of`` its card."""
    before = dict(of.named_modules())
    return {
        name: width_of(layer)
        for name, layer in network.named_modules()
        if type(layer) in KINDS and width_of(layer) != width_of(before[name])
    }


def hold_zeros(network: nn.Module) -> None:
    """Let the weights that are 0 stay 0 while a network is trained: their gradients are 0.

    Adam and SGD, and their decay of weights, move no weight that is 0 and has no gradient.
    """
    for parameter in network.parameters():
        if parameter.ndim > 1 and bool((parameter == 0).any()):
            parameter.register_hook(_Masked(parameter.detach() != 0))  # type: ignore[no-untyped-call]


class _Masked:
    """A gradient where a weight is held, 0 elsewhere."""

    def __init__(self, held: torch.Tensor) -> None:
        self._held = held

    def __call__(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient * self._held.to(gradient.device)
