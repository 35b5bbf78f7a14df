"""The answers of a study as arrays, for the analysis: votes or ratings, and how each rater sat.

Only a closed study is read, or an open one on record: see `raters.studies.unblinding`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.core.plugins import load_object
from raters.database import schema
from raters.database.schema import GOLDEN, MAIN, PREVIEW, REPEAT
from raters.database.store import Store
from raters.protocols import Protocol, protocol_called
from raters.statistics.agreement import Share, share_of
from raters.statistics.analyse import ScaleAnalysis, analyse
from raters.statistics.careless import Sitting, signs
from raters.statistics.intervals import SAMPLES
from raters.statistics.ratings import RatingAnalysis, Ratings, analyse_ratings
from raters.statistics.votes import Votes
from raters.studies.export import final_answers, labels_of
from raters.studies.unblinding import StillOpen, require_closed, unblinded

Ints = NDArray[np.int64]

_BLOCK = 50_000
_KINDS = {MAIN: 0, GOLDEN: 1, REPEAT: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """What of an image was judged: a crop of ``height`` x ``width`` at (``top``, ``left``)."""

    image: str
    scene: str
    strata: Mapping[str, str]
    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The final answers of a study, arrays (V,) in the order of time, training left out.

    ``kind`` is 0 for main trials, 1 for golden ones, 2 for repeats. ``rater`` indexes ``raters``
    and ``crop`` ``crops``. ``first`` and ``second`` index ``methods`` in main trials and repeats
    (``second`` is -1 in ratings), else -1. ``answer`` is the value of the protocol's answer: the
    rating, or above 0 where the first was preferred, below 0 where the second was, 0 for a tie;
    ``shown`` the same for left and right. ``bad``: both images were called bad, and
    ``answer`` is 0. ``passed``: a golden one is right. ``earlier``: of a repeat, the place of the
    first time in these arrays, else -1. ``response_ms`` is NaN where it is not known.
    """

    study: str
    run: str
    protocol: str
    methods: tuple[str, ...]
    crops: tuple[Crop, ...]
    raters: tuple[str, ...]
    kind: NDArray[np.int8]
    rater: Ints
    crop: Ints
    first: Ints
    second: Ints
    answer: NDArray[np.int8]
    shown: NDArray[np.int8]
    bad: NDArray[np.bool_]
    passed: NDArray[np.bool_]
    earlier: Ints
    response_ms: NDArray[np.float32]

    @property
    def pairwise(self) -> bool:
        """Whether images were compared, rather than rated."""
        return protocol_called(self.protocol).pairwise

    def votes(self) -> Votes:
        """Return the comparisons of main trials. Raises `BenchError` for ratings, and for none."""
        if not self.pairwise:
            raise BenchError(f"'{self.study}' is a study of ratings: it has no comparisons")
        main = self._main()
        raters, rater = np.unique(self.rater[main], return_inverse=True)
        return Votes(
            methods=self.methods,
            images=tuple(c.image for c in self.crops),
            raters=tuple(self.raters[i] for i in raters),
            image=self.crop[main].astype(np.intp),
            a=self.first[main].astype(np.intp),
            b=self.second[main].astype(np.intp),
            outcome=np.sign(self.answer[main]),
            rater=rater.astype(np.intp),
            scenes=tuple(c.scene for c in self.crops),
        )

    def ratings(self) -> Ratings:
        """Return the ratings of main trials. Raises `BenchError` for pairs, and for none."""
        if self.pairwise:
            raise BenchError(f"'{self.study}' is a study of pairs: it has no ratings")
        main = self._main()
        raters, rater = np.unique(self.rater[main], return_inverse=True)
        return Ratings(
            methods=self.methods,
            images=tuple(c.image for c in self.crops),
            raters=tuple(self.raters[i] for i in raters),
            image=self.crop[main].astype(np.intp),
            method=self.first[main].astype(np.intp),
            rating=self.answer[main].astype(np.float64),
            rater=rater.astype(np.intp),
            levels=protocol_called(self.protocol).levels,
            scenes=tuple(c.scene for c in self.crops),
        )

    def analyse(
        self,
        model: str = "bradley-terry",
        samples: int = SAMPLES,
        seed: int = 0,
        prior_sd: float | None = None,
        only: NDArray[np.bool_] | None = None,
    ) -> ScaleAnalysis | RatingAnalysis:
        """Analyse the main trials as the protocol's row says; see `analyse_comparisons`."""
        run = load_object(protocol_called(self.protocol).analysis)
        found: ScaleAnalysis | RatingAnalysis = run(
            self, model=model, samples=samples, seed=seed, prior_sd=prior_sd, only=only
        )
        return found

    def without(self, raters: Collection[str]) -> Answers:
        """Return the answers of all other raters. Raises `BenchError` for one who gave none."""
        for name in raters:
            choose("rater", name, self.raters)
        out = [number for number, name in enumerate(self.raters) if name in raters]
        kept = ~np.isin(self.rater, out)
        position = np.cumsum(kept) - 1  # a repeat and its first time have one rater, kept or not
        of_answers = (
            "kind",
            "rater",
            "crop",
            "first",
            "second",
            "answer",
            "shown",
            "bad",
            "passed",
            "response_ms",
        )
        arrays = {name: getattr(self, name)[kept] for name in of_answers}
        earlier = np.where(self.earlier >= 0, position[self.earlier], -1)[kept]
        return replace(self, earlier=earlier, **arrays)

    def _main(self) -> NDArray[np.bool_]:
        main = np.asarray(self.kind == _KINDS[MAIN])
        if not main.any():
            raise BenchError(
                f"nobody has judged anything in '{self.study}' yet; 'bench rate invite "
                f"{self.study}' makes links, 'bench rate status {self.study}' shows who began"
            )
        return main

    def repeats(self) -> Share | None:
        """Return how often a rater gave the same answer again; None where nobody was asked to.

        On a slider, one within the protocol's tolerance.
        """
        again = np.flatnonzero(self.earlier >= 0)
        if not len(again):
            return None
        first = self.earlier[again]
        apart = np.abs(self.answer[again].astype(int) - self.answer[first])
        within = apart <= protocol_called(self.protocol).tolerance
        same = within & (self.bad[again] == self.bad[first])
        return share_of(int(same.sum()), len(again))

    def called_bad(self, only: NDArray[np.bool_] | None = None) -> dict[str, Share]:
        """Return of each model in how many of its comparisons both images were called bad.

        ``only`` (crops,): on some images. Empty where the protocol has no such answer.
        """
        if not any(answer.both_bad for answer in protocol_called(self.protocol).answers):
            return {}
        main = self._main() if only is None else self._main() & only[self.crop]
        found = {}
        for number, name in enumerate(self.methods):
            there = main & ((self.first == number) | (self.second == number))
            if there.any():
                found[name] = share_of(int(self.bad[there].sum()), int(there.sum()))
        return found

    def golden(self) -> Share | None:
        """Return how often known answers were right; None where there are none."""
        known = self.kind == _KINDS[GOLDEN]
        return share_of(int(self.passed[known].sum()), int(known.sum())) if known.any() else None

    def flags(self) -> dict[str, tuple[str, ...]]:
        """Return what speaks against each rater (`careless.signs`), of those with an answer."""
        order = np.argsort(self.rater, kind="stable")
        ends = np.cumsum(np.bincount(self.rater, minlength=len(self.raters)))
        found = {}
        for number, rows in enumerate(np.split(order, ends[:-1])):
            if len(rows):
                found[self.raters[number]] = signs(self._sitting(rows))
        return found

    def _sitting(self, rows: NDArray[np.intp]) -> Sitting:
        kind, shown = self.kind[rows], self.shown[rows]
        protocol = protocol_called(self.protocol)
        decided = (kind == _KINDS[MAIN]) & (shown != 0)
        left = shown[decided] > 0 if self.pairwise else np.zeros(0, bool)
        return Sitting(
            passed=self.passed[rows][kind == _KINDS[GOLDEN]],
            response_ms=self.response_ms[rows],
            shown=[protocol.coarse(value) for value in shown.tolist()],
            left=left,
        )


