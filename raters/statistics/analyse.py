"""The front door: pairwise votes in, a scale with its uncertainty out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError
from raters.statistics.agreement import Share, kendall_u, krippendorff_alpha, repeat_consistency
from raters.statistics.careless import at_odds
from raters.statistics.comparisons import components, counts, require_scale, vote_cells
from raters.statistics.intervals import (
    PRIOR_SD,
    SAMPLES,
    Differences,
    Draws,
    PairDifference,
    clusters,
    differences,
    draw_scales,
    letters,
    pair_differences,
    rank_intervals,
    reach,
    standard_error,
    weaknesses,
)
from raters.statistics.scaling import MODELS, Model
from raters.statistics.votes import Votes

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

FEW_VOTES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleEstimate:
    """One method on the scale, with its interval; all methods' values have mean zero.

    ``rank_low`` .. ``rank_high`` and ``group`` follow from the adjusted tests of differences:
    methods that share a letter of ``group`` do not differ significantly.
    """

    method: str
    value: float
    low: float
    high: float
    wins: int
    losses: int
    ties: int
    rank: int
    rank_low: int
    rank_high: int
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterVotes:
    """One rater against the scale of all: their ``votes``, and of the ``decided`` ones (no ties)
    the share that ``agreed`` with it and the share that it makes one expect (None without any).

    ``flag``: why this looks like someone who did not look; a flag, and no vote is taken out.
    """

    rater: str
    votes: int
    decided: int
    agreed: float | None
    expected: float | None
    flag: str | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Krippendorff's ``alpha`` (nominal, per image and pair) and Kendall's ``u`` (all images).

    ``repeats``: how often raters gave the same answer again. Each is None where the votes cannot
    tell.
    """

    alpha: float | None
    u: float | None
    repeats: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleAnalysis:
    """A scale from pairwise votes; ``methods`` and ``draws`` (S, M) are in order, the best first.

    ``resampled``: what the intervals let vary. ``connected``: groups of methods in which each beat
    each, directly or by others; more than one only where a prior made up for it. ``flags``: what
    weakens these numbers. ``called_bad``: method -> in how many of its comparisons both were called
    bad, where that could be answered; such votes are ties of the scale.
    """

    model: str
    unit: str
    level: float
    methods: tuple[ScaleEstimate, ...]
    differences: tuple[PairDifference, ...]
    people: tuple[RaterVotes, ...]
    agreement: Agreement
    votes: int
    images: int
    raters: int | None
    resampled: tuple[str, ...]
    samples: int
    seed: int
    prior_sd: float | None
    connected: tuple[tuple[str, ...], ...]
    flags: tuple[str, ...]
    draws: Floats
    called_bad: Mapping[str, Share] = field(default_factory=dict)


def analyse(
    votes: Votes,
    model: str = "bradley-terry",
    samples: int = SAMPLES,
    seed: int = 0,
    prior_sd: float | None = None,
    level: float = 0.95,
) -> ScaleAnalysis:
    """Put the methods of ``votes`` on one scale; `MODELS` lists what ``model`` may be.

    Intervals resample raters and images. ``prior_sd``: standard deviation, in the model's unit, of
    a Gaussian prior around a common mean; without one, votes that fix no finite scale raise
    `NotComparable`. The same seed gives the same numbers.
    """
    if model not in MODELS:
        raise BenchError(f"no scaling model '{model}'; known: {', '.join(MODELS)}")
    if samples < 100:
        raise BenchError(f"{samples} bootstrap samples tell nothing; expected 100 or more")
    if prior_sd is not None and not prior_sd > 0:
        raise BenchError(f"the prior's standard deviation is positive, got {prior_sd:g}")
    names, number = votes.methods, len(votes.methods)
    wins, ties = counts(votes.a, votes.b, votes.outcome, number)
    if prior_sd is None:
        require_scale(wins + ties, names)
    if model == "davidson" and not wins.any():
        raise BenchError("all votes are ties, which 'davidson' cannot scale; use bradley-terry")
    prior = math.inf if prior_sd is None else prior_sd
    estimate = MODELS[model].fit(wins, ties, prior, None)
    clusterings = clusters(votes.rater, votes.image, votes.scenes)
    draws = draw_scales(
        MODELS[model],
        estimate,
        vote_cells(votes.a, votes.b, votes.outcome, number),
        clusterings=list(clusterings.values()),
        samples=samples,
        seed=seed,
        prior_sd=prior,
    )
    found = differences(estimate, draws, level)
    order = np.argsort(-estimate, kind="stable")
    groups = components(wins + ties, names)
    people = _people(votes, estimate, MODELS[model])
    return ScaleAnalysis(
        model=model,
        unit=MODELS[model].unit,
        level=level,
        methods=_estimates(votes, estimate, draws, found, wins, ties, order, level),
        differences=pair_differences(names, found, wins + wins.T + ties, MODELS[model].preferred),
        people=people,
        agreement=_agreement(votes),
        votes=len(votes),
        images=len(votes.images),
        raters=None if votes.rater is None else len(votes.raters),
        resampled=tuple(clusterings),
        samples=samples,
        seed=seed,
        prior_sd=prior_sd,
        connected=tuple(map(tuple, groups)),
        flags=(
            *_flags(votes, clusterings, draws, wins, ties, prior_sd, groups),
            *_suspects(people),
        ),
        draws=draws.scales[:, order],
    )


