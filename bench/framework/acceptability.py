"""How often each model is first, over all weightings of the axes and all uncertainties (SMAA-2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.framework.joint import Axis, Joint

Floats = NDArray[np.float64]

DRAWS = 20_000
_BLOCK = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptable:
    """M models on A axes under every weighting.

    ``ranks`` (M, M): the share of weightings and draws in which the model has each rank, the first
    column being rank 1; equal models share theirs. ``central`` (M, A): the mean of the weightings
    that put the model first, NaN where none does. ``confidence`` (M,): how often it is first under
    just that weighting. ``worst`` and ``best`` (A,): what counts as 0 and as 1 on each axis.
    """

    models: tuple[str, ...]
    axes: tuple[Axis, ...]
    ranks: Floats
    central: Floats
    confidence: Floats
    worst: tuple[float, ...]
    best: tuple[float, ...]
    draws: int

    @property
    def order(self) -> list[int]:
        """The models by how often they are first, then by how often they are second, and so on."""
        return sorted(range(len(self.models)), key=lambda i: tuple(-self.ranks[i]))


def acceptability(joint: Joint, draws: int = DRAWS, seed: int = 0) -> Acceptable:
    """Draw weightings uniformly from the simplex, each with one draw of ``joint``, and rank.

    A model's utility is the weighted sum over axes of where it stands between the worst (0) and the
    best (1) of the models' own values; costs stand there by their logarithm. Lahdelma and
    Salminen 2001, doi:10.1287/opre.49.3.444.11220. Raises `BenchError` for fewer than two models or
    axes, and for an axis on which all are equal.
    """
    if len(joint.models) < 2 or len(joint.axes) < 2:
        raise BenchError(
            f"{len(joint.models)} models on {len(joint.axes)} axes: weighting needs two or more "
            "of both"
        )
    utility, worst, best = _utilities(joint)
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(len(joint.axes)), draws)
    rows = rng.permutation(np.arange(draws) % len(utility))
    total = np.einsum("sma,sa->sm", utility[rows], weights)
    number = len(joint.models)
    counts = _shares(total)
    first = total == total.max(axis=1, keepdims=True)
    first_share = first / first.sum(axis=1, keepdims=True)
    sums = first_share.sum(axis=0)
    central = np.full((number, len(joint.axes)), np.nan)
    confidence = np.zeros(number)
    for i in np.flatnonzero(sums > 0):
        central[i] = first_share[:, i] @ weights / sums[i]
        under = utility @ central[i]
        top = under == under.max(axis=1, keepdims=True)
        confidence[i] = float((top / top.sum(axis=1, keepdims=True))[:, i].mean())
    return Acceptable(
        models=joint.models,
        axes=joint.axes,
        ranks=counts,
        central=central,
        confidence=confidence,
        worst=worst,
        best=best,
        draws=draws,
    )


def _utilities(joint: Joint) -> tuple[Floats, tuple[float, ...], tuple[float, ...]]:
    """Return every draw's utility (S, M, A), 0 for the worst value and 1 for the best."""
    utility, worst, best = joint.draws.astype(np.float64).copy(), [], []
    for column, axis in enumerate(joint.axes):
        values = joint.values[:, column]
        bad, good = values.min(), values.max()
        if not axis.higher_is_better:
            bad, good = good, bad
        if bad == good:
            raise BenchError(f"all models are equal in {axis.name}; leave that axis out")
        worst.append(float(bad))
        best.append(float(good))
        if axis.kind == "cost":
            if min(bad, good) <= 0:
                raise BenchError(f"{axis.name} has no logarithm where it is not above 0")
            utility[:, :, column], bad, good = (
                np.log(utility[:, :, column]),
                np.log(bad),
                np.log(good),
            )
        utility[:, :, column] = (utility[:, :, column] - bad) / (good - bad)
    return utility, tuple(worst), tuple(best)


def _shares(total: Floats) -> Floats:
    """Return how often each model has each rank (M, M); equal ones share the ranks they take."""
    number = total.shape[1]
    counts = np.zeros((number, number))
    step = max(1, _BLOCK // number**2)
    for start in range(0, len(total), step):
        some = total[start : start + step]
        better = (some[:, None, :] > some[:, :, None]).sum(axis=2)
        equal = (some[:, None, :] == some[:, :, None]).sum(axis=2)
        for rank in range(number):
            held = (better <= rank) & (rank < better + equal)
            counts[:, rank] += (held / equal).sum(axis=0)
    return counts / len(total)
