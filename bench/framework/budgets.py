"""Which model to take under a budget: limits on confidence bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bench.core.errors import BenchError
from bench.framework.costs import CostConditions, all_conditions
from bench.framework.joint import RANKED_APART, Axis, Evidence, Joint, join, resolve_axis
from bench.framework.marks import UNDERTRAINED
from bench.framework.pareto import on_front
from bench.framework.ranking import beats, p_values, tied
from bench.statistics.claims import LEVEL, told_apart

RELAXATIONS = 5
"""So many of the smallest relaxations are told where nothing fits."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One bound of a budget, in the axis's unit. ``bound``: "max" holds the interval's upper end
    at or below ``value``, "min" its lower end at or above.
    """

    axis: Axis
    bound: Literal["max", "min"]
    value: float
    given: str
    """The limit as it was asked for: ``memory_gb <= 2``."""
    factor: float = 1.0
    """What one of the unit in which it was asked for is in the axis's unit."""

    def needed(self, low: float, high: float) -> float:
        """Return the limit that a model with this interval would just meet."""
        return high if self.bound == "max" else low

    def keeps(self, low: float, high: float, noisy: bool = False) -> bool | None:
        """Tell whether a model with this interval surely keeps to the limit.

        Of a ``noisy`` cost, whose range this is, nothing is known (None) where the limit is inside.
        """
        inside = low <= self.value < high if self.bound == "max" else low < self.value <= high
        if noisy and inside:
            return None
        return high <= self.value if self.bound == "max" else low >= self.value


