"""Who beats whom, how surely, and who is on the front: shares of the draws of a `Joint`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.framework.joint import Evidence, Joint
from bench.framework.pareto import dominates_surely, margins, shares, standing
from bench.statistics.claims import LEVEL

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


def beats(joint: Joint, axis: str) -> Floats:
    """Return (M, M): the probability that the row is better than the column; 0.5 on the diagonal.

    Draws in which the two are equal count half.
    """
    drawn = _turned(joint, axis)
    first, second = drawn[:, :, None], drawn[:, None, :]
    return np.asarray((first > second).mean(axis=0) + 0.5 * (first == second).mean(axis=0))


def p_values(evidence: Evidence, joint: Joint, axis: str) -> Floats:
    """Return (M, M): how surely two models differ on an axis; NaN where that cannot be said.

    By a metric it is the test of `ScoreTable.p_values`, which decides everywhere; by people and by
    costs twice the share of the draws in which the worse is better.
    """
    if joint.axes[joint.at(axis)].kind == "metric":
        at = [evidence.table.models.index(name) for name in joint.models]
        return evidence.table.p_values(axis)[np.ix_(at, at)]
    share = beats(joint, axis)
    return np.asarray(2 * np.minimum(share, 1 - share))


def tied(evidence: Evidence, joint: Joint, axis: str) -> Bools:
    """Return (M, M), True where two models are tested and not told apart
    (`bench.statistics.claims`)."""
    return np.asarray(p_values(evidence, joint, axis) >= 1 - LEVEL)


@dataclass(frozen=True, slots=True)
class Rank:
    """A model's ``rank`` by its value, 1 for the best, and the interval of its rank in draws."""

    model: str
    rank: int
    low: int
    high: int
    tied: tuple[str, ...]
    """The models that it is tied with."""


def ranks(evidence: Evidence, joint: Joint, axis: str, level: float = LEVEL) -> list[Rank]:
    """Return the models' ranks on one axis, in the order of ``joint``; equal values share one."""
    at = joint.at(axis)
    sign = 1.0 if joint.axes[at].higher_is_better else -1.0
    rank = _rank(sign * joint.values[None, :, at])[0]
    drawn = _rank(_turned(joint, axis))
    tail = (1 - level) / 2
    low = np.quantile(drawn, tail, axis=0, method="lower")
    high = np.quantile(drawn, 1 - tail, axis=0, method="higher")
    same = tied(evidence, joint, axis)
    return [
        Rank(
            name,
            int(rank[i]),
            int(min(low[i], rank[i])),
            int(max(high[i], rank[i])),
            tuple(other for j, other in enumerate(joint.models) if j != i and same[i, j]),
        )
        for i, name in enumerate(joint.models)
    ]


@dataclass(frozen=True, slots=True)
class Dominator:
    """A model that is at least as good on all axes and better on one.

    ``margins``: by how much, axis by axis, positive for better, in the axis's unit.
    ``probability``: share of the draws in which it dominates.
    """

    model: str
    margins: tuple[float, ...]
    probability: float


@dataclass(frozen=True, slots=True)
class FrontRow:
    """One model and the front. ``probability``: share of the draws in which it is on the front.

    ``on_front`` is None where noisy costs leave it open, and ``dominators`` are those that dominate
    wherever in their range such costs lie.
    ``worthless``: the base, which costs nothing, is at least as good.
    """

    model: str
    on_front: bool | None
    probability: float
    dominators: tuple[Dominator, ...]
    worthless: bool = False


def fronts(joint: Joint) -> list[FrontRow]:
    """Return how each model stands to the front of all axes of ``joint``, in its order."""
    higher, number = joint.directions, len(joint.models)
    if not number:
        return []
    (least, most), drawn = joint.reach, joint.draws
    if joint.base is not None and joint.base_value is not None:
        least, most = (np.vstack([ends, joint.base_value]) for ends in (least, most))
        drawn = np.concatenate([drawn, joint.base[:, None]], axis=1)
    over, may = dominates_surely(least, most, higher)
    kept = standing(over, may)
    probability, share = shares(drawn, higher)
    gap = margins(joint.values, higher)
    rows = []
    for i, name in enumerate(joint.models):
        by = [int(j) for j in np.flatnonzero(over[:number, i])]
        order = sorted(by, key=lambda j: -share[j, i])
        rows.append(
            FrontRow(
                name,
                kept[i],
                float(probability[i]),
                tuple(
                    Dominator(joint.models[j], tuple(map(float, gap[j, i])), float(share[j, i]))
                    for j in order
                ),
                bool(over[number:, i].any()),
            )
        )
    return rows


def _turned(joint: Joint, axis: str) -> Floats:
    """Return the draws (S, M) of one axis, turned so that more is better."""
    at = joint.at(axis)
    return np.asarray(joint.draws[:, :, at] * (1.0 if joint.axes[at].higher_is_better else -1.0))


def _rank(values: Floats) -> Ints:
    """Return ranks (S, M) of ``values`` (S, M), 1 for the largest; equal ones share the best."""
    return np.asarray(1 + (values[:, None, :] > values[:, :, None]).sum(axis=2), dtype=np.intp)
