"""Which of two models is better, and which models cannot be told apart from the best."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.core.errors import BenchError
from bench.core.names import choose, counted
from bench.framework.scores import CLEAN, INFINITE, Bools, ScoreTable, read_scores
from bench.metrics.table import ALIASES
from bench.runs.store import RunFolder
from bench.statistics.claims import LEVEL, TOO_FEW, Claims, told_apart
from bench.statistics.clusters import (
    Difference,
    Estimate,
    cluster_means,
    paired_difference,
    paired_differences,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models on common images. ``difference`` is the mean of ``a`` minus ``b``.

    The images are those of the run's other tables, where both are ranked there; else those on which
    both have a finite score. ``p_adjusted`` is corrected for all models that are compared on them.
    ``better`` names the better model where that is below 5 %, else None; both are None with too few
    scenes for a test. ``excluded`` counts images left out, by reason.
    """

    a: str
    b: str
    metric: str
    unit: str
    higher_is_better: bool
    mean_a: float
    mean_b: float
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    better: str | None
    images: int
    clusters: int
    excluded: dict[str, int]
    exact: bool
    note: str | None

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        sense = "higher" if self.higher_is_better else "lower"
        lines = [
            f"{self.metric} ({sense} is better) on {counted(self.images, 'image')} "
            f"in {counted(self.clusters, 'scene')}",
            f"  {self.a}: {self.mean_a:.4g}{unit}",
            f"  {self.b}: {self.mean_b:.4g}{unit}",
            f"  {self.a} - {self.b}: {self.difference:+.4g}{unit}"
            + ("" if self.low is None else f", 95 % interval [{self.low:+.4g}, {self.high:+.4g}]"),
        ]
        if self.p is not None:
            how = "all sign flips" if self.exact else "random sign flips"
            several = self.p_adjusted is not None and self.p_adjusted != self.p
            adjusted = f", {self.p_adjusted:.3g} adjusted for all models" if several else ""
            lines.append(f"  p = {self.p:.3g} ({how} of whole scenes){adjusted}")
        lines.append(f"  {self._verdict()}")
        lines += [f"  left out: {counted(n, 'image')}: {why}" for why, n in self.excluded.items()]
        if self.note:
            lines.append(f"  note: {self.note}")
        return "\n".join(lines)

    def _verdict(self) -> str:
        if self.better:
            return f"{self.better} is better"
        return TOO_FEW if self.p is None else "tied: no significant difference"


def compare(run: RunFolder, a: str, b: str, metric: str) -> Comparison:
    """Compare two models of a run by one metric, image by image, resampling whole clusters.

    Raises `BenchError` for an unknown name (with the nearest known one), or where the two have no
    image with a score in common.
    """
    table = read_scores(run)
    for name in (a, b):
        choose("model", name, table.models)
    metric = ALIASES.get(metric, metric)
    if a == b:
        raise BenchError(
            f"'{a}' is compared with itself; name two models: {', '.join(table.models)}"
        )
    choose("metric", metric, table.metrics)
    images = _common(table, a, b, metric)
    if not images.any():
        raise BenchError(_nothing_in_common(table, a, b, metric))
    first, second = (table.column(metric, name)[images] for name in (a, b))
    found = paired_difference(first, second, table.clusters[images], level=LEVEL)
    claims = Claims(found.clusters)
    raw = found.p if claims.tests else None
    p = _p_of_pair(table, a, b, metric)
    p = raw if p is None else p
    better = None
    if told_apart(p):
        better = a if (found.value > 0) == table.higher_is_better[metric] else b
    return Comparison(
        a=a,
        b=b,
        metric=metric,
        unit=table.units[metric],
        higher_is_better=table.higher_is_better[metric],
        mean_a=float(first.mean()),
        mean_b=float(second.mean()),
        difference=found.value,
        low=found.low,
        high=found.high,
        p=raw,
        p_adjusted=p,
        better=better,
        images=found.n,
        clusters=found.clusters,
        excluded=table.left_out(metric, (a, b), images),
        exact=found.exact,
        note="; ".join(
            filter(None, (table.caution(metric), claims.caveat, *_told_more(table, a, b)))
        )
        or None,
    )


def _told_more(table: ScoreTable, a: str, b: str) -> list[str]:
    return [
        f"{name}: {mark.sentence}"
        for name in (a, b)
        for mark in table.marks.get(name, ())
        if mark.apart
    ]


def _common(table: ScoreTable, a: str, b: str, metric: str) -> Bools:
    """Return the images of the table's means, or of two that are not both ranked there, theirs."""
    shared, at = table.shared(metric), [table.models.index(a), table.models.index(b)]
    if shared.models[at].all():
        return shared.images
    return np.asarray((~np.isnan(table.restored(metric)))[:, at].all(axis=1))


