"""Structured pruning: whole channels taken out of a network of the catalogue.

Which channels belong together (skips, concatenations, shared layers) is found by the dependency
graph of torch-pruning (Fang et al. 2023, arXiv:2301.12900); the weakest go, by the norm of all
weights that they have together. Every set of channels is proved before it goes: without it the
network makes the picture that it makes with its weights at 0. What cannot be proved is kept.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from bench.core.errors import BenchError, message_of
from models.structure import KINDS, keep, kind_of_layer, width_of

STEP = 4
"""Channels are left in multiples of this: vector units take no fewer at a time."""

SAME = 1e-4
"""Largest difference in [0,1] of two pictures that are the same but for rounding."""

SHARES = [step / 32 for step in range(1, 32)]
"""Parts of a set's channels that may go, of which the least that is enough is taken."""

THE_PICTURES = "its channels are those of the picture"

Sides = dict[str, list[set[int]]]
"""Name of a layer -> its channels in, and out, that go."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """A narrower network: its parameters before and after, and what was left as it was, and why."""

    network: nn.Module
    before: int
    after: int
    kept: Mapping[str, str]


@dataclass(slots=True)
class _Set:
    """Channels that only go together with others: ``units`` of them, the weakest first."""

    root: str
    units: list[Sides] = field(default_factory=list)

    def leaving(self, share: float) -> Sides:
        """Return what goes where a share of the units goes; a multiple of `STEP` of them stays."""
        left = max(STEP, STEP * round(len(self.units) * (1 - share) / STEP))
        return _together(self.units[: max(0, len(self.units) - left)])


def prune(network: nn.Module, amount: float, multiple: int = 1) -> Pruned:
    """Take at least the part ``amount`` (0 to 1) of a network's parameters away, in whole channels.

    ``multiple`` is that of the sides of images. The network is left as it is. Raises `BenchError`
    where nothing can be proved to go, or not so much.
    """
    whole = copy.deepcopy(network).cpu().float().eval().requires_grad_(True)
    side = -(-48 // multiple) * multiple
    probe = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    kept: dict[str, str] = {}
    sets = []
    for found in _sets(whole, probe, kept):
        if why := _not_proved(whole, probe, found.leaving(0.5)):
            kept[found.root] = why
        else:
            sets.append(found)
    before = parameters(whole)
    if not sets:
        why = "; ".join(f"{name}: {reason}" for name, reason in list(kept.items())[:3])
        raise BenchError(f"no channel of {type(network).__name__} can be taken out: {why}")
    for share in SHARES:
        smaller = _without(whole, _together([one.leaving(share) for one in sets]))
        if before - parameters(smaller) >= amount * before:
            if why := _not_proved(whole, probe, _together([one.leaving(share) for one in sets])):
                raise BenchError(f"{type(network).__name__} cannot be pruned: {why}")
            return Pruned(smaller, before, parameters(smaller), kept)
    most = 1 - parameters(smaller) / before
    raise BenchError(
        f"--amount {amount:g}: at most {most:.2f} of the parameters of {type(network).__name__} "
        "can be taken out; give less"
    )


def parameters(network: nn.Module) -> int:
    """Return the number of a network's parameters, shared ones once."""
    return sum(parameter.numel() for parameter in network.parameters())


def _sets(network: nn.Module, probe: torch.Tensor, kept: dict[str, str]) -> Iterator[_Set]:
    """Yield the sets of channels that go together; note in ``kept`` what is left, and why."""
    import torch_pruning as tp

    names = {layer: name for name, layer in network.named_modules()}
    with warnings.catch_warnings(action="ignore"):
        try:
            graph = tp.DependencyGraph().build_dependency(network, probe, verbose=False)
            _teach_shuffles(graph)
            groups = list(graph.get_all_groups())
        except Exception as error:  # of whatever the network computes
            why = f"{type(network).__name__}: {message_of(error).splitlines()[0]}"
            raise BenchError(f"torch-pruning cannot trace {why}") from error
        importance = tp.importance.GroupMagnitudeImportance(p=2)
        for group in groups:
            root = names[group[0].dep.target.module]
            if why := _untouchable(group, names):
                kept[root] = why
                continue
            try:
                found = _set_of(graph, group, importance(group), names)
            except (IndexError, KeyError, RuntimeError):
                kept[root] = "torch-pruning does not follow its channels"
                continue
            if len(found.units) <= STEP:
                kept[root] = f"its channels go in {len(found.units)} at a time"
                continue
            yield found