State = Literal["chosen", "tied", "behind", "untested", "open", "over", "apart", "unknown"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model under a budget.

    ``state``: "chosen"; "tied" with it (`bench.statistics.claims`) within the budget; "behind",
    within it and worse; "untested", within it with too few scenes to tell; "open", not known to be
    within it, because noisy costs reach across the limits in ``broken``; "over", outside it, by the
    limits in ``broken``; "apart", told more than the others (`ScoreTable.apart`); "unknown"
    without a figure, ``reason`` says of what. ``figures``: axis -> value, low, high in the axis's
    unit. ``noisy``: axis -> why, where low and high are the range of a noisy cost. ``single``:
    axes of which one sample is all that is known, low and high being its value. ``beaten``: the
    probability that the chosen model is better, None with one scene.
    """

    model: str
    state: State
    figures: Mapping[str, tuple[float, float, float]]
    broken: tuple[str, ...] = ()
    beaten: float | None = None
    reason: str | None = None
    noisy: Mapping[str, str] = field(default_factory=dict)
    single: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Relaxation:
    """What would have to give for ``model`` to fit.

    ``limits``: the limit as it was asked for -> the number in its place that the model would meet.
    """

    model: str
    limits: Mapping[str, float]
    quality: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The answer to a budget query; candidates are best first, those within the budget before
    others. ``chosen`` is None where nothing surely fits, and ``relaxations`` then says what would.
    """

    quality: Axis
    limits: tuple[Limit, ...]
    chosen: str | None
    candidates: tuple[Candidate, ...]
    relaxations: tuple[Relaxation, ...]
    conditions: CostConditions | None
    images: int
    notes: tuple[str, ...]


def pick(
    evidence: Evidence,
    quality: str,
    maxima: Mapping[str, float] | None = None,
    minima: Mapping[str, float] | None = None,
    conditions: CostConditions | None = None,
    seed: int = 0,
) -> Pick:
    """Choose the best model by ``quality`` among those that surely keep to all limits.

    ``maxima`` and ``minima`` bound metrics, ``people`` or costs, by name or alias: a maximum holds
    for the upper end of a model's 95 % interval, or of the range of a noisy cost, a minimum for the
    lower end. Of one sample there is the value alone, which a note says. The base is never chosen.
    Raises `BenchError` for an unknown name and for a limit that no number keeps.
    """
    axis = resolve_axis(evidence, quality)[0]
    if axis.kind == "cost":
        raise BenchError(
            f"'{quality}' is a cost, and the best model is chosen by its quality; "
            f"give --quality a metric of the run: {', '.join(evidence.table.metrics)}"
        )
    limits = [*_limits(evidence, maxima or {}, "max"), *_limits(evidence, minima or {}, "min")]
    names = list(dict.fromkeys([axis.name, *(limit.axis.name for limit in limits)]))
    if conditions is None:
        conditions = next(iter(all_conditions(evidence.costs)), None)
    joint = join(evidence, names, conditions, seed=seed)
    if not joint.models:
        raise BenchError(_nothing_known(evidence, joint))
    figures = [
        {
            name: (float(joint.values[i, a]), float(joint.low[i, a]), float(joint.high[i, a]))
            for a, name in enumerate(names)
        }
        for i in range(len(joint.models))
    ]
    noisy = [joint.noise.get(name, {}) for name in joint.models]
    single = [
        tuple(axis for axis, names in joint.single.items() if name in names)
        for name in joint.models
    ]
    kept = [
        {
            limit.given: limit.keeps(*f[limit.axis.name][1:], limit.axis.name in why)
            for limit in limits
        }
        for f, why in zip(figures, noisy, strict=True)
    ]
    broken = [tuple(given for given, keeps in of.items() if not keeps) for of in kept]
    doubtful = [bool(broken[i]) and False not in of.values() for i, of in enumerate(kept)]
    inside = [i for i in range(len(joint.models)) if not broken[i]]
    better = 1.0 if axis.higher_is_better else -1.0
    order = sorted(range(len(joint.models)), key=lambda i: -better * joint.values[i, 0])
    chosen = next((i for i in order if i in inside), None)
    share, p = beats(joint, axis.name), p_values(evidence, joint, axis.name)

    def candidate(i: int) -> Candidate:
        beaten = None
        if chosen is not None and i != chosen and joint.claims.intervals:
            beaten = float(share[chosen, i])
        state: State = "open" if doubtful[i] else "over"
        if i in inside:
            apart = told_apart(float(p[chosen, i]))
            state = "untested" if apart is None else "behind" if apart else "tied"
            state = "chosen" if i == chosen else state
        return Candidate(
            joint.models[i], state, figures[i], broken[i], beaten, noisy=noisy[i], single=single[i]
        )

    ranked = [candidate(i) for i in sorted(order, key=lambda i: (i not in inside, not doubtful[i]))]
    unknown = [
        Candidate(m, "apart" if why.endswith(RANKED_APART) else "unknown", {}, reason=why)
        for m, why in joint.left_out.items()
    ]
    return Pick(
        quality=axis,
        limits=tuple(limits),
        chosen=None if chosen is None else joint.models[chosen],
        candidates=(*ranked, *unknown),
        relaxations=() if inside else tuple(_relaxations(joint, limits, figures)),
        conditions=conditions if any(one.kind == "cost" for one in joint.axes) else None,
        images=joint.images,
        notes=(
            *filter(None, [evidence.table.caution(axis.name)]),
            *([joint.claims.caveat] if joint.claims.caveat else []),
            *joint.notes,
            *_notes(evidence, joint, chosen),
            *_undertrained(evidence),
        ),
    )


@dataclass(frozen=True, slots=True)
class BudgetStep:
    """From this budget on, ``model`` is chosen; ``tied`` are those within it that are tied.

    ``least`` is below ``budget`` where the model's cost is noisy: between the two it is not known
    whether the model keeps to a budget.
    """

    budget: float
    model: str
    quality: float
    tied: tuple[str, ...]
    least: float


def budget_steps(evidence: Evidence, joint: Joint) -> list[BudgetStep]:
    """Return which model to take as a budget grows, from the smallest that admits any.

    ``joint`` has two axes, a quality and a cost where less is better. A step is a budget, the upper
    end of a model's cost or of its range, from which on another model is chosen. No model is taken
    that is no better than the base.
    """
    quality = joint.axes[0]
    better = 1.0 if quality.higher_is_better else -1.0
    worth, limit = better * joint.values[:, 0], joint.high[:, 1]
    same = tied(evidence, joint, quality.name)
    best = -math.inf if joint.base_value is None else better * float(joint.base_value[0])
    steps: list[BudgetStep] = []
    for i in np.lexsort((-worth, limit)):
        if worth[i] > best:
            best = float(worth[i])
            also = [j for j in np.flatnonzero(same[i] & (limit <= limit[i])) if j != i]
            steps.append(
                BudgetStep(
                    float(limit[i]),
                    joint.models[i],
                    float(joint.values[i, 0]),
                    tuple(joint.models[j] for j in also),
                    float(joint.low[i, 1] if joint.models[i] in joint.noise else limit[i]),
                )
            )
    return steps


def _limits(
    evidence: Evidence, asked: Mapping[str, float], bound: Literal["max", "min"]
) -> list[Limit]:
    found = []
    for name, value in asked.items():
        if math.isnan(value):
            raise BenchError(f"{bound} {name}: expected a number, got {value}")
        axis, factor = resolve_axis(evidence, name)
        sign = "<=" if bound == "max" else ">="
        found.append(Limit(axis, bound, value * factor, f"{name} {sign} {value:g}", factor))
    return found


def _nothing_known(evidence: Evidence, joint: Joint) -> str:
    if not joint.left_out:
        return "the run has no model to choose among"
    table = evidence.table
    why: dict[str, list[str]] = {}
    for name, reason in joint.left_out.items():
        why.setdefault(reason, []).append(name)
    reasons = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in why.items())
    scored = [m for m in table.metrics if np.isfinite(table.values[m]).any()]
    return (
        f"no model has all the figures that were asked for ({reasons}); the run has scores of "
        f"{', '.join(scored) or 'no metric'}"
    )


