"""Curriculum: the least blurred pairs first, where the suite says how much each is blurred.

Bengio et al. 2009, doi:10.1145/1553374.1553380.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.errors import BenchError
from bench.records import Pair


@dataclass(frozen=True, slots=True)
class Curriculum:
    """``order`` lists the pairs' numbers, the least blurred first; all are in by ``full`` crops.

    The first crops are drawn from the ``first`` pairs, those of the least blur.
    """

    order: Sequence[int]
    first: int
    full: int

    def draw(self, number: int, rng: np.random.Generator) -> int:
        """Return the number of the pair that crop ``number`` of the training shows."""
        count = len(self.order)
        if number < self.full:
            count = max(self.first, math.ceil(count * (number + 1) / self.full))
        return self.order[int(rng.integers(count))]


def curriculum_of(pairs: Sequence[Pair], crops: float) -> Curriculum | None:
    """Return the curriculum that is complete after so many crops; None for no crops.

    Raises `BenchError` where a pair does not say the extent of its blur.
    """
    if crops < 1:
        return None
    extents = [_extent(pair) for pair in pairs]
    order = sorted(range(len(pairs)), key=extents.__getitem__)
    least = extents[order[0]]
    return Curriculum(order, sum(extent <= least for extent in extents), math.floor(crops))


def _extent(pair: Pair) -> float:
    """Return the pixels over which a pair is blurred: what its strata say, else its degradation."""
    for name, value in pair.strata.items():
        if "extent" in name:
            try:
                return float(value)
            except ValueError:
                break
    made = pair.degradation or {}
    if made.get("blur") == "none":
        return 0.0
    if "size" in made:
        return float(made["size"])
    raise BenchError(
        f"a curriculum needs to know how much each image is blurred, but nothing says so of "
        f"'{pair.id}'; take 'curriculum' out of the recipe, or make a suite with 'bench suites "
        "make', which records the extent"
    )