def analyse_comparisons(
    answers: Answers,
    *,
    model: str,
    samples: int,
    seed: int,
    prior_sd: float | None,
    only: NDArray[np.bool_] | None,
) -> ScaleAnalysis:
    """Put a study's models on one scale; ``only`` (crops,) keeps the trials of some images.

    The other arguments are those of `raters.statistics.analyse.analyse`. Raises `BenchError` as it
    does, and where nobody has judged anything.
    """
    votes = answers.votes()
    votes = votes if only is None else votes.only(only[votes.image])
    found = analyse(votes, model, samples, seed, prior_sd)
    found = replace(found, called_bad=answers.called_bad(only))
    return replace(found, agreement=replace(found.agreement, repeats=answers.repeats()))


def analyse_opinions(
    answers: Answers,
    *,
    model: str,
    samples: int,
    seed: int,
    prior_sd: float | None,
    only: NDArray[np.bool_] | None,
) -> RatingAnalysis:
    """Return the mean opinions of a study's models; ``only`` as in `analyse_comparisons`.

    Ratings need no scaling ``model`` and no ``prior_sd``: these are accepted and change nothing.
    """
    ratings = answers.ratings()
    ratings = ratings if only is None else ratings.only(only[ratings.image])
    found = analyse_ratings(ratings, samples, seed)
    return replace(found, agreement=replace(found.agreement, repeats=answers.repeats()))


