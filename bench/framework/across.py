"""Models over several suites: mean ranks, and how often each is first when images are drawn anew.

Pure functions on arrays. A bootstrap sample draws whole scenes, in each suite by itself; in it
every suite ranks the models by their means, and the mean of a model's ranks is where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bench.statistics.claims import LEVEL, Claims
from bench.statistics.resampling import mean, resample

Floats = NDArray[np.float64]

SAMPLES = 10_000


@dataclass(frozen=True)
class Scored:
    """One suite: ``values`` (images, models), finite; ``clusters`` (images,) are their scenes."""

    suite: str
    values: Floats
    clusters: NDArray[np.str_]
    higher_is_better: bool

    @property
    def claims(self) -> Claims:
        """What may be said of so many scenes."""
        return Claims(len(set(self.clusters)))


@dataclass(frozen=True, slots=True)
class Overall:
    """Where a model stands over all suites.

    ``rank`` is the mean of its ranks, 1 the best, equal means sharing the mean of their places;
    ``low`` and ``high`` bound the 95 % interval and ``first`` is the share of the draws in which no
    other has a lower one, ties shared: None where a suite has one scene, which draws cannot vary.
    """

    rank: float
    low: float | None
    high: float | None
    first: float | None


def overall(suites: Sequence[Scored], seed: int = 0, samples: int = SAMPLES) -> list[Overall]:
    """Return the models' standing over ``suites``, whose columns are the same models in one order.

    Every suite counts alike, however many images it has.
    """
    ranks = np.mean([_ranks(_turned(one).mean(axis=0)[None])[0] for one in suites], axis=0)
    if not all(one.claims.intervals for one in suites):
        return [Overall(float(rank), None, None, None) for rank in ranks]
    drawn = np.zeros((samples, len(ranks)))
    for number, one in enumerate(suites):
        again = resample(one.clusters, len(one.values), samples, seed + number)
        means = np.stack([mean(column, again) for column in _turned(one).T], axis=1)
        drawn += _ranks(means) / len(suites)
    best = np.isclose(drawn, drawn.min(axis=1, keepdims=True))
    first = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [Overall(*map(float, found)) for found in zip(ranks, low, high, first, strict=True)]


def _turned(scored: Scored) -> Floats:
    """Return the scores, turned so that more is better."""
    return scored.values if scored.higher_is_better else -scored.values


def _ranks(values: Floats) -> Floats:
    """Return the ranks (S, M) of rows (S, M), 1 for the largest; equal ones share their mean."""
    return np.asarray(rankdata(-values, method="average", axis=1), dtype=np.float64)
