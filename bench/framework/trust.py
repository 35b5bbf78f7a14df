"""Which metric to trust here: how well each says what people say, and where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from bench.framework.judged import SEPARATED, Judged, centred
from bench.statistics.correlation import Coefficient, correlate, correlations, decisions, srocc
from bench.statistics.multiplicity import holm
from raters.statistics.intervals import SAMPLES
from raters.studies.answers import Crop

Floats = NDArray[np.float64]

LEVEL = 0.95
LEVELS = 12
"""A stratum of more levels than this is no kind of image."""
FEWEST = 8
"""Items below which a kind of image says nothing of a metric."""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """One metric against people, over models on the same image; all signs are such that more is
    better agreement.

    ``mark``: "best", the highest rank correlation; "tied", not significantly lower; "behind";
    None where that was not tested. ``p`` is of being lower than the best, adjusted (Holm).
    """

    metric: str
    srocc: Coefficient
    krcc: Coefficient
    plcc: Coefficient
    plcc_fitted: Coefficient
    better_worse: Coefficient
    different_similar: Coefficient
    correct: Coefficient
    mark: str | None
    p: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StratumTrust:
    """A metric's rank correlation with people on the images of one ``level`` of a stratum."""

    metric: str
    key: str
    level: str
    images: int
    srocc: Coefficient
    correct: Coefficient


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Two models on one image of which people clearly prefer one and the metric the other.

    ``people``: by how many standard deviations; ``by_metric``: by how many of those that the
    metric's differences have. ``votes`` for and against, direct comparisons (None for ratings).
    """

    metric: str
    crop: Crop
    preferred: str
    other: str
    people: float
    by_metric: float
    scores: tuple[float, float]
    votes: tuple[float, float] | None


@dataclass(frozen=True)
class Pairs:
    """All pairs of models on all images that have scores: ``row`` of the place, the two models."""

    row: NDArray[np.intp]
    first: NDArray[np.intp]
    second: NDArray[np.intp]


def trust(found: Judged, samples: int = SAMPLES, seed: int = 0) -> list[Trust]:
    """Hold every metric against people on what all metrics have, the most trusted first.

    Rank correlations are over image and model, both taken off their mean over the image's models:
    what is compared is what tells models apart. Decisions are on pairs of models on one image
    (Krasula et al. 2016). Intervals resample scenes, or images.
    """
    row, column = np.nonzero(_common(found))
    clusters = found.clusters[row]
    people = _between(found, found.people)[row, column]
    pairs = all_pairs(found)
    sides = _sides(found, pairs)
    rows = []
    for metric in found.scores:
        if len(row) < 3:
            continue
        scores = _between(found, found.directed(metric))[row, column]
        by_rank = correlations(scores, people, clusters, samples=samples, seed=seed)
        gap = _gap(found.directed(metric), pairs)
        by_pair = decisions(gap, sides, found.clusters[pairs.row], samples, seed)
        rows.append((metric, by_rank, by_pair))
    marks = _marks([by_rank.srocc for _, by_rank, _ in rows], len(set(clusters)))
    made = [
        Trust(
            metric=metric,
            srocc=by_rank.srocc,
            krcc=by_rank.krcc,
            plcc=by_rank.plcc,
            plcc_fitted=by_rank.plcc_fitted,
            better_worse=by_pair.better_worse,
            different_similar=by_pair.different_similar,
            correct=by_pair.correct,
            mark=mark,
            p=p,
        )
        for (metric, by_rank, by_pair), (mark, p) in zip(rows, marks, strict=True)
    ]
    return sorted(made, key=lambda one: -np.inf if one.srocc.value is None else -one.srocc.value)


def ceiling(first: Floats, second: Floats, found: Judged, samples: int = SAMPLES) -> Coefficient:
    """Return the rank correlation of one half of the raters with the other (`judged.halves`)."""
    both = np.isfinite(first) & np.isfinite(second) & _common(found)
    row, column = np.nonzero(both)
    if len(row) < 3:
        return Coefficient(
            value=None,
            low=None,
            high=None,
            n=len(row),
            note="too few images that both halves judged",
        )
    one, other = (centred(np.where(both, half, np.nan))[row, column] for half in (first, second))
    return correlate(srocc, one, other, clusters=found.clusters[row], samples=samples)


def by_stratum(found: Judged, samples: int = SAMPLES, seed: int = 0) -> list[StratumTrust]:
    """Return every metric's agreement with people for each kind of image.

    Kinds of one level, or of very many, are left out, as are levels of too few images to tell.
    """
    made = []
    for (key, level), inside in kinds(found.crops).items():
        row, column = np.nonzero(_common(found) & inside[:, None])
        pairs = all_pairs(found)
        kept = inside[pairs.row]
        pairs = Pairs(pairs.row[kept], pairs.first[kept], pairs.second[kept])
        if len(row) < FEWEST:
            continue
        people = _between(found, found.people)[row, column]
        sides = _sides(found, pairs)
        for metric in found.scores:
            scores = _between(found, found.directed(metric))[row, column]
            gap = _gap(found.directed(metric), pairs)
            made.append(
                StratumTrust(
                    metric=metric,
                    key=key,
                    level=level,
                    images=int(inside.sum()),
                    srocc=correlate(
                        srocc,
                        scores,
                        people,
                        clusters=found.clusters[row],
                        samples=samples,
                        seed=seed,
                    ),
                    correct=decisions(gap, sides, found.clusters[pairs.row], samples, seed).correct,
                )
            )
    return made


def kinds(crops: Sequence[Crop]) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """Return (stratum, level) -> which crops are of it (P,), the levels of one stratum together.

    Strata of one level, or of more than `LEVELS` (an identity, a date), are no kinds of images.
    """
    levels: dict[str, dict[str, list[int]]] = {}
    for number, crop in enumerate(crops):
        for key, level in crop.strata.items():
            levels.setdefault(key, {}).setdefault(level, []).append(number)
    return {
        (key, level): np.isin(np.arange(len(crops)), numbers)
        for key, of in levels.items()
        if 1 < len(of) <= LEVELS
        for level, numbers in of.items()
    }


def disagreements(found: Judged, metric: str, count: int = 2) -> list[Disagreement]:
    """Return the pairs of models on an image on which a metric contradicts people most.

    Of the pairs that people separate, and where a direct majority agrees, those with the largest
    product of how sure people are and how large the metric's difference is; one for each image.
    """
    pairs = all_pairs(found)
    z = found.apart[pairs.row, pairs.first, pairs.second]
    gap = _gap(found.directed(metric), pairs)
    gap = gap / (gap.std() or 1.0)
    wrong = (np.abs(z) > SEPARATED) & (z * gap < 0)
    made: list[Disagreement] = []
    for k in np.argsort(z * gap, kind="stable"):
        if not wrong[k] or len(made) == count:
            break
        crop = found.crops[pairs.row[k]]
        better, worse = pairs.first[k], pairs.second[k]
        if z[k] < 0:
            better, worse = worse, better
        votes = _direct(found, int(pairs.row[k]), int(better), int(worse))
        if any(one.crop is crop for one in made) or (votes and votes[0] <= votes[1]):
            continue
        scores = found.scores[metric][pairs.row[k]]
        made.append(
            Disagreement(
                metric=metric,
                crop=crop,
                preferred=found.models[better],
                other=found.models[worse],
                people=abs(float(z[k])),
                by_metric=abs(float(gap[k])),
                scores=(float(scores[better]), float(scores[worse])),
                votes=votes,
            )
        )
    return made


def all_pairs(found: Judged) -> Pairs:
    """Return every pair of models on an image that people judged and all metrics scored."""
    known = _common(found)
    rows = []
    for first, second in combinations(range(len(found.models)), 2):
        at = np.flatnonzero(known[:, first] & known[:, second])
        rows.append(np.column_stack([at, np.full_like(at, first), np.full_like(at, second)]))
    table = np.concatenate(rows).T if rows else np.zeros((3, 0), np.intp)
    return Pairs(*(column.astype(np.intp) for column in table))


def _common(found: Judged) -> NDArray[np.bool_]:
    """Return (P, M): where people judged, and every metric has a finite score."""
    known = np.isfinite(found.people)
    for values in found.scores.values():
        known &= np.isfinite(values)
    several = known.sum(axis=1, keepdims=True) > 1  # alone on its image, a model tells nothing
    return np.asarray(known & several)


def _between(found: Judged, values: Floats) -> Floats:
    return centred(np.where(_common(found), values, np.nan))


def _sides(found: Judged, pairs: Pairs) -> NDArray[np.intp]:
    """Return 1 where people separate the first from the second, -1 the other way, else 0."""
    z = found.apart[pairs.row, pairs.first, pairs.second]
    return (np.sign(z) * (np.abs(z) > SEPARATED)).astype(np.intp)


def _gap(directed: Floats, pairs: Pairs) -> Floats:
    return np.asarray(directed[pairs.row, pairs.first] - directed[pairs.row, pairs.second])


def _direct(found: Judged, row: int, better: int, worse: int) -> tuple[float, float] | None:
    if found.votes is None:
        return None
    return float(found.votes[row, better, worse]), float(found.votes[row, worse, better])


def _marks(given: Sequence[Coefficient], clusters: int) -> list[tuple[str | None, float | None]]:
    """Test every metric's correlation against the highest, on the same resamples."""
    known = [k for k, one in enumerate(given) if one.value is not None and one.draws is not None]
    marks: list[tuple[str | None, float | None]] = [(None, None)] * len(given)
    if not known or clusters < 2:
        return marks
    best = max(known, key=lambda k: given[k].value or 0.0)
    marks[best] = ("best", None)
    others = [k for k in known if k != best]
    p = holm([_lower(given[best], given[k], clusters) for k in others])
    for k, adjusted in zip(others, p, strict=True):
        marks[k] = ("behind" if adjusted < 1 - LEVEL else "tied", adjusted)
    return marks


def _lower(best: Coefficient, other: Coefficient, clusters: int) -> float:
    """Return the two-sided p-value of a difference, by its bootstrap error and Student's t."""
    assert best.draws is not None
    assert other.draws is not None
    gap = best.draws - other.draws
    error = np.nanstd(gap, ddof=1) * np.sqrt(clusters / (clusters - 1))
    value = (best.value or 0.0) - (other.value or 0.0)
    if not error > 0:
        return 0.0 if value else 1.0
    return float(2 * student.sf(abs(value) / error, clusters - 1))
