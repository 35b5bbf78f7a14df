"""Practice: what was failed comes again, a bounded number of times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, bindparam, select

from raters.database import schema
from raters.database.schema import TRAINING
from raters.protocols import Protocol

ROUNDS = 3
"""So often at most is each practice trial given. Who fails one as often goes on all the same, and
that is stored: people are not sent away for how they see, and the golden trials tell the rest."""

Outcome = Literal["passed", "failed"]

_ANSWERED = (
    select(
        schema.assignment.c.item,
        schema.assignment.c.swapped,
        schema.judgement.c.answer,
        schema.item.c.correct,
    )
    .join(schema.judgement, schema.judgement.c.assignment == schema.assignment.c.id)
    .join(schema.item, schema.item.c.id == schema.assignment.c.item)
    .where(schema.assignment.c.rater == bindparam("rater"), schema.assignment.c.kind == TRAINING)
    .order_by(schema.assignment.c.position)
)


@dataclass(frozen=True, slots=True)
class Practice:
    """What a rater has practised: item -> whether each answer to it was right, in order."""

    rounds: dict[int, list[bool]]

    @property
    def again(self) -> list[int]:
        """The items that are to come again, in the order in which they were failed."""
        return [
            item for item, passed in self.rounds.items() if not passed[-1] and len(passed) < ROUNDS
        ]

    @property
    def outcome(self) -> Outcome:
        """Whether every item was passed in the end."""
        return "passed" if all(passed[-1] for passed in self.rounds.values()) else "failed"


def practice(connection: Connection, protocol: Protocol, rater: int) -> Practice:
    """Return what a rater has practised so far."""
    rounds: dict[int, list[bool]] = {}
    for row in connection.execute(_ANSWERED, {"rater": rater}):
        passed = protocol.passed(row.answer, row.swapped, row.correct)
        rounds.setdefault(row.item, []).append(passed)
    return Practice(rounds)
