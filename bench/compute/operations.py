"""Count what a network does: parameters, multiply-accumulates, activations, element-wise work.

MACs are the primary number: one multiplication with its addition, in matrix-like operations only
(FLOPs of those = 2 x MACs). Element-wise operations are counted apart. An operation that no formula
covers is listed with its number of calls, never counted as zero in silence.
"""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from bench.compute.formulas import (
    FORMULAS,
    MOVES,
    NOT_ACTIVATIONS,
    PER_INPUT,
    PER_OUTPUT,
    is_pointwise,
)


@dataclass(frozen=True, slots=True)
class Operations:
    """The work of one call.

    ``activations`` are the elements put out by convolutions, matrix products, recurrent and
    attention operations, as the NTIRE efficiency challenges count them for convolutions.
    ``uncovered`` names each operation without a formula, with its number of calls.
    """

    params: int
    macs: int
    elementwise: int
    activations: int
    uncovered: tuple[tuple[str, int], ...] = ()
    traffic: int | None = None
    """Bytes that all operations read and write, each by itself: nothing fused, nothing in caches.
    None where they were not counted."""


def count(network: nn.Module, *args: Any, **kwargs: Any) -> Operations:
    """Count one forward pass of ``network``, in evaluation mode, without changing it.

    ``args`` and ``kwargs`` are what the network takes; a tuple of integers among ``args`` stands
    for a float32 tensor of that shape: ``count(network, (1, 3, 256, 256))``. Works on shapes
    alone, without memory or arithmetic, wherever the network allows it; a network that looks at
    values is run for real, where it lies. Raises whatever the network raises then.
    """
    args = tuple(torch.empty(arg, device="meta") if _is_shape(arg) else arg for arg in args)
    try:
        tally = _tally(_meta_copy(network), *tree_map(without_values, (args, kwargs)))
    except Exception:  # noqa: BLE001  looking at a value that is not there may raise anything
        return count_running(network, args, kwargs)
    return _operations(network, tally)