def _p_of_pair(table: ScoreTable, a: str, b: str, metric: str) -> float | None:
    p = float(table.p_values(metric)[table.models.index(a), table.models.index(b)])
    return None if np.isnan(p) else p


def _as_tested(
    table: ScoreTable, a: str, b: str, metric: str, found: Difference | None
) -> Difference | None:
    """Return a difference with the p-values that may be told of it."""
    p = _p_of_pair(table, a, b, metric)
    return None if found is None else replace(found, p=None if p is None else found.p, p_adjusted=p)


def _nothing_in_common(table: ScoreTable, a: str, b: str, metric: str) -> str:
    none = np.zeros(len(table.images), dtype=bool)
    reasons = "; ".join(
        f"{counted(n, 'image')}: {why}" for why, n in table.left_out(metric, (a, b), none).items()
    )
    return (
        f"'{a}' and '{b}' have no image with a finite {metric} in common ({reasons}); "
        "choose another metric or other models"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model by one metric: its mean, and how it stands to the best.

    ``ranked``: its mean is over the images that all ranked models share (`ScoreTable.shared`);
    otherwise over those that it has, and it stands in no order. ``infinite``, ``clean`` and
    ``missing``, by reason, count the images that it has no score on that a mean could be over.
    ``mark``: "best"; "tied", not significantly different from the best; "behind"; None where that
    was not tested. ``against_best`` is the paired difference, this model minus the best.
    """

    model: str
    estimate: Estimate | None
    ranked: bool
    infinite: int
    clean: int
    missing: dict[str, int]
    mark: Literal["best", "tied", "behind"] | None
    against_best: Difference | None


def standings(table: ScoreTable, metric: str) -> list[Standing]:
    """Return every model's standing by ``metric``, in the table's order.

    The best has the best mean of those that are ranked. The others are tested against it; those
    that are ranked apart have no mark.
    """
    shared = table.shared(metric)
    means = cluster_means(table.compared(metric), table.clusters, level=LEVEL)
    best = best_model(table, metric)
    against: list[Difference | None] = [None] * len(table.models)
    if best is not None:
        others = [int(i) for i in np.flatnonzero(shared.models) if table.models[i] != best]
        scores = table.finite(metric)[shared.images]
        tested = paired_differences(
            scores[:, others] - scores[:, [table.models.index(best)]],
            table.clusters[shared.images],
            level=LEVEL,
        )
        for index, difference in zip(others, tested, strict=True):
            against[index] = _as_tested(table, table.models[index], best, metric, difference)
    found = []
    for index, model in enumerate(table.models):
        excluded = dict(table.excluded(metric, model))
        found.append(
            Standing(
                model=model,
                estimate=means[index],
                ranked=bool(shared.models[index]),
                infinite=excluded.pop(INFINITE, 0),
                clean=excluded.pop(CLEAN, 0),
                missing=excluded,
                mark=None if model in table.apart else _mark(model == best, against[index]),
                against_best=against[index],
            )
        )
    return found


def best_model(table: ScoreTable, metric: str) -> str | None:
    """Return the model with the best mean of those ranked together; None for fewer than two.

    What is ranked apart (`ScoreTable.apart`) is never it.
    """
    shared = table.shared(metric)
    ranked = [int(i) for i in np.flatnonzero(shared.models) if table.models[i] not in table.apart]
    if len(ranked) < 2:
        return None
    means = table.finite(metric)[shared.images][:, ranked].mean(axis=0)
    better = 1 if table.higher_is_better[metric] else -1
    return table.models[ranked[int((better * means).argmax())]]


def _mark(best: bool, against: Difference | None) -> Literal["best", "tied", "behind"] | None:
    if best:
        return "best"
    apart = None if against is None else told_apart(against.p_adjusted)
    return None if apart is None else "behind" if apart else "tied"


def improvements(table: ScoreTable, metric: str, base: str = "input") -> list[Difference | None]:
    """Return each model's paired difference from ``base``, in the table's order; None for itself.

    It is over the images of `ScoreTable.compared`, as the means are. ``p_adjusted`` is that of
    `ScoreTable.p_values`. All None where the run has no ``base``.
    """
    if base not in table.models:
        return [None] * len(table.models)
    finite = table.compared(metric)
    at = table.models.index(base)
    others = [i for i in range(len(table.models)) if i != at]
    tested = paired_differences(finite[:, others] - finite[:, [at]], table.clusters, level=LEVEL)
    found: list[Difference | None] = [None] * len(table.models)
    for index, difference in zip(others, tested, strict=True):
        found[index] = _as_tested(table, table.models[index], base, metric, difference)
    return found
