"""What comes next for a rater: the trial that they hold, another, a while to wait, or the end."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Connection, bindparam, case, func, select

from raters.database import schema
from raters.database.schema import DONE, PREVIEW, TRAINING, AnyRow
from raters.database.store import Store
from raters.studies.tokens import RaterRefused, completion_code
from raters.trials.assignment import AHEAD, Chooser, NeedsStudy
from raters.trials.practice import Outcome, practice
from raters.trials.promises import promise, wait
from raters.trials.quota import Counts
from raters.trials.views import Finished, Next, StudyView, Trial, Waiting
from raters.trials.withdrawal import free_leases

_HELD = schema.assignment.c.id.in_(bindparam("held", expanding=True))
_IS_SHOWN = schema.assignment.c.id == bindparam("first")
_SLOTS = (
    select(
        schema.serving,
        schema.assignment.c.public_id,
        schema.assignment.c.shown_count,
        schema.content.c.height,
        schema.content.c.width,
    )
    .join(schema.assignment, schema.assignment.c.id == schema.serving.c.assignment)
    .join(schema.item, schema.item.c.id == schema.assignment.c.item)
    .join(schema.content, schema.content.c.id == schema.item.c.content)
    .where(_HELD)
)
_SHOW = (
    schema.assignment.update()
    .where(_HELD)
    .values(
        expires=bindparam("until"),
        shown_count=case((_IS_SHOWN, bindparam("count")), else_=schema.assignment.c.shown_count),
        shown=case(
            (_IS_SHOWN, func.coalesce(schema.assignment.c.shown, bindparam("now"))),
            else_=schema.assignment.c.shown,
        ),
    )
)
"""Prolong what is held, and note that the first of it is shown."""
_RATER = (
    select(schema.rater, schema.study.c.state)
    .join(schema.study, schema.study.c.id == schema.rater.c.study)
    .where(schema.rater.c.id == bindparam("rater"))
)


def rater_of(connection: Connection, rater: int) -> AnyRow:
    """Return a rater's row with the study's ``state``; raises `RaterRefused` if it was erased."""
    row = connection.execute(_RATER, {"rater": rater}).one_or_none()
    if row is None:
        raise RaterRefused("wrong")
    return row


def set_rater(connection: Connection, rater: int, **values: Any) -> None:
    """Change a rater's row."""
    connection.execute(schema.rater.update().where(schema.rater.c.id == rater).values(**values))


def end_of(study: StudyView, rater: AnyRow) -> datetime | None:
    """Return when a rater's time is over."""
    if study.time_limit is None or rater.consented is None:
        return None
    return cast(datetime, rater.consented + study.time_limit)


def judged(connection: Connection, rater: int) -> int:
    """How many trials a rater has judged, training not counted."""
    return int(
        connection.execute(
            select(func.count()).where(
                schema.assignment.c.rater == rater,
                schema.assignment.c.kind != TRAINING,
                schema.assignment.c.state == DONE,
            )
        ).scalar_one()
    )


class Steps:
    """A rater's next steps, within one transaction.

    ``alone``: nobody else writes to the study meanwhile. Else `NeedsStudy` is raised for what
    counts the places that there are, or takes more than one of them.
    """

    def __init__(
        self,
        store: Store,
        connection: Connection,
        study: StudyView,
        rater: int,
        *,
        counts: Counts,
        alone: bool,
    ) -> None:
        self.store, self.connection, self.study, self.rater = store, connection, study, rater
        self.counts, self.alone = counts, alone

    def next(self, rater: AnyRow, again: bool) -> Next:
        """Return the rater's current trial, leasing as needed; else wait for one, or finish."""
        end = end_of(self.study, rater)
        if end is not None and end <= self.store.clock():
            self._need_study()
            return self._end_by_time(rater)
        preview = rater.source == PREVIEW
        chooser = Chooser(
            self.store,
            self.connection,
            self.study.rules,
            self.rater,
            counts=self.counts,
            alone=self.alone,
            preview=preview,
        )
        if rater.trained is None:
            self._need_study()
            practised = practice(self.connection, self.study.protocol, self.rater)
            held = chooser.fill_training(practised.again)
            if held:
                done = chooser.done(training=True)
                return self._give(held, again, kind="training", done=done, total=done + len(held))
            self._set(trained=self.store.clock(), practice=practised.outcome)
            rater = rater_of(self.connection, self.rater)
        done, agreed = chooser.done(training=False), rater.agreed
        held = chooser.leased(training=False)
        if agreed is None or (done < agreed and not held):
            # New here, or away for longer than a lease: others may have been promised the places.
            self._need_study()
            more = promise(
                self.connection,
                self.study.id,
                self.rater,
                chooser.now,
                kinds=chooser.left(),
                crowd=rater.external_hash is not None,
                done=done > 0,
            )
            if more or (held and agreed is None):
                there = done + len(held) + more
                agreed = there if agreed is None else min(agreed, there)
                self._set(agreed=agreed)
                held = chooser.fill(agreed)
        else:
            held = chooser.fill(agreed)
        if held and agreed is not None:
            return self._give(
                held,
                again,
                kind="judging",
                done=done,
                total=agreed,
                practice=rater.practice,
            )
        self._need_study()
        agreed_done = agreed is not None and done >= agreed
        of = self.study.id, self.rater, chooser.now
        if not agreed_done and (seconds := wait(self.connection, *of)) is not None:
            return Waiting(seconds)
        code = self._code(done, agreed_done)
        self._set(finished=self.store.clock(), completion_code=code)
        return Finished(code)

    def _need_study(self) -> None:
        if not self.alone:
            raise NeedsStudy

    def _set(self, **values: Any) -> None:
        set_rater(self.connection, self.rater, **values)

    def _end_by_time(self, rater: AnyRow) -> Finished:
        """Thank a rater for what was done within the time; others get what they hold."""
        free_leases(self.connection, self.rater)
        done = judged(self.connection, self.rater)
        code = self._code(done, rater.agreed is not None and done >= rater.agreed)
        self._set(finished=self.store.clock(), ended="time", completion_code=code)
        return Finished(code)

    def _code(self, done: int, whole: bool) -> str | None:
        """Return the code for the work agreed, or for a part of it; None for nothing."""
        if not done:
            return None
        code = self.study.completion_code if whole else self.study.partial_code
        return code or completion_code()

    def _give(
        self,
        held: list[int],
        again: bool,
        *,
        kind: Literal["training", "judging"],
        done: int,
        total: int,
        practice: Outcome | None = None,
    ) -> Trial:
        held = held[: 1 + AHEAD]
        first, *others = held
        slots: dict[int, dict[str, str]] = {key: {} for key in held}
        stimuli = {}
        rows = self.connection.execute(_SLOTS, {"held": held}).all()
        for serving in rows:
            slots[serving.assignment][serving.slot] = serving.id
            stimuli[serving.id] = serving.stimulus
        row = next(serving for serving in rows if serving.assignment == first)
        now = self.store.clock()
        self.connection.execute(
            _SHOW,
            {
                "held": held,
                "first": first,
                "count": row.shown_count + 1 if again else max(row.shown_count, 1),
                "until": now + self.study.rules.lease,
                "now": now,
            },
        )
        return Trial(
            id=row.public_id,
            kind_for_client=kind,
            slots=slots[first],
            height=row.height,
            width=row.width,
            number=done + 1,
            total=total,
            resumed=row.shown_count > 0 and again,
            following=tuple(slots[key] for key in others),
            stimuli=stimuli,
            practice=practice,
        )
