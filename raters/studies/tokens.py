"""Links: random, stored as a hash, looked up by that hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, func, select

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.schema import AnyRow
from raters.database.store import Store
from raters.studies.secret import sealed

Kind = Literal[
    "wrong", "expired", "closed", "used_up", "withdrawn", "another", "placeholder", "begun", "busy"
]

_PLACEHOLDER = re.compile(r"[{}<>$%\[\]]|^PROLIFIC_PID$", re.IGNORECASE)
"""``{{%PROLIFIC_PID%}}``, ``${e://Field/PID}``, ``<id>``, ``[ID]``: never of a number."""


NEW_A_MINUTE = 20
"""New participants of a platform whom a study takes in a minute. With numbers made up, 50 came in
within 4 s, and a study's places were theirs."""
HALF_BEGUN = 60
"""So many may be in it at a time who came within `UNDECIDED` and have judged nothing yet."""
UNDECIDED = timedelta(minutes=15)


class RaterRefused(Exception):
    """Someone may not go on: what they are told is under ``refused.KIND`` in the texts.

    ``study``: the row of that whose texts those are, where it is known.
    """

    def __init__(self, kind: Kind, study: int | None = None) -> None:
        self.kind, self.study = kind, study
        super().__init__(kind)


def new_token() -> str:
    """Return 192 random bits, safe in a URL."""
    return secrets.token_urlsafe(24)


def hashed(token: str) -> str:
    """Return what the database keeps of a token. It is random, so one SHA-256 is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def invite(
    store: Store,
    study_name: str,
    count: int,
    source: str = "invite",
    valid: timedelta | None = None,
) -> list[str]:
    """Make ``count`` personal links; return their tokens, which are not kept and not shown again.

    ``valid``: how long from now a link may be used; None: until the study is closed.
    """
    if count < 1:
        raise BenchError(f"cannot invite {count} raters; expected 1 or more")
    study = store.study(study_name)
    if study.state == "closed":
        raise BenchError(f"study '{study_name}' is closed: no more raters can be invited")
    tokens = [new_token() for _ in range(count)]
    with store.write(study.id) as connection:
        now = store.clock()
        ends = None if valid is None else now + valid
        connection.execute(
            schema.rater.insert(),
            [
                {
                    "study": study.id,
                    "token_hash": hashed(token),
                    "source": source,
                    "created": now,
                    "link_expires": ends,
                }
                for token in tokens
            ],
        )
        store.log(connection, study.id, "invited", count=count)
    return tokens


def renew(store: Store, study_name: str, link: Literal["entry", "dashboard"]) -> str:
    """Make a new token for a study's crowd link or dashboard; the old one opens nothing any more.

    Raises `BenchError` for an unknown study.
    """
    study, token = store.study(study_name), new_token()
    with store.write(study.id) as connection:
        connection.execute(
            schema.study.update()
            .where(schema.study.c.id == study.id)
            .values({f"{link}_token_hash": hashed(token)})
        )
        store.log(connection, study.id, "link renewed", link=link)
    return token


def prolific_entry(store: Store, entry_token: str, pid: str, held: str = "") -> str:
    """Return a token for the participant ``pid`` of a crowd platform; raises `RaterRefused`.

    A placeholder that no platform has filled in is no participant.

    Who comes back goes on where they stopped. Numbers of participants are no secrets, so once
    something was judged that takes the token ``held`` by the browser; until then, and for somebody
    new, a token is made. The platform's number is kept as a
    keyed hash, and sealed for the coordinator's list (`raters.studies.participants`).
    """
    hidden = schema.study.c.entry_token_hash == hashed(entry_token)
    with store.read() as connection:
        study = connection.execute(select(schema.study).where(hidden)).one_or_none()
    if study is None or not pid or len(pid) > 200:
        raise RaterRefused("wrong")
    if _PLACEHOLDER.search(pid):
        raise RaterRefused("placeholder", study.id)
    who = hmac.new(study.salt.encode(), pid.encode(), "sha256").hexdigest()
    token = new_token()
    with store.write(study.id) as connection:
        known = (schema.rater.c.study == study.id) & (schema.rater.c.external_hash == who)
        before = connection.execute(select(schema.rater).where(known)).one_or_none()
        if before is not None:
            if held and hmac.compare_digest(before.token_hash, hashed(held)):
                return held
            if _has_judged(connection, before.id):
                raise RaterRefused("begun", study.id)
            _give_token(connection, before.id, token)
            return token
        state = connection.execute(
            select(schema.study.c.state).where(schema.study.c.id == study.id)
        ).scalar_one()
        if state == "closed":
            raise RaterRefused("closed", study.id)
        if _crowd_is_full(connection, study):
            raise RaterRefused("used_up", study.id)
        if _crowd_presses(connection, study.id, store.clock()):
            raise RaterRefused("busy", study.id)
        connection.execute(
            schema.rater.insert().values(
                study=study.id,
                token_hash=hashed(token),
                source="prolific",
                external_hash=who,
                participant=sealed(study.secret, pid, "participant", who),
                created=store.clock(),
            )
        )
    return token


def link_again(store: Store, study_name: str, rater: int) -> str:
    """Return a new token for a rater who has lost theirs, which opens nothing any more.

    Raises `BenchError` if the study has no such rater.
    """
    study, token = store.study(study_name), new_token()
    with store.write(study.id) as connection:
        known = (schema.rater.c.study == study.id) & (schema.rater.c.id == rater)
        if connection.execute(select(schema.rater.c.id).where(known)).first() is None:
            raise BenchError(
                f"study '{study_name}' has no rater {rater}; 'bench rate raters {study_name}' "
                "lists their numbers"
            )
        _give_token(connection, rater, token)
        store.log(connection, study.id, "link given again", rater=rater)
    return token


def _give_token(connection: Connection, rater: int, token: str) -> None:
    connection.execute(
        schema.rater.update().where(schema.rater.c.id == rater).values(token_hash=hashed(token))
    )


def _has_judged(connection: Connection, rater: int) -> bool:
    a = schema.assignment.c
    own = (a.rater == rater) & (a.state == schema.DONE) & (a.kind != schema.TRAINING)
    return connection.execute(select(a.id).where(own)).first() is not None


def _crowd_is_full(connection: Connection, study: AnyRow) -> bool:
    most = study.options["crowd"]
    if most is None:
        return False
    came = connection.execute(
        select(func.count()).where(
            schema.rater.c.study == study.id,
            schema.rater.c.external_hash.is_not(None),
            schema.rater.c.withdrawn.is_(None),
        )
    ).scalar_one()
    return bool(came >= most)


def _crowd_presses(connection: Connection, study: int, now: datetime) -> bool:
    """Whether more new participants have come of late than come by themselves."""
    r, a = schema.rater.c, schema.assignment.c
    judged = (
        select(a.id)
        .where(a.rater == r.id, a.state == schema.DONE, a.kind != schema.TRAINING)
        .exists()
    )
    undecided = func.count().filter(~judged)
    within_minute = func.count().filter(r.created > now - timedelta(minutes=1))
    minute, half_begun = connection.execute(
        select(within_minute, undecided).where(
            r.study == study,
            r.external_hash.is_not(None),
            r.withdrawn.is_(None),
            r.finished.is_(None),
            r.created > now - UNDECIDED,
        )
    ).one()
    return bool(minute >= NEW_A_MINUTE or half_begun >= HALF_BEGUN)


def study_of_dashboard(store: Store, token: str) -> str | None:
    """Return the name of the study whose dashboard ``token`` opens."""
    hidden = schema.study.c.dashboard_token_hash == hashed(token)
    with store.read() as connection:
        name: str | None = connection.execute(
            select(schema.study.c.name).where(hidden)
        ).scalar_one_or_none()
    return name


def dashboard_tag(store: Store, study_name: str) -> str | None:
    """Return what tells one dashboard's link from all others and opens none; None if unknown."""
    named = schema.study.c.name == study_name
    with store.read() as connection:
        kept = connection.execute(
            select(schema.study.c.dashboard_token_hash).where(named)
        ).scalar_one_or_none()
    return None if kept is None else hashed(f"tag {kept}")[:16]


def completion_code(alphabet: Sequence[str] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789") -> str:
    """Return eight letters and digits that are hard to misread."""
    return "".join(secrets.choice(alphabet) for _ in range(8))
