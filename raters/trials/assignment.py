"""Which trial a rater gets next, and the leases that hold it for them.

Everything here runs inside a write transaction: of the study (`Store.write`), so that what it
counts cannot change under it, or beside those of other raters (`Store.write_beside`), which take at
most one place each. `raters.trials.quota` keeps the counts.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import TypeVar

from sqlalchemy import Connection, bindparam, select

from raters.database import schema
from raters.database.schema import (
    DONE,
    GOLDEN,
    LEASED,
    MAIN,
    PREVIEW,
    RELEASED,
    REPEAT,
    TRAINING,
    AnyRow,
    assignment,
    comparison,
    item,
)
from raters.database.store import Store
from raters.protocols import REFERENCE_SLOT
from raters.studies.secret import drawn
from raters.trials.candidates import least_judged, most_telling
from raters.trials.images import StudyImages, images_to_try, kept_for_golden
from raters.trials.plan import REPEAT_GAP, Plan, plan
from raters.trials.quota import Counts, take_place


@dataclass(frozen=True, slots=True)
class Rules:
    """What of a study decides assignments."""

    study: int
    secret: str = field(repr=False)
    trials: int
    golden: int
    repeats: int
    active: bool
    lease: timedelta
    slots: tuple[str, ...]
    reference: bool

    @property
    def pairwise(self) -> bool:
        """Whether two images are compared."""
        return len(self.slots) == 2


@dataclass(slots=True, kw_only=True)
class Own:
    """One of a rater's trials. ``first`` and ``second`` are the models of a main one."""

    id: int
    item: int
    kind: str
    repeat_of: int | None
    position: int
    swapped: bool
    state: str
    comparison: int | None
    content: int
    first: int | None
    second: int | None


AHEAD = 2
"""So many trials after the one that is judged are leased, and loaded while there is time for it."""

Of = TypeVar("Of", AnyRow, Own)

# Statements are built once: that costs SQLAlchemy more than SQLite needs to run them.
_OWN = (
    select(
        assignment.c.id,
        assignment.c.item,
        assignment.c.kind,
        assignment.c.repeat_of,
        assignment.c.position,
        assignment.c.swapped,
        assignment.c.state,
        item.c.comparison,
        item.c.content,
        comparison.c.first,
        comparison.c.second,
    )
    .join(item, item.c.id == assignment.c.item)
    .outerjoin(comparison, comparison.c.id == item.c.comparison)
    .where(assignment.c.rater == bindparam("rater"))
    .order_by(assignment.c.position)
)
_LEASE, _SERVE = assignment.insert(), schema.serving.insert()
_REFERENCE = select(schema.stimulus.c.id).where(
    schema.stimulus.c.content == bindparam("key"), schema.stimulus.c.kind == "reference"
)


@lru_cache(maxsize=1024)
def _planned_for(rules: Rules, rater: int, images: StudyImages) -> tuple[Plan, Mapping[int, int]]:
    """Return a rater's plan, and which images are kept for its golden trials."""
    rng = drawn(rules.secret, "plan", rater)
    planned = plan(rng, rules.trials, rules.golden, rules.repeats, len(images.main))
    return planned, kept_for_golden(planned, images.golden, drawn(rules.secret, "kept", rater))


class NeedsStudy(Exception):
    """This cannot be done beside other raters: nothing was done, do it in `Store.write`."""


