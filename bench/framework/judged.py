"""What people and metrics say of each judged image: the ground on which metrics are trusted.

People judged a piece of an image; metrics are of that same piece.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from bench.core.errors import BenchError
from bench.core.limits import cores
from bench.core.parallel import keep_to_one_core
from bench.framework.people import HumanScale
from bench.framework.scores import ScoreTable
from bench.image import Pixels, read
from bench.metrics.scorer import Scorer
from bench.metrics.table import is_metric
from bench.records import Score
from raters.statistics.active import posterior
from raters.statistics.opinion import recover_opinion
from raters.statistics.ratings import Ratings
from raters.statistics.votes import Votes
from raters.studies.answers import Answers, Crop

Floats = NDArray[np.float64]

SEPARATED = 1.959964
"""People separate two models on an image where one is better with a probability above 97.5 %."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """P crops by M models, as `HumanScale` orders them.

    ``people`` (P, M): how good people find each, in the study's unit, each crop's mean taken off;
    NaN where nobody judged it. ``apart`` (P, M, M): how surely the row is better than the column,
    in standard deviations; 0 where nothing is known. ``votes`` (P, M, M): how often the row was
    directly preferred, a tie half; for ratings None. ``scores``: metric -> (P, M), in the metric's
    own direction, NaN where missing or infinite. ``clusters`` (P,): what intervals resample.
    """

    models: tuple[str, ...]
    crops: tuple[Crop, ...]
    clusters: NDArray[np.str_]
    people: Floats
    apart: Floats
    votes: Floats | None
    scores: Mapping[str, Floats]
    higher_is_better: Mapping[str, bool]
    units: Mapping[str, str]
    missing: Mapping[str, str]
    """Metrics that cannot be held against people, with the reason."""
    anew: bool
    """Whether pieces were scored here, as the run's scores are of whole images."""

    def directed(self, metric: str) -> Floats:
        """Return a metric's scores (P, M) with the better side up."""
        return self.scores[metric] * (1 if self.higher_is_better[metric] else -1)


def judged(scale: HumanScale, table: ScoreTable, metrics: Sequence[str]) -> Judged:
    """Join people's judgements of single images with the scores of ``metrics`` of the run.

    Where people saw less than the whole image, the same piece is scored anew; that takes the run's
    images and the metrics' weights, and as long as scoring takes.
    """
    answers = scale.answers
    columns = [answers.methods.index(model) for model in scale.models]
    if answers.pairwise:
        people, apart, votes = _compared(answers.votes(), columns)
    else:
        people, apart = _rated(answers.ratings(), columns)
        votes = None
    scenes = [crop.scene for crop in answers.crops]
    several = len(set(scenes)) > 1
    names = scenes if several else [crop.image for crop in answers.crops]
    scores, missing, anew = _scores(scale, table, metrics)
    return Judged(
        models=scale.models,
        crops=answers.crops,
        clusters=np.asarray(names, dtype=np.str_),
        people=people,
        apart=apart,
        votes=votes,
        scores=scores,
        higher_is_better={m: table.higher_is_better[m] for m in scores},
        units={m: table.units[m] for m in scores},
        missing=missing,
        anew=anew,
    )


def halves(answers: Answers, models: Sequence[str], seed: int = 0) -> tuple[Floats, Floats]:
    """Return ``people`` (P, M) of each half of the raters, drawn at random.

    How well one half says what the other says is as well as any metric can be expected to.
    """
    rng = np.random.default_rng(seed)
    columns = [answers.methods.index(model) for model in models]
    given = answers.votes() if answers.pairwise else answers.ratings()
    raters = np.asarray(given.rater)
    chosen = rng.permutation(len(given.raters)) < len(given.raters) // 2
    found = []
    for half in (chosen[raters], ~chosen[raters]):
        if isinstance(given, Votes):
            found.append(_compared(_part(given, half), columns)[0])
        else:
            found.append(_rated(_part(given, half), columns)[0])
    return found[0], found[1]


def _part(given: Any, chosen: NDArray[np.bool_]) -> Any:
    """Return some votes or ratings, with the images' numbers left as they are."""
    keys = ("image", "rater", "a", "b", "outcome", "method", "rating")
    return replace(
        given, **{key: getattr(given, key)[chosen] for key in keys if hasattr(given, key)}
    )


