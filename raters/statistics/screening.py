"""Which raters rate erratically: the screening of ITU-R BT.500."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

OUTLYING = 0.05
ONE_SIDED = 0.3


@dataclass(frozen=True, slots=True)
class Screening:
    """Per rater (R,): rejected or not, number of ratings far above and far below, and of all."""

    rejected: NDArray[np.bool_]
    above: NDArray[np.intp]
    below: NDArray[np.intp]
    n: NDArray[np.intp]


def screen(ratings: ArrayLike) -> Screening:
    """Screen ``ratings`` (raters, stimuli), NaN where a rater gave none; nobody is taken out here.

    A rating is far out at 2 standard deviations of its stimulus where the kurtosis is 2 to 4, so
    that ratings look normal, else at sqrt(20). A rater with P above and Q below of N is rejected if
    (P + Q) / N > 0.05 and |P - Q| / (P + Q) < 0.3: often far out, to both sides. Moments are those
    of the population. ITU-R BT.500, screening of observers.
    """
    table = np.asarray(ratings, np.float64)
    given = ~np.isnan(table)
    n = np.maximum(given.sum(axis=0), 1)
    mean = np.where(given, table, 0).sum(axis=0) / n
    centred = np.where(given, table - mean, 0.0)
    variance = (centred**2).sum(axis=0) / n
    varied = variance > 1e-12  # where all agree, nobody is far out
    kurtosis = (centred**4).sum(axis=0) / n / np.where(varied, variance, 1.0) ** 2
    normal = (kurtosis >= 2) & (kurtosis <= 4)
    bar = np.where(normal, 2.0, math.sqrt(20)) * np.sqrt(variance)
    counted = given & varied
    above = (counted & (centred >= bar)).sum(axis=1)
    below = (counted & (centred <= -bar)).sum(axis=1)
    far, judged = above + below, given.sum(axis=1)
    rejected = (far > OUTLYING * judged) & (np.abs(above - below) < ONE_SIDED * far)
    return Screening(rejected, above.astype(np.intp), below.astype(np.intp), judged.astype(np.intp))