def _set_of(graph: Any, group: Any, strength: torch.Tensor, names: Mapping[Any, str]) -> _Set:
    """Return a group of torch-pruning's as units that only go whole, the weakest first.

    Raises IndexError where it names channels that there are not.
    """
    root, handler = group[0].dep.target.module, group[0].dep.handler
    seen: set[int] = set()
    ranked: list[tuple[float, int, Sides]] = []
    for channel in range(width_of(root)[1]):
        if channel in seen:
            continue
        unit = _unit(graph, graph.get_pruning_group(root, handler, [channel]), names)
        mine = unit[names[root]][1]
        seen |= mine
        ranked.append((float(strength[sorted(mine)].mean()), channel, unit))
    ranked.sort(key=lambda one: one[:2])
    return _Set(names[root], [unit for _, _, unit in ranked])


def _untouchable(group: Any, names: Mapping[Any, str]) -> str:
    """Return why channels of a group cannot go, nothing where they may."""
    for dep, _ in group:
        layer = dep.target.module
        if type(layer).__name__ == "_OutputOp":
            return THE_PICTURES
        if isinstance(layer, nn.Parameter):
            return "a parameter of no layer has its channels"
        if (
            layer in names
            and any(True for _ in layer.parameters())
            and kind_of_layer(layer) is None
        ):
            grouped = getattr(layer, "groups", 1) > 1
            what = "the grouped convolution" if grouped else type(layer).__name__
            return f"{what} '{names[layer]}' has its channels"
    return ""


def _unit(graph: Any, group: Any, names: Mapping[Any, str]) -> Sides:
    """Return the channels of each layer that go with a group of torch-pruning's."""
    found: Sides = {}
    for dep, channels in group:
        layer = dep.target.module
        if type(layer) not in KINDS:
            continue
        sides = found.setdefault(names[layer], [set(), set()])
        if graph.is_in_channel_pruning_fn(dep.handler):
            sides[0] |= set(channels)
        if graph.is_out_channel_pruning_fn(dep.handler):
            sides[1] |= set(channels)
        for gone, width in zip(sides, width_of(layer), strict=True):
            if max(gone, default=0) >= width:
                raise IndexError(f"{names[layer]} has {width} channels")
    return found


def _teach_shuffles(graph: Any) -> None:
    """Tell the graph how sub-pixel rearrangement moves channels, which it takes for elementwise.

    Channel c after it is made of the r * r channels from c * r * r on.
    """
    from torch_pruning.dependency.index_mapping import _FlattenIndexMapping

    for node in list(graph.module2node.values()):
        if "PixelShuffle" not in _name_of(node.grad_fn):
            continue
        step = int(node.grad_fn._saved_upscale_factor) ** 2
        for source in node.inputs:
            for dep in node.dependencies:
                if dep.target is source:
                    dep.index_mapping[0] = _FlattenIndexMapping(stride=step, reverse=False)
            for dep in source.dependencies:
                if dep.target is node:
                    dep.index_mapping[0] = _FlattenIndexMapping(stride=step, reverse=True)


def _name_of(function: Any) -> str:
    return str(function.name()) if hasattr(function, "name") else ""


def _together(parts: list[Sides]) -> Sides:
    """Return what goes where all the parts go."""
    found: Sides = {}
    for part in parts:
        for name, sides in part.items():
            mine = found.setdefault(name, [set(), set()])
            for own, more in zip(mine, sides, strict=True):
                own |= more
    return found


def _without(network: nn.Module, going: Sides) -> nn.Module:
    """Return a copy of a network without these channels."""
    smaller = copy.deepcopy(network)
    layers = dict(smaller.named_modules())
    for name, gone in going.items():
        sides = [
            [channel for channel in range(width) if channel not in out]
            for width, out in zip(width_of(layers[name]), gone, strict=True)
        ]
        keep(layers[name], sides[0], sides[1])
    return smaller


def _silent(network: nn.Module, going: Sides) -> nn.Module:
    """Return a copy of a network in which nothing comes out of these channels."""
    silent = copy.deepcopy(network).requires_grad_(False)
    layers = dict(silent.named_modules())
    for name, (_, outside) in going.items():
        kind, channels = KINDS[type(layers[name])], sorted(outside)
        for part, dim in (("weight", kind.outside[1] if kind.matrix else 0), ("bias", 0)):
            value = getattr(layers[name], part)
            if value is not None and channels:
                value.index_fill_(dim, torch.tensor(channels), 0.0)
    return silent


@torch.no_grad()
def _not_proved(network: nn.Module, probe: torch.Tensor, going: Sides) -> str:
    """Return why it is not proved that channels can go, nothing where it is."""
    expected = _silent(network, going)(probe)
    try:
        made = _without(network, going)(probe)
    except (RuntimeError, IndexError, ValueError) as error:
        return f"without its channels it does not run: {message_of(error).splitlines()[0]}"
    if made.shape != expected.shape:
        return f"without its channels it makes {tuple(made.shape)} of {tuple(probe.shape)}"
    apart = float((made - expected).abs().max())
    return "" if apart <= SAME else f"without its channels the picture is {apart:.2g} apart"
