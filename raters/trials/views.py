"""What the pages of a study get to see of it, and how they are told no."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from bench.core.errors import BenchError
from raters.database import schema
from raters.protocols import Protocol, protocol_called
from raters.studies.building import TRAINING
from raters.studies.plates import CONTRASTS
from raters.texts import Texts
from raters.texts.own import kept
from raters.trials.assignment import Rules
from raters.trials.practice import ROUNDS, Outcome

Stage = Literal["consent", "questions", "checks", "training", "judging", "done", "closed"]


class NotYours(BenchError):
    """The trial is unknown, or another rater's."""


class NotNow(BenchError):
    """Asked for at the wrong stage, such as a trial before consent."""


class NotSeen(BenchError):
    """An answer about a reference that the rater cannot have looked at."""


REFERENCE_MS = 500
"""For so long in all a reference must have been to be seen before an answer about it is taken.

Eyes rest on a place for 200 to 300 ms (Rayner 1998, doi:10.1037/0033-2909.124.3.372): time to find
the place and to look at it.
"""


class Expired(Exception):
    """The trial waited too long and has gone to someone else."""


MOST_REVISIONS = 5
"""Of one answer. Changing one's mind is not answering without end."""


class RevisedEnough(Exception):
    """An answer was changed as often as it may be."""


@dataclass(frozen=True, slots=True)
class StudyView:
    """What a rater's page may know of a study. ``name`` is not shown to raters."""

    id: int
    name: str
    protocol: Protocol
    texts: Mapping[str, Texts]
    """What raters are told, by language, the usual one first."""
    reference_shown: bool
    ties: bool
    one_key: bool
    height: int
    """Of the largest stimulus, in pixels; and ``width``."""
    width: int
    trials: int
    colours: bool
    """Whether colour vision is checked."""
    time_limit: timedelta | None
    """From consent; then a rater is thanked."""
    rules: Rules
    completion_code: str | None
    partial_code: str | None
    return_url: str | None
    """Where raters go back to after the end, with ``{code}`` for their code."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a rater is. ``done`` of ``total`` trials are judged, training not counted.

    ``closed``: the study ended while they were at it; their code is for what they did. ``ended``:
    why they are done, where not for having done all: ``time``. ``seconds_left``: until then.
    """

    stage: Stage
    done: int
    total: int
    completion_code: str | None = None
    ended: str | None = None
    seconds_left: float | None = None


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
    following: tuple[Mapping[str, str], ...]
    """Serving ids of the trials after this one, in their order, to be loaded ahead."""
    stimuli: Mapping[str, int]
    """What each of these serving ids shows, by its row. Not for clients."""
    practice: Outcome | None
    """How practice ended; None before it has, and where that is not known."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What is said to an answer in practice: whether it was ``right``.

    ``worse``: the slot of the image that was made worse, None where the one shown was not;
    ``damage``: how, a name of `raters.studies.stimuli.GOLDEN_DEGRADATIONS`. ``expected``: the first
    and the last of the right answers. ``again``: whether the trial comes once more.
    """

    right: bool
    worse: str | None
    damage: str
    expected: tuple[str, ...]
    again: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """An answer as stored. ``repeated``: it was there before. ``feedback`` in training only."""

    answer_stored: str
    repeated: bool
    feedback: Feedback | None
    next: Next


def view_study(connection: Connection, study: int) -> StudyView:
    """Read a study as its raters may see it."""
    row = connection.execute(select(schema.study).where(schema.study.c.id == study)).one()
    protocol, options = protocol_called(row.protocol), row.options
    shown = options["reference"] == "shown"
    limit = options.get("time_limit")
    weight = _megabytes(connection, row.id, options["trials"], len(protocol.slots) + shown)
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
        texts={
            code: one.of_study(**_facts(options), megabytes=weight)
            for code, one in kept(row, protocol).items()
        },
        reference_shown=shown,
        ties=options["ties"],
        one_key=options["one_key"],
        height=row.height,
        width=row.width,
        trials=options["trials"],
        colours=options.get("colours", False),
        time_limit=None if limit is None else timedelta(minutes=limit),
        rules=rules,
        completion_code=options["completion_code"],
        partial_code=options.get("partial_code"),  # studies of the first version have none
        return_url=options.get("return_url"),
    )


SECONDS_A_TRIAL = 8
"""Raters are told beforehand how long it takes, at this pace."""


def _megabytes(connection: Connection, study: int, trials: int, images: int) -> str:
    """Return how much a rater loads: of each trial so many ``images``, as long as all are."""
    size = (
        select(func.avg(func.length(schema.stimulus.c.png)))
        .join(schema.content, schema.content.c.id == schema.stimulus.c.content)
        .where(schema.content.c.study == study)
    )
    bytes_each = float(connection.execute(size).scalar_one() or 0)
    return f"{max(bytes_each * images * (TRAINING + trials) / 1e6, 0.1):.2g}"


def _facts(options: Mapping[str, Any]) -> dict[str, object]:
    """Return what a study's options say in its texts; see `raters.texts.table.FACTS`."""
    trials, limit = options["trials"], options.get("time_limit")
    return {
        "trials": trials,
        "minutes": math.ceil((TRAINING + trials) * SECONDS_A_TRIAL / 60) + 1,
        "time_limit": "" if limit is None else f"{limit:g}",
        "colour_plates": len(CONTRASTS) if options.get("colours") else "",
        "practice": TRAINING,
        "practice_again": ROUNDS - 1,
    }
