"""``prune-unstructured``: the smallest weights of a network set to 0, and held there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from bench.core.errors import BenchError
from models.compression.structured import of_ours, step_of, trained_on
from models.compression.table import Order
from models.construction import construct
from models.weights import load_weights, save_weights


def run(order: Order) -> list[Path]:
    """Set weights to 0, and train the others on. Raises `BenchError` for files of others."""
    assert order.amount is not None
    header, card = of_ours(order)
    network = construct(card.build, card.options)
    load_weights(network, order.source, card.name)
    zeros, weights = mask(network, order.amount)
    done = {
        "weights at 0": f"{zeros:,} of {weights:,}",
        "file and speed": "as before, zeros lie in dense tensors",
        "then trained": f"for {order.budget or card.preset(order.preset).budget}",
    }
    begun = replace(header, compressed=(*header.compressed, step_of(order, done)))
    before = order.training / "untrained.safetensors"
    save_weights(before, network, begun)
    return [trained_on(order, card, before)]


@torch.no_grad()
def mask(network: torch.nn.Module, amount: float) -> tuple[int, int]:
    """Set the part ``amount`` of all weights, the smallest, to 0, in place; biases stay.

    Return how many are 0, and of how many. Raises `BenchError` where that changes nothing.
    """
    weights = [one for one in network.parameters() if one.ndim > 1]
    sizes = torch.cat([one.abs().flatten() for one in weights])
    least = sizes.kthvalue(max(1, round(amount * sizes.numel()))).values
    if not bool(((sizes <= least) & (sizes > 0)).any()):
        raise BenchError(
            f"--amount {amount:g}: so many weights are 0 already; give more, up to 0.95"
        )
    for one in weights:
        one[one.abs() <= least] = 0.0
    return sum(int((one == 0).sum()) for one in weights), sizes.numel()
