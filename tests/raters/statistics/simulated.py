"""Simulated studies: what the intervals cover, and what choosing pairs saves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import rankdata

from raters.statistics.active import ordering_gain, posterior
from raters.statistics.comparisons import split_cells, vote_cells
from raters.statistics.intervals import differences, draw_scales, rank_intervals
from raters.statistics.scaling import MODELS, bradley_terry

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Choose = Callable[[Floats], tuple[int, int]]


def study(
    rng: np.random.Generator,
    q: Floats,
    raters: int,
    images: int,
    per_rater: int,
    rater_sd: float = 0.0,
    image_sd: float = 0.0,
) -> tuple[Ints, Ints, Ints]:
    """Return the cells, raters and images of simulated votes on random pairs."""
    number, votes = len(q), raters * per_rater
    rater, image = np.repeat(np.arange(raters), per_rater), rng.integers(0, images, votes)
    a = rng.integers(0, number, votes)
    b = (a + rng.integers(1, number, votes)) % number
    taste = rng.normal(0, rater_sd, (raters, number))
    content = rng.normal(0, image_sd, (images, number))
    seen = q + taste[rater] + content[image]
    every = np.arange(votes)
    won = rng.random(votes) < expit(seen[every, a] - seen[every, b])
    return vote_cells(a, b, np.where(won, 1, -1), number), rater, image


def truth_of(q: Floats, sd: float) -> Floats:
    """Return the scale that endless votes of endless raters on endless images would give."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    gaps = (q[:, None] - q[None, :])[..., None] + np.sqrt(2) * sd * nodes
    return bradley_terry(expit(gaps) @ (weights / weights.sum()) * (1 - np.eye(len(q))))


def coverage(
    studies: int,
    raters: int,
    images: int,
    per_rater: int,
    rater_sd: float,
    image_sd: float,
    ids: bool = True,
    samples: int = 200,
) -> tuple[float, float, float]:
    """Return how often differences' intervals, all rank intervals at once, and a claim hold."""
    rng = np.random.default_rng(0)
    q = np.array([0.9, 0.5, 0.0, 0.0, -0.4, -1.0])
    truth = truth_of(q, float(np.hypot(rater_sd, image_sd)))
    best, last = 1 + (q[None] > q[:, None]).sum(1), (q[None] >= q[:, None]).sum(1)
    inside, ranks, false = [], [], []
    for number in range(studies):
        cells, rater, image = study(rng, q, raters, images, per_rater, rater_sd, image_sd)
        wins, _ = split_cells(np.bincount(cells, minlength=72), 6)
        estimate = bradley_terry(wins)
        clusterings = [rater, image] if ids else [image]
        draws = draw_scales(
            MODELS["bradley-terry"],
            estimate,
            cells,
            clusterings=clusterings,
            samples=samples,
            seed=number,
        )
        found = differences(estimate, draws)
        gap = truth[found.first] - truth[found.second]
        inside.append(((found.low < gap) & (gap < found.high)).mean())
        _, low, high = rank_intervals(estimate, found)
        ranks.append(((low <= last) & (best <= high)).all())
        equal = (found.first == 2) & (found.second == 3)
        false.append(found.p[equal][0] < 0.05)
    return float(np.mean(inside)), float(np.mean(ranks)), float(np.mean(false))


def most_ordering(wins: Floats) -> tuple[int, int]:
    """Choose the pair that is expected to put most pairs in order; the first of equals."""
    first, second = np.triu_indices(len(wins), 1)
    gain = ordering_gain(*posterior(wins), first, second)
    best = int(np.argmax(gain))
    return int(first[best]), int(second[best])


def random_pairs(rng: np.random.Generator) -> Choose:
    """Return the choice of any pair, whatever was judged."""

    def choose(wins: Floats) -> tuple[int, int]:
        i, j = rng.choice(len(wins), 2, replace=False)
        return int(i), int(j)

    return choose


def learning_curve(
    strengths: Floats, choose: Choose, judgements: int, rng: np.random.Generator, every: int
) -> Floats:
    """Return the rank correlation with the truth after each ``every`` simulated judgements."""
    wins = np.zeros((len(strengths), len(strengths)))
    order = rankdata(strengths)
    curve = []
    for number in range(1, judgements + 1):
        i, j = choose(wins)
        if rng.random() < expit(strengths[i] - strengths[j]):
            wins[i, j] += 1
        else:
            wins[j, i] += 1
        if number % every == 0:
            found = rankdata(posterior(wins)[0])
            curve.append(float(np.corrcoef(order, found)[0, 1]))
    return np.array(curve)
