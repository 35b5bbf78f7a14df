"""How well metrics say what people said of a data set of opinions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BenchError
from bench.core.limits import cores
from bench.core.parallel import ahead
from bench.core.progress import Update, unheard
from bench.image import read
from bench.metrics.opinions import Opinion, OpinionSet
from bench.metrics.published import Published, published
from bench.metrics.scorer import Scorer
from bench.metrics.table import metric_card
from bench.records import Score
from bench.statistics.correlation import Correlations, correlations

Floats = NDArray[np.float64]

FEWEST = 8
"""Images below which no correlation is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """One metric against people; all signs are such that more is better agreement.

    ``images`` were scored, of ``references``, which intervals resample. Without ``agreement`` there
    is a ``reason``.
    """

    metric: str
    images: int
    references: int
    agreement: Correlations | None
    reason: str
    published: tuple[Published, ...]


def validate(
    opinions: OpinionSet,
    root: Path,
    names: Sequence[str],
    *,
    limit: int | None = None,
    device: str = "cpu",
    progress: Update = unheard,
) -> list[Validated]:
    """Score the distorted images of a set and correlate each metric with people's opinions.

    ``limit`` takes so many references, with all that was made of them, evenly over the set. Raises
    `BenchError` for a set of which files are missing.
    """
    scorer = Scorer(names, device)
    judged = sorted(opinions.read(root), key=lambda one: one.reference)
    groups = [list(group) for _, group in groupby(judged, key=lambda one: one.reference)]
    if not groups:
        raise BenchError(f"'{root}' has no opinions; expected {opinions.title}")
    if limit is not None and limit < len(groups):
        groups = [groups[round(i)] for i in np.linspace(0, len(groups) - 1, limit)]
    scored: list[tuple[Opinion, dict[str, Score]]] = []
    total = sum(map(len, groups))
    for group in groups:
        scored += _scored(scorer, group)
        progress("score", len(scored), total, group[0].reference.name)
    return [_validated(name, opinions, scored) for name in scorer.names]


def _scored(scorer: Scorer, group: Sequence[Opinion]) -> Iterator[tuple[Opinion, dict[str, Score]]]:
    """Yield the images of one reference with their scores; files are decoded ahead."""
    prepared = scorer.reference(read(group[0].reference))
    with ThreadPoolExecutor(cores()) as pool:
        paths = ahead(pool, read, [one.image for one in group], cores())
        for one, (_, pixels) in zip(group, paths, strict=True):
            yield one, scorer.score(pixels.result(), prepared)


def _validated(
    name: str, opinions: OpinionSet, scored: Sequence[tuple[Opinion, dict[str, Score]]]
) -> Validated:
    rows = [
        (score, one)
        for one, scores in scored
        if (score := scores[name].value) is not None and np.isfinite(score)
    ]
    references = sorted({one.reference for _, one in rows})
    agreement, reason = None, ""
    if len(rows) >= FEWEST:
        same = metric_card(name).higher_is_better == opinions.higher_is_better
        clusters = np.array([references.index(one.reference) for _, one in rows])
        said = np.array([score if same else -score for score, _ in rows])
        people = np.array([one.value for _, one in rows])
        if opinions.relative:
            said, people = _off_mean(said, clusters), _off_mean(people, clusters)
        agreement = correlations(said, people, clusters=clusters)
    else:
        reasons = [scores[name].reason for _, scores in scored if scores[name].reason]
        reason = reasons[0] if reasons and reasons[0] else f"{len(rows)} images are too few"
    return Validated(
        metric=name,
        images=len(rows),
        references=len(references),
        agreement=agreement,
        reason=reason,
        published=published(name, opinions.name),
    )


def _off_mean(values: Floats, clusters: NDArray[np.int64]) -> Floats:
    """Return values less the mean of their cluster: what tells its versions apart."""
    sums, counts = np.bincount(clusters, values), np.bincount(clusters)
    return np.asarray(values - (sums / counts)[clusters])
