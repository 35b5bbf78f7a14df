"""How many raters a study needs: power by simulation of the whole study and its analysis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import binomtest
from scipy.stats import t as student

from bench.core.errors import BenchError
from raters.statistics.comparisons import counts, require_scale, strongly_connected
from raters.statistics.intervals import PRIOR_SD
from raters.statistics.scaling import bradley_terry
from raters.statistics.votes import Votes

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

SIMULATIONS = 1000
MOST_RATERS = 1000
_BLOCK = 1_000_000


@dataclass(frozen=True, slots=True)
class Design:
    """A study to come, with what it is assumed to find.

    ``strengths``: of the methods in log odds, as `bradley_terry` gives them for a pilot; two
    methods at log(p / (1 - p)) apart are told apart by a share p. ``judgements``: random pairs on
    random images that each rater judges. ``rater_sd``, ``image_sd``: how much each strength
    varies between raters and between images, in log odds.
    """

    strengths: tuple[float, ...]
    images: int
    judgements: int
    rater_sd: float = 0.0
    image_sd: float = 0.0

    def __post_init__(self) -> None:
        if len(self.strengths) < 2 or min(self.images, self.judgements) < 1:
            raise BenchError(
                "a study has two methods, one image and one judgement a rater or more, got "
                f"{len(self.strengths)}, {self.images} and {self.judgements}"
            )
        if min(self.rater_sd, self.image_sd) < 0:
            raise BenchError("standard deviations of raters and of images are not negative")


LOGISTIC_NORMAL = (16 * math.sqrt(3) / (15 * math.pi)) ** 2
"""Zeger, Liang and Albert 1988, doi:10.2307/2531734: averaged over a normal difference of variance
v, log odds shrink by sqrt(1 + 0.346 v)."""

LEAST_SHRUNK = 0.1
"""Where raters and images differ so much that the approximation ends, strengths grow threefold."""


def pilot_design(votes: Votes, images: int, judgements: int) -> Design:
    """Return a study of as many ``images`` and ``judgements`` a rater as finds what a pilot found.

    How far raters and images differ is estimated by moments: what the scores of single raters (and
    images) vary more than their votes explain. Strengths are then those within a rater and image,
    which are larger than those of the pilot's scale. A pilot without rater ids, or of one image,
    gives 0 there: too few raters. Raises `NotComparable` where the pilot has no finite scale.
    """
    number = len(votes.methods)
    wins, ties = counts(votes.a, votes.b, votes.outcome, number)
    require_scale(wins + ties, votes.methods)
    strength = bradley_terry(wins + ties / 2)
    p = expit(strength[votes.a] - strength[votes.b])
    residual = (votes.outcome + 1) / 2 - p
    between = [
        0.0 if label is None else _spread_between(label, votes, residual, p * (1 - p))
        for label in (votes.rater, votes.image)
    ]
    # Moments give all spreads as shrunk as the scale is: v = s^2 v', s^2 = 1 + 0.346 * 2 v
    shrunk = 1 - LOGISTIC_NORMAL * 2 * (between[0] + between[1])
    scale = 1 / math.sqrt(max(shrunk, LEAST_SHRUNK))
    return Design(
        tuple(float(q) for q in scale * strength),
        images,
        judgements,
        scale * math.sqrt(between[0]),
        scale * math.sqrt(between[1]),
    )


def _spread_between(label: Ints, votes: Votes, residual: Floats, weight: Floats) -> float:
    """Return the variance of a method's strength between clusters, from their score sums.

    The score of cluster c and method m is the sum of its residuals, signed. Its variance is the sum
    of weights, and with strengths that vary by s^2, s^2 (W_m^2 + sum over k of W_mk^2) more, where
    W_mk is the weight of the comparisons of m with k and W_m their sum.
    """
    groups, number = int(label.max()) + 1, len(votes.methods)
    if groups < 2:
        return 0.0

    def summed(values: Floats) -> Floats:
        """Return (clusters, M, M): sums of votes with the row first."""
        cell = (label * number + votes.a) * number + votes.b
        table = np.bincount(cell, values, groups * number**2)
        return np.asarray(table.reshape(groups, number, number), np.float64)

    signed, weights = summed(residual), summed(weight)
    score = signed.sum(axis=2) - signed.sum(axis=1)
    pair = weights + np.swapaxes(weights, 1, 2)
    own = pair.sum(axis=2)
    excess = (score**2).sum() - own.sum()
    return max(0.0, float(excess / ((own**2).sum() + (pair**2).sum())))


@dataclass(frozen=True, slots=True)
class Power:
    """The share of ``simulations`` in which the difference was found, and its 95 % interval."""

    value: float
    low: float
    high: float
    simulations: int


@dataclass(frozen=True, slots=True)
class RatersPlan:
    """The smallest number of raters whose power reaches the target, and judgements in all."""

    raters: int
    judgements: int
    power: Power


def power(
    design: Design,
    raters: int,
    pair: tuple[int, int] = (0, 1),
    *,
    alpha: float = 0.05,
    tests: int = 1,
    simulations: int = SIMULATIONS,
    seed: int = 0,
) -> Power:
    """Return how often a study finds the difference of ``pair``, with its sign, at level ``alpha``.

    Each simulated study is fitted by Bradley-Terry and tested with a standard error clustered by
    raters and images (as in `intervals`, but by its first-order formula instead of resampling,
    Cameron, Gelbach and Miller 2011). ``tests``: Bonferroni's factor, where so many pairs are
    tested together.
    """
    return _power(
        design, raters, pair, alpha=alpha / tests, simulations=simulations, seed=seed, target=None
    )


def raters_needed(
    design: Design,
    target: float = 0.8,
    pair: tuple[int, int] = (0, 1),
    *,
    alpha: float = 0.05,
    tests: int = 1,
    simulations: int = SIMULATIONS,
    seed: int = 0,
) -> RatersPlan:
    """Return the smallest study of ``design`` whose `power` is ``target`` or more, by bisection.

    Numbers of raters above 50 are found to 2 %; sizes that are plainly too small or too large are
    simulated only until that is sure.

    Raises `BenchError` where even `MOST_RATERS` do not reach it, as when images differ so much that
    only more images would help.
    """
    if not 0 < target < 1:
        raise BenchError(f"a power lies between 0 and 1, got {target:g}")

    def at(raters: int) -> Power:
        return _power(
            design,
            raters,
            pair,
            alpha=alpha / tests,
            simulations=simulations,
            seed=seed,
            target=target,
        )

    low, high = 1, 4
    while (reached := at(high)).value < target:
        if high == MOST_RATERS:
            raise BenchError(
                f"{high} raters reach a power of {reached.value:.2f}, not {target:g}; take more "
                "images, more judgements a rater, or a larger difference"
            )
        low, high = high, min(2 * high, MOST_RATERS)
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        tried = at(middle)
        if tried.value >= target:
            high, reached = middle, tried
        else:
            low = middle
    return RatersPlan(high, high * design.judgements, reached)


def _power(
    design: Design,
    raters: int,
    pair: tuple[int, int],
    *,
    alpha: float,
    simulations: int,
    seed: int,
    target: float | None,
) -> Power:
    """Return `power`, from fewer simulations where these exclude ``target``."""
    if raters < 2:
        raise BenchError(f"a study has two raters or more, got {raters}")
    sign = math.copysign(1, design.strengths[pair[0]] - design.strengths[pair[1]])
    size = max(raters * design.judgements, raters * design.images)
    step = max(1, min(100, _BLOCK // size))
    rng = np.random.default_rng(seed)
    found = done = 0
    while done < simulations:
        step = min(step, simulations - done)
        ratio, freedom = _simulate(design, raters, pair, step, rng)
        found += int((ratio * sign > student.ppf(1 - alpha / 2, freedom)).sum())
        done += step
        if target is not None and done >= 50:
            sure = binomtest(found, done).proportion_ci(0.999, method="wilson")
            if not sure.low <= target <= sure.high:
                break
    interval = binomtest(found, done).proportion_ci(method="wilson")
    return Power(found / done, float(interval.low), float(interval.high), done)


def _simulate(
    design: Design, raters: int, pair: tuple[int, int], studies: int, rng: np.random.Generator
) -> tuple[Floats, int]:
    """Return difference over standard error (S,) of simulated studies, and degrees of freedom."""
    q = np.asarray(design.strengths, np.float64)
    number, shape = len(q), (studies, raters * design.judgements)
    study = np.arange(studies)[:, None]
    rater = np.broadcast_to(np.repeat(np.arange(raters), design.judgements), shape)
    image = rng.integers(0, design.images, shape)
    a = rng.integers(0, number, shape)
    b = (a + rng.integers(1, number, shape)) % number
    taste = rng.normal(0, design.rater_sd, (studies, raters, number))
    content = rng.normal(0, design.image_sd, (studies, design.images, number))
    gap = q[a] - q[b]
    gap += taste[study, rater, a] - taste[study, rater, b]
    gap += content[study, image, a] - content[study, image, b]
    won = rng.random(shape) < expit(gap)
    cell = (study * number + np.where(won, a, b)) * number + np.where(won, b, a)
    wins = np.bincount(cell.reshape(-1), minlength=studies * number**2)
    wins = wins.reshape(studies, number, number)
    fitted = bradley_terry(wins, np.where(strongly_connected(wins), math.inf, PRIOR_SD))
    difference = fitted[:, pair[0]] - fitted[:, pair[1]]

    # Every vote moves the difference by its residual times the contrast's weight: first order.
    p = expit(fitted[:, :, None] - fitted[:, None, :])
    weight = (wins + np.swapaxes(wins, 1, 2)) * p * (1 - p)
    information = np.eye(number) * weight.sum(axis=2)[:, :, None] - weight
    contrast = np.zeros(number)
    contrast[pair[0]], contrast[pair[1]] = 1, -1
    direction = np.linalg.pinv(information, hermitian=True) @ contrast
    influence = (won - p[study, a, b]) * (direction[study, a] - direction[study, b])
    total = np.zeros(studies)
    for groups, label in ((raters, rater), (design.images, image)):
        if groups > 1:
            total += _clustered(influence, label, groups) * groups / (groups - 1)
    if design.images > 1:
        both = _clustered(influence, rater * design.images + image, raters * design.images)
        total = np.maximum(total - both, total / 2)
    freedom = min(raters, design.images if design.images > 1 else raters) - 1
    return difference / np.sqrt(total), freedom


def _clustered(influence: Floats, label: Ints, groups: int) -> Floats:
    """Return the sum (S,) over clusters of their squared sums of ``influence`` (S, V)."""
    studies = len(influence)
    cell = label + groups * np.arange(studies)[:, None]
    sums = np.bincount(cell.reshape(-1), influence.reshape(-1), minlength=studies * groups)
    return np.asarray((sums.reshape(studies, groups) ** 2).sum(axis=1))
