"""Which of a study's images stands for which of a rater's plan."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from raters.database.schema import GOLDEN, MAIN, AnyRow, item
from raters.database.store import Store
from raters.trials.plan import Plan, spacing

_ITEMS = select(item).where(item.c.study == bindparam("of_study"), item.c.kind.in_((MAIN, GOLDEN)))


@dataclass(frozen=True, slots=True, eq=False)
class StudyImages:
    """What never changes in a study: images with main trials, and golden items. Read once."""

    main: tuple[int, ...]
    golden: tuple[AnyRow, ...]

    @classmethod
    def of(cls, store: Store, connection: Connection, study: int) -> StudyImages:
        """Return what is remembered of a study, else read it."""
        known: StudyImages | None = store.remembered.get(("images", study))
        if known is None:
            rows = connection.execute(_ITEMS, {"of_study": study}).all()
            known = store.remembered["images", study] = cls(
                tuple(sorted({row.content for row in rows if row.kind == MAIN})),
                tuple(row for row in rows if row.kind == GOLDEN),
            )
        return known


def kept_for_golden(plan: Plan, golden: Sequence[AnyRow], rng: random.Random) -> dict[int, int]:
    """Return which images of the study those of a plan are that golden trials will show.

    Known from the start, since other trials may come first on them.
    """
    given: dict[int, int] = {}
    images = list(dict.fromkeys(row.content for row in rng.sample(golden, len(golden))))
    for image, kind in zip(plan.images, plan.kinds, strict=True):
        if kind == GOLDEN and image not in given and images:
            given[image] = images.pop()
    return given


def images_to_try(
    plan: Plan,
    kept: Mapping[int, int],
    shown: Mapping[int, int],
    position: int,
    images: Sequence[int],
) -> Iterator[Collection[int]]:
    """Yield the images that a trial may show: as planned, else not too soon again, else any.

    ``shown``: position -> image, of the trials that the rater has had. ``kept``: as
    `kept_for_golden` gives it. A number of the plan that has not come yet stands for any image that
    has not. What was planned is impossible where all of an image has been judged.
    """
    given = dict(kept)
    for place in sorted(shown):
        given.setdefault(plan.images[place], shown[place])
    if plan.images[position] in given:
        yield [given[plan.images[position]]]
    else:
        free = set(images) - set(given.values())
        yield (free - set(shown.values())) or free
    recent = {shown.get(position - back) for back in range(1, spacing(len(images)) + 1)}
    yield set(images) - recent
    yield images
