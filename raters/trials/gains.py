"""What each comparison of a study would tell: which the active choice asks for next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from raters.database.schema import AnyRow
from raters.statistics.active import ordering_gain, posterior

STALE = 8
"""The active choice computes its posterior anew after so many judgements."""


@dataclass(frozen=True, slots=True)
class Gains:
    """What each comparison of a study would tell, as of so many judgements."""

    done: int
    taken: Mapping[int, int]
    gain: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Sequence[AnyRow]) -> Gains:
        """Compute from the counters of all comparisons."""
        names = sorted({row.first for row in rows} | {row.second for row in rows})
        index = {name: number for number, name in enumerate(names)}
        first = [index[row.first] for row in rows]
        second = [index[row.second] for row in rows]
        wins = np.zeros((len(names), len(names)))
        for i, j, row in zip(first, second, rows, strict=True):
            wins[i, j] = row.first_better + 0.5 * row.same
            wins[j, i] = row.second_better + 0.5 * row.same
        gain = ordering_gain(*posterior(wins), first, second)
        return cls(_done(rows), {row.id: row.taken for row in rows}, gain)

    def fresh(self, rows: Sequence[AnyRow]) -> bool:
        """Whether few enough judgements have come since."""
        return 0 <= _done(rows) - self.done < STALE

    def order(self, rows: Sequence[AnyRow]) -> list[int]:
        """Return the comparisons with room, the most telling first.

        Trials leased since the gains were computed lower a gain as if they had told something, so
        that raters who ask at the same time are not all sent to one pair; ties go to the least
        judged.
        """
        since = np.array([max(row.taken - self.taken[row.id], 0) for row in rows])
        worth = np.round(self.gain / (1 + since), 9)
        taken = np.array([row.taken for row in rows])
        room = np.array([row.taken < row.quota for row in rows])
        return [int(index) for index in np.lexsort((taken, -worth)) if room[index]]


def _done(rows: Sequence[AnyRow]) -> int:
    return sum(row.done for row in rows)