class Chooser:
    """One rater's next trials, within one transaction, after `release_expired`.

    ``alone``: nobody else writes to the study meanwhile; else a second lease raises `NeedsStudy`.
    ``preview``: they take no place in any quota.
    """

    def __init__(
        self,
        store: Store,
        connection: Connection,
        rules: Rules,
        rater: int,
        *,
        counts: Counts,
        alone: bool = True,
        preview: bool = False,
    ) -> None:
        self.counts, self.alone = counts, alone
        self.store, self.connection, self.rules, self.rater = store, connection, rules, rater
        self.main = PREVIEW if preview else MAIN
        self.now = store.clock()
        self.own = [Own(**row._mapping) for row in connection.execute(_OWN, {"rater": rater})]
        self.images = StudyImages.of(store, connection, rules.study)
        self.plan, self.kept = _planned_for(rules, rater, self.images)

    def leased(self, training: bool) -> list[int]:
        """Return the ids of the trials that this rater holds, in their order."""
        return [
            row.id for row in self.own if row.state == LEASED and (row.kind == TRAINING) == training
        ]

    def done(self, training: bool) -> int:
        """How many trials the rater has answered."""
        return sum(row.state == DONE and (row.kind == TRAINING) == training for row in self.own)

    def fill(self, agreed: int, hold: int = 1 + AHEAD) -> list[int]:
        """Lease trials until the rater holds ``hold``, if there are so many; return their ids.

        ``agreed``: how many they get in all.
        """
        held = self.leased(training=False)
        while len(held) < hold:
            live = [row.position for row in self._live()]
            position = next(p for p in range(len(live) + 1) if p not in live)
            if len(live) >= agreed:
                break
            if not self.alone and len(held) < hold - 1:
                raise NeedsStudy
            if not self._lease(position):
                break
            held = self.leased(training=False)
        return held

    def fill_training(self, again: Sequence[int] = ()) -> list[int]:
        """Lease what is left of the training trials, in their order; return their ids.

        ``again``: items that were answered and come once more, after the others.
        """
        trained = [row for row in self.own if row.kind == TRAINING]
        held = {row.item for row in trained if row.state == LEASED}
        seen = {row.item for row in trained} - (set(again) - held)
        rows = self.connection.execute(
            select(item)
            .where(item.c.study == self.rules.study, item.c.kind == TRAINING)
            .order_by(item.c.rank)
        ).all()
        fresh = [row for row in rows if row.id not in seen]
        fresh.sort(key=lambda row: row.id in again)
        for number, row in enumerate(fresh, len(trained)):
            self._insert(row, TRAINING, number, self._known_side(TRAINING))
        return self.leased(training=True)

    def left(self) -> list[str]:
        """Return the kinds of the trials that the rater would get beyond those they had."""
        return list(self.plan.kinds[self.done(training=False) + len(self.leased(False)) :])

    # --- one trial ------------------------------------------------------------------------------

    def _lease(self, position: int) -> bool:
        kind = self.plan.kinds[position]
        if kind == GOLDEN and self._golden(position):
            return True
        if kind == REPEAT and self._repeat(position):
            return True
        return self._revive(position) or self._main(position)

    def _golden(self, position: int) -> bool:
        seen = {row.item for row in self.own}
        fresh = [row for row in self.images.golden if row.id not in seen]
        chosen = self._planned(fresh, position, "golden")
        if chosen is None:
            return False
        self._insert(chosen, GOLDEN, position, self._known_side(GOLDEN))
        return True

    def _repeat(self, position: int) -> bool:
        again = {row.repeat_of for row in self.own}
        far = [
            row
            for row in self.own
            if row.kind == self.main
            and row.state == DONE
            and row.id not in again
            and row.position <= position - REPEAT_GAP
        ]
        first = self._planned(far, position, "repeat")
        if first is None:
            return False
        row = self.connection.execute(select(item).where(item.c.id == first.item)).one()
        swapped = self.rules.pairwise and not first.swapped
        self._insert(row, REPEAT, position, swapped, repeat_of=first.id)
        return True

    def _revive(self, position: int) -> bool:
        """Lease anew, sides and images unchanged, what this rater held when the lease ran out."""
        for row in self.own:
            if row.state != RELEASED or row.kind != MAIN or row.comparison is None:
                continue
            if self._take(row.item, row.comparison, row.swapped):
                self.connection.execute(
                    assignment.update()
                    .where(assignment.c.id == row.id)
                    .values(
                        state=LEASED,
                        leased=self.now,
                        expires=self.now + self.rules.lease,
                        position=position,
                    )
                )
                row.state, row.position = LEASED, position
                return True
        return False

    def _main(self, position: int) -> bool:
        while (row := self._candidate(position)) is not None:
            swapped = self._sides(row, position)
            if self.main == PREVIEW or self._take(row.id, row.comparison, swapped):
                models = (row.model, row.other_model)
                self._insert(row, self.main, position, swapped, models=models)
                return True
            # a rater beside this one took its last place a moment ago
        return False

    def _take(self, item: int, comparison: int, swapped: bool) -> bool:
        taken = take_place(self.connection, self.counts, item, comparison, swapped)
        self.counts.write(self.connection)
        return taken

    def _candidate(self, position: int) -> AnyRow | None:
        of, rng = (self.rules.study, self.rater), self._rng("main", position)

        def draw(rows: Sequence[AnyRow]) -> AnyRow:
            return self._least_met(rows, rng)

        for images in self._to_try(position):
            if self.rules.active:
                row = most_telling(self.store, self.connection, *of, images, draw)
            else:
                row = least_judged(self.connection, *of, images, draw)
            if row is not None:
                return row
        return None

    def _planned(self, rows: Sequence[Of], position: int, what: str) -> Of | None:
        """Draw one of ``rows``, of the image that was planned, if that has one."""
        for images in self._to_try(position) if rows else ():
            fit = [row for row in rows if row.content in images]
            if fit:
                return self._least_met(fit, self._rng(what, position))
        return None

    def _to_try(self, position: int) -> Iterator[Collection[int]]:
        shown = {row.position: row.content for row in self._live()}
        return images_to_try(self.plan, self.kept, shown, position, self.images.main)

    def _live(self) -> list[Own]:
        return [row for row in self.own if row.state != RELEASED and row.kind != TRAINING]

    def _least_met(self, rows: Sequence[Of], rng: random.Random) -> Of:
        """Draw a row whose image the rater has met least."""
        met = Counter(row.content for row in self._live())
        least = min(met[row.content] for row in rows)
        return rng.choice([row for row in rows if met[row.content] == least])

    def _sides(self, row: AnyRow, position: int) -> bool:
        """Whether to swap: whichever evens out this comparison, and each model for this rater."""
        if not self.rules.pairwise:
            return False
        lean = 2 * (row.taken - 2 * row.swapped)  # > 0: the first was on the left too often
        for seen in self.own:
            if seen.kind == self.main and seen.state != RELEASED:
                side = -1 if seen.swapped else 1
                lean += side * ((seen.first == row.model) - (seen.first == row.other_model))
                lean -= side * ((seen.second == row.model) - (seen.second == row.other_model))
        return bool(lean > 0) if lean else self._rng("sides", position).random() < 0.5

    def _known_side(self, kind: str) -> bool:
        """Right answers take turns, and which side begins differs between raters."""
        if not self.rules.pairwise:
            return False
        before = len([row for row in self.own if row.kind == kind])
        start = drawn(self.rules.secret, "first side", self.rater, kind).random() < 0.5
        return (before % 2 == 0) == start

    def _rng(self, what: str, position: int) -> random.Random:
        return drawn(self.rules.secret, what, self.rater, position)

    def _insert(
        self,
        row: AnyRow,
        kind: str,
        position: int,
        swapped: bool,
        repeat_of: int | None = None,
        models: tuple[int | None, int | None] = (None, None),
    ) -> None:
        key = self.connection.execute(
            _LEASE,
            {
                "public_id": secrets.token_urlsafe(16),
                "study": self.rules.study,
                "rater": self.rater,
                "item": row.id,
                "kind": kind,
                "repeat_of": repeat_of,
                "position": position,
                "swapped": swapped,
                "leased": self.now,
                "expires": self.now + self.rules.lease,
                "state": LEASED,
                "shown_count": 0,
            },
        ).inserted_primary_key
        assert key is not None
        left, right = (row.second, row.first) if swapped else (row.first, row.second)
        slots = dict(zip(self.rules.slots, (left, right), strict=False))
        if self.rules.reference:
            slots[REFERENCE_SLOT] = self._reference(row.content)
        self.connection.execute(
            _SERVE,
            [
                {
                    "id": secrets.token_urlsafe(16),
                    "assignment": key[0],
                    "slot": slot,
                    "stimulus": stimulus,
                }
                for slot, stimulus in slots.items()
            ],
        )
        first, second = models
        self.own.append(
            Own(
                id=key[0],
                item=row.id,
                kind=kind,
                repeat_of=repeat_of,
                position=position,
                swapped=swapped,
                state=LEASED,
                comparison=row.comparison,
                content=row.content,
                first=first,
                second=second,
            )
        )

    def _reference(self, content: int) -> int:
        """Return the stimulus that shows the reference of a crop, which never changes."""
        known = self.store.remembered.get(("reference", content))
        if known is None:
            known = self.connection.execute(_REFERENCE, {"key": content}).scalar_one()
            self.store.remembered["reference", content] = known
        return int(known)
