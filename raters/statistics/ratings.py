"""Ratings in, mean opinions of methods with their uncertainty out: the twin of `analyse`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError
from raters.statistics.agreement import Share, kendall_w, krippendorff_alpha, mean_tau
from raters.statistics.intervals import (
    SAMPLES,
    PairDifference,
    clusters,
    differences,
    draw,
    letters,
    pair_differences,
    rank_intervals,
    reach,
    standard_error,
    weaknesses,
)
from raters.statistics.opinion import RecoveredOpinions, mean_opinion, recover_opinion
from raters.statistics.screening import screen

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

FEW_RATERS = 15
"""ITU-T P.910 wants so many raters or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """V ratings, arrays (V,): ``method`` indexes ``methods``, ``image`` indexes ``images``.

    ``rater`` indexes ``raters``. ``levels``: what a rating may be, ascending; higher is better.
    ``scenes``: that of each image, where images share them.
    """

    methods: tuple[str, ...]
    images: tuple[str, ...]
    raters: tuple[str, ...]
    image: Ints
    method: Ints
    rating: NDArray[np.float64]
    rater: Ints
    levels: tuple[int, ...]
    scenes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rating)

    def only(self, chosen: NDArray[np.bool_]) -> Ratings:
        """Return the ratings that are ``chosen`` (V,), with the images and raters left."""
        images, image = np.unique(self.image[chosen], return_inverse=True)
        raters, rater = np.unique(self.rater[chosen], return_inverse=True)
        return replace(
            self,
            images=tuple(self.images[i] for i in images),
            raters=tuple(self.raters[i] for i in raters),
            image=image,
            rater=rater,
            method=self.method[chosen],
            rating=self.rating[chosen],
            scenes=tuple(self.scenes[i] for i in images) if self.scenes else (),
        )

    def table(self) -> tuple[Floats, Ints]:
        """Return ratings (raters, stimuli), NaN where there is none, and the stimuli (N,).

        A stimulus is image * M + method. A rater's later rating of the same one does not count.
        """
        stimuli, column = np.unique(
            self.image * len(self.methods) + self.method, return_inverse=True
        )
        table = np.full((len(self.raters), len(stimuli)), np.nan)
        table[self.rater[::-1], column[::-1]] = self.rating[::-1]
        return table, stimuli.astype(np.intp)


@dataclass(frozen=True, slots=True)
class OpinionEstimate:
    """One method's mean opinion score and its interval; ``votes``: number of its ratings.

    ``recovered``: the score with raters' bias taken off and their consistency weighed, None where
    that has no solution. Ranks and ``group`` as in `analyse.ScaleEstimate`.
    """

    method: str
    value: float
    low: float
    high: float
    votes: int
    recovered: float | None
    rank: int
    rank_low: int
    rank_high: int
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StimulusOpinion:
    """One image of one method: its mean opinion score; no interval where one person rated it."""

    method: str
    image: str
    value: float
    low: float | None
    high: float | None
    votes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterOpinion:
    """How one rater rates: ``bias`` above the others, ``inconsistency`` around the consensus.

    Both are None where P.913 has no solution. ``rejected`` by the screening of BT.500, from
    ``above`` and ``below``, ratings far from the others'. Nobody is taken out for it.
    """

    rater: str
    votes: int
    bias: float | None
    inconsistency: float | None
    rejected: bool
    above: int
    below: int


@dataclass(frozen=True, slots=True)
class RatingAgreement:
    """Krippendorff's ``alpha`` (ordinal), Kendall's ``w``, the mean ``tau``.

    ``w`` needs that everyone rated everything. None where the ratings cannot tell.
    """

    alpha: float | None
    w: float | None
    tau: float | None
    repeats: Share | None


@dataclass(frozen=True, slots=True)
class RatingAnalysis:
    """Mean opinions from ratings; ``methods`` and ``draws`` (S, M) in order, the best first.

    ``levels``: what a rating may be. The other fields are those of `analyse.Analysis`.
    """

    model: str
    unit: str
    level: float
    methods: tuple[OpinionEstimate, ...]
    differences: tuple[PairDifference, ...]
    stimuli: tuple[StimulusOpinion, ...]
    people: tuple[RaterOpinion, ...]
    agreement: RatingAgreement
    levels: tuple[int, ...]
    votes: int
    images: int
    raters: int
    resampled: tuple[str, ...]
    samples: int
    seed: int
    flags: tuple[str, ...]
    draws: Floats


