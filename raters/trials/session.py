"""One rater's way through a study: consent, checks, training, judging, thanks.

Every answer is committed before the next trial is named. What is sent twice is stored once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Connection, bindparam, func, or_, select

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.schema import MAIN, RELEASED, TRAINING, AnyRow
from raters.database.store import Store
from raters.protocols import NotAnAnswer
from raters.studies.plates import Plate, plates, vision
from raters.studies.secret import derived
from raters.studies.stimuli import damage
from raters.studies.tokens import RaterRefused, hashed
from raters.texts import Texts, preferred
from raters.trials.assignment import NeedsStudy
from raters.trials.judging import small, store_judgement
from raters.trials.practice import practice
from raters.trials.quota import Counts, release_expired, take_place
from raters.trials.steps import Steps, end_of, judged, rater_of, set_rater
from raters.trials.views import (
    MOST_REVISIONS,
    Elsewhere,
    Expired,
    Feedback,
    Finished,
    Next,
    NotNow,
    NotSeen,
    NotYours,
    RevisedEnough,
    Saved,
    Stage,
    State,
    StudyView,
    Trial,
    Waiting,
    view_study,
)
from raters.trials.withdrawal import erase_rater, final_answer, free_leases

__all__ = [
    "Elsewhere",
    "Expired",
    "Feedback",
    "Finished",
    "Next",
    "NotNow",
    "NotSeen",
    "NotYours",
    "RevisedEnough",
    "Saved",
    "Session",
    "Stage",
    "State",
    "StudyView",
    "Trial",
    "Waiting",
]

VIEW_SECONDS = 10.0
"""So long may a server take to see that a study was extended."""
RELEASE_EVERY = timedelta(seconds=1)
"""Leases last for minutes: looking for ended ones with every answer is looking too often."""
_NO_MORE = "There is nothing to judge at this stage"


_HELD = (
    select(
        schema.assignment,
        schema.item.c.comparison,
        schema.judgement.c.id.label("judgement"),
        schema.judgement.c.assignment.label("judged"),
        schema.judgement.c.answer,
    )
    .join(schema.item, schema.item.c.id == schema.assignment.c.item)
    .outerjoin(
        schema.judgement,
        or_(
            schema.judgement.c.assignment == schema.assignment.c.id,
            schema.judgement.c.key == bindparam("sent"),
        ),
    )
    .where(schema.assignment.c.public_id == bindparam("trial"))
)
"""A trial, once for each answer that is stored for it or was sent under this key."""


@dataclass(frozen=True, slots=True)
class _Given:
    """An answer as it was sent: see `Session.submit`."""

    trial: str
    answer: str
    key: str
    tab: str
    client: Mapping[str, Any]


class Session:
    """A rater at work. Made anew for each request; all state is in the database."""

    def __init__(
        self, store: Store, study: StudyView, rater: int, language: str | None = None
    ) -> None:
        self.store, self.study, self.rater = store, study, rater
        self.language = language
        """That of their consent; None before."""

    @classmethod
    def open(cls, store: Store, token: str) -> Session:
        """Find the rater of ``token``. Raises `RaterRefused`: wrong, expired, closed or withdrawn.

        A rater who has finished is let in, also after closing, as is one whom closing stopped:
        `state` gives their code again.
        """
        with store.ask() as connection:
            row = connection.execute(
                select(schema.rater, schema.study.c.state)
                .join(schema.study, schema.study.c.id == schema.rater.c.study)
                .where(schema.rater.c.token_hash == hashed(token))
            ).one_or_none()
            if row is None:
                raise RaterRefused("wrong")
            if row.withdrawn is not None:
                raise RaterRefused("withdrawn", row.study)
            if row.finished is None:
                if row.state == "closed" and row.completion_code is None:
                    raise RaterRefused("closed", row.study)
                ended = row.link_expires is not None and row.link_expires < store.clock()
                if ended and row.state == "open":
                    raise RaterRefused("expired", row.study)
            return cls(store, _view(store, connection, row.study), row.id, row.language)

    @property
    def who(self) -> str:
        """Name the rater to their own page: the same with every link, and of no use to others."""
        return derived(self.study.rules.secret, "who", self.rater).hex()[:16]

    def texts(self, wanted: str = "") -> Texts:
        """Return what the rater is told: in the language of their consent, once that is given.

        ``wanted``: what their browser would have, as its ``Accept-Language`` says it.
        """
        known = self.study.texts
        if self.language is not None and self.language in known:
            return known[self.language]
        return known[preferred(wanted, list(known))]

    # --- the way ------------------------------------------------------------------------------

    def state(self) -> State:
        """Return the stage and how much is done."""
        with self.store.read() as connection:
            rater = rater_of(connection, self.rater)
            done = judged(connection, self.rater)
        stopped = rater.state == "closed" and rater.finished is None
        end = end_of(self.study, rater)
        return State(
            "closed" if stopped else self._stage(rater),
            done,
            rater.agreed or self.study.trials,
            rater.completion_code,
            ended=rater.ended,
            seconds_left=None if end is None else (end - self.store.clock()).total_seconds(),
        )

    def consent(self, wanted: str = "") -> None:
        """Note that the rater agreed, and in which language. A second time changes nothing."""
        with self._write() as connection:
            if self._allowed(connection).consented is None:
                language = self.texts(wanted).language
                self._set(connection, consented=self.store.clock(), language=language)

    def answered(self, answers: Mapping[str, Any]) -> None:
        """Keep what the rater says about themselves, by the ids of the study's questions.

        Raises `NotAnAnswer` for what does not answer them, and for questions that there are not.
        """
        questions = next(iter(self.study.texts.values())).questions
        if unknown := sorted(set(answers) - {question.id for question in questions}):
            raise NotAnAnswer(f"no question is called {unknown[0]!r}")
        try:
            taken = {
                question.id: question.taken(answers.get(question.id)) for question in questions
            }
        except BenchError as error:
            raise NotAnAnswer(str(error)) from None
        with self._write() as connection:
            if self._allowed(connection).consented is None:
                raise NotNow("questions are asked after consent")
            self._set(connection, answers=taken)

    def checked(self, screen: Mapping[str, Any], seen: Sequence[str] = ()) -> None:
        """Keep what the screen checks found (a flat mapping of short values).

        ``seen``: the numbers read in the plates of `raters.studies.plates`, where the study has a
        check of colour vision.
        """
        found = dict(screen)
        if self.study.colours:
            shown = [plate.number for plate in self.plates()]
            found |= {"colour_vision": vision(shown, seen), "colour_read": list(seen)}
        with self._write() as connection:
            stage = self._stage(self._allowed(connection))
            if stage in ("consent", "questions"):
                raise NotNow(f"the screen is checked later: {stage}")
            self._set(connection, screen=small(found))

    def plates(self) -> list[Plate]:
        """Return the plates of this rater's check of colour vision; none where there is none."""
        return plates(self.study.rules.secret, self.rater) if self.study.colours else []

    def trial(self, tab: str, take_over: bool = False) -> Next:
        """Return the trial to judge now: the one held, with the same sides, or the next."""
        with self._write() as connection:
            rater = self._allowed(connection)
            if rater.finished is not None:
                return Finished(rater.completion_code)
            stage = self._stage(rater)
            if stage not in ("training", "judging"):
                raise NotNow(f"{_NO_MORE}: {stage}")
            if rater.tab not in (None, tab):
                if not take_over:
                    return Elsewhere()
                self._set(connection, tab=tab)
            elif rater.tab is None:
                self._set(connection, tab=tab)
            return self._steps(connection, Counts(), alone=True).next(rater, again=True)

    def submit(
        self, trial_id: str, answer: str, key: str, tab: str, client: Mapping[str, Any]
    ) -> Saved:
        """Store an answer and return the next trial, in one transaction.

        The same ``key``, or a second answer to the same trial, changes nothing and gets the answer
        that is stored. ``client`` may hold ``response_ms`` and ``timer_broken``, ``layout`` (the
        slots beside each other), ``reference_shown`` (how often) and ``reference_ms``; the rest is
        kept as it is. A lease that has run out is honoured while its item has room; else `Expired`
        is raised and nothing is stored. Where a reference is shown, `NotSeen` is raised for less
        than `REFERENCE_MS`. Raises also `NotYours`, `NotAnAnswer`, `RaterRefused` and, for a trial
        before its stage, `NotNow`.
        """
        given = _Given(trial_id, answer, key, tab, client)
        if not self.store.is_sqlite:  # which has one writer at a time
            with suppress(NeedsStudy), self._write_beside() as connection:
                return self._submit(connection, given, alone=False)
        with self._write() as connection:
            return self._submit(connection, given, alone=True)

    def _submit(self, connection: Connection, given: _Given, *, alone: bool) -> Saved:
        rows = connection.execute(_HELD, {"trial": given.trial, "sent": given.key}).all()
        if not rows or rows[0].rater != self.rater:
            raise NotYours("no such trial for this rater")
        held = rows[0]
        stored = next((row for row in rows if row.judged == held.id), None)
        if stored is None:
            if held.judgement is not None:
                raise NotYours("this key belongs to the answer of another trial")
            rater = self._allowed(connection)
            self.study.protocol.check(given.answer, self.study.ties)
            return self._store(connection, held, rater, given, alone=alone)
        final = final_answer(connection, stored.judgement, stored.answer)
        feedback = self._feedback(connection, held, final)
        return Saved(final, True, feedback, self._after(connection, given.tab, alone=alone))

    def revise(self, key: str, answer: str, tab: str) -> Saved:
        """Replace the answer of the rater's last trial; all that were given stay on record.

        Raises `RaterRefused` once the study is closed, `RevisedEnough` after `MOST_REVISIONS`, and
        `NotNow` before the first answer.
        """
        with self._write() as connection:
            known = connection.execute(
                select(schema.revision.c.answer, schema.assignment.c.rater)
                .join(schema.judgement, schema.judgement.c.id == schema.revision.c.judgement)
                .join(schema.assignment, schema.assignment.c.id == schema.judgement.c.assignment)
                .where(schema.revision.c.key == key)
            ).one_or_none()
            if known is not None:
                if known.rater != self.rater:
                    raise NotYours("this key belongs to another rater's revision")
                return Saved(known.answer, True, None, self._after(connection, tab))
            if self._allowed(connection).state == "closed":
                raise RaterRefused("closed", self.study.id)
            self.study.protocol.check(answer, self.study.ties)
            last = connection.execute(
                select(
                    schema.judgement,
                    schema.assignment.c.item,
                    schema.assignment.c.kind,
                    schema.assignment.c.swapped,
                )
                .join(schema.assignment, schema.assignment.c.id == schema.judgement.c.assignment)
                .where(
                    schema.assignment.c.rater == self.rater, schema.assignment.c.kind != TRAINING
                )
                .order_by(schema.judgement.c.id.desc())
                .limit(1)
            ).one_or_none()
            if last is None:
                raise NotNow("there is no answer to revise yet")
            revisions = select(func.count()).where(schema.revision.c.judgement == last.id)
            if connection.execute(revisions).scalar_one() >= MOST_REVISIONS:
                raise RevisedEnough
            before = final_answer(connection, last.id, last.answer)
            connection.execute(
                self.store.insert(schema.revision)
                .values(judgement=last.id, key=key, answer=answer, created=self.store.clock())
                .on_conflict_do_nothing()
            )
            if last.kind == MAIN:
                of, counts = self._item(connection, last.item).comparison, Counts()
                for given, step in ((before, -1), (answer, +1)):
                    preference = self.study.protocol.preference(given, last.swapped)
                    counts.answer(of, preference, step, 0)
                counts.write(connection)
            return Saved(answer, False, None, self._after(connection, tab))

    def withdraw(self, delete: bool = False) -> str | None:
        """Leave the study: leases go to others, judgements stay, or with ``delete`` go too.

        Return the code that the study gives for parts, if it has one and something was judged and
        stays.
        """
        if delete:
            with self._write() as connection:
                self._allowed(connection)
                erase_rater(self.store, connection, self.study.id, self.rater)
            self.store.overwrite()
            return None
        with self._write() as connection:
            rater = self._allowed(connection)
            free_leases(connection, self.rater)
            code: str | None = rater.completion_code
            if code is None and judged(connection, self.rater):
                code = self.study.partial_code
            self._set(connection, withdrawn=self.store.clock(), completion_code=code)
            self.store.log(connection, self.study.id, "withdrew", rater=self.rater)
        return code

    # --- inside a transaction -------------------------------------------------------------------

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        """A transaction in which no lease is past its end, by more than `RELEASE_EVERY`."""
        with self.store.write(self.study.id) as connection:
            if self._leases_are_due():
                now = self.store.clock()
                release_expired(connection, self.study.id, now)
                self.store.remembered["released", self.study.id] = now
            yield connection

    @contextmanager
    def _write_beside(self) -> Iterator[Connection]:
        """The same, beside other raters."""
        if self._leases_are_due():
            with self._write():
                pass
        with self.store.write_beside(self.study.id, self.rater) as connection:
            yield connection

    def _leases_are_due(self) -> bool:
        last = self.store.remembered.get(("released", self.study.id))
        return last is None or abs(self.store.clock() - last) >= RELEASE_EVERY

    def _allowed(self, connection: Connection) -> AnyRow:
        """Return the rater; raises `RaterRefused` if something has changed since `open`."""
        rater = rater_of(connection, self.rater)
        if rater.withdrawn is not None:
            raise RaterRefused("withdrawn", self.study.id)
        if rater.state == "closed" and rater.finished is None:
            raise RaterRefused("closed", self.study.id)
        return rater

    def _stage(self, rater: AnyRow) -> Stage:
        if rater.finished is not None:
            return "done"
        if rater.consented is None:
            return "consent"
        if rater.screen is None:
            asks = next(iter(self.study.texts.values())).questions
            return "questions" if asks and rater.answers is None else "checks"
        return "training" if rater.trained is None else "judging"

    def _set(self, connection: Connection, **values: Any) -> None:
        set_rater(connection, self.rater, **values)

    def _steps(self, connection: Connection, counts: Counts, *, alone: bool) -> Steps:
        of = self.store, connection, self.study, self.rater
        return Steps(*of, counts=counts, alone=alone)

    def _item(self, connection: Connection, key: int) -> AnyRow:
        return connection.execute(select(schema.item).where(schema.item.c.id == key)).one()

    def _store(
        self,
        connection: Connection,
        held: AnyRow,
        rater: AnyRow,
        given: _Given,
        *,
        alone: bool,
    ) -> Saved:
        if rater.finished is not None:  # their time was over
            raise Expired
        if (held.kind == TRAINING) != (self._stage(rater) == "training"):
            raise NotNow("this trial belongs to another stage")
        of, counts = held.comparison, Counts()
        if held.state == RELEASED:
            if not alone:
                raise NeedsStudy
            if held.kind != MAIN or not take_place(connection, counts, held.item, of, held.swapped):
                raise Expired()
        store_judgement(
            connection,
            held,
            given.answer,
            key=given.key,
            now=self.store.clock(),
            client=given.client,
            reference=self.study.reference_shown,
        )
        if held.kind == MAIN:
            preference = self.study.protocol.preference(given.answer, held.swapped)
            counts.answer(of, preference, +1, +1)
        following: Next = Elsewhere()
        if rater.tab in (None, given.tab):
            following = self._steps(connection, counts, alone=alone).next(rater, again=False)
        counts.write(connection)
        feedback = self._feedback(connection, held, given.answer)
        return Saved(given.answer, False, feedback, following)

    def _after(self, connection: Connection, tab: str, *, alone: bool = True) -> Next:
        """Return what comes next without counting it as shown again."""
        rater = self._allowed(connection)
        if rater.finished is not None:
            return Finished(rater.completion_code)
        if rater.tab not in (None, tab):
            return Elsewhere()
        return self._steps(connection, Counts(), alone=alone).next(rater, again=False)

    def _feedback(self, connection: Connection, held: AnyRow, answer: str) -> Feedback | None:
        if held.kind != TRAINING:
            return None
        item, protocol = self._item(connection, held.item), self.study.protocol
        right = protocol.passed(answer, held.swapped, item.correct)
        if preference := protocol.preference(item.correct[0], held.swapped):
            worse: str | None = "b" if preference > 0 else "a"
        else:
            worse = "a" if tuple(item.correct) == protocol.golden_worse else None
        return Feedback(
            right=right,
            worse=worse,
            damage=damage(item.rank),
            expected=tuple(dict.fromkeys((item.correct[0], item.correct[-1]))),
            again=held.item in practice(connection, protocol, self.rater).again,
        )


def texts_of(store: Store, study: int) -> Mapping[str, Texts]:
    """Return what the raters of a study are told, by language."""
    with store.read() as connection:
        return _view(store, connection, study).texts


def _view(store: Store, connection: Connection, study: int) -> StudyView:
    """Return what raters may see of a study; `bench rate extend` changes it once in a while."""
    now = time.monotonic()
    until, known = store.remembered.get(("view", study), (0.0, None))
    if now >= until:
        known = view_study(connection, study)
        store.remembered["view", study] = now + VIEW_SECONDS, known
    return cast(StudyView, known)