def _compared(votes: Votes, columns: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """Return people, apart and votes of comparisons: Bradley-Terry with a prior, per image."""
    number, places = len(votes.methods), len(votes.images)
    half = (votes.outcome == 0) / 2
    wins = np.zeros((places, number, number))
    for first, second, won in ((votes.a, votes.b, 1), (votes.b, votes.a, -1)):
        cell = (votes.image * number + first) * number + second
        worth = (votes.outcome == won) + half
        wins += np.bincount(cell, worth, wins.size).reshape(wins.shape)
    wins = wins[:, columns][:, :, columns]
    mean, covariance = posterior(wins)
    spread = np.einsum("pii->pi", covariance)
    variance = spread[:, :, None] + spread[:, None, :] - 2 * covariance
    gap = mean[:, :, None] - mean[:, None, :]
    apart = np.where(variance > 1e-12, gap / np.sqrt(np.maximum(variance, 1e-12)), 0.0)
    seen = (wins + np.swapaxes(wins, 1, 2)).sum(axis=2) > 0
    apart = np.where(seen[:, :, None] & seen[:, None, :], apart, 0.0)
    return centred(np.where(seen, mean, np.nan)), apart, wins


def _rated(ratings: Ratings, columns: Sequence[int]) -> tuple[Floats, Floats]:
    """Return people and apart of ratings: mean opinions, raters' bias taken off; Welch's test."""
    number, places = len(ratings.methods), len(ratings.images)
    table, _ = ratings.table()
    rating = ratings.rating
    given = ~np.isnan(table)
    if given.any(axis=1).all():
        with suppress(ArithmeticError):  # of too few raters to tell their bias: as they are
            rating = rating - recover_opinion(table).bias[ratings.rater]
    cell = ratings.image * number + ratings.method

    def summed(values: Floats | None) -> Floats:
        found = np.bincount(cell, values, places * number).reshape(places, number)
        return np.asarray(found, np.float64)[:, columns]

    n, total, squares = summed(None), summed(rating), summed(rating**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        variance = np.maximum(squares / n - mean**2, 0) * n / (n - 1) / n  # of the mean
    known = n > 1
    of_mean = np.where(known, variance, 0.0)
    error = of_mean[:, :, None] + of_mean[:, None, :]
    gap = np.where(n > 0, mean, 0.0)
    gap = gap[:, :, None] - gap[:, None, :]
    part = of_mean**2 / np.maximum(n - 1, 1)
    freedom = error**2 / np.maximum(part[:, :, None] + part[:, None, :], 1e-12)
    p = student.sf(np.abs(gap) / np.sqrt(np.maximum(error, 1e-12)), np.maximum(freedom, 1))
    both = known[:, :, None] & known[:, None, :]
    apart = np.where(both & (gap != 0), np.sign(gap) * norm.isf(np.maximum(p, 1e-300)), 0.0)
    return centred(np.where(n > 0, mean, np.nan)), apart


def centred(values: Floats) -> Floats:
    """Take each row's mean off, of what is not NaN: what is left is between models."""
    known = ~np.isnan(values)
    n = np.maximum(known.sum(axis=1, keepdims=True), 1)
    return np.asarray(values - np.where(known, values, 0.0).sum(axis=1, keepdims=True) / n)


# --- scores of what was judged -----------------------------------------------------------------


def _scores(
    scale: HumanScale, table: ScoreTable, metrics: Sequence[str]
) -> tuple[dict[str, Floats], dict[str, str], bool]:
    """Return metric -> (P, M), why others are missing, and whether pieces were scored anew."""
    missing: dict[str, str] = {}
    if not _cut(scale):
        rows = [table.images.index(crop.image) for crop in scale.answers.crops]
        columns = [table.models.index(model) for model in scale.models]
        found = {m: table.finite(m)[np.ix_(rows, columns)] for m in metrics}
        anew = False
    else:
        here = [metric for metric in metrics if is_metric(metric)]
        missing = {m: "the package that brings it is not here" for m in metrics if m not in here}
        found, anew = _scored_anew(scale, here), True
    for metric in [m for m in found if not np.isfinite(found[m]).any()]:
        del found[metric]
        missing[metric] = "no finite score of what was judged"
    return found, missing, anew


def _cut(scale: HumanScale) -> bool:
    """Whether people saw less than whole images."""
    for crop in scale.answers.crops:
        for model in scale.models:
            path = scale.run.image_path(model, crop.image)
            if path.is_file():
                if read(path).shape[:2] != (crop.height, crop.width):
                    return True
                break
    return False


def _scored_anew(scale: HumanScale, metrics: Sequence[str]) -> dict[str, Floats]:
    """Score the judged piece of every image of every model, as `bench run` scores whole ones."""
    scorer = Scorer(metrics)
    images = scale.run.images()
    references = dict(zip(images["image"], images["reference"], strict=True))
    found = {
        m: np.full((len(scale.answers.crops), len(scale.models)), np.nan) for m in scorer.names
    }

    def score(number: int, crop: Crop) -> None:
        window = np.s_[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]

        def piece(path: Path) -> Pixels:
            return np.ascontiguousarray(read(path)[window])

        truth = references[crop.image]
        prepared = scorer.reference(piece(Path(truth)) if truth else None)
        for column, model in enumerate(scale.models):
            path = scale.run.image_path(model, crop.image)
            if path.is_file():
                for name, value in scorer.score(piece(path), prepared).items():
                    found[name][number, column] = _finite(value)

    with ThreadPoolExecutor(cores(), initializer=keep_to_one_core) as pool:
        try:
            list(pool.map(score, range(len(scale.answers.crops)), scale.answers.crops))
        except BenchError as error:
            raise BenchError(f"what was judged cannot be scored: {error}") from None
    return found


def _finite(score: Score) -> float:
    value = score.value
    return float(value) if value is not None and np.isfinite(value) else float("nan")
