"""How long to train: a time, a number of steps, or one of epochs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.core.errors import BenchError
from bench.core.names import seconds_of

_COUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(steps|epochs)")


@dataclass(frozen=True, slots=True)
class Budget:
    """Wall-clock seconds, optimiser steps or passes over the pairs: exactly one is given."""

    seconds: float | None = None
    steps: int | None = None
    epochs: float | None = None


def as_long(text: str, other: str) -> bool:
    """Say whether a budget is at least another; of different units it never is.

    >>> as_long("10m", "90s"), as_long("10m", "300steps")
    (True, False)
    """
    mine, theirs = parse_budget(text), parse_budget(other)
    both = zip(
        (mine.seconds, mine.steps, mine.epochs),
        (theirs.seconds, theirs.steps, theirs.epochs),
        strict=True,
    )
    return any(one is not None and two is not None and one >= two for one, two in both)


def parse_budget(text: str) -> Budget:
    """Read ``90s``, ``10m``, ``1h``, ``300steps`` or ``20epochs``.

    >>> parse_budget("10m")
    Budget(seconds=600.0, steps=None, epochs=None)
    """
    match = _COUNT.fullmatch(text.strip().lower())
    try:
        amount = float(match[1]) if match else seconds_of(text)
    except BenchError as error:
        raise BenchError(
            f"budget '{text}': expected a time, or a number of steps or epochs, such "
            "as 90s, 10m, 1h, 300steps or 20epochs"
        ) from error
    unit = match[2] if match else "seconds"
    if amount <= 0 or (unit == "steps" and amount != int(amount)):
        raise BenchError(f"budget '{text}': expected more than nothing, and whole steps")
    if unit == "steps":
        return Budget(steps=int(amount))
    return Budget(epochs=amount) if unit == "epochs" else Budget(seconds=amount)
