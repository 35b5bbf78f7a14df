"""One rater's way through a study: consent, checks, training, judging, thanks.

Every answer is committed before the next trial is named. What is sent twice is stored once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy import Connection, bindparam, func, or_, select

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.schema import DONE, MAIN, PREVIEW, RELEASED, TRAINING, AnyRow
from raters.database.store import Store
from raters.protocols import NotAnAnswer
from raters.studies.plates import Plate, plates, vision
from raters.studies.secret import derived
from raters.studies.stimuli import damage
from raters.studies.tokens import RaterRefused, completion_code, hashed
from raters.texts import Texts, preferred
from raters.trials.assignment import Chooser
from raters.trials.practice import Outcome, practice
from raters.trials.promises import promise, wait
from raters.trials.quota import SET_STATE, count_answer, release_expired, take_place
from raters.trials.views import (
    MOST_REVISIONS,
    REFERENCE_MS,
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

LONGEST_MS = 24 * 3600 * 1000
VIEW_SECONDS = 10.0
"""So long may a server take to see that a study was extended."""
RELEASE_EVERY = timedelta(seconds=1)
"""Leases last for minutes: looking for ended ones with every answer is looking too often."""
_CLIENT_KEYS = 40
_CLIENT_TEXT = 500

_NO_MORE = "There is nothing to judge at this stage"


_HELD = (
    select(schema.assignment, schema.item.c.comparison)
    .join(schema.item, schema.item.c.id == schema.assignment.c.item)
    .where(schema.assignment.c.public_id == bindparam("trial"))
)
_STORED = select(schema.judgement).where(
    or_(
        schema.judgement.c.assignment == bindparam("trial"),
        schema.judgement.c.key == bindparam("sent"),
    )
)
_SHOWN = (
    select(
        schema.assignment.c.public_id,
        schema.assignment.c.shown_count,
        schema.content.c.height,
        schema.content.c.width,
    )
    .join(schema.item, schema.item.c.id == schema.assignment.c.item)
    .join(schema.content, schema.content.c.id == schema.item.c.content)
    .where(schema.assignment.c.id == bindparam("trial"))
)
_SHOW = (
    schema.assignment.update()
    .where(schema.assignment.c.id == bindparam("trial"))
    .values(
        shown_count=bindparam("count"),
        expires=bindparam("until"),
        shown=func.coalesce(schema.assignment.c.shown, bindparam("now")),
    )
)
_JUDGE = schema.judgement.insert()
_SLOTS = select(schema.serving).where(
    or_(
        schema.serving.c.assignment == bindparam("one"),
        schema.serving.c.assignment == bindparam("two"),
    )
)
_ALLOWED = (
    select(schema.rater, schema.study.c.state)
    .join(schema.study, schema.study.c.id == schema.rater.c.study)
    .where(schema.rater.c.id == bindparam("rater"))
)


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
        with store.read() as connection:
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
            rater = self._rater(connection)
            done = self._done(connection)
        stopped = rater.state == "closed" and rater.finished is None
        end = self._end(rater)
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
            self._set(connection, screen=_small(found))

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
            return self._next(connection, rater, again=True)

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
        with self._write() as connection:
            held = self._held(connection, trial_id)
            before = connection.execute(_STORED, {"trial": held.id, "sent": key}).all()
            stored = next((row for row in before if row.assignment == held.id), None)
            if stored is None:
                if before:
                    raise NotYours("this key belongs to the answer of another trial")
                rater = self._allowed(connection)
                self.study.protocol.check(answer, self.study.ties)
                return self._store(connection, held, rater, answer, key=key, tab=tab, client=client)
            final = final_answer(connection, stored.id, stored.answer)
            feedback = self._feedback(connection, held, final)
            return Saved(final, True, feedback, self._after(connection, tab))

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
                of = self._item(connection, last.item).comparison
                for given, step in ((before, -1), (answer, +1)):
                    preference = self.study.protocol.preference(given, last.swapped)
                    count_answer(connection, of, preference, step, 0)
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
            if code is None and self._done(connection):
                code = self.study.partial_code
            self._set(connection, withdrawn=self.store.clock(), completion_code=code)
            self.store.log(connection, self.study.id, "withdrew", rater=self.rater)
        return code

    # --- inside a transaction -------------------------------------------------------------------

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        """A transaction in which no lease is past its end, by more than `RELEASE_EVERY`."""
        with self.store.write(self.study.id) as connection:
            now = self.store.clock()
            last = self.store.remembered.get(("released", self.study.id))
            if last is None or abs(now - last) >= RELEASE_EVERY:
                release_expired(connection, self.study.id, now)
                self.store.remembered["released", self.study.id] = now
            yield connection

    def _rater(self, connection: Connection) -> AnyRow:
        row = connection.execute(_ALLOWED, {"rater": self.rater}).one_or_none()
        if row is None:
            raise RaterRefused("wrong")  # erased
        return row

    def _allowed(self, connection: Connection) -> AnyRow:
        """Return the rater; raises `RaterRefused` if something has changed since `open`."""
        rater = self._rater(connection)
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

    def _end(self, rater: AnyRow) -> datetime | None:
        """Return when the rater's time is over."""
        if self.study.time_limit is None or rater.consented is None:
            return None
        return cast(datetime, rater.consented + self.study.time_limit)

    def _done(self, connection: Connection) -> int:
        """How many trials the rater has judged, training not counted."""
        return int(
            connection.execute(
                select(func.count()).where(
                    schema.assignment.c.rater == self.rater,
                    schema.assignment.c.kind != TRAINING,
                    schema.assignment.c.state == DONE,
                )
            ).scalar_one()
        )

    def _set(self, connection: Connection, **values: Any) -> None:
        connection.execute(
            schema.rater.update().where(schema.rater.c.id == self.rater).values(**values)
        )

    def _held(self, connection: Connection, trial_id: str) -> AnyRow:
        row = connection.execute(_HELD, {"trial": trial_id}).one_or_none()
        if row is None or row.rater != self.rater:
            raise NotYours("no such trial for this rater")
        return row

    def _item(self, connection: Connection, key: int) -> AnyRow:
        return connection.execute(select(schema.item).where(schema.item.c.id == key)).one()

    def _store(
        self,
        connection: Connection,
        held: AnyRow,
        rater: AnyRow,
        answer: str,
        *,
        key: str,
        tab: str,
        client: Mapping[str, Any],
    ) -> Saved:
        if rater.finished is not None:  # their time was over
            raise Expired
        if (held.kind == TRAINING) != (self._stage(rater) == "training"):
            raise NotNow("this trial belongs to another stage")
        of = held.comparison
        if held.state == RELEASED and not (
            held.kind == MAIN and take_place(connection, held.item, of, held.swapped)
        ):
            raise Expired()
        client = dict(client)
        now = self.store.clock()
        milliseconds = _milliseconds(client.pop("response_ms", None))
        looked = _milliseconds(client.pop("reference_ms", None))
        if held.shown is not None:
            elapsed = round((now - held.shown).total_seconds() * 1000)
            if milliseconds is not None and milliseconds > elapsed:
                # by our clock: nobody has looked for longer than that
                client["claimed_ms"], milliseconds = milliseconds, elapsed
            looked = None if looked is None else min(looked, elapsed)
        if self.study.reference_shown and (looked or 0) < REFERENCE_MS:
            raise NotSeen("the reference has not been looked at")
        broken = bool(client.pop("timer_broken", False)) or held.shown_count > 1
        connection.execute(
            _JUDGE,
            {
                "assignment": held.id,
                "key": key,
                "answer": answer,
                "created": now,
                "response_ms": milliseconds,
                "timer_broken": broken,
                "reloads": max(held.shown_count - 1, 0),
                "layout": client.pop("layout", None),
                "reference_shown": client.pop("reference_shown", None),
                "reference_ms": looked,
                "client": _small(client),
            },
        )
        connection.execute(SET_STATE, {"trial": held.id, "to": DONE})
        if held.kind == MAIN:
            preference = self.study.protocol.preference(answer, held.swapped)
            count_answer(connection, of, preference, +1, +1)
        elsewhere = rater.tab not in (None, tab)
        following = Elsewhere() if elsewhere else self._next(connection, rater, again=False)
        return Saved(answer, False, self._feedback(connection, held, answer), following)

    def _after(self, connection: Connection, tab: str) -> Next:
        """Return what comes next without counting it as shown again."""
        rater = self._allowed(connection)
        if rater.finished is not None:
            return Finished(rater.completion_code)
        if rater.tab not in (None, tab):
            return Elsewhere()
        return self._next(connection, rater, again=False)

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

    def _next(self, connection: Connection, rater: AnyRow, again: bool) -> Next:
        """Return the rater's current trial, leasing as needed; else wait for one, or finish."""
        end = self._end(rater)
        if end is not None and end <= self.store.clock():
            return self._end_by_time(connection, rater)
        preview = rater.source == PREVIEW
        chooser = Chooser(self.store, connection, self.study.rules, self.rater, preview)
        if rater.trained is None:
            practised = practice(connection, self.study.protocol, self.rater)
            held = chooser.fill_training(practised.again)
            if held:
                done = chooser.done(training=True)
                return self._give(
                    connection, held, again, kind="training", done=done, total=done + len(held)
                )
            self._set(connection, trained=self.store.clock(), practice=practised.outcome)
            rater = self._rater(connection)
        done, agreed = chooser.done(training=False), rater.agreed
        held = chooser.leased(training=False)
        if agreed is None or (done < agreed and not held):
            # New here, or away for longer than a lease: others may have been promised the places.
            more = promise(
                connection,
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
                self._set(connection, agreed=agreed)
                held = chooser.fill(agreed)
        else:
            held = chooser.fill(agreed)
        if held and agreed is not None:
            return self._give(
                connection,
                held,
                again,
                kind="judging",
                done=done,
                total=agreed,
                practice=rater.practice,
            )
        agreed_done = agreed is not None and done >= agreed
        if (
            not agreed_done
            and (seconds := wait(connection, self.study.id, self.rater, chooser.now)) is not None
        ):
            return Waiting(seconds)
        code = self._code(done, agreed_done)
        self._set(connection, finished=self.store.clock(), completion_code=code)
        return Finished(code)

    def _end_by_time(self, connection: Connection, rater: AnyRow) -> Finished:
        """Thank a rater for what was done within the time; others get what they hold."""
        free_leases(connection, self.rater)
        done = self._done(connection)
        code = self._code(done, rater.agreed is not None and done >= rater.agreed)
        self._set(connection, finished=self.store.clock(), ended="time", completion_code=code)
        return Finished(code)

    def _code(self, done: int, whole: bool) -> str | None:
        """Return the code for the work agreed, or for a part of it; None for nothing."""
        if not done:
            return None
        code = self.study.completion_code if whole else self.study.partial_code
        return code or completion_code()

    def _give(
        self,
        connection: Connection,
        held: list[int],
        again: bool,
        *,
        kind: Literal["training", "judging"],
        done: int,
        total: int,
        practice: Outcome | None = None,
    ) -> Trial:
        row = connection.execute(_SHOWN, {"trial": held[0]}).one()
        shown = row.shown_count + 1 if again else max(row.shown_count, 1)
        now = self.store.clock()
        connection.execute(
            _SHOW,
            {"trial": held[0], "count": shown, "until": now + self.study.rules.lease, "now": now},
        )
        slots: dict[int, dict[str, str]] = {key: {} for key in held[:2]}
        stimuli = {}
        for serving in connection.execute(_SLOTS, {"one": held[0], "two": held[:2][-1]}):
            slots[serving.assignment][serving.slot] = serving.id
            stimuli[serving.id] = serving.stimulus
        return Trial(
            id=row.public_id,
            kind_for_client=kind,
            slots=slots[held[0]],
            height=row.height,
            width=row.width,
            number=done + 1,
            total=total,
            resumed=row.shown_count > 0 and again,
            following=slots[held[1]] if len(held) > 1 else None,
            stimuli=stimuli,
            practice=practice,
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


def _milliseconds(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= LONGEST_MS else None


def _small(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a client sent if it is small and flat; raises `BenchError` otherwise."""
    if len(values) > _CLIENT_KEYS:
        raise BenchError(f"{len(values)} values in one message; expected {_CLIENT_KEYS} at most")
    for key, value in values.items():
        if not isinstance(key, str) or len(repr(value)) > _CLIENT_TEXT:
            raise BenchError(f"the value of '{str(key)[:40]}' is longer than {_CLIENT_TEXT}")
    return dict(values)
