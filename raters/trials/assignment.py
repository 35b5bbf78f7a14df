"""Which trial a rater gets next, and the leases that hold it for them.

Everything here runs inside a write transaction of the study (`Store.write`), so what it counts
cannot change under it. `raters.trials.quota` keeps the counts.
"""

from __future__ import annotations

import math
import random
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection, bindparam, func, select

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
    rater,
)
from raters.database.store import Store
from raters.protocols import REFERENCE_SLOT
from raters.studies.secret import drawn
from raters.trials.gains import Gains
from raters.trials.quota import take_place

REPEAT_GAP = 5
"""A repeat comes at least so many trials after the first time."""

LONGEST_WAIT = 15
"""Seconds after which a page that waits asks again: others may answer, withdraw or be erased."""


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


Of = TypeVar("Of", AnyRow, Own)

AMONG = 8
"""The next trial is drawn among so many of those judged least."""

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
_WITH_ROOM = (
    select(
        item,
        comparison.c.taken,
        comparison.c.swapped,
        comparison.c.first.label("model"),
        comparison.c.second.label("other_model"),
    )
    .join(comparison, comparison.c.id == item.c.comparison)
    .where(
        item.c.room > 0,
        ~select(assignment.c.id)
        .where(assignment.c.rater == bindparam("rater"), assignment.c.item == item.c.id)
        .exists(),
    )
    .order_by(item.c.room.desc(), item.c.rank)
    .limit(AMONG)
)
_OF_STUDY = _WITH_ROOM.where(item.c.study == bindparam("of"), item.c.kind == MAIN)
_OF_COMPARISON = _WITH_ROOM.where(item.c.comparison == bindparam("of"))
_ANSWERS = (
    select(comparison).where(comparison.c.study == bindparam("of_study")).order_by(comparison.c.id)
)
_PLACES = _ANSWERS.with_only_columns(
    comparison.c.id, comparison.c.taken, comparison.c.quota, comparison.c.done
)
_LEASE, _SERVE = assignment.insert(), schema.serving.insert()
_REFERENCE = select(schema.stimulus.c.id).where(
    schema.stimulus.c.content == bindparam("key"), schema.stimulus.c.kind == "reference"
)


_OF_RATER = assignment.alias("of_rater")
_NOT_SEEN = ~(
    select(_OF_RATER.c.id)
    .where(
        _OF_RATER.c.rater == bindparam("rater"),
        _OF_RATER.c.item == item.c.id,
        _OF_RATER.c.state != RELEASED,
    )
    .correlate(item)
    .exists()
)
_ROOM = select(func.sum(item.c.room), func.count().filter(item.c.room > 0, _NOT_SEEN)).where(
    item.c.study == bindparam("of_study"), item.c.kind == MAIN
)
_HELD_BY_OTHERS = (
    select(func.min(assignment.c.expires))
    .join(item, item.c.id == assignment.c.item)
    .where(
        assignment.c.study == bindparam("of_study"),
        assignment.c.state == LEASED,
        assignment.c.kind == MAIN,
        assignment.c.rater != bindparam("rater"),
        _NOT_SEEN,
    )
)
_ASKED = assignment.alias("asked")
_LIVE = assignment.alias("live")
_AT_WORK = (
    select(
        rater.c.agreed,
        (rater.c.external_hash.is_not(None)).label("crowd"),
        func.count().filter(_ASKED.c.state != RELEASED).label("taken"),
        func.count().filter(_ASKED.c.state == DONE).label("done"),
    )
    .join(_ASKED, (_ASKED.c.rater == rater.c.id) & (_ASKED.c.kind != TRAINING))
    .where(
        rater.c.study == bindparam("of_study"),
        rater.c.id != bindparam("rater"),
        rater.c.source != PREVIEW,
        rater.c.agreed.is_not(None),
        rater.c.finished.is_(None),
        rater.c.withdrawn.is_(None),
        select(_LIVE.c.id)
        .where(
            _LIVE.c.rater == rater.c.id,
            _LIVE.c.state == LEASED,
            _LIVE.c.expires >= bindparam("now"),
        )
        .correlate(rater)
        .exists(),
    )
    .group_by(rater.c.id, rater.c.agreed, rater.c.external_hash)
)
"""What raters who hold a lease at the moment were promised, and had of it."""