def analyse_ratings(
    ratings: Ratings, samples: int = SAMPLES, seed: int = 0, level: float = 0.95
) -> RatingAnalysis:
    """Give every method of ``ratings`` its mean opinion score, tested against all others.

    A method's score is the mean of all its ratings, as P.910 has it. Intervals resample raters and
    images. The same seed gives the same numbers.
    """
    if samples < 100:
        raise BenchError(f"{samples} bootstrap samples tell nothing; expected 100 or more")
    number = len(ratings.methods)
    n = np.bincount(ratings.method, minlength=number)
    if not n.all():
        gone = [ratings.methods[i] for i in np.flatnonzero(n == 0)]
        raise BenchError(f"nobody rated {', '.join(gone)}; collect ratings of every method")
    estimate = np.bincount(ratings.method, ratings.rating, number) / n
    clusterings = clusters(ratings.rater, ratings.image, ratings.scenes)

    levels = np.array(ratings.levels, np.float64)

    def refit(drawn: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        table = drawn.reshape(-1, number, len(levels))
        times = table.sum(axis=2)
        means = np.where(times > 0, table @ levels / np.maximum(times, 1), estimate)
        return means, (times > 0).all(axis=1)

    cells = ratings.method * len(levels) + np.searchsorted(levels, ratings.rating)
    draws = draw(
        refit,
        estimate,
        cells,
        size=number * len(levels),
        clusterings=list(clusterings.values()),
        samples=samples,
        seed=seed,
    )
    found = differences(estimate, draws, level)
    far = reach(draws.clusters, level) * standard_error(draws.scales, draws.clusters)
    rank, low, high = rank_intervals(estimate, found, level)
    group = letters(estimate, found, level)
    table, stimuli = ratings.table()
    recovered, trouble = _recovered(table)
    per_method = _per_method(recovered, stimuli, number)
    order = np.argsort(-estimate, kind="stable")
    flags = weaknesses(ratings.rater, ratings.image, clusterings)
    if len(ratings.raters) < FEW_RATERS:
        flags.append(f"{len(ratings.raters)} raters; ITU-T P.910 asks for {FEW_RATERS} or more")
    if draws.unbounded:
        flags.append(f"{100 * draws.unbounded:.1f} % of resamples had no rating of some method")
    flags += [f"raters' bias and consistency are not known: {trouble}"] if trouble else []
    compared = n[:, None] + n[None, :]
    people = _people(ratings, table, recovered)
    return RatingAnalysis(
        model="mean opinion",
        unit="MOS",
        level=level,
        methods=tuple(
            OpinionEstimate(
                method=ratings.methods[i],
                value=float(estimate[i]),
                low=float(estimate[i] - far[i]),
                high=float(estimate[i] + far[i]),
                votes=int(n[i]),
                recovered=per_method[i],
                rank=int(rank[i]),
                rank_low=int(low[i]),
                rank_high=int(high[i]),
                group=group[i],
            )
            for i in order
        ),
        differences=pair_differences(ratings.methods, found, compared, None),
        stimuli=_stimuli(ratings, table, stimuli, level),
        people=people,
        agreement=_agreement(table, levels),
        levels=ratings.levels,
        votes=len(ratings),
        images=len(ratings.images),
        raters=len(ratings.raters),
        resampled=tuple(clusterings),
        samples=samples,
        seed=seed,
        flags=(*flags, *_rejected(people)),
        draws=draws.scales[:, order],
    )


def _recovered(table: Floats) -> tuple[RecoveredOpinions | None, str]:
    try:
        return recover_opinion(table), ""
    except ArithmeticError as error:
        return None, str(error)


def _per_method(
    recovered: RecoveredOpinions | None, stimuli: Ints, number: int
) -> list[float | None]:
    """Return the mean recovered score of each method's stimuli."""
    if recovered is None:
        return [None] * number
    method = stimuli % number
    sums = np.bincount(method, recovered.value, number)
    return [float(x) for x in sums / np.bincount(method, minlength=number)]


def _stimuli(
    ratings: Ratings, table: Floats, stimuli: Ints, level: float
) -> tuple[StimulusOpinion, ...]:
    found = mean_opinion(table, level)
    number = len(ratings.methods)

    def known(value: float) -> float | None:
        return None if math.isnan(value) else float(value)

    return tuple(
        StimulusOpinion(
            method=ratings.methods[s % number],
            image=ratings.images[s // number],
            value=float(found.value[k]),
            low=known(found.low[k]),
            high=known(found.high[k]),
            votes=int(found.n[k]),
        )
        for k, s in enumerate(stimuli)
    )


def _people(
    ratings: Ratings, table: Floats, recovered: RecoveredOpinions | None
) -> tuple[RaterOpinion, ...]:
    screened = screen(table)
    return tuple(
        RaterOpinion(
            rater=name,
            votes=int(screened.n[k]),
            bias=None if recovered is None else float(recovered.bias[k]),
            inconsistency=None if recovered is None else float(recovered.inconsistency[k]),
            rejected=bool(screened.rejected[k]),
            above=int(screened.above[k]),
            below=int(screened.below[k]),
        )
        for k, name in enumerate(ratings.raters)
    )


def _rejected(people: tuple[RaterOpinion, ...]) -> list[str]:
    names = [person.rater for person in people if person.rejected]
    if not names:
        return []
    return [
        f"BT.500 would reject {len(names)} of {len(people)} raters ({', '.join(names)}); "
        "they are still in these numbers"
    ]


MOST_PAIRS = 50
"""Raters whose orders are compared two by two; of more, the first so many."""


def _agreement(table: Floats, levels: Floats) -> RatingAgreement:
    values = levels[(table[..., None] == levels).any(axis=(0, 1))]
    counts = (table[..., None] == values).sum(axis=0)
    w = None
    if np.isfinite(table).all() and min(table.shape) > 1:
        try:
            w, _ = kendall_w(table)
        except ValueError:
            w = None
    return RatingAgreement(
        alpha=krippendorff_alpha(counts, values, "ordinal"),
        w=w,
        tau=mean_tau(table[:MOST_PAIRS]),
        repeats=None,
    )
