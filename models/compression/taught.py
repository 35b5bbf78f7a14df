"""``distil``: a small network learns from a large one, and beside it the same network alone."""

from __future__ import annotations

from pathlib import Path

from models.compression.structured import finished, teach
from models.compression.table import Order


def run(order: Order) -> list[Path]:
    """Train the small network twice, for as long each: taught, and alone; return both files."""
    assert order.into is not None
    alone = f"{order.into.name}-alone"
    plain = teach(order, order.into, order.training.with_name(alone), None)
    taught = teach(order, order.into, order.training, None, teacher=order.source)
    return [finished(order, order.name, taught), finished(order, alone, plain)]