def read_answers(
    store: Store, study_name: str, unblind: bool = False, by: str = "analyse"
) -> Answers:
    """Return the answers of a closed study. Raises `StillOpen` for an open one.

    With ``unblind`` an open study is read too, and it goes on record that ``by`` did.
    """
    study = store.study(study_name)
    protocol = protocol_called(study.protocol)
    require_closed(store, study, by, unblind)
    with store.read() as connection:
        labels = labels_of(connection, study.id)
        contents = connection.execute(
            select(schema.content)
            .where(schema.content.c.study == study.id)
            .order_by(schema.content.c.id)
        ).all()
        items = _items(connection, study.id)
        columns = _columns(connection, study.id, protocol)
    methods = tuple(sorted(labels.values()))
    where = {row.id: number for number, row in enumerate(contents)}
    index = {key: methods.index(label) for key, label in labels.items()} | {None: -1}
    known = np.array([row.id for row in items], np.int64)
    at = np.searchsorted(known, columns["item"])

    def of_item(values: list[int]) -> Ints:
        return np.array(values, np.int64).reshape(-1)[at]

    turned = np.where(columns["swapped"], -1, 1) if protocol.pairwise else 1
    on_stimuli = (columns["answer"] * turned).astype(np.int8)
    right = [{protocol.answer(code).value for code in row.correct or ()} for row in items]
    levels = np.array(protocol.levels, np.int8)
    allowed = np.array([[level in values for level in levels] for values in right], bool)
    numbers, rater = np.unique(columns["rater"], return_inverse=True)
    known_trials = np.argsort(columns["trial"], kind="stable")
    found = np.searchsorted(columns["trial"], columns["repeat_of"], sorter=known_trials)
    earlier = known_trials[np.minimum(found, max(len(known_trials) - 1, 0))]
    same = columns["trial"][earlier] == columns["repeat_of"]
    return Answers(
        study=study.name,
        run=study.run,
        protocol=study.protocol,
        methods=methods,
        crops=tuple(_crop(row) for row in contents),
        raters=tuple(map(str, numbers)),
        kind=columns["kind"].astype(np.int8),
        rater=rater,
        crop=of_item([where[row.content] for row in items]),
        first=of_item([index[row.one] for row in items]),
        second=of_item([index[row.two] for row in items]),
        answer=on_stimuli,
        shown=columns["answer"].astype(np.int8),
        bad=columns["bad"],
        passed=allowed.reshape(-1, len(levels))[at, np.searchsorted(levels, on_stimuli)],
        earlier=np.where(same, earlier, -1),
        response_ms=columns["response_ms"].astype(np.float32),
    )


