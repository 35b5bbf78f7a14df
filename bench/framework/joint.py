"""Quality by metrics, quality by people, and cost of the same models, drawn together.

A draw is one way that everything could have come out: images resampled by whole scenes, the same
for all models and metrics; processes and passes behind every cost; raters and images of the study.
What holds in a share p of the draws is said to have probability p.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from bench.compute.quantities import names, row_of
from bench.core.errors import BenchError
from bench.core.names import choose
from bench.framework.costs import (
    Cost,
    CostConditions,
    Figures,
    all_conditions,
    cost_draws,
    cost_of,
    draw_notes,
    figure_under,
    measured_with,
    require_same,
    resolve_quantity,
    why_no_figure,
)
from bench.framework.scores import ScoreTable
from bench.metrics.table import ALIASES as METRIC_ALIASES
from bench.metrics.table import metric_cards
from bench.records import ONE_SAMPLE, Profile
from bench.statistics.claims import Claims
from bench.statistics.clusters import cluster_draws, cluster_means

if TYPE_CHECKING:
    from bench.framework.people import HumanScale

Floats = NDArray[np.float64]

PEOPLE = "people"
"""The axis of what people said."""
SAMPLES = 2000
NORMAL = 1.959964
RANKED_APART = "ranked apart"


@dataclass(frozen=True, slots=True)
class Axis:
    """One side of a model: a metric, people's scale, or a cost."""

    name: str
    kind: Literal["metric", "people", "cost"]
    unit: str
    higher_is_better: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of some models. ``base``: the one that adds nothing to the input, if any.

    The base is no candidate. On a front it costs nothing, so that what is no better is dominated.
    """

    table: ScoreTable
    costs: Mapping[str, Figures]
    people: HumanScale | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """M models on A axes: ``values``, ``low``, ``high`` (M, A) and ``draws`` (S, M, A).

    ``low`` and ``high`` are 95 % intervals, the value itself where there is nothing to vary, and
    the range of a noisy cost (`bench.framework.costs.Cost`). ``noise``: model -> axis -> why.
    ``base`` (S, A) and ``base_value`` (A,) are the base's, its costs 0; None without one.
    ``left_out`` says why a model is not among them, ``notes`` what weakens the numbers.
    """

    models: tuple[str, ...]
    axes: tuple[Axis, ...]
    values: Floats
    low: Floats
    high: Floats
    draws: Floats
    images: int
    scenes: int
    """How many scenes the images are of; 0 where no metric is among the axes."""
    conditions: CostConditions | None
    base: Floats | None
    base_value: Floats | None
    left_out: Mapping[str, str]
    notes: tuple[str, ...]
    noise: Mapping[str, Mapping[str, str]]
    single: Mapping[str, frozenset[str]]
    """Axis -> the models of which one sample is all that is known of it."""

    @property
    def reach(self) -> tuple[Floats, Floats]:
        """The least and the most (M, A) that figures may be: the range of noisy costs, else the
        values."""
        noisy = np.array(
            [[axis.name in self.noise.get(name, {}) for axis in self.axes] for name in self.models],
            dtype=bool,
        ).reshape(self.values.shape)
        return np.where(noisy, self.low, self.values), np.where(noisy, self.high, self.values)

    @property
    def claims(self) -> Claims:
        """What may be said of what is drawn from the images."""
        return Claims(self.scenes)

    @property
    def directions(self) -> list[bool]:
        """Whether higher is better, by axis."""
        return [axis.higher_is_better for axis in self.axes]

    def at(self, axis: str) -> int:
        """Return the place of the axis called ``axis``."""
        return [one.name for one in self.axes].index(axis)

    def paired(self) -> Floats:
        """Return the draws (S, M, A) without what the images have in common, easy or hard.

        The base, else the models' mean, keeps its quality in every draw: what varies is what sets
        models apart.
        """
        drawn = self.draws.copy()
        for position, axis in enumerate(self.axes):
            if axis.kind == "cost" or not self.models:
                continue
            if self.base is not None and self.base_value is not None:
                anchor, value = self.base[:, position], float(self.base_value[position])
            else:
                anchor, value = (
                    drawn[:, :, position].mean(axis=1),
                    float(self.values[:, position].mean()),
                )
            drawn[:, :, position] += value - anchor[:, None]
        return drawn

    def only(self, axes: Sequence[str]) -> Joint:
        """Return the same models on some of the axes, in the order given."""
        at = [self.at(name) for name in axes]
        return replace(
            self,
            axes=tuple(self.axes[i] for i in at),
            values=self.values[:, at],
            low=self.low[:, at],
            high=self.high[:, at],
            draws=self.draws[:, :, at],
            base=None if self.base is None else self.base[:, at],
            base_value=None if self.base_value is None else self.base_value[at],
        )


def resolve_axis(evidence: Evidence, name: str) -> tuple[Axis, float]:
    """Return the axis that ``name`` stands for, and what one of it is in the axis's unit.

    A metric of the run or its alias, ``people``, or a cost or its alias. Raises `BenchError` for
    an unknown name, with the nearest known one, and for ``people`` without a study.
    """
    table = evidence.table
    metric = METRIC_ALIASES.get(name, name)
    if metric in table.metrics:
        return Axis(metric, "metric", table.units[metric], table.higher_is_better[metric]), 1.0
    if name == PEOPLE:
        if evidence.people is None:
            raise BenchError("what people said is not known: give the study (--study DB)")
        return Axis(PEOPLE, "people", evidence.people.unit, True), 1.0
    if name in names():
        found, factor = resolve_quantity(name, evidence.costs)
        row = row_of(found)
        return Axis(found, "cost", row.unit, row.higher_is_better), factor
    if metric in metric_cards():
        raise BenchError(
            f"the run did not measure '{metric}'; it has {', '.join(table.metrics)}; add it by "
            f"'bench rescore RUN --metrics {metric}'"
        )
    people = [PEOPLE] if evidence.people else []
    choose("metric or cost", name, [*table.metrics, *METRIC_ALIASES, *people, *names()])
    raise AssertionError(name)


def join(
    evidence: Evidence,
    axes: Sequence[str],
    conditions: CostConditions | None = None,
    models: Sequence[str] | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
    intervals: bool = True,
) -> Joint:
    """Draw ``models`` (default: all but the base) together on ``axes``.

    Costs are those measured under ``conditions`` (default: those of most figures) and no others.
    A model without a figure on an axis is left out with the reason; the others are compared on the
    images that all models of the table share (`ScoreTable.shared`), as they are everywhere. The
    same seed gives the same draws. Without ``intervals`` those of metrics are left at the value:
    most of the time goes into them.
    """
    found = tuple(resolve_axis(evidence, name)[0] for name in axes)
    table = evidence.table
    asked = tuple(m for m in (table.models if models is None else models) if m != evidence.base)
    if conditions is None and any(axis.kind == "cost" for axis in found):
        conditions = next(iter(all_conditions(evidence.costs)), None)
    left_out = {
        name: why for name in asked if (why := _why_absent(evidence, name, found, conditions))
    }
    kept = tuple(name for name in asked if name not in left_out)
    metrics = [axis.name for axis in found if axis.kind == "metric"]
    base = evidence.base if _base_fits(evidence, found) else None
    columns = [table.models.index(name) for name in (*kept, *([base] if base else []))]
    common = np.ones(len(table.images), dtype=bool)
    for metric in metrics:
        common &= table.shared(metric).images
    if metrics and kept and not common.any():
        raise BenchError(
            f"no image has a finite {' and '.join(metrics)} of all models; name fewer metrics"
        )
    shape = (len(columns), len(found))
    values, low, high = (np.zeros(shape) for _ in range(3))
    draws = np.zeros((samples, *shape))
    sources: list[str] = []
    noise: dict[str, dict[str, str]] = {}
    single: dict[str, list[str]] = {}
    for position, axis in enumerate(found):
        if axis.kind == "metric":
            scores = table.values[axis.name][common][:, columns]
            _put_metric(
                scores,
                table.clusters[common],
                (values, low, high, draws),
                position=position,
                seed=seed,
                intervals=intervals,
            )
        elif axis.kind == "people":
            _put_people(
                evidence,
                (*kept, *([base] if base else [])),
                (values, low, high, draws),
                position,
                seed,
            )
        else:
            nothing = np.inf if axis.higher_is_better else 0.0
            draws[:, len(kept) :, position] = values[len(kept) :, position] = nothing
            behind = {
                name: with_it
                for name in kept
                if conditions is not None
                and (with_it := measured_with(evidence.costs[name], axis.name, conditions))
            }
            require_same((by[axis.name], at.machine) for at, by in behind.values())
            for row, (name, (_, figures)) in enumerate(behind.items()):
                source, cost = _put_cost(
                    figures, axis.name, (values, low, high, draws), (row, position), seed
                )
                sources.append(source)
                if cost.noisy:
                    noise.setdefault(name, {})[axis.name] = cost.noisy
                if cost.single:
                    single.setdefault(axis.name, []).append(name)
    number = len(kept)
    return Joint(
        models=kept,
        axes=found,
        values=values[:number],
        low=low[:number],
        high=high[:number],
        draws=draws[:, :number],
        images=int(common.sum()) if metrics else 0,
        scenes=len(set(table.clusters[common])) if metrics else 0,
        conditions=conditions,
        base=draws[:, number] if base else None,
        base_value=values[number] if base else None,
        left_out=left_out,
        notes=(*_notes(table, metrics, common, sources), *_single(single)),
        noise=noise,
        single={axis: frozenset(names) for axis, names in single.items()},
    )


Arrays = tuple[Floats, Floats, Floats, Floats]
"""Values, low, high, draws: filled in place, axis by axis."""


def _why_absent(
    evidence: Evidence, name: str, axes: Sequence[Axis], conditions: CostConditions | None
) -> str | None:
    table = evidence.table
    for axis in axes:
        if axis.kind == "metric":
            at = table.models.index(name)
            mine = int((~np.isnan(table.restored(axis.name)[:, at])).sum())
            if not mine:
                why = next(iter(table.excluded(axis.name, name)), "the run has no images")
                return f"no {axis.name}: {why}"
            if not table.shared(axis.name).models[at]:
                return f"{axis.name} on {mine} of {len(table.images)} images only"
        elif axis.kind == "people":
            if evidence.people is None or name not in evidence.people.models:
                return "not in the study"
        else:
            figures = evidence.costs.get(name, {})
            figure = figure_under(figures, axis.name, conditions) if conditions else None
            if conditions is None or figure is None or figure.value is None:
                why = why_no_figure(figures, axis.name, conditions) if conditions else ""
                state = "" if figures else table.states.get(name, "")
                return f"no {axis.name}: {state or why or 'costs were not measured'}"
    apart = table.apart.get(name)
    return f"{apart}: {RANKED_APART}" if apart else None


def _base_fits(evidence: Evidence, axes: Sequence[Axis]) -> bool:
    """Tell whether the base has a figure on all axes but the costs, which are nothing."""
    name = evidence.base
    if name is None or name not in evidence.table.models:
        return False
    quality = [axis for axis in axes if axis.kind != "cost"]
    return bool(quality) and _why_absent(evidence, name, quality, None) is None


def _put_metric(
    scores: Floats,
    clusters: NDArray[np.str_],
    into: Arrays,
    *,
    position: int,
    seed: int,
    intervals: bool,
) -> None:
    values, low, high, draws = into
    if not scores.size:
        return
    draws[:, :, position] = cluster_draws(scores, clusters, len(draws), seed)
    values[:, position] = low[:, position] = high[:, position] = scores.mean(axis=0)
    for row, mean in enumerate(cluster_means(scores, clusters) if intervals else ()):
        if mean is not None and mean.low is not None and mean.high is not None:
            low[row, position], high[row, position] = mean.low, mean.high


def _put_people(
    evidence: Evidence, names: Sequence[str], into: Arrays, position: int, seed: int
) -> None:
    """Draw from the study's own draws, spread so that its stated intervals hold of them too."""
    values, low, high, draws = into
    scale = evidence.people
    assert scale is not None
    at = [scale.models.index(name) for name in names]
    value, half = scale.value[at], (scale.high - scale.low)[at] / 2
    rows = np.random.default_rng([seed, 1]).integers(0, len(scale.draws), len(draws))
    away = scale.draws[:, at] - scale.draws[:, at].mean(axis=0)
    spread = away.std(axis=0, ddof=1)
    factor = np.divide(half, NORMAL * spread, out=np.ones_like(half), where=spread > 0)
    draws[:, :, position] = value + away[rows] * factor
    values[:, position], low[:, position], high[:, position] = value, scale.low[at], scale.high[at]


def _put_cost(
    figures: Mapping[str, Profile], quantity: str, into: Arrays, where: tuple[int, int], seed: int
) -> tuple[str, Cost]:
    """Fill in a cost; return how its draws were made, and the cost."""
    values, low, high, draws = into
    cost = cost_of(figures, quantity)
    assert cost is not None
    values[where], low[where], high[where] = cost.value, cost.low, cost.high
    draws[:, *where], source = cost_draws(figures, quantity, len(draws), seed)
    return source, cost


def _single(single: Mapping[str, Sequence[str]]) -> list[str]:
    """Say of which costs one sample is all that is known, and what follows."""
    return [
        f"{axis} of {', '.join(names)}: {ONE_SAMPLE}: limits and comparisons rest on it alone"
        for axis, names in single.items()
    ]


def _notes(
    table: ScoreTable, metrics: Sequence[str], common: NDArray[np.bool_], sources: Sequence[str]
) -> list[str]:
    notes = []
    if metrics and not common.all():
        notes.append(
            f"compared on the {int(common.sum())} of {len(table.images)} images "
            f"on which all have a finite {' and '.join(metrics)}"
        )
    return [*notes, *draw_notes(sources)]
