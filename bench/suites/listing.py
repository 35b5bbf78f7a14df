"""Long lists of pairs that take little room: a pair is made when it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Generic, TypeVar, overload

from bench.records import Pair

Row = TypeVar("Row")


class Listing(Sequence[Pair], Generic[Row]):
    """The pairs that ``make`` makes of ``rows``, one at a time.

    A row is as short as a file's name, so a hundred thousand pairs take some twenty megabytes, and
    a run that takes them one after the other needs no more. ``cluster`` tells a row's cluster for
    less than making the pair.
    """

    __slots__ = ("_cluster", "_make", "_rows")

    def __init__(
        self,
        rows: Sequence[Row],
        make: Callable[[Row], Pair],
        cluster: Callable[[Row], str] | None = None,
    ) -> None:
        self._rows = rows
        self._make = make
        self._cluster = cluster or (lambda row: make(row).cluster)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> Listing[Row]: ...
    def __getitem__(self, index: int | slice) -> Pair | Listing[Row]:
        if isinstance(index, slice):
            return Listing(self._rows[index], self._make, self._cluster)
        return self._make(self._rows[index])

    def __iter__(self) -> Iterator[Pair]:
        return map(self._make, self._rows)

    def clusters(self) -> set[str]:
        """Return the names of the clusters."""
        return set(map(self._cluster, self._rows))

    def divide(self, clusters: Collection[str]) -> tuple[Listing[Row], Listing[Row]]:
        """Return the pairs of these clusters and those of all others, each in the old order."""
        inside: list[Row] = []
        outside: list[Row] = []
        for row in self._rows:
            (inside if self._cluster(row) in clusters else outside).append(row)
        first, second = (Listing(rows, self._make, self._cluster) for rows in (inside, outside))
        return first, second


def prepared(pairs: Sequence[Pair], steps: Sequence[str]) -> Sequence[Pair]:
    """Return the pairs with these steps of `bench.prepare` before every model; none: themselves."""
    if not steps:
        return pairs
    return Listing(range(len(pairs)), lambda index: replace(pairs[index], prepare=tuple(steps)))


def held_out(clusters: Iterable[str], one_in: int) -> list[str]:
    """Return one cluster in ``one_in``, spread over their names; none where there is only one."""
    names = sorted(set(clusters))
    count = max(1, len(names) // one_in) if len(names) > 1 else 0
    return [names[(2 * i + 1) * len(names) // (2 * count)] for i in range(count)]


def drawn(clusters: Iterable[str], part: float) -> set[str]:
    """Return this part of the clusters, drawn by their names; one at least, unless it is alone."""
    names = sorted(set(clusters), key=share)
    return set(names[: max(len(names) > 1, round(part * len(names)))])


def share(text: str) -> float:
    """Return a number from 0 to 1 that depends on the text alone: the same on every machine."""
    return seed(text) / 2**32


def seed(text: str) -> int:
    """Return a seed, 0 to 2^32 - 1, that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
