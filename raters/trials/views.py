"""What the pages of a study get to see of it, and how they are told no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import Connection, select

from bench.core.errors import BenchError
from raters.database import schema
from raters.protocols import Protocol, protocol_called
from raters.trials.assignment import Rules

Stage = Literal["consent", "checks", "training", "judging", "done", "closed"]


class NotYours(BenchError):
    """The trial is unknown, or another rater's."""


class NotNow(BenchError):
    """Asked for at the wrong stage, such as a trial before consent."""


class Expired(Exception):
    """The trial waited too long and has gone to someone else; ``message`` is for the rater."""

    message = (
        "You were away for a while, and this comparison has been given to someone else. Your other "
        "answers are saved; please go on with the next one."
    )


MOST_REVISIONS = 5
"""Of one answer. Changing one's mind is not answering without end."""


class RevisedEnough(Exception):
    """An answer was changed as often as it may be; ``message`` is for the rater."""

    message = (
        f"You have changed your last answer {MOST_REVISIONS} times, which is as often as that can "
        "be done. It stays as it is now."
    )

    def __init__(self) -> None:
        super().__init__(self.message)


@dataclass(frozen=True, slots=True)
class StudyView:
    """What a rater's page may know of a study. ``name`` is not shown to raters."""

    id: int
    name: str
    protocol: Protocol
    question: str
    reference_shown: bool
    ties: bool
    one_key: bool
    height: int
    """Of the largest stimulus, in pixels; and ``width``."""
    width: int
    trials: int
    rules: Rules
    completion_code: str | None
    partial_code: str | None
    return_url: str | None
    """Where raters go back to after the end, with ``{code}`` for their code."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a rater is. ``done`` of ``total`` trials are judged, training not counted.

    ``closed``: the study ended while they were at it; their code is for what they did.
    """

    stage: Stage
    done: int
    total: int
    completion_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What to show. ``slots`` maps a, b, reference to serving ids; ``a`` is on the left."""

    id: str
    kind_for_client: Literal["training", "judging"]
    slots: Mapping[str, str]
    height: int
    width: int
    number: int
    total: int
    resumed: bool
    """Given before: the response time no longer means anything."""
    following: Mapping[str, str] | None
    """Serving ids of the trial after this one, to be loaded ahead."""
    stimuli: Mapping[str, int]
    """What each of these serving ids shows, by its row. Not for clients."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The study is open in another tab; ``take_over`` continues here."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is left is with other raters at the moment; worth asking again after ``seconds``."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Finished:
    """No trials are left for this rater; the code is None for who has judged nothing."""

    completion_code: str | None


Next = Trial | Elsewhere | Waiting | Finished


@dataclass(frozen=True, slots=True)
class Saved:
    """An answer as stored. ``repeated``: it was there before. ``feedback`` in training only."""

    answer_stored: str
    repeated: bool
    feedback: str | None
    next: Next


def view_study(connection: Connection, study: int) -> StudyView:
    """Read a study as its raters may see it."""
    row = connection.execute(select(schema.study).where(schema.study.c.id == study)).one()
    protocol, options = protocol_called(row.protocol), row.options
    shown = options["reference"] == "shown"
    rules = Rules(
        study=row.id,
        secret=row.secret,
        trials=options["trials"],
        golden=row.golden,
        repeats=row.repeats,
        active=options["assignment"] == "active",
        lease=timedelta(minutes=options["lease"]),
        slots=protocol.slots,
        reference=shown,
    )
    return StudyView(
        id=row.id,
        name=row.name,
        protocol=protocol,
        question=row.question,
        reference_shown=shown,
        ties=options["ties"],
        one_key=options["one_key"],
        height=row.height,
        width=row.width,
        trials=options["trials"],
        rules=rules,
        completion_code=options["completion_code"],
        partial_code=options.get("partial_code"),  # studies of the first version have none
        return_url=options.get("return_url"),
    )
