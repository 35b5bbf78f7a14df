"""What a restorer asks of its network: the calls made while it restores one image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn
from torch.utils._pytree import tree_map

from bench.compute.operations import Operations, count, count_running, total, without_values

if TYPE_CHECKING:
    from models.restorer import NetworkRestorer

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a network; its tensors have shapes and no values.

    ``learns``: a gradient came back from it, as where a network is fitted to the image.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    learns: bool = False

    def image(self) -> torch.Tensor | None:
        """Return the one image (B,C,H,W) of the call, or window of images (B,T,C,H,W); None if it
        took anything else."""
        if self.kwargs or len(self.args) != 1 or not isinstance(self.args[0], torch.Tensor):
            return None
        return self.args[0] if self.args[0].ndim in (4, 5) else None


def observe(network: nn.Module, function: Callable[[], Result]) -> tuple[Result, list[Call]]:
    """Run ``function``; return its result and every call of ``network`` that it made."""
    calls: list[Call] = []
    learnt: set[int] = set()

    def note(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        calls.append(Call(*tree_map(without_values, (args, kwargs))))

    def watch(_: nn.Module, args: tuple[Any, ...], result: Any) -> None:
        number = len(calls) - 1
        if isinstance(result, torch.Tensor) and result.requires_grad:
            result.register_hook(lambda gradient: learnt.add(number))  # type: ignore[no-untyped-call]

    handles = [
        network.register_forward_pre_hook(note, with_kwargs=True),
        network.register_forward_hook(watch),
    ]
    try:
        found = function()
    finally:
        for handle in handles:
            handle.remove()
    return found, [replace(call, learns=index in learnt) for index, call in enumerate(calls)]


def observe_calls(
    restorer: NetworkRestorer, function: Callable[[], Result]
) -> tuple[Result, list[Call]]:
    """As `observe`, whatever runs the network: a compiler or a runtime may never call it."""
    calls: list[Call] = []
    call = restorer.call

    def noted(image: torch.Tensor) -> Any:
        calls.append(Call((without_values(image),), {}))
        return call(image)

    restorer.call = noted
    try:
        return function(), calls
    finally:
        restorer.call = call


def count_calls(network: nn.Module, calls: Sequence[Call], running: bool = False) -> Operations:
    """Count all ``calls`` together; equal ones, as tiles are, are counted once and multiplied.

    A call that learns counts three times, but its activations once: on the way back there are two
    products for each on the way there, the gradients of what came in and of the weights.
    ``running``: each is run for real (`bench.compute.operations.count_running`).
    """
    groups: dict[str, list[Call]] = {}
    for call in calls:
        groups.setdefault(repr(call), []).append(call)
    return total((_count(network, group[0], running), len(group)) for group in groups.values())


def _count(network: nn.Module, call: Call, running: bool) -> Operations:
    if running:
        once = count_running(network, call.args, call.kwargs)
    else:
        once = count(network, *call.args, **call.kwargs)
    if not call.learns:
        return once
    traffic = None if once.traffic is None else 3 * once.traffic
    return replace(once, macs=3 * once.macs, elementwise=3 * once.elementwise, traffic=traffic)


def observe_onnx(function: Callable[[], Result]) -> tuple[Result, list[tuple[int, ...]]]:
    """Run ``function``; return its result and the input shape of every ONNX session's run in it."""
    from onnxruntime import InferenceSession

    shapes: list[tuple[int, ...]] = []
    run = InferenceSession.run

    def noted(session: Any, names: Any, feed: Any, *args: Any, **kwargs: Any) -> Any:
        shapes.extend(tuple(value.shape) for value in feed.values())
        return run(session, names, feed, *args, **kwargs)

    InferenceSession.run = noted
    try:
        return function(), shapes
    finally:
        InferenceSession.run = run


def count_onnx_calls(path: Path, shapes: Sequence[tuple[int, ...]]) -> Operations:
    """Count the runs of an ONNX file on inputs of ``shapes`` together."""
    from bench.compute.operations_onnx import count_onnx

    return total((count_onnx(path, shape), times) for shape, times in Counter(shapes).items())
