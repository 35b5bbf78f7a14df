"""What people's preferences are worth in metrics and in operations, and what neither explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import erfcx

from bench.core.errors import BenchError
from bench.framework.costs import CostConditions, all_conditions
from bench.framework.joint import Evidence, Joint, join
from raters.statistics.comparisons import numbered, split_cells, strongly_connected, vote_cells
from raters.statistics.intervals import (
    PRIOR_SD,
    clusters,
    draw,
    reach,
    standard_error,
    weaknesses,
)
from raters.statistics.scaling import JOD, thurstone
from raters.statistics.votes import Votes

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

STEPS = {"dB": 1.0}
"""Unit of a metric -> the step of it that a slope is given for; `STEP` for all others."""
STEP = 0.1
SPARE = 3
"""A fit with k predictors needs k + 3 models: with fewer, nothing is left that could contradict."""
ALIKE = 0.98
"""Predictors that are correlated more than this cannot be told apart."""
SAMPLES = 500
_LARGEST = 4_000_000
_RIDGE = 1e-4
"""Precision of a prior on a slope in JOD per spread of its predictor: it matters only where the
votes follow a predictor without exception."""
_SEPARATED = 8.0


@dataclass(frozen=True, slots=True)
class Slope:
    """What a better metric, or twice the cost, is worth at an equal rest: JOD with 95 % interval.

    ``per`` says for how much: ``0.1 lpips-alex, to the better`` or ``doubling of macs``.
    """

    predictor: str
    per: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Residual:
    """How much better (JOD) people find a model than its metrics and cost say."""

    model: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """A joint fit. ``explained``: share of the variance between models on people's scale that the
    predictors explain; below 0 they say less than the mean does. ``notes``: what weakens it.
    """

    slopes: tuple[Slope, ...]
    residuals: tuple[Residual, ...]
    explained: float
    votes: int
    images: int
    raters: int | None
    left_out: tuple[str, ...]
    conditions: CostConditions | None
    notes: tuple[str, ...]


def regress(
    evidence: Evidence,
    metrics: Sequence[str],
    cost: str | None = None,
    conditions: CostConditions | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Preference:
    """Regress people's votes on the differences in ``metrics`` and in log2 of ``cost``.

    A vote on one image is for model a with probability Phi((q_a - q_b) / 1.4826), where q is the
    sum of the slopes times the metric on that image and the log2 of the cost. Fitted by maximum
    likelihood, ties half a win each. Intervals resample raters and images; they hold for these
    models, not for all that there could be. Raises `BenchError`, with the reason, without a study
    of pairs, for too few models, and for predictors that cannot be told apart.
    """
    if evidence.people is None or not evidence.people.answers.pairwise:
        raise BenchError("slopes in JOD need a study of pairs: give one (--study DB)")
    votes = evidence.people.answers.votes()
    if not metrics and cost is None:
        raise BenchError("nothing to regress on: name a metric or a cost")
    if conditions is None:
        conditions = next(iter(all_conditions(evidence.costs)), None)
    names = [*metrics, *([cost] if cost else [])]
    known = set(votes.methods)
    judged = [m for m in evidence.table.models if m in known]
    joint = join(Evidence(evidence.table, evidence.costs), names, conditions, judged, samples=1)
    _enough(joint, len(names))
    return _fit(evidence, joint, votes, samples, seed)


def _enough(joint: Joint, predictors: int) -> None:
    needed = predictors + SPARE
    if len(joint.models) < needed:
        lost = "; ".join(f"{name}: {why}" for name, why in joint.left_out.items())
        raise BenchError(
            f"{len(joint.models)} models with votes and all figures, and {predictors} predictors: "
            f"a fit needs {needed} models" + (f" (without {lost})" if lost else "")
        )


def _fit(evidence: Evidence, joint: Joint, votes: Votes, samples: int, seed: int) -> Preference:
    table = evidence.table
    of = np.array([joint.models.index(m) if m in joint.models else -1 for m in votes.methods])
    at = {image: place for place, image in enumerate(table.images)}
    where = np.array([at.get(image, -1) for image in votes.images])
    levels = _levels(evidence, joint)[where]
    a, b = of[votes.a], of[votes.b]
    usable = (a >= 0) & (b >= 0) & (where[votes.image] >= 0)
    usable[usable] &= np.isfinite(
        levels[votes.image[usable], a[usable]] + levels[votes.image[usable], b[usable]]
    ).all(axis=1)
    if not usable.any():
        raise BenchError("no vote is on two models and an image of the run with all figures")
    a, b, image, outcome = a[usable], b[usable], votes.image[usable], votes.outcome[usable]
    rater = None if votes.rater is None else votes.rater[usable]
    first, second = np.where(outcome < 0, (b, a), (a, b))  # whoever won comes first
    key = ((image * len(joint.models) + first) * len(joint.models) + second) * 2 + (outcome == 0)
    vote_cell, number_of_cells = numbered(key)
    place = np.empty(number_of_cells, np.intp)
    place[vote_cell] = np.arange(len(key))
    cells = np.column_stack([image, first, second, np.abs(outcome)])[place].astype(np.intp)
    problem = _Problem(levels, cells, len(joint.models))
    once = np.bincount(vote_cell, minlength=len(cells)).astype(np.float64)[None]
    problem.check(once[0], [axis.name for axis in joint.axes])
    estimate = problem.refit(once)[0][0]
    problem.start = estimate[: problem.predictors]
    labels = clusters(rater, image, votes.scenes)
    enough = max(100, min(samples, _LARGEST // len(cells)))
    drawn = draw(
        problem.refit,
        estimate,
        vote_cell,
        size=len(cells),
        clusterings=list(labels.values()),
        samples=enough,
        seed=seed,
    )
    error = reach(drawn.clusters) * standard_error(drawn.scales, drawn.clusters)
    notes = weaknesses(rater, image, labels)
    if lost := int((~usable).sum()):
        notes.append(f"{lost} of {len(votes)} votes are on what has no figure, and are left out")
    if joint.noise:
        costs = ", ".join(axis.name for axis in joint.axes if axis.kind == "cost")
        notes.append(f"{costs} of {', '.join(joint.noise)} is noisy, and what it is worth with it")
    if np.abs(estimate[: problem.predictors]).max() > _SEPARATED:
        notes.append("the votes follow a predictor without exception: its slope has no upper end")
    number = problem.predictors
    scale = estimate[number : number + problem.models]
    residual = estimate[number + problem.models :]
    return Preference(
        slopes=tuple(
            _slope(joint, k, estimate[k] / size, error[k] / size)
            for k, size in enumerate(problem.spread)
        ),
        residuals=tuple(
            Residual(name, float(residual[i]), float(residual[i] - far), float(residual[i] + far))
            for i, name in enumerate(joint.models)
            for far in [error[number + problem.models + i]]
        ),
        explained=float(1 - residual @ residual / (scale @ scale)) if scale @ scale else 0.0,
        votes=int(usable.sum()),
        images=len(np.unique(image)),
        raters=None if rater is None else len(np.unique(rater)),
        left_out=tuple(f"{name}: {why}" for name, why in joint.left_out.items()),
        conditions=joint.conditions,
        notes=tuple(notes),
    )


def _levels(evidence: Evidence, joint: Joint) -> Floats:
    """Return the predictors (images + 1, M, K), metrics turned to the better; the last is NaN."""
    table = evidence.table
    columns = [table.models.index(name) for name in joint.models]
    found = np.full((len(table.images) + 1, len(columns), len(joint.axes)), np.nan)
    for k, axis in enumerate(joint.axes):
        if axis.kind == "cost":
            if not (joint.values[:, k] > 0).all():
                raise BenchError(f"{axis.name} has no logarithm where it is not above 0")
            found[:-1, :, k] = np.log2(joint.values[:, k])
        else:
            turn = 1.0 if axis.higher_is_better else -1.0
            found[:-1, :, k] = turn * table.finite(axis.name)[:, columns]
    return found


def _slope(joint: Joint, k: int, value: float, far: float) -> Slope:
    axis = joint.axes[k]
    if axis.kind == "cost":
        step, per = 1.0, f"doubling of {axis.name}"
    else:
        step = STEPS.get(axis.unit, STEP)
        per = f"{step:g} {axis.unit} {axis.name}, to the better".replace("  ", " ")
    return Slope(axis.name, per, *(float(step * x) for x in (value, value - far, value + far)))


class _Problem:
    """Votes in cells (C, 4): image, the preferred, the other, and 1, or 0 for a tie.

    ``levels`` (images, M, K) are of the predictors.
    """

    def __init__(self, levels: Floats, cells: Ints, models: int) -> None:
        self.models, self.predictors = models, levels.shape[2]
        image, a, b, outcome = cells.T
        self._x = levels[image, a] - levels[image, b]
        self.spread: Floats = np.sqrt(np.mean(self._x**2, axis=0))
        self._turn = outcome.astype(np.float64)
        self._pairs = _indicator(vote_cells(a, b, outcome, models), 2 * models**2)
        self._images = _indicator(image, len(levels))
        self._levels = np.nan_to_num(levels)
        self._known = np.asarray(np.isfinite(levels).all(axis=2), dtype=np.float64)
        self.start: Floats = np.zeros(self.predictors)
        """Where fits begin: resamples are near the fit of all votes."""

    def check(self, times: Floats, names: Sequence[str]) -> None:
        """Raise `BenchError` for a predictor that never differs, and for two that go together."""
        for k, name in enumerate(names):
            if self.spread[k] == 0:
                raise BenchError(f"{name} is the same for all models: it has no slope")
        moments = (self._x * times[:, None]).T @ self._x
        size = np.sqrt(np.diag(moments))
        alike = np.abs(moments / np.outer(size, size)) - np.eye(len(names))
        i, j = divmod(int(alike.argmax()), len(names))
        if alike[i, j] > ALIKE:
            raise BenchError(
                f"{names[i]} and {names[j]} go together (correlation {alike[i, j]:.3f}) in what "
                "was judged: their slopes cannot be told apart; regress on one of them"
            )

    def refit(self, drawn: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Return slopes, people's scale and residuals (S, K + 2 M) of ``drawn`` votes (S, C).

        Slopes are in JOD per ``spread`` of their predictor, so that all are of one size.
        """
        step = max(1, 4_000_000 // drawn.shape[1])
        parts = [self._some(drawn[start : start + step]) for start in range(0, len(drawn), step)]
        return np.concatenate([p for p, _ in parts]), np.concatenate([f for _, f in parts])

    def _some(self, drawn: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        slopes = self._slopes(drawn)
        wins, ties = split_cells((self._pairs @ drawn.T).T, self.models)
        finite = strongly_connected(wins + ties)
        scale = thurstone(wins + ties / 2, np.where(finite, np.inf, PRIOR_SD))
        weights: Floats = (self._images @ drawn.T).T
        sums = np.einsum("si,imk->smk", weights, self._levels * self._known[:, :, None])
        judged: Floats = np.maximum(weights @ self._known, 1e-12)
        means = sums / judged[:, :, None]
        said = np.einsum("smk,sk->sm", means, slopes / self.spread)
        residual = scale - (said - said.mean(axis=1, keepdims=True))
        return np.concatenate([slopes, scale, residual], axis=1), finite

    def _slopes(self, drawn: Floats) -> Floats:
        """Return the slopes (S, K) of greatest likelihood by Newton's method, all at once."""
        x = self._x / self.spread / JOD
        found = np.repeat(self.start[None], len(drawn), axis=0)
        prior = _RIDGE * np.eye(self.predictors)
        squares = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
        tied = self._turn == 0  # of a tie, half a win goes to the second
        won = drawn * np.where(tied, 0.5, 1.0)
        lost = 0.5 * drawn[:, tied]
        for _ in range(50):
            z = found @ x.T
            up = _mills(z)
            gradient = (won * up) @ x - found * _RIDGE
            curve = won * up * (z + up)
            if tied.any():
                down = _mills(-z[:, tied])
                gradient -= (lost * down) @ x[tied]
                curve[:, tied] += lost * down * (down - z[:, tied])
            information = (curve @ squares).reshape(-1, *prior.shape) + prior
            change = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
            found += np.clip(change, -2, 2)
            if np.abs(change).max() < 1e-5:  # what is left is of the order of its square
                break
        return found


def _indicator(column: Ints, size: int) -> csr_array:
    """Return (size, C), one where the row is the cell's ``column``."""
    ones = np.ones(len(column))
    return csr_array((ones, (column, np.arange(len(column)))), shape=(size, len(column)))


def _mills(z: Floats) -> Floats:
    """Return phi(z) / Phi(z)."""
    return np.asarray(np.sqrt(2 / np.pi) / erfcx(-z / np.sqrt(2)))
