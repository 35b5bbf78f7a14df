"""Plots of quality against how strongly images were degraded: blur extent, noise, light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bench.report.drawing.numbers import counted, title
from bench.report.drawing.theme import INK, PAPER, WIDTH, Look, Plot, drawing, finish
from bench.report.reading.analysis import Analysis, strata
from bench.statistics.clusters import Estimate, cluster_means

Floats = NDArray[np.float64]

LINES = 12
"""Lines of a plot, at most: the best models by the first metric."""


def curves(analysis: Analysis, metric: str, styles: Mapping[str, Look], folder: Path) -> list[Plot]:
    """Plot ``metric`` against every kind of image whose levels are numbers, a line per model."""
    plots = []
    for key, levels in strata(analysis).items():
        scale = sorted((number, at) for level, at in levels.items()
                       if (number := _number(level)) is not None)  # fmt: skip
        if len(scale) == len(levels) and analysis.standings[metric]:
            plot = _curve(analysis, metric, key, scale, styles, folder)
            plots += [plot] if plot else []
    return plots


def _number(level: str) -> float | None:
    try:
        return float(level)
    except ValueError:
        return None


def _curve(
    analysis: Analysis,
    metric: str,
    key: str,
    scale: Sequence[tuple[float, list[int]]],
    styles: Mapping[str, Look],
    folder: Path,
) -> Plot | None:
    table = analysis.data.table
    finite = table.finite(metric)
    by_level = [cluster_means(finite[at], table.clusters[at]) for _, at in scale]
    numbers = np.array([number for number, _ in scale])
    places, how = _places(numbers)
    told = []
    with drawing(WIDTH, 3.4) as (figure, axes):
        scored = [name for name in analysis.order if analysis.standing(metric, name).estimate]
        names = scored[:LINES]
        apart = 0.006 * float(np.ptp(places))  # so that bars stand side by side
        for index, name in enumerate(names):
            means = [found[table.models.index(name)] for found in by_level]
            shift = (index - (len(names) - 1) / 2) * apart
            ends = _line(axes, places + shift, means, styles[name], name)
            if ends:
                told.append(f"{name} {ends[0]:.4g} to {ends[1]:.4g}")
        if not told:
            return None
        axes.set_xticks(places, [f"{number:g}" for number in numbers])
        axes.set_xlabel(key + how)
        unit = f", {table.units[metric]}" if table.units[metric] else ""
        better = "up" if table.higher_is_better[metric] else "down"
        axes.set_ylabel(f"{title(metric)}{unit} ({better} is better)")
        axes.legend(frameon=False, fontsize=7.5, labelcolor=INK, ncols=2)
        rest = len(scored) - len(names)
        return finish(
            figure, folder, f"robustness-{metric}-{_plain(key)}", f"{title(metric)} by {key}",
            f"Mean {title(metric)} by {key}, from {numbers[0]:g} to {numbers[-1]:g}: "
            f"{', '.join(told)}.",
            [f"{counted(rest, 'further model')} in the tables."] if rest else [],
        )  # fmt: skip


def _places(numbers: Floats) -> tuple[Floats, str]:
    """Return where rising levels stand on the axis, and a word on that: as far apart as can be."""

    def gap(places: Floats) -> float:
        return float(np.diff(places).min() / np.ptp(places))

    if len(numbers) > 2 and numbers[0] > 0 and gap(logs := np.log10(numbers)) > gap(numbers):
        return logs, " (logarithmic)"
    return numbers, ""


def _line(
    axes: Axes,
    numbers: Floats,
    means: Sequence[Estimate | None],
    look: Look,
    name: str,
) -> tuple[float, float] | None:
    """Draw one model's means and intervals; return the first and the last mean."""
    known = [(x, mean) for x, mean in zip(numbers, means, strict=True) if mean]
    if not known:
        return None
    for x, mean in known:
        if mean.low is not None and mean.high is not None:
            axes.plot([x, x], [mean.low, mean.high], color=look.colour, linewidth=0.8, alpha=0.6)
    axes.plot(
        [x for x, _ in known], [mean.value for _, mean in known], color=look.colour,
        marker=look.marker, markersize=5, markeredgecolor=PAPER, markeredgewidth=0.6, label=name,
    )  # fmt: skip
    return known[0][1].value, known[-1][1].value


def _plain(key: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in key).strip("-")
