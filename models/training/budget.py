"""How long to train: a time, a number of steps, or one of epochs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.core.errors import BenchError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(steps|epochs|s|m|h)")


@dataclass(frozen=True, slots=True)
class Budget:
    """Wall-clock seconds, optimiser steps or passes over the pairs: exactly one is given."""

    seconds: float | None = None
    steps: int | None = None
    epochs: float | None = None


def parse_budget(text: str) -> Budget:
    """Read ``90s``, ``10m``, ``1h``, ``300steps`` or ``20epochs``.

    >>> parse_budget("10m")
    Budget(seconds=600.0, steps=None, epochs=None)
    """
    match = _FORM.fullmatch(text.strip().lower())
    if not match:
        raise BenchError(
            f"budget '{text}': expected a time, or a number of steps or epochs, such "
            "as 90s, 10m, 1h, 300steps or 20epochs"
        )
    amount, unit = float(match[1]), match[2]
    if amount <= 0 or (unit == "steps" and amount != int(amount)):
        raise BenchError(f"budget '{text}': expected more than nothing, and whole steps")
    if unit == "epochs":
        return Budget(epochs=amount)
    return Budget(steps=int(amount)) if unit == "steps" else Budget(seconds=amount * _UNITS[unit])
