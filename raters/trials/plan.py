"""The plan of a rater's session: which kind each trial is, and which image comes when.

Whoever looks for golden and repeated trials has the images to go by: which one follows which, and
how long ago each was seen last. So images are drawn first, by one rule for all trials, and kinds
are dealt out over them. That a repeat shows an image again cannot be hidden; other trials do so
too, from early on, and of all that do each is equally likely to be a repeat.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from raters.database.schema import GOLDEN, MAIN, REPEAT

REPEAT_GAP = 5
"""A repeat comes at least so many trials after the first time."""

DRAWS = 20
"""So many orders of images are drawn at most, until one has room for all repeats."""

BEHIND = 2
"""So many times likelier is one of the images that came least than one that came once more."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A session, by position: ``kinds``, and ``images`` as numbers that stand for the study's."""

    kinds: tuple[str, ...]
    images: tuple[int, ...]


def plan(rng: random.Random, trials: int, golden: int, repeats: int, images: int) -> Plan:
    """Draw a session of so many ``trials``, ``golden`` and ``repeats`` among them, from ``rng``.

    ``images``: of the study. Where too few images come again for the repeats, their order is drawn
    anew; there are fewer where `DRAWS` orders were in vain.
    """
    apart = golden_places(rng, trials, golden)
    best: Plan | None = None
    for _ in range(DRAWS):
        kinds = [GOLDEN if place in apart else MAIN for place in range(trials)]
        shown = _images(rng, kinds, images)
        _deal_repeats(rng, kinds, shown, repeats)
        if best is None or kinds.count(REPEAT) > best.kinds.count(REPEAT):
            best = Plan(tuple(kinds), tuple(shown))
        if best.kinds.count(REPEAT) == repeats:
            break
    assert best is not None
    return best


def golden_places(rng: random.Random, trials: int, golden: int) -> list[int]:
    """Draw the positions of golden trials: one in each equal part of what follows the first."""
    bounds = [1 + (trials - 1) * part // golden for part in range(golden + 1)] if golden else []
    return [rng.randrange(low, high) for low, high in pairwise(bounds) if low < high]


def spacing(images: int) -> int:
    """Return how many trials at least lie between two of one image, where there are so many."""
    return min(REPEAT_GAP - 1, images // 2)


def _images(rng: random.Random, kinds: Sequence[str], images: int) -> list[int]:
    """Draw an image for each trial: none is ever two ahead of another, and none comes too soon.

    Some come a second time before all have come once: else a repeat among them would stand out.
    Golden trials show images of their own, as far as there are so many.
    """
    met, known = [0] * images, set[int]()
    shown: list[int] = []
    for kind in kinds:
        recent = shown[len(shown) - min(spacing(images), len(shown)) :]
        least = min(met)
        free = [one for one in range(images) if met[one] <= least + 1 and one not in recent]
        if kind == GOLDEN:
            free = [one for one in free if one not in known] or free
        image = rng.choices(free, [BEHIND if met[one] == least else 1 for one in free])[0]
        known |= {image} if kind == GOLDEN else set()
        met[image] += 1
        shown.append(image)
    return shown


def _deal_repeats(rng: random.Random, kinds: list[str], shown: Sequence[int], repeats: int) -> None:
    """Make trials that show an image again repeats: one of each equal part of them, in order."""
    places: dict[int, list[int]] = {}
    for place, image in enumerate(shown):
        places.setdefault(image, []).append(place)

    def fits(place: int) -> bool:
        """Whether it could be one: of a main trial long before it that no other one repeats."""
        same = places[shown[place]]
        first = sum(p <= place - REPEAT_GAP and kinds[p] == MAIN for p in same)
        return kinds[place] == MAIN and first > sum(kinds[p] == REPEAT for p in same)

    again = [place for place in range(len(kinds)) if fits(place)]
    for part in range(repeats):
        low, high = (len(again) * edge // repeats for edge in (part, part + 1))
        fit = [place for place in again[low:high] if fits(place)]
        if fit:
            kinds[rng.choice(fit)] = REPEAT