def _estimates(
    votes: Votes,
    estimate: Floats,
    draws: Draws,
    found: Differences,
    wins: Floats,
    ties: Floats,
    order: Ints,
    level: float,
) -> tuple[ScaleEstimate, ...]:
    far = reach(draws.clusters, level) * standard_error(draws.scales, draws.clusters)
    rank, low, high = rank_intervals(estimate, found, level)
    group = letters(estimate, found, level)
    return tuple(
        ScaleEstimate(
            method=votes.methods[i],
            value=float(estimate[i]),
            low=float(estimate[i] - far[i]),
            high=float(estimate[i] + far[i]),
            wins=int(wins[i].sum()),
            losses=int(wins[:, i].sum()),
            ties=int(ties[i].sum()),
            rank=int(rank[i]),
            rank_low=int(low[i]),
            rank_high=int(high[i]),
            group=group[i],
        )
        for i in order
    )


def _people(votes: Votes, estimate: Floats, model: Model) -> tuple[RaterVotes, ...]:
    if votes.rater is None:
        return ()
    gap = estimate[votes.a] - estimate[votes.b]
    decided = (votes.outcome != 0) & (gap != 0)
    likely = model.preferred(np.abs(gap[decided]))
    agreed = (votes.outcome * gap > 0)[decided]
    rater, raters = votes.rater[decided], len(votes.raters)

    def summed(values: Floats | NDArray[np.bool_] | None = None) -> list[float]:
        return [float(x) for x in np.bincount(rater, values, raters)]

    columns = (summed(), summed(agreed), summed(likely), summed(likely * (1 - likely)))
    given = np.bincount(votes.rater, minlength=raters)
    return tuple(
        RaterVotes(
            rater=name,
            votes=int(given[k]),
            decided=int(n),
            agreed=found / n if n else None,
            expected=expected / n if n else None,
            flag=at_odds(int(n), int(found), expected, variance),
        )
        for k, (name, n, found, expected, variance) in enumerate(
            zip(votes.raters, *columns, strict=True)
        )
    )


def _suspects(people: tuple[RaterVotes, ...]) -> list[str]:
    names = [person.rater for person in people if person.flag]
    if not names:
        return []
    return [
        f"{len(names)} of {len(people)} raters agree with the others as a coin would "
        f"({', '.join(names)}); their votes are still in these numbers"
    ]


def _agreement(votes: Votes) -> Agreement:
    number = len(votes.methods)
    wins, _ = counts(votes.a, votes.b, votes.outcome, number)
    low, high = np.minimum(votes.a, votes.b), np.maximum(votes.a, votes.b)
    question = (votes.image * number + low) * number + high
    answer = np.where(votes.a == low, votes.outcome, -votes.outcome).astype(np.intp)
    if votes.rater is None:
        return Agreement(_alpha(question, answer), kendall_u(wins), None)
    # A rater's first answer counts; alpha compares raters, `repeats` a rater with themselves.
    asked = votes.rater * (question.max() + 1) + question
    _, first = np.unique(asked, return_index=True)
    return Agreement(
        _alpha(question[first], answer[first]),
        kendall_u(wins),
        repeat_consistency(votes.rater, question, answer),
    )


def _alpha(question: Ints, answer: Ints) -> float | None:
    asked, row = np.unique(question, return_inverse=True)
    table = np.bincount(row.reshape(-1) * 3 + answer + 1, minlength=3 * len(asked))
    return krippendorff_alpha(table.reshape(-1, 3), [-1, 0, 1], "nominal")


def _flags(
    votes: Votes,
    clusterings: dict[str, Ints],
    draws: Draws,
    wins: Floats,
    ties: Floats,
    prior_sd: float | None,
    groups: list[list[str]],
) -> list[str]:
    flags = weaknesses(votes.rater, votes.image, clusterings)
    if prior_sd is not None:
        flags.append(f"a Gaussian prior of standard deviation {prior_sd:g} pulls all values to 0")
        if len(groups) > 1:
            flags.append(
                f"{len(groups)} groups of methods have no finite distance but for the prior: "
                + " | ".join(", ".join(group) for group in groups)
            )
    elif draws.unbounded:
        flags.append(
            f"{100 * draws.unbounded:.1f} % of resamples had no finite scale; a Gaussian prior of "
            f"standard deviation {PRIOR_SD:g} kept these finite"
        )
    compared = wins + wins.T + ties
    pairs = compared[np.triu_indices(len(compared), 1)]
    if missing := int((pairs == 0).sum()):
        flags.append(
            f"{missing} of {len(pairs)} pairs were never compared directly: "
            "their differences rest on the model"
        )
    per_method = compared.sum(axis=1)
    if few := [votes.methods[i] for i in np.flatnonzero(per_method < FEW_VOTES)]:
        flags.append(f"fewer than {FEW_VOTES} votes on {', '.join(few)}")
    if (share := float((votes.outcome == 0).mean())) > 0.5:
        flags.append(f"{100 * share:.0f} % of votes are ties")
    return flags
