"""Optimiser and learning rate, as a recipe names them."""

from __future__ import annotations

import math

import torch

from bench.records import BenchError
from models.catalogue import Recipe

WARM_UP = 0.05
"""The part of all steps during which the learning rate rises."""

LAST_RATE = 0.01
"""Where the cosine ends, as a part of the recipe's learning rate."""


def optimiser_for(network: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over all parameters."""
    kinds: dict[str, type[torch.optim.Adam]] = {
        "adamw": torch.optim.AdamW,
        "adam": torch.optim.Adam,
    }
    if recipe.optimiser not in kinds:
        raise BenchError(f"no optimiser '{recipe.optimiser}'; known: {', '.join(kinds)}")
    return kinds[recipe.optimiser](
        network.parameters(),
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        betas=(0.9, 0.99),  # a short training cannot wait for a memory of a thousand steps
    )


def rate_at(step: int, steps: int, schedule: str) -> float:
    """Return the learning rate at a step as a part of the recipe's: warm-up, then the schedule."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    if schedule == "constant":
        return 1.0
    if schedule != "cosine":
        raise BenchError(f"no schedule '{schedule}'; known: cosine, constant")
    part = (step - warm) / max(1, steps - warm)
    return LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * min(part, 1.0)))
