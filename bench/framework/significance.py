"""Which of two models is better, and which models cannot be told apart from the best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.framework.scores import INFINITE, ScoreTable, read_scores
from bench.metrics.table import ALIASES
from bench.runs.store import RunFolder
from bench.statistics.clusters import (
    Difference,
    Estimate,
    cluster_means,
    paired_difference,
    paired_differences,
)
from bench.statistics.multiplicity import holm

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models on their common images. ``difference`` is the mean of ``a`` minus ``b``.

    ``p_adjusted`` is corrected for all metrics compared together. ``better`` names the better
    model where it is below 5 %, else None. ``excluded`` counts images left out, by reason.
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
            f"{self.metric} ({sense} is better) on {_count(self.images, 'image')} "
            f"in {_count(self.clusters, 'cluster')}",
            f"  {self.a}: {self.mean_a:.4g}{unit}",
            f"  {self.b}: {self.mean_b:.4g}{unit}",
            f"  {self.a} - {self.b}: {self.difference:+.4g}{unit}"
            + ("" if self.low is None else f", 95 % interval [{self.low:+.4g}, {self.high:+.4g}]"),
        ]
        if self.p is not None:
            how = "all sign flips" if self.exact else "random sign flips"
            several = self.p_adjusted is not None and self.p_adjusted != self.p
            adjusted = f", {self.p_adjusted:.3g} adjusted for all metrics" if several else ""
            lines.append(f"  p = {self.p:.3g} ({how} of whole clusters){adjusted}")
        lines.append(
            f"  {self.better} is better"
            if self.better
            else "  no significant difference"
            if self.p is not None
            else "  no test is possible"
        )
        lines += [f"  left out: {_count(n, 'image')}: {why}" for why, n in self.excluded.items()]
        if self.note:
            lines.append(f"  note: {self.note}")
        return "\n".join(lines)


def compare(run: RunFolder, a: str, b: str, metric: str) -> Comparison:
    """Compare two models of a run by one metric, image by image, resampling whole clusters.

    Raises `BenchError` for an unknown name (with the nearest known one), or where the two have no
    image with a score in common.
    """
    return compare_metrics(run, a, b, [metric])[0]


def compare_metrics(
    run: RunFolder, a: str, b: str, metrics: Sequence[str] | None = None
) -> list[Comparison]:
    """`compare` by several metrics (default: all that both have); p-values adjusted by Holm.

    Raises `BenchError` as `compare` does; with ``metrics`` given, for any of them.
    """
    table = read_scores(run)
    for name in (a, b):
        choose("model", name, table.models)
    metrics = [ALIASES.get(name, name) for name in metrics or ()]
    if a == b:
        raise BenchError(
            f"'{a}' is compared with itself; name two models: {', '.join(table.models)}"
        )
    for metric in metrics:
        choose("metric", metric, table.metrics)
    chosen = list(metrics or (m for m in table.metrics if _common(table, a, b, m).any()))
    if not chosen:
        raise BenchError(_nothing_in_common(table, a, b, table.metrics[0]))
    found = [_difference(table, a, b, metric) for metric in chosen]
    adjusted = iter(holm([difference.p for difference in found if difference.p is not None]))
    return [
        _comparison(
            table, a, b, metric, difference, None if difference.p is None else next(adjusted)
        )
        for metric, difference in zip(chosen, found, strict=True)
    ]


def _difference(table: ScoreTable, a: str, b: str, metric: str) -> Difference:
    common = _common(table, a, b, metric)
    if not common.any():
        raise BenchError(_nothing_in_common(table, a, b, metric))
    return paired_difference(
        table.column(metric, a)[common],
        table.column(metric, b)[common],
        table.clusters[common],
        level=LEVEL,
    )


def _common(
    table: ScoreTable, a: str, b: str, metric: str
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    both = np.isfinite(table.column(metric, a)) & np.isfinite(table.column(metric, b))
    return np.asarray(both)


def _comparison(
    table: ScoreTable, a: str, b: str, metric: str, found: Difference, p_adjusted: float | None
) -> Comparison:
    common = _common(table, a, b, metric)
    better = None
    if p_adjusted is not None and p_adjusted < 1 - LEVEL:
        better = a if (found.value > 0) == table.higher_is_better[metric] else b
    return Comparison(
        a=a,
        b=b,
        metric=metric,
        unit=table.units[metric],
        higher_is_better=table.higher_is_better[metric],
        mean_a=float(table.column(metric, a)[common].mean()),
        mean_b=float(table.column(metric, b)[common].mean()),
        difference=found.value,
        low=found.low,
        high=found.high,
        p=found.p,
        p_adjusted=p_adjusted,
        better=better,
        images=found.n,
        clusters=found.clusters,
        excluded=_left_out(table, a, b, metric),
        exact=found.exact,
        note=found.note,
    )


def _left_out(table: ScoreTable, a: str, b: str, metric: str) -> dict[str, int]:
    """Count the images that are not common, each under one reason."""
    counts: Counter[str] = Counter()
    for image, x, y in zip(
        table.images, table.column(metric, a), table.column(metric, b), strict=True
    ):
        gone = [name for name, value in ((a, x), (b, y)) if not np.isfinite(value)]
        if gone:
            value = x if gone[0] == a else y
            why = INFINITE if np.isinf(value) else table.reason(metric, gone[0], image)
            counts[f"{' and '.join(gone)}: {why}"] += 1
    return dict(counts)


def _nothing_in_common(table: ScoreTable, a: str, b: str, metric: str) -> str:
    reasons = "; ".join(
        f"{_count(n, 'image')}: {why}" for why, n in _left_out(table, a, b, metric).items()
    )
    return (
        f"'{a}' and '{b}' have no image with a finite {metric} in common ({reasons}); "
        "choose another metric or other models"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model by one metric: its mean, and how it stands to the best.

    ``mark``: "best"; "tied", not significantly different from the best; "behind"; "ahead", better
    than the best on the images that it has; None where that was not tested. ``against_best`` is
    the paired difference, this model minus the best.
    """

    model: str
    estimate: Estimate | None
    infinite: int
    missing: dict[str, int]
    mark: Literal["best", "tied", "behind", "ahead"] | None
    against_best: Difference | None


