"""Pairwise votes as arrays, made from names. `raters.statistics.votes_file` reads files of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError

Ints = NDArray[np.intp]

OUTCOMES = {"a": 1, "b": -1, "tie": 0, "same": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """V votes, arrays (V,): ``a`` and ``b`` index ``methods``, ``image`` indexes ``images``.

    ``outcome`` is 1 where a was preferred, -1 where b was, 0 for a tie. ``rater`` indexes
    ``raters``, or is None where nobody wrote down who judged. ``scenes``: that of each image, where
    it is known that images share them.
    """

    methods: tuple[str, ...]
    images: tuple[str, ...]
    raters: tuple[str, ...]
    image: Ints
    a: Ints
    b: Ints
    outcome: NDArray[np.int8]
    rater: Ints | None
    scenes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.outcome)

    def only(self, chosen: NDArray[np.bool_]) -> Votes:
        """Return the votes that are ``chosen`` (V,), with the images and raters that are left."""
        images, image = np.unique(self.image[chosen], return_inverse=True)
        raters: tuple[str, ...] = ()
        rater = None
        if self.rater is not None:
            kept, rater = np.unique(self.rater[chosen], return_inverse=True)
            raters = tuple(self.raters[i] for i in kept)
        return replace(
            self,
            images=tuple(self.images[i] for i in images),
            raters=raters,
            image=image,
            a=self.a[chosen],
            b=self.b[chosen],
            outcome=self.outcome[chosen],
            rater=rater,
            scenes=tuple(self.scenes[i] for i in images) if self.scenes else (),
        )


def make_votes(
    image: Sequence[str],
    a: Sequence[str],
    b: Sequence[str],
    winner: Sequence[str],
    rater: Sequence[str] | None = None,
) -> Votes:
    """Return votes of names; ``winner`` is ``a``, ``b`` or ``tie`` (or ``same``).

    Methods are in alphabetical order. Raises `BenchError` for no votes, columns of unequal length,
    another winner, and a method compared with itself.
    """
    columns = [image, a, b, winner, *([] if rater is None else [rater])]
    if len({len(column) for column in columns}) > 1:
        raise BenchError(f"columns of votes differ in length: {[len(c) for c in columns]}")
    if not len(winner):
        raise BenchError("no votes; expected at least one comparison of two methods")
    if wrong := sorted(set(winner) - OUTCOMES.keys()):
        raise BenchError(f"winner '{wrong[0]}' is none of {', '.join(OUTCOMES)}")
    if same := next((x for x, y in zip(a, b, strict=True) if x == y), None):
        raise BenchError(f"'{same}' is compared with itself; a vote is on two methods")
    methods, number = np.unique([*a, *b], return_inverse=True)
    images, image_at = np.unique(list(image), return_inverse=True)
    raters, rater_at = np.unique(list(rater or ()), return_inverse=True)
    return Votes(
        methods=tuple(map(str, methods)),
        images=tuple(map(str, images)),
        raters=tuple(map(str, raters)),
        image=image_at.astype(np.intp),
        a=number[: len(a)].astype(np.intp),
        b=number[len(a) :].astype(np.intp),
        outcome=np.array([OUTCOMES[w] for w in winner], np.int8),
        rater=None if rater is None else rater_at.astype(np.intp),
    )