def _relaxations(
    joint: Joint, limits: Sequence[Limit], figures: Sequence[Mapping[str, tuple[float, ...]]]
) -> list[Relaxation]:
    """Return the models for which least would have to give; none needs more on every limit.

    How far a limit gives is a ratio for a cost, and for a quality its share of the models' range.
    """
    needed = np.array(
        [[limit.needed(*f[limit.axis.name][1:]) for limit in limits] for f in figures]
    )
    gives = np.column_stack([_gives(limit, needed[:, k], joint) for k, limit in enumerate(limits)])
    least = np.flatnonzero(on_front(gives, [False] * len(limits)))
    better = 1.0 if joint.axes[0].higher_is_better else -1.0
    order = sorted(
        least, key=lambda i: ((gives[i] > 0).sum(), gives[i].sum(), -better * joint.values[i, 0])
    )
    return [
        Relaxation(
            joint.models[i],
            {
                limit.given: float(needed[i, k]) / limit.factor
                for k, limit in enumerate(limits)
                if gives[i, k] > 0
            },
            float(joint.values[i, 0]),
        )
        for i in order[:RELAXATIONS]
    ]


def _gives(
    limit: Limit, needed: np.ndarray[tuple[int], np.dtype[np.float64]], joint: Joint
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return how far a limit would have to give for each model; 0 where it is kept."""
    sign = 1.0 if limit.bound == "max" else -1.0
    if limit.axis.kind == "cost" and limit.value > 0:
        floor = np.maximum(needed, 1e-12)
        return np.asarray(np.maximum(0.0, sign * np.log(floor / limit.value)))
    at = joint.at(limit.axis.name)
    span = float(np.ptp(joint.values[:, at])) or 1.0
    return np.asarray(np.maximum(0.0, sign * (needed - limit.value) / span))


def _undertrained(evidence: Evidence) -> list[str]:
    """Say of which models the scores are no results, for want of training."""
    return [
        f"{model}: {mark.sentence}"
        for model, marks in evidence.table.marks.items()
        for mark in marks
        if mark.short == UNDERTRAINED
    ]


def _notes(evidence: Evidence, joint: Joint, chosen: int | None) -> list[str]:
    """Say where the chosen model is not shown to be better than doing nothing."""
    if chosen is None or joint.base is None or joint.base_value is None or not evidence.base:
        return []
    axis, name = joint.axes[0], joint.models[chosen]
    better = 1.0 if axis.higher_is_better else -1.0
    if better * (joint.values[chosen, 0] - joint.base_value[0]) <= 0:
        return [f"'{name}' is no better than '{evidence.base}', which adds nothing"]
    if axis.kind == "metric":
        table = evidence.table
        at = table.models.index(name), table.models.index(evidence.base)
        apart = told_apart(float(table.p_values(axis.name)[at]))
    else:
        gain = better * (joint.draws[:, chosen, 0] - joint.base[:, 0])
        apart = float((gain > 0).mean() + 0.5 * (gain == 0).mean()) >= (1 + LEVEL) / 2
    if apart is False:
        return [f"'{name}' is tied with '{evidence.base}', which adds nothing"]
    return []
