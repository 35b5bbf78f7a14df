"""How much of the space of quality and cost a set of models covers, and what each adds to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.core.errors import BenchError
from bench.framework.joint import Joint
from bench.framework.pareto import on_front

Floats = NDArray[np.float64]

MARGIN = 0.1
"""How far beyond the worst value a reference lies that was not declared."""


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Return the volume that ``points`` (N, A) dominate above ``reference`` (A,), more is better.

    Exact, by slicing along one axis after another; points that are not above the reference on
    every axis add nothing. Zitzler and Thiele 1999, doi:10.1109/4235.797969.
    """
    table, floor = np.asarray(points, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if table.ndim != 2 or floor.shape != table.shape[1:] or not len(floor):
        raise ValueError(
            f"expected points (N, A) and a reference (A,), got {table.shape} and {floor.shape}"
        )
    if not (np.isfinite(table).all() and np.isfinite(floor).all()):
        raise ValueError("points and reference are finite")
    above = table[(table > floor).all(axis=1)] - floor
    return _volume(above)


def _volume(points: Floats) -> float:
    """Return the volume between the origin and ``points`` (N, A), all positive."""
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(points.max())
    points = np.unique(points[on_front(points, [True] * points.shape[1])], axis=0)
    if points.shape[1] == 2:
        falling = points[np.argsort(-points[:, 0])]
        return float((falling[:, 0] * np.diff(falling[:, 1], prepend=0.0)).sum())
    order = np.argsort(-points[:, -1], kind="stable")
    heights = np.append(points[order, -1], 0.0)
    return float(
        sum(
            (heights[k] - heights[k + 1]) * _volume(points[order[: k + 1], :-1])
            for k in range(len(order))
            if heights[k] > heights[k + 1]
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """The share of the box between ``reference`` and ``ideal`` that the models dominate.

    Both (A,) in the axes' own units; costs count in logarithms. ``low`` and ``high``: 95 % of the
    draws, in the same box; quality there varies against the base, else the mean of the models.
    ``added`` (M,): what is lost without a model; ``alone`` (M,): what it covers by itself.
    """

    share: float
    low: float
    high: float
    reference: tuple[float, ...]
    ideal: tuple[float, ...]
    added: tuple[float, ...]
    alone: tuple[float, ...]


def covered(joint: Joint, reference: ArrayLike | None = None, draws: int = 200) -> Covered:
    """Return how much the models of ``joint`` cover, from a ``reference`` (A,) to the best values.

    The reference, in the axes' units, is unless given: a cost 10 % above the dearest; the base's
    quality, so that what is no better covers nothing, or, without a base, a tenth of the range
    below the worst. Raises `BenchError` for costs that are not positive, and where no model is
    better than the reference on an axis.
    """
    if not joint.models:
        raise BenchError("no model has a figure on all axes, so there is no hypervolume")
    scaled = _scaled(joint, joint.values)
    ideal = scaled.max(axis=0)
    floor = (
        _floor(joint, scaled)
        if reference is None
        else _scaled(joint, np.asarray(reference, dtype=np.float64)[None])[0]
    )
    if not (ideal > floor).all():
        flat = [
            axis.name
            for axis, up, down in zip(joint.axes, ideal, floor, strict=True)
            if not up > down
        ]
        raise BenchError(
            f"no model is better than the reference point in {', '.join(flat)}, so nothing is "
            "covered; give a reference that some model beats"
        )
    box = ideal - floor

    def share(points: Floats) -> float:
        return hypervolume((points - floor) / box, np.zeros(len(box)))

    total = share(scaled)
    rows = np.linspace(0, len(joint.draws) - 1, min(draws, len(joint.draws))).astype(int)
    drawn = [share(_scaled(joint, draw)) for draw in joint.paired()[rows]]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Covered(
        share=total,
        low=float(low),
        high=float(high),
        reference=tuple(_back(joint, floor)),
        ideal=tuple(_back(joint, ideal)),
        added=tuple(total - share(np.delete(scaled, i, axis=0)) for i in range(len(scaled))),
        alone=tuple(share(scaled[[i]]) for i in range(len(scaled))),
    )


def _scaled(joint: Joint, values: Floats) -> Floats:
    """Return values (N, A) with costs in logarithms to base 10 and every axis turned to more."""
    found = values.astype(np.float64).copy()
    for index, axis in enumerate(joint.axes):
        if axis.kind == "cost":
            if not (found[:, index] > 0).all():
                raise BenchError(f"{axis.name} has no logarithm where it is not above 0")
            found[:, index] = np.log10(found[:, index])
        if not axis.higher_is_better:
            found[:, index] = -found[:, index]
    return found


def _floor(joint: Joint, scaled: Floats) -> Floats:
    floor = scaled.min(axis=0) - MARGIN * np.ptp(scaled, axis=0)
    for index, axis in enumerate(joint.axes):
        if axis.kind == "cost":
            floor[index] = scaled[:, index].min() - np.log10(1 + MARGIN)
        elif joint.base_value is not None:
            floor[index] = joint.base_value[index] * (1.0 if axis.higher_is_better else -1.0)
    return np.asarray(floor)


def _back(joint: Joint, point: Floats) -> list[float]:
    """Undo `_scaled` of one point."""
    found = []
    for axis, value in zip(joint.axes, point, strict=True):
        plain = float(value) if axis.higher_is_better else -float(value)
        found.append(10**plain if axis.kind == "cost" else plain)
    return found