def plan(rng: random.Random, trials: int, golden: int, repeats: int) -> list[str]:
    """Return the kind of each of a rater's trials, drawn from ``rng``.

    Golden trials are spread over the session, one at a random position in each equal part; so are
    repeats, over what follows the first `REPEAT_GAP` trials. The first trial is never either.
    """
    kinds = [MAIN] * trials
    for kind, count, begin in ((REPEAT, repeats, REPEAT_GAP + 1), (GOLDEN, golden, 1)):
        for part in range(count):
            low = begin + (trials - begin) * part // count
            high = begin + (trials - begin) * (part + 1) // count
            free = [position for position in range(low, high) if kinds[position] == MAIN]
            if free:
                kinds[rng.choice(free)] = kind
    return kinds


class Chooser:
    """One rater's next trials, within one transaction, after `release_expired` in it.

    ``preview``: they take no place in any quota.
    """

    def __init__(
        self, store: Store, connection: Connection, rules: Rules, rater: int, preview: bool = False
    ) -> None:
        self.store, self.connection, self.rules, self.rater = store, connection, rules, rater
        self.main = PREVIEW if preview else MAIN
        self.now = store.clock()
        self.own = [Own(**row._mapping) for row in connection.execute(_OWN, {"rater": rater})]

    def leased(self, training: bool) -> list[int]:
        """Return the ids of the trials that this rater holds, in their order."""
        return [
            row.id for row in self.own if row.state == LEASED and (row.kind == TRAINING) == training
        ]

    def done(self, training: bool) -> int:
        """How many trials the rater has answered."""
        return sum(row.state == DONE and (row.kind == TRAINING) == training for row in self.own)

    def fill(self, agreed: int, ahead: int = 2) -> list[int]:
        """Lease trials until the rater holds ``ahead``, if there are so many; return their ids.

        ``agreed``: how many they get in all.
        """
        held = self.leased(training=False)
        while len(held) < ahead:
            live = [
                row.position for row in self.own if row.state != RELEASED and row.kind != TRAINING
            ]
            position = next(p for p in range(len(live) + 1) if p not in live)
            if len(live) >= agreed or not self._lease(position):
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

    def promise(self, crowd: bool) -> int:
        """Return how many more trials there are for this rater, golden ones and repeats included.

        Not more than the study asks of anybody, and none that is needed to keep what others at work
        were promised. Who comes from a ``crowd`` is promised nothing while others of it hold half
        of what is left and have judged nothing: links are opened by the dozen and left.
        """
        of = {"of_study": self.rules.study, "rater": self.rater, "now": self.now}
        room, items = self.connection.execute(_ROOM, of).one()
        others = self.connection.execute(_AT_WORK, of).all()
        free = (room or 0) - sum(max(row.agreed - row.taken, 0) for row in others)
        kinds = self._plan()[self.done(training=False) + len(self.leased(training=False)) :]
        needed = free // max(kinds.count(MAIN), 1)  # raters for all that is free
        if crowd and sum(row.crowd and not row.done for row in others) > needed // 2:
            return 0
        mains, count = max(min(free, items), 0), 0
        for kind in kinds:
            mains -= kind == MAIN
            if mains < 0:
                break
            count += 1
        return count

    def wait(self) -> int | None:
        """Return in how many seconds a trial that others hold may come free; None: never."""
        of = {"of_study": self.rules.study, "rater": self.rater}
        ends: datetime | None = self.connection.execute(_HELD_BY_OTHERS, of).scalar_one()
        if ends is None:
            promised = self.connection.execute(_ROOM, of).one()[1]
            return LONGEST_WAIT if promised else None
        return max(1, min(math.ceil((ends - self.now).total_seconds()), LONGEST_WAIT))

    # --- one trial ------------------------------------------------------------------------------

    def _lease(self, position: int) -> bool:
        kind = self._plan()[position]
        if kind == GOLDEN and self._golden(position):
            return True
        if kind == REPEAT and self._repeat(position):
            return True
        return self._revive(position) or self._main(position)

    def _plan(self) -> list[str]:
        rules = self.rules
        planned = drawn(rules.secret, "plan", self.rater)
        return plan(planned, rules.trials, rules.golden, rules.repeats)

    def _golden(self, position: int) -> bool:
        seen = {row.item for row in self.own}
        rows = self.connection.execute(
            select(item).where(item.c.study == self.rules.study, item.c.kind == GOLDEN)
        ).all()
        fresh = [row for row in rows if row.id not in seen]
        if not fresh:
            return False
        chosen = self._of_fresh_image(fresh, self._rng("golden", position))
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
        if not far:
            return False
        first = self._of_fresh_image(far, self._rng("repeat", position))
        row = self.connection.execute(select(item).where(item.c.id == first.item)).one()
        swapped = self.rules.pairwise and not first.swapped
        self._insert(row, REPEAT, position, swapped, repeat_of=first.id)
        return True

    def _revive(self, position: int) -> bool:
        """Lease anew, sides and images unchanged, what this rater held when the lease ran out."""
        for row in self.own:
            if row.state != RELEASED or row.kind != MAIN or row.comparison is None:
                continue
            if take_place(self.connection, row.item, row.comparison, row.swapped):
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
        row = self._active(position) if self.rules.active else self._least_judged(position)
        if row is None:
            return False
        swapped = self._sides(row, position)
        counts = self.main == MAIN
        if counts and not take_place(self.connection, row.id, row.comparison, swapped):
            raise RuntimeError("an item was full that had room in the same transaction")
        self._insert(row, self.main, position, swapped, models=(row.model, row.other_model))
        return True

    def _least_judged(self, position: int, of: int | None = None) -> AnyRow | None:
        """Return an item that this rater has not seen, of those with most room: one look-up.

        Of the image that the rater has judged least. Drawn among the first few, so that no two
        raters meet the trials in one order.
        """
        query, key = (_OF_STUDY, self.rules.study) if of is None else (_OF_COMPARISON, of)
        rows = self.connection.execute(query, {"of": key, "rater": self.rater}).all()
        least = min(((-row.room, row.taken) for row in rows), default=None)
        equals = [row for row in rows if (-row.room, row.taken) == least]
        return self._of_fresh_image(equals, self._rng("main", position)) if equals else None

    def _of_fresh_image(self, rows: Sequence[Of], rng: random.Random) -> Of:
        """Draw a row whose image is not that of the trial before and was met least, if one is."""
        live = [row for row in self.own if row.state != RELEASED and row.kind != TRAINING]
        met = Counter(row.content for row in live)
        last = max(live, key=lambda row: row.position).content if live else None
        rank = [(row.content == last, met[row.content]) for row in rows]
        return rng.choice([row for row, one in zip(rows, rank, strict=True) if one == min(rank)])

    def _active(self, position: int) -> AnyRow | None:
        """Return an item of the comparison that tells most and still has one for this rater."""
        of = {"of_study": self.rules.study}
        rows = self.connection.execute(_PLACES, of).all()
        known = self.store.remembered.get(("gains", self.rules.study))
        if known is None or not known.fresh(rows):
            known = self.store.remembered["gains", self.rules.study] = Gains.of(
                self.connection.execute(_ANSWERS, of).all()
            )
        for index in known.order(rows):
            row = self._least_judged(position, rows[index].id)
            if row is not None:
                return row
        return None

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