def _crop(row: Any) -> Crop:
    return Crop(
        image=row.image,
        scene=row.cluster,
        strata=row.strata,
        top=row.top,
        left=row.left,
        height=row.height,
        width=row.width,
    )


def _items(connection: Connection, study: int) -> list[Any]:
    """Return id, content, correct and the methods ``one`` and ``two`` of all items, by id."""
    first, second = schema.stimulus.alias("a"), schema.stimulus.alias("b")
    i = schema.item.c
    rows = connection.execute(
        select(
            i.id, i.content, i.correct, first.c.method.label("one"), second.c.method.label("two")
        )
        .join(first, first.c.id == i.first)
        .outerjoin(second, second.c.id == i.second)
        .where(i.study == study)
        .order_by(i.id)
    ).all()
    return list(rows)


def _columns(connection: Connection, study: int, protocol: Protocol) -> dict[str, NDArray[Any]]:
    """Return what is large, a block of rows at a time: a million answers are no million objects."""
    revised = {key: answers[-1] for key, answers in final_answers(connection, study).items()}
    values = {answer.code: (answer.value, answer.both_bad) for answer in protocol.answers}
    a, j = schema.assignment.c, schema.judgement.c
    result = connection.execution_options(yield_per=_BLOCK).execute(
        select(
            j.id,
            j.answer,
            j.response_ms,
            j.timer_broken,
            a.id,
            a.rater,
            a.item,
            a.kind,
            a.swapped,
            a.repeat_of,
        )
        .join(schema.assignment, a.id == j.assignment)
        .join(schema.rater, schema.rater.c.id == a.rater)
        .where(a.study == study, a.kind.in_(tuple(_KINDS)), schema.rater.c.source != PREVIEW)
        .order_by(j.id)
    )
    names = (
        "answer",
        "bad",
        "response_ms",
        "trial",
        "rater",
        "item",
        "kind",
        "swapped",
        "repeat_of",
    )
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    for block in result.partitions():
        judgement, answer, ms, broken, trial, rater, item, kind, swapped, repeats = zip(
            *block, strict=True
        )
        codes = [
            values[revised.get(key, given)] for key, given in zip(judgement, answer, strict=True)
        ]
        times = np.array(ms, np.float32)
        times[np.array(broken, bool)] = np.nan
        found: tuple[NDArray[Any], ...] = (
            np.array([value for value, _ in codes], np.int8),
            np.array([bad for _, bad in codes], bool),
            times,
            np.array(trial, np.int64),
            np.array(rater, np.int64),
            np.array(item, np.int64),
            np.array([_KINDS[k] for k in kind], np.int8),
            np.array(swapped, bool),
            np.array([-1 if r is None else r for r in repeats], np.int64),
        )
        for name, column in zip(names, found, strict=True):
            parts[name].append(column)
    kinds = (np.int8, bool, np.float32, np.int64, np.int64, np.int64, np.int8, bool, np.int64)
    return {
        name: np.concatenate(parts[name]) if parts[name] else np.zeros(0, kind)
        for name, kind in zip(names, kinds, strict=True)
    }


def results(store: Store, study_name: str) -> list[tuple[str, float, int]]:
    """Return model, mean and number of judgements, best first.

    The mean is the share of wins, ties half, or the mean rating: plain figures for a first look,
    without the model of comparisons or the intervals of an analysis. Raises `StillOpen` unless
    `unblinded`.
    """
    if not unblinded(store, study_name):
        raise StillOpen(f"study '{study_name}' has not been closed and unblinded")
    given = read_answers(store, study_name)
    main = given.kind == _KINDS[MAIN]
    answer = given.answer[main].astype(np.float64)
    table = []
    for number, label in enumerate(given.methods):
        first, second = given.first[main] == number, given.second[main] == number
        worth = answer[first]
        if given.pairwise:  # a win counts 1, a tie half
            worth = np.concatenate([1 + np.sign(worth), 1 - np.sign(answer[second])]) / 2
        if len(worth):
            table.append((label, float(worth.mean()), len(worth)))
    return sorted(table, key=lambda row: -row[1])
