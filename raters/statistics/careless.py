"""Signs that someone answered without looking: flags for the analysis, never a reason to delete.

Each function takes one rater's answers in a row and returns the reason, or None. The limits are
such that a rater who looks is flagged less than once in a thousand, whatever the images.

Plain Python: to import scipy for some binomial tails takes longer than to count a study.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

CHANCE = 1e-3
"""How seldom an attentive rater may be flagged."""

GOLDEN_SLIPS = 0.05
"""How often attentive raters miss a known answer, by a slip of the hand."""

FAST_MS = 600.0
"""Two images cannot be looked at and compared in less."""

FAST_SHARE = 0.2
"""Of the answers: who has more of them in less than `FAST_MS` is flagged."""

FEW = 8
"""Fewer answers than these tell nothing about haste."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """One rater's answers, in the order of answering.

    ``passed``: of known answers, right or not. ``response_ms``: NaN where not known. ``shown``: all
    answers as they stood on the screen. ``left``: of decided comparisons of models, whether the
    left was chosen; empty for ratings.
    """

    passed: Iterable[bool]
    response_ms: Iterable[float]
    shown: Sequence[Any]
    left: Iterable[bool]


def signs(sitting: Sitting) -> tuple[str, ...]:
    """Return all that speaks against a rater."""
    found = (
        golden_failures(sitting.passed),
        too_fast(sitting.response_ms),
        straight_lining(sitting.shown),
        side_bias(sitting.left),
    )
    return tuple(sign for sign in found if sign is not None)


def at_least(least: int, trials: int, chance: float) -> float:
    """Return the chance of ``least`` or more of ``trials`` that each have this ``chance``."""
    if least <= 0:
        return 1.0
    yes, no = math.log(chance), math.log1p(-chance)
    whole = math.lgamma(trials + 1)
    return math.fsum(
        math.exp(
            whole - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * yes + (trials - k) * no
        )
        for k in range(least, trials + 1)
    )


def golden_failures(passed: Iterable[bool]) -> str | None:
    """Flag more missed known answers (False in ``passed``) than slips explain."""
    seen = [bool(right) for right in passed]
    missed = seen.count(False)
    # P(missed or more) of Binomial(n, 5 %): 1 of 3 has .14, 2 of 3 .007, 3 of 3 .0001
    if missed >= 2 and at_least(missed, len(seen), GOLDEN_SLIPS) < 0.01:
        return f"missed {missed} of {len(seen)} known answers"
    return None


def too_fast(response_ms: Iterable[float]) -> str | None:
    """Flag haste; times that are not known (NaN) are left out."""
    times = [time for time in response_ms if not math.isnan(time)]
    fast = sum(time < FAST_MS for time in times)
    if len(times) >= FEW and fast > FAST_SHARE * len(times):
        return f"answered {fast} of {len(times)} in less than {FAST_MS / 1000:g} s"
    return None


def side_bias(left: Iterable[bool]) -> str | None:
    """Flag a side preferred (``left``: True, ties left out) more than balanced sides explain.

    Sides are drawn evenly, so the better image is on the left half of the time: an exact two-sided
    binomial test.
    """
    chosen = [bool(side) for side in left]
    n, lefts = len(chosen), chosen.count(True)
    more = max(lefts, n - lefts)
    if n and 2 * at_least(more, n, 0.5) < CHANCE:
        return f"chose the {'left' if lefts == more else 'right'} {more} of {n} times"
    return None


def straight_lining(answers: Sequence[Any]) -> str | None:
    """Flag the same answer, on the screen, too many times in a row.

    With no answer likelier than 1/2, a run of L begins at one of n places with a chance below
    n / 2^L; L is taken so that this is below `CHANCE`: 16 of 60 answers.
    """
    longest = run = 0
    for index, answer in enumerate(answers):
        run = run + 1 if index and answers[index - 1] == answer else 1
        longest = max(longest, run)
    if answers and longest >= math.ceil(math.log2(len(answers) / CHANCE)):
        return f"gave the same answer {longest} times in a row"
    return None


def at_odds(votes: int, agreed: int, expected: float, variance: float) -> str | None:
    """Flag agreement with the scale of all raters that is no better than chance.

    Of decided ``votes``, ``agreed`` went to the method that stands higher; the scale makes one
    expect ``expected`` such votes, with a ``variance``. Someone whose taste is their own still
    agrees more often than a coin, so both must hold: fewer than the scale explains, and no more
    than a coin.
    """
    if votes < FEW or not variance > 0:
        return None
    below = (expected - agreed - 0.5) / math.sqrt(variance)
    too_few = math.erfc(below / math.sqrt(2)) / 2 < CHANCE
    if too_few and at_least(agreed, votes, 0.5) > 0.05:
        return f"agreed with the others in {agreed} of {votes} votes, as a coin would"
    return None
