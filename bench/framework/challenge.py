"""The score of the NTIRE challenge on efficient super-resolution, with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.framework.costs import CostConditions
from bench.framework.joint import Evidence, join

Floats = NDArray[np.float64]

WEIGHTS: Mapping[str, float] = {"latency_ms": 0.7, "macs": 0.15, "params": 0.15}
"""Of 2025: runtime, FLOPs, parameters. FLOPs are twice the MACs, which cancels in the ratio."""


@dataclass(frozen=True, slots=True)
class ChallengeScore:
    """A model's score, less is better; the base model has e^2 = 7.389.

    ``parts``: quantity -> exp(2 m / m_base), before weighting. ``low`` and ``high``: 95 % of the
    draws. ``noisy`` says why costs of the model or of the base are, and ``reach`` between which the
    score then lies for all that is known of them; without any the score itself.
    """

    model: str
    score: float
    low: float
    high: float
    parts: Mapping[str, float]
    reach: tuple[float, float]
    noisy: str


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores by one base model, the best first. ``left_out`` says why a model has none."""

    base: str
    weights: Mapping[str, float]
    scores: tuple[ChallengeScore, ...]
    conditions: CostConditions | None
    left_out: Mapping[str, str]


def efficiency(
    evidence: Evidence,
    base: str,
    weights: Mapping[str, float] = WEIGHTS,
    conditions: CostConditions | None = None,
    seed: int = 0,
) -> Scores:
    """Score every model against the model ``base``: sum over m of weight times exp(2 m / m_base).

    The challenge ranks by this only models that reach the base's quality; here all are scored. Ren
    et al., "The Tenth NTIRE 2025 Efficient Super-Resolution Challenge Report", CVPR Workshops 2025.
    Raises `BenchError` for an unknown base, and for one without all the costs.
    """
    choose("model", base, evidence.table.models)
    joint = join(evidence, list(weights), conditions, seed=seed)
    if base not in joint.models:
        why = joint.left_out.get(base, "it adds nothing to the input and costs nothing")
        known = ", ".join(joint.models) or "no model"
        raise BenchError(f"'{base}' cannot be the base of the score: {why}; {known} could be")
    at = joint.models.index(base)
    share = np.array(list(weights.values()))

    def parts(costs: Floats, of_base: Floats | None = None) -> Floats:
        base_costs = costs[..., [at], :] if of_base is None else of_base[at]
        with np.errstate(over="ignore"):  # many times dearer than the base: infinite is fair
            return np.asarray(np.exp(2 * costs / base_costs))

    each, drawn = parts(joint.values), parts(joint.draws) @ share
    low = np.quantile(drawn, 0.025, axis=0, method="lower")  # between infinities is no number
    high = np.quantile(drawn, 0.975, axis=0, method="higher")
    total = each @ share
    least, most = joint.reach
    reach = np.column_stack([parts(least, most) @ share, parts(most, least) @ share])
    reach[at] = total[at]  # against itself

    def why_noisy(model: str) -> str:
        of = {} if model == base else {m: joint.noise.get(m, {}) for m in (model, base)}
        return "; ".join(f"{m}: {why}" for m, costs in of.items() for why in costs.values())

    ranked = tuple(
        ChallengeScore(
            joint.models[i],
            float(total[i]),
            low=float(low[i]),
            high=float(high[i]),
            parts=dict(zip(weights, map(float, each[i]), strict=True)),
            reach=(float(reach[i, 0]), float(reach[i, 1])),
            noisy=why_noisy(joint.models[i]),
        )
        for i in np.argsort(total, kind="stable")
    )
    return Scores(base, weights, ranked, joint.conditions, joint.left_out)
