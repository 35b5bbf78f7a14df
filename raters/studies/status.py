"""How a study is going: counts, speed and trust, and nothing from which a ranking could be made.

While a study is open there are no wins here, of no model and no pair: how often each pair was
judged says nothing of who is ahead.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sqlalchemy import select

from raters.database import schema
from raters.database.schema import GOLDEN, MAIN, REPEAT, AnyRow
from raters.database.store import Store
from raters.protocols import Protocol, protocol_called
from raters.statistics.careless import Sitting, signs
from raters.studies.export import final_answers

ACTIVE = timedelta(minutes=5)
TARGET = 0.1
"""Half the width of a 95 % interval of how often one model is preferred to another."""
DEVIATION = 0.25
"""Of single ratings of one stimulus, in parts of the scale's range: usual values on five levels, 4
apart, are 0.6 to 1.1."""


@dataclass(frozen=True, slots=True)
class PairProgress:
    """One pair of models, or one model rated (``second`` is None)."""

    first: str
    second: str | None
    done: int
    quota: int
    leased: int
    """Being judged at this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterStatus:
    """One rater, by the number that exports and `erase` know."""

    rater: int
    stage: str
    done: int
    median_ms: float | None
    golden_passed: int
    golden_seen: int
    repeats_same: int
    repeats_seen: int
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """A study at one moment. What cannot be said yet is None."""

    study: str
    protocol: str
    state: str
    done: int
    quota: int
    pairs: tuple[PairProgress, ...]
    connected: bool | None
    """Whether judged pairs lead from every model to every other; None for ratings."""
    scale_exists: bool | None
    """Whether wins do, without which there is no scale; None for ratings and until closed."""
    invited: int
    started: int
    active: int
    """Raters with an answer in the last five minutes."""
    finished: int
    withdrawn: int
    median_ms: float | None
    golden_passed: int
    golden_seen: int
    repeats_same: int
    repeats_seen: int
    raters: tuple[RaterStatus, ...]
    """Those who began."""
    to_quota: int
    to_target: int
    """Judgements still needed until the interval of each pair has half-width `TARGET` (or that of
    each model's mean rating), at the worst: it looks at no answer."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """One answer after revisions, on sides."""

    kind: str
    answer: str
    on_stimuli: str
    repeats: str | None
    passed: bool | None
    milliseconds: float


def status(store: Store, study_name: str) -> Status:
    """Return how the study called ``study_name`` is going; raises `BenchError` if unknown."""
    study = store.study(study_name)
    protocol = protocol_called(study.protocol)
    pairwise = protocol.pairwise
    with store.read() as connection:
        comparisons = connection.execute(
            select(schema.comparison).where(schema.comparison.c.study == study.id)
        ).all()
        labels = {
            row.id: row.label
            for row in connection.execute(
                select(schema.method).where(schema.method.c.study == study.id)
            )
        }
        raters = connection.execute(
            select(schema.rater).where(schema.rater.c.study == study.id).order_by(schema.rater.c.id)
        ).all()
        a, j, i = schema.assignment.c, schema.judgement.c, schema.item.c
        rows = connection.execute(
            select(
                j.id,
                j.answer,
                j.created,
                j.response_ms,
                j.timer_broken,
                i.correct,
                a.id.label("assignment"),
                a.rater,
                a.kind,
                a.swapped,
                a.repeat_of,
            )
            .join(schema.assignment, a.id == j.assignment)
            .join(schema.item, i.id == a.item)
            .where(a.study == study.id, a.kind.in_((MAIN, GOLDEN, REPEAT)))
            .order_by(j.id)
        ).all()
        revised = final_answers(connection, study.id)
    given = _given(protocol, rows, revised)
    recent = store.clock() - ACTIVE
    people = tuple(
        _rater(protocol, row, given[row.id]) for row in raters if row.consented is not None
    )
    times = [g.milliseconds for answers in given.values() for g in answers if g.kind == MAIN]
    pairs = tuple(
        PairProgress(
            *_sorted(labels[row.first], labels.get(row.second)),
            row.done,
            row.quota,
            row.taken - row.done,
        )
        for row in comparisons
    )
    return Status(
        study.name,
        study.protocol,
        study.state,
        done=sum(pair.done for pair in pairs),
        quota=sum(pair.quota for pair in pairs),
        pairs=tuple(sorted(pairs, key=lambda pair: (pair.first, pair.second or ""))),
        connected=_connected(comparisons, wins=False) if pairwise else None,
        scale_exists=_connected(comparisons, wins=True)
        if pairwise and study.state == "closed"
        else None,
        invited=len(raters),
        started=len(people),
        active=len({row.rater for row in rows if row.created > recent}),
        finished=sum(row.finished is not None for row in raters),
        withdrawn=sum(row.withdrawn is not None for row in raters),
        median_ms=_median(times),
        golden_passed=sum(p.golden_passed for p in people),
        golden_seen=sum(p.golden_seen for p in people),
        repeats_same=sum(p.repeats_same for p in people),
        repeats_seen=sum(p.repeats_seen for p in people),
        raters=people,
        to_quota=sum(pair.quota - pair.done for pair in pairs),
        to_target=sum(max(needed(protocol) - pair.done, 0) for pair in pairs),
        notes=tuple(study.options["notes"]),
    )


def needed(protocol: Protocol, half_width: float = TARGET) -> int:
    """Return the judgements of one pair for an interval of +- ``half_width`` at the worst.

    Pairs: p = 1/2 has the widest, so (1.96 * 0.5 / 0.1)^2 = 96.04 and 97 are needed. Ratings:
    ``half_width`` is in levels of the mean of one model.
    """
    scale = protocol.levels
    deviation = 0.5 if protocol.pairwise else DEVIATION * (scale[-1] - scale[0])
    return math.ceil((1.959964 * deviation / half_width) ** 2)


def _given(
    protocol: Protocol, rows: Sequence[AnyRow], revised: dict[int, list[str]]
) -> dict[int, list[_Given]]:
    given: dict[int, list[_Given]] = defaultdict(list)
    earlier: dict[int, str] = {}
    for row in rows:
        answer = revised.get(row.id, [row.answer])[-1]
        settled = protocol.on_stimuli(answer, row.swapped)
        earlier[row.assignment] = settled
        known = None if row.correct is None else protocol.passed(answer, row.swapped, row.correct)
        unknown = row.timer_broken or row.response_ms is None
        given[row.rater].append(
            _Given(
                kind=row.kind,
                answer=answer,
                on_stimuli=settled,
                repeats=earlier.get(row.repeat_of),
                passed=known,
                milliseconds=math.nan if unknown else float(row.response_ms),
            )
        )
    return given


def _rater(protocol: Protocol, row: AnyRow, given: Sequence[_Given]) -> RaterStatus:
    golden = [bool(g.passed) for g in given if g.kind == GOLDEN]
    repeats = [g.repeats == g.on_stimuli for g in given if g.kind == REPEAT]
    times = [g.milliseconds for g in given]
    sides = [protocol.preference(g.answer, swapped=False) for g in given if g.kind == MAIN]
    left = [side > 0 for side in sides if side]
    sitting = Sitting(golden, times, [g.answer for g in given], left)
    stage = (
        "withdrawn"
        if row.withdrawn is not None
        else "done"
        if row.finished is not None
        else "judging"
        if row.trained is not None
        else "preparing"
    )
    return RaterStatus(
        rater=row.id,
        stage=stage,
        done=len(given),
        median_ms=_median(times),
        golden_passed=sum(golden),
        golden_seen=len(golden),
        repeats_same=sum(repeats),
        repeats_seen=len(repeats),
        flags=signs(sitting),
    )


def _median(times: Sequence[float]) -> float | None:
    known = [time for time in times if not math.isnan(time)]
    return median(known) if known else None


def _sorted(first: str, second: str | None) -> tuple[str, str | None]:
    return (first, second) if second is None or first < second else (second, first)


def _connected(comparisons: Sequence[AnyRow], wins: bool) -> bool:
    """Whether all models hang together by judged pairs, or by wins (a tie is one for both)."""
    models = sorted({m for row in comparisons for m in (row.first, row.second)})
    index = {model: number for number, model in enumerate(models)}
    edges = []
    for row in comparisons:
        first, second = index[row.first], index[row.second]
        if row.first_better + row.same if wins else row.done:
            edges.append((first, second))
        if wins and row.second_better + row.same:
            edges.append((second, first))
    starts, ends = np.array(edges, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges)), (starts, ends)), shape=(len(models), len(models)))
    parts, _ = connected_components(graph, directed=wins, connection="strong")
    return bool(parts == 1)
