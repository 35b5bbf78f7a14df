"""What may be changed of a study after it was made: closed, reopened, extended, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, bindparam, func, select

from bench.core.errors import BenchError
from raters.database import schema
from raters.database.schema import GOLDEN, MAIN, PREVIEW
from raters.database.store import Store
from raters.studies.tokens import completion_code
from raters.studies.unblinding import unblinded


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """How much of what a study holds."""

    models: int
    images: int
    raters: int
    judgements: int


def contents(store: Store, study_name: str) -> Contents:
    """Count what `delete_study` removes. Raises `BenchError` for an unknown study."""
    key = store.study(study_name).id
    with store.read() as connection:
        counts = [
            connection.execute(
                select(func.count()).select_from(table).where(table.c.study == key)
            ).scalar_one()
            for table in (schema.method, schema.content, schema.rater)
        ]
        judgements = connection.execute(
            select(func.count())
            .select_from(schema.judgement)
            .join(schema.assignment, schema.assignment.c.id == schema.judgement.c.assignment)
            .where(schema.assignment.c.study == key)
        ).scalar_one()
    models, images, raters = counts
    return Contents(models=models, images=images, raters=raters, judgements=judgements)


def delete_study(store: Store, study_name: str) -> None:
    """Remove a study and all that came of it. Raises `BenchError` for an unknown study."""
    key = store.study(study_name).id
    with store.write(key) as connection:
        # First what refers to images and models: the database would look for each one's by itself.
        for table in (schema.event, schema.rater, schema.item, schema.comparison):
            connection.execute(table.delete().where(table.c.study == key))
        connection.execute(schema.study.delete().where(schema.study.c.id == key))
    store.overwrite()


def reopen_study(store: Store, study_name: str) -> bool:
    """Let a closed study go on; return whether its models had been named on its dashboard.

    That it was reopened, and when, goes on record. Raises `BenchError` for a study that is open.
    """
    study, named = store.study(study_name), unblinded(store, study_name)
    with store.write(study.id) as connection:
        changed = connection.execute(
            schema.study.update()
            .where(schema.study.c.id == study.id, schema.study.c.state == "closed")
            .values(state="open", closed=None)
        )
        if not changed.rowcount:
            raise BenchError(f"study '{study_name}' is open already")
        store.log(connection, study.id, "reopened", named=named)
    return named


def extend_study(
    store: Store,
    study_name: str,
    *,
    trials: int | None = None,
    per_pair: int | None = None,
    crowd: int | None = None,
    links: timedelta | None = None,
) -> None:
    """Ask for more: each is a new number, above the one there was; None leaves it.

    ``trials`` of one rater, for those who have not begun; ``per_pair``, judgements of each pair of
    models, or ratings of each image; ``crowd``, participants of a platform; ``links``: links that
    end work for at least so long from now. Running servers go by it within seconds. Raises
    `BenchError` for less than there is.
    """
    study = store.study(study_name)
    wanted = {"trials": trials, "per_pair": per_pair, "crowd": crowd}
    changes = {name: value for name, value in wanted.items() if value is not None}
    if not changes and links is None:
        raise BenchError(
            "nothing to extend; give --trials, --per-pair, --crowd or --links with a new value"
        )
    with store.write(study.id) as connection:
        row = connection.execute(select(schema.study).where(schema.study.c.id == study.id)).one()
        for name, value in changes.items():
            before = row.options[name]
            if before is None or value <= before:
                flag = name.replace("_", "-")
                there = "has no limit" if before is None else f"is {before} already"
                raise BenchError(f"--{flag} {value}: it {there}; expected more")
        if per_pair is not None:
            _raise_quotas(connection, study.id, row.options["per_pair"], per_pair)
        asked = int(changes.get("trials", row.options["trials"]))
        known = connection.execute(
            select(func.count()).where(
                schema.item.c.study == study.id, schema.item.c.kind == GOLDEN
            )
        ).scalar_one()
        connection.execute(
            schema.study.update()
            .where(schema.study.c.id == study.id)
            .values(
                options=row.options | changes,
                golden=min(round(row.options["golden"] * asked), known),
                repeats=round(row.options["repeats"] * asked),
            )
        )
        if links is not None:
            r, until = schema.rater.c, store.clock() + links
            connection.execute(
                schema.rater.update()
                .where(r.study == study.id, r.link_expires < until, r.source != PREVIEW)
                .values(link_expires=until)
            )
        days = None if links is None else links.total_seconds() / 86400
        store.log(connection, study.id, "extended", **changes, link_days=days)


def _raise_quotas(connection: Connection, study: int, before: int, after: int) -> None:
    """Give each comparison ``after`` places for ``before``, spread evenly over its items."""
    i = schema.item.c
    rows = connection.execute(
        select(i.id, i.comparison, i.quota)
        .where(i.study == study, i.kind == MAIN)
        .order_by(i.comparison, i.quota.desc(), i.rank)
    ).all()
    items: dict[int, list[tuple[int, int]]] = {}
    for row in rows:
        items.setdefault(row.comparison, []).append((row.id, row.quota))
    for comparison, own in items.items():
        there = sum(quota for _, quota in own)
        each, more = divmod(there * after // before, len(own))
        for place, (key, quota) in enumerate(own):
            added = each + (place < more) - quota
            connection.execute(
                schema.item.update()
                .where(i.id == key)
                .values(quota=i.quota + added, room=i.room + added)
            )
        c = schema.comparison.c
        connection.execute(
            schema.comparison.update()
            .where(c.id == comparison)
            .values(quota=each * len(own) + more)
        )


def close_study(store: Store, study_name: str) -> None:
    """Take no more judgements. From now on names may be shown. Closing twice is no error.

    Who is in the middle of it gets a code for what they did: the study's for parts, or their own.
    """
    study = store.study(study_name)
    with store.write(study.id) as connection:
        changed = connection.execute(
            schema.study.update()
            .where(schema.study.c.id == study.id, schema.study.c.state == "open")
            .values(state="closed", closed=store.clock())
        )
        if changed.rowcount:
            for rater in connection.execute(_STOPPED, {"study": study.id}).scalars().all():
                code = study.options.get("partial_code") or completion_code()
                connection.execute(
                    schema.rater.update()
                    .where(schema.rater.c.id == rater)
                    .values(completion_code=code)
                )
            store.log(connection, study.id, "closed")


_STOPPED = select(schema.rater.c.id).where(
    schema.rater.c.study == bindparam("study"),
    schema.rater.c.finished.is_(None),
    schema.rater.c.withdrawn.is_(None),
    schema.rater.c.completion_code.is_(None),  # a study that was reopened has given codes before
    schema.rater.c.id.in_(
        select(schema.assignment.c.rater).where(
            schema.assignment.c.study == bindparam("study"),
            schema.assignment.c.state == schema.DONE,
            schema.assignment.c.kind != schema.TRAINING,
        )
    ),
)
"""Raters who have judged something, and not all."""
