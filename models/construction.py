"""Networks built from a builder and options, two of which any of them understands.

``norm`` (batch, instance, group or none) takes the place of every normalisation over places of the
network; ``spectral`` holds each convolution to a slope of 1 (Miyato et al. 2018, arXiv:1802.05957).
A builder that has such an option of its own keeps it.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.core.plugins import load_object

GROUPS = 8
"""Of group normalisation, or as many as divide both that and the channels."""

NORMS: Mapping[str, Callable[[int, bool], nn.Module]] = {
    "batch": lambda channels, affine: nn.BatchNorm2d(channels, affine=affine),
    "instance": lambda channels, affine: nn.InstanceNorm2d(channels, affine=affine),
    "group": lambda channels, affine: nn.GroupNorm(
        math.gcd(GROUPS, channels), channels, affine=affine
    ),
    "none": lambda channels, affine: nn.Identity(),
}
"""Name -> the layer for so many channels, with a weight and a bias for each or without."""

OURS = ("norm", "spectral")
"""The options that are understood here."""


def construct(build: str, options: Mapping[str, Any]) -> Any:
    """Return what ``module:callable`` makes of its options. Raises `BenchError` for a normalisation
    that there is not, and where the network has no layers that such an option could change."""
    ours = {key: options[key] for key in _ours(build) if key in options}
    built = load_object(build)(**{k: v for k, v in options.items() if k not in ours})
    if "norm" in ours:
        normalise(built, ours["norm"] or "none")  # as a recipe has it, where none is no value
    if ours.get("spectral"):
        hold_slopes(built)
    return built


def options_of(build: str) -> tuple[str, ...]:
    """Return what a builder can be told: its own parameters, the fields of its config, and those of
    `OURS` that it leaves to us."""
    return (*_own(build), *_ours(build))


def normalise(network: nn.Module, norm: str) -> None:
    """Put another normalisation in the place of each that a network has, in place.

    A layer has a weight and a bias for each channel if the one before had. Raises `BenchError`
    for a network without any.
    """
    make = NORMS[choose("normalisation", norm, NORMS)]
    found: list[tuple[nn.Module, str, nn.BatchNorm2d | nn.InstanceNorm2d | nn.GroupNorm]] = [
        (layer, name, child)
        for layer in network.modules()
        for name, child in layer.named_children()
        if isinstance(child, nn.BatchNorm2d | nn.InstanceNorm2d | nn.GroupNorm)
    ]
    if not found:
        raise BenchError(
            f"norm={norm}: {type(network).__name__} normalises nowhere, so there is nothing to "
            "exchange; leave 'norm' away"
        )
    for layer, name, child in found:
        channels = child.num_channels if isinstance(child, nn.GroupNorm) else child.num_features
        setattr(layer, name, make(channels, child.affine))


def hold_slopes(network: nn.Module) -> None:
    """Divide the weights of each convolution by their largest singular value, in place.

    One that begins at 0 has none, and is left as it is. Raises `BenchError` for a network without
    any other.
    """
    kinds = nn.Conv2d | nn.ConvTranspose2d
    found = [
        layer
        for layer in network.modules()
        if isinstance(layer, kinds) and bool(layer.weight.detach().any())
    ]
    if not found:
        raise BenchError(f"spectral=true: {type(network).__name__} has no convolution to hold")
    for layer in found:
        spectral_norm(layer)


def _own(build: str) -> tuple[str, ...]:
    built = load_object(build)
    own = inspect.signature(built).parameters.values()
    names = [parameter.name for parameter in own if parameter.kind is not parameter.VAR_KEYWORD]
    module = vars(sys.modules[built.__module__])
    configs = [name for name in module if name.endswith("Config") and is_dataclass(module[name])]
    config = module.get(f"{built.__name__}Config")
    if config is None and isinstance(built, type) and len(configs) == 1:
        config = module[configs[0]]
    return (*names, *(() if config is None else (item.name for item in fields(config))))


def _ours(build: str) -> tuple[str, ...]:
    """Return which of `OURS` a network's class does not take itself. A function that makes one may
    hand on any option: it is asked for all."""
    if not isinstance(load_object(build), type):
        return ()
    own = _own(build)
    return tuple(name for name in OURS if name not in own)
