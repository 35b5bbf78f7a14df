"""How a study is going: counts, speed and trust, and nothing from which a ranking could be made.

While a study is open there are no wins here, of no model and no pair: how often each pair was
judged says nothing of who is ahead.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median

from sqlalchemy import distinct, func, select

from raters.database import schema
from raters.database.schema import GOLDEN, MAIN, PREVIEW, REPEAT, TRAINING, AnyRow
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


@dataclass(slots=True)
class _Given:
    """One rater's answers after revisions, on sides, in their order."""

    answers: list[int | str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    main_milliseconds: list[float] = field(default_factory=list)
    left: list[bool] = field(default_factory=list)
    golden: list[bool] = field(default_factory=list)
    repeats: list[bool] = field(default_factory=list)


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
            select(schema.rater)
            .where(schema.rater.c.study == study.id, schema.rater.c.source != PREVIEW)
            .order_by(schema.rater.c.id)
        ).all()
        a, j, i = schema.assignment.c, schema.judgement.c, schema.item.c
        judged = (
            select(j.id, j.answer, j.response_ms, j.timer_broken)
            .add_columns(a.id, a.rater, a.item, a.kind, a.swapped, a.repeat_of)
            .join(schema.assignment, a.id == j.assignment)
            .where(a.study == study.id, a.kind.in_((MAIN, GOLDEN, REPEAT)))
        )
        rows = connection.execute(judged.order_by(j.id)).all()
        recent = store.clock() - ACTIVE
        active = connection.execute(
            select(func.count(distinct(a.rater)))
            .join(schema.judgement, a.id == j.assignment)
            .join(schema.rater, schema.rater.c.id == a.rater)
            .where(
                a.study == study.id,
                a.kind != TRAINING,
                j.created > recent,
                schema.rater.c.source != PREVIEW,
            )
        ).scalar_one()
        known = connection.execute(
            select(i.id, i.correct).where(i.study == study.id, i.kind == GOLDEN)
        )
        correct = {row.id: row.correct for row in known}
        revised = final_answers(connection, study.id)
    given = _given(protocol, rows, revised, correct)
    people = tuple(_rater(row, given[row.id]) for row in raters if row.consented is not None)
    times = [time for row in raters for time in given[row.id].main_milliseconds]
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
        active=active,
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
    if protocol.pairwise:
        return math.ceil((1.959964 * 0.5 / half_width) ** 2)
    if protocol.marks:  # a level is the way from one name to the next
        half_width *= (scale[-1] - scale[0]) / len(protocol.marks)
    deviation = DEVIATION * (scale[-1] - scale[0])
    return math.ceil((1.959964 * deviation / half_width) ** 2)


def _given(
    protocol: Protocol,
    rows: Sequence[AnyRow],
    revised: Mapping[int, list[str]],
    correct: Mapping[int, Sequence[str]],
) -> dict[int, _Given]:
    """Sort the answers by rater. ``correct``: right answers, on stimuli, by the golden item."""
    given: dict[int, _Given] = defaultdict(_Given)
    earlier: dict[int, str] = {}
    meant: dict[tuple[str, bool], tuple[str, int, int | str]] = {}
    for judgement, answer, ms, broken, trial, rater, item, kind, swapped, repeats in rows:
        if judgement in revised:
            answer = revised[judgement][-1]
        if (answer, swapped) not in meant:
            side = protocol.preference(answer, swapped=False)
            part = protocol.coarse(protocol.answer(answer).value) if protocol.marks else answer
            meant[answer, swapped] = protocol.on_stimuli(answer, swapped), side or 0, part
        settled, side, part = meant[answer, swapped]
        own, time = given[rater], math.nan if broken or ms is None else float(ms)
        own.answers.append(part)
        own.milliseconds.append(time)
        if kind == MAIN:
            earlier[trial] = settled
            own.main_milliseconds.append(time)
            if side:
                own.left.append(side > 0)
        elif kind == GOLDEN:
            own.golden.append(protocol.passed(answer, swapped, correct[item]))
        else:
            before = earlier.get(repeats)
            own.repeats.append(before is not None and protocol.agree(before, settled))
    return given


def _rater(row: AnyRow, given: _Given) -> RaterStatus:
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
        done=len(given.answers),
        median_ms=_median(given.milliseconds),
        golden_passed=sum(given.golden),
        golden_seen=len(given.golden),
        repeats_same=sum(given.repeats),
        repeats_seen=len(given.repeats),
        flags=signs(Sitting(given.golden, given.milliseconds, given.answers, given.left)),
    )


def _median(times: Sequence[float]) -> float | None:
    known = [time for time in times if not math.isnan(time)]
    return median(known) if known else None


def _sorted(first: str, second: str | None) -> tuple[str, str | None]:
    return (first, second) if second is None or first < second else (second, first)


def _connected(comparisons: Sequence[AnyRow], wins: bool) -> bool:
    """Whether all models hang together by judged pairs, or by wins (a tie is one for both)."""
    models = {m for row in comparisons for m in (row.first, row.second)}
    edges = set()
    for row in comparisons:
        if row.first_better + row.same if wins else row.done:
            edges.add((row.first, row.second))
        if row.second_better + row.same if wins else row.done:
            edges.add((row.second, row.first))
    back = {(second, first) for first, second in edges}
    start = min(models)
    return _reached(start, edges) == _reached(start, back) == models


def _reached(start: int, edges: Iterable[tuple[int, int]]) -> set[int]:
    """Return all that ``edges`` lead to, step by step, from ``start``."""
    following = defaultdict(set)
    for first, second in edges:
        following[first].add(second)
    reached, waiting = {start}, [start]
    while waiting:
        new = following[waiting.pop()] - reached
        reached |= new
        waiting += new
    return reached
