"""What tables and plots share: standings, improvements, and the order in which models are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.framework.costs import Cost, CostConditions, cost_under, figure_under
from bench.framework.significance import Standing, improvements, standings
from bench.records import Profile
from bench.report.drawing.numbers import decimals
from bench.report.reading.gather import Gathered
from bench.statistics.clusters import Difference
from models.catalogue import baselines

LEVELS = 12
"""A stratum of more levels than this is not a kind of image."""
SHOWN = 4
"""So many metrics get plots on the page; the others get theirs in plots/ only."""


@dataclass(frozen=True)
class Analysis:
    """A report's numbers. ``standings`` and ``gains`` are by metric, in the order of the rows."""

    data: Gathered
    standings: Mapping[str, Sequence[Standing]]
    gains: Mapping[str, Sequence[Difference | None]]
    order: Sequence[str]
    """Row names, best first by the first metric; then those ranked apart, those with scores of
    other images than the rest, and those without a score."""
    measured: Sequence[str]
    """Metrics with at least one finite score, in the run's order."""
    shown: Sequence[str]
    """The first of each family of conventions among them, four at most."""
    places: Mapping[str, int]
    """Decimals by metric."""

    @property
    def primary(self) -> str | None:
        """The metric that orders rows and picks samples: the first with a score."""
        return self.measured[0] if self.measured else None

    @property
    def base(self) -> str:
        """The model that adds nothing: the others are measured against it where it is there."""
        return base_of(self.data)

    @property
    def base_title(self) -> str:
        """What the base is called in a sentence: "the untouched input", "bicubic interpolation"."""
        return baselines()[self.base]

    @property
    def has_base(self) -> bool:
        """Whether the model that adds nothing is among the models."""
        return self.base in self.data.table.models

    def standing(self, metric: str, name: str) -> Standing:
        """Return a model's standing."""
        return self.standings[metric][self.data.table.models.index(name)]

    def gain(self, metric: str, name: str) -> Difference | None:
        """Return a model's paired difference from the base."""
        return self.gains[metric][self.data.table.models.index(name)]

    def score(self, metric: str, name: str, image: str) -> float:
        """Return one score; NaN where missing."""
        table = self.data.table
        return float(table.values[metric][table.images.index(image), table.models.index(name)])

    def figure(self, name: str, quantity: str, conditions: CostConditions) -> Profile | None:
        """Return a figure measured under conditions that are the same as far as they matter."""
        return figure_under(self.data.costs[name], quantity, conditions)

    def cost(self, name: str, quantity: str, conditions: CostConditions) -> Cost | None:
        """Return a cost measured under such conditions; None where there is no value."""
        return cost_under(self.data.costs[name], quantity, conditions)


def analyse(data: Gathered) -> Analysis:
    """Compute everything that the report says about the scores."""
    table = data.table
    found = {metric: standings(table, metric) for metric in table.metrics}
    measured = [m for m in table.metrics if any(s.estimate for s in found[m])]
    families: dict[str, str] = {}
    for metric in measured:
        families.setdefault(family(metric), metric)
    order = list(range(len(table.models)))
    if measured:
        sign = -1 if table.higher_is_better[measured[0]] else 1
        stand = found[measured[0]]
        means = [s.estimate.value if s.estimate else np.inf for s in stand]
        apart = [name in table.apart for name in table.models]
        order.sort(
            key=lambda i: (np.isinf(means[i]), not stand[i].ranked, apart[i], sign * means[i])
        )
    return Analysis(
        data=data,
        standings=found,
        gains={metric: improvements(table, metric, base_of(data)) for metric in table.metrics},
        order=[table.models[i] for i in order],
        measured=measured,
        shown=list(families.values())[:SHOWN],
        places={
            metric: decimals(
                (s.estimate.value for s in found[metric] if s.estimate), table.units[metric]
            )
            for metric in table.metrics
        },
    )


def base_of(data: Gathered) -> str:
    """Return the name of the model that adds nothing: the input, where the runs have none."""
    known = list(baselines())
    return next((name for name in known if name in data.table.models), known[0])


def strata(analysis: Analysis) -> dict[str, dict[str, list[int]]]:
    """Return key -> level -> the places of its images, of kinds of images that tell apart.

    Keys of one level, or of more than `LEVELS` (an identity, a date), are left out.
    """
    found: dict[str, dict[str, list[int]]] = {}
    for index, shot in enumerate(analysis.data.shots):
        for key, level in shot.strata.items():
            found.setdefault(key, {}).setdefault(level, []).append(index)
    return {key: levels for key, levels in found.items() if 1 < len(levels) <= LEVELS}


def family(metric: str) -> str:
    """Return what a metric is a convention of: PSNR, SSIM, ST-LPIPS, LPIPS, or itself."""
    if metric.startswith("st-lpips"):  # another network: its values are not LPIPS'
        return "st-lpips"
    for name in ("psnr", "ssim", "lpips"):
        if name in metric.split("-"):
            return name
    return metric


def conventions(analysis: Analysis) -> dict[str, list[str]]:
    """Return the families of which several conventions were measured."""
    families: dict[str, list[str]] = {}
    for metric in analysis.measured:
        families.setdefault(family(metric), []).append(metric)
    return {name: metrics for name, metrics in families.items() if len(metrics) > 1}


def memory(analysis: Analysis, conditions: CostConditions) -> str:
    """Return the GPU's memory where any model has it, else the process's."""
    on_gpu = any(analysis.cost(n, "device_memory_mb", conditions) for n in analysis.order)
    return "device_memory_mb" if on_gpu else "process_memory_mb"