def standings(table: ScoreTable, metric: str) -> list[Standing]:
    """Return every model's standing by ``metric``, in the table's order.

    The best has the best mean over the images common to all models that scored every image that
    any model did. The others are tested against it on the images that each shares with it.
    """
    finite = table.finite(metric)
    means = cluster_means(finite, table.clusters, level=LEVEL)
    best = best_model(table, metric)
    against: list[Difference | None] = [None] * len(table.models)
    if best is not None:
        others = [i for i, name in enumerate(table.models) if name != best]
        column = finite[:, [table.models.index(best)]]
        tested = paired_differences(finite[:, others] - column, table.clusters, level=LEVEL)
        for index, difference in zip(others, tested, strict=True):
            against[index] = difference
    found = []
    for index, model in enumerate(table.models):
        excluded = dict(table.excluded(metric, model))
        infinite = excluded.pop(INFINITE, 0)
        mark = _mark(model == best, against[index], table.higher_is_better[metric])
        found.append(
            Standing(
                model=model,
                estimate=means[index],
                infinite=infinite,
                missing=excluded,
                mark=mark,
                against_best=against[index],
            )
        )
    return found


def best_model(table: ScoreTable, metric: str) -> str | None:
    """Return the model with the best mean on common images; None where nothing is comparable."""
    values = table.values[metric]
    scored = (~np.isnan(values)).sum(axis=0)
    if not scored.size or not scored.max():
        return None
    complete = np.flatnonzero(scored == scored.max())
    finite = table.finite(metric)[:, complete]
    common = ~np.isnan(finite).any(axis=1)
    if len(complete) < 2 or not common.any():
        return None
    means = finite[common].mean(axis=0) * (1 if table.higher_is_better[metric] else -1)
    best: int = complete[int(means.argmax())]
    return table.models[best]


def _mark(
    best: bool, against: Difference | None, higher_is_better: bool
) -> Literal["best", "tied", "behind", "ahead"] | None:
    if best:
        return "best"
    if against is None or against.p_adjusted is None:
        return None
    if against.p_adjusted >= 1 - LEVEL:
        return "tied"
    return "ahead" if (against.value > 0) == higher_is_better else "behind"


def improvements(table: ScoreTable, metric: str, base: str = "input") -> list[Difference | None]:
    """Return each model's paired difference from ``base``, in the table's order; None for itself.

    ``p_adjusted`` is corrected for all models. All None where the run has no ``base``.
    """
    if base not in table.models:
        return [None] * len(table.models)
    finite = table.finite(metric)
    at = table.models.index(base)
    others = [i for i in range(len(table.models)) if i != at]
    tested = paired_differences(finite[:, others] - finite[:, [at]], table.clusters, level=LEVEL)
    found: list[Difference | None] = [None] * len(table.models)
    for index, difference in zip(others, tested, strict=True):
        found[index] = difference
    return found