def count_running(network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operations:
    """Count as `count` does, but run for real, on random values where ``args`` have none.

    Of a quick network that takes less time than importing what computes on shapes alone.
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    tally = _tally(network, *tree_map(lambda leaf: _real(leaf, device), (args, kwargs)))
    return _operations(network, tally)


def _operations(network: nn.Module, tally: _Tally) -> Operations:
    uncovered = tuple(sorted(tally.other.items()))
    return Operations(
        parameters(network),
        tally.macs,
        tally.elementwise,
        tally.activations,
        uncovered,
        tally.traffic,
    )


def total(parts: Iterable[tuple[Operations, int]]) -> Operations:
    """Add up the calls of one network, each given with how often it was made."""
    params = macs = elementwise = activations = 0
    traffic: int | None = 0
    uncovered: Counter[str] = Counter()
    for one, times in parts:
        params = one.params
        macs += one.macs * times
        elementwise += one.elementwise * times
        activations += one.activations * times
        if traffic is not None:
            traffic = None if one.traffic is None else traffic + one.traffic * times
        uncovered.update({name: calls * times for name, calls in one.uncovered})
    listed = tuple(sorted(uncovered.items()))
    return Operations(params, macs, elementwise, activations, listed, traffic)


def without_values(leaf: Any) -> Any:
    """Return the shape and kind of a tensor as one without memory; anything else as it is."""
    return leaf.to("meta") if isinstance(leaf, torch.Tensor) else leaf


def parameters(network: nn.Module) -> int:
    """Return the number of parameters; one that is shared counts once."""
    return sum(parameter.numel() for parameter in network.parameters())


def weight_bytes(network: nn.Module) -> int:
    """Return the bytes of the network's state: what its weight file must hold at least."""
    tensors = [v for v in network.state_dict().values() if isinstance(v, torch.Tensor)]
    distinct = {(t.device, t.data_ptr(), t.shape): t.nbytes for t in tensors}
    return sum(distinct.values())


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and all(type(item) is int for item in value)


def _real(leaf: Any, device: torch.device) -> Any:
    """Return values for a tensor that has none; anything else as it is."""
    if not isinstance(leaf, torch.Tensor) or not leaf.is_meta:
        return leaf
    if leaf.is_floating_point():
        return torch.rand(leaf.shape, device=device, dtype=leaf.dtype)
    return torch.zeros(leaf.shape, device=device, dtype=leaf.dtype)


def _meta_copy(network: nn.Module) -> nn.Module:
    """Return a copy whose parameters and buffers have shapes and no values."""
    memo: dict[int, Any] = {}
    for parameter in network.parameters():
        memo[id(parameter)] = nn.Parameter(without_values(parameter), False)
    for buffer in network.buffers():
        memo[id(buffer)] = without_values(buffer)
    return copy.deepcopy(network, memo)


def _tally(network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Tally:
    tally = _TallyBesideCompiler() if "torch._dynamo" in sys.modules else _Tally()
    with _evaluating(network), torch.inference_mode(), tally:
        network(*args, **kwargs)
    return tally


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, without the fused encoder layer that hides its parts; undone after."""
    training = {module: module.training for module in network.modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    network.eval()
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, mode in training.items():
            module.training = mode


class _Tally(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation that runs, composite ones whole because of the inference mode."""

    supports_higher_order_operators = True

    beside_compiler = False

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Whether torch keeps its compiler away from this class, for which it imports it: 5 s."""
        return cls.beside_compiler

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        from torch.utils.flop_counter import flop_registry  # imports triton: not at module level

        self.macs = self.elementwise = self.activations = self.traffic = 0
        self.other: Counter[str] = Counter()
        self._registry: dict[Any, Callable[..., int]] = flop_registry

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, torch._ops.OpOverload):
            self.other[str(func)] += 1
            return func(*args, **kwargs)
        name = func._schema.name
        known = name in FORMULAS or func.overloadpacket in self._registry
        if not known and not _listed(func, name):
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        out = func(*args, **kwargs)
        if not func.is_view and not name.startswith("aten::empty"):
            self.traffic += _bytes((args, kwargs)) + _bytes(out)
        if known:
            self._matrix(func, name, args, kwargs, out)
        elif name in PER_INPUT:
            self.elementwise += _elements(args[:1])
        elif name in PER_OUTPUT or (is_pointwise(func) and name not in MOVES):
            self.elementwise += _elements(out)
        elif name not in MOVES and not func.is_view:
            self.other[name.removeprefix("aten::")] += 1
        return out

    def _matrix(self, func: Any, name: str, args: tuple[Any, ...], kwargs: Any, out: Any) -> None:
        if name in FORMULAS:
            self.macs += int(FORMULAS[name](args, out))
        else:
            flops = self._registry[func.overloadpacket](*args, **kwargs, out_val=out)
            self.macs += int(flops) // 2
        if name not in NOT_ACTIVATIONS:
            self.activations += _elements(out[0] if isinstance(out, list | tuple) else out)


class _TallyBesideCompiler(_Tally):  # type: ignore[no-untyped-call]
    """For networks that may have compiled parts: the compiler is imported already."""

    beside_compiler = True
    __torch_dispatch__ = _Tally.__torch_dispatch__


def _listed(func: torch._ops.OpOverload, name: str) -> bool:
    return name in MOVES or name in PER_INPUT or name in PER_OUTPUT or is_pointwise(func)


def _bytes(values: Any) -> int:
    """Return the bytes of all tensors in ``values``."""
    return sum(v.nbytes for v in tree_leaves(values) if isinstance(v, torch.Tensor))


def _elements(values: Any) -> int:
    """Return the elements of the first tensor in ``values``."""
    return next((v.numel() for v in tree_leaves(values) if isinstance(v, torch.Tensor)), 0)
