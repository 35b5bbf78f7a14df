"""Plots of scores: paired improvements, per-image distributions, conventions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.report.drawing.numbers import counted, title
from bench.report.drawing.theme import GRID, INK, MUTED, PAPER, WIDTH, Look, Plot, drawing, finish
from bench.report.reading.analysis import Analysis

DOTS = 150
"""Up to so many images each is a dot; above, only the box and its reach are drawn."""
LINES = 40
"""Up to so many images have a line each in the plot of conventions."""


def improvement(
    analysis: Analysis, metric: str, styles: Mapping[str, Look], folder: Path
) -> Plot | None:
    """Plot the paired differences from the base with their intervals."""
    names = [n for n in analysis.order if analysis.gain(metric, n)]
    if not names:
        return None
    with drawing(WIDTH, _height(len(names))) as (figure, axes):
        axes.axvline(0, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        told = []
        for place, name in enumerate(names):
            gain = analysis.gain(metric, name)
            assert gain is not None
            look = styles[name]
            if gain.low is not None and gain.high is not None:
                axes.plot([gain.low, gain.high], [place, place], color=look.colour, linewidth=1.8)
            axes.plot(gain.value, place, look.marker, color=look.colour, markersize=6.5)
            told.append(f"{name} {gain.value:+.3g}")
        _model_axis(axes, names)
        _value_axis(axes, analysis, metric, f"{title(metric)} minus that of {analysis.base_title}")
        return finish(
            figure, folder, f"improvement-{metric}",
            f"{title(metric)}: difference from {analysis.base_title}",
            f"Mean paired difference in {title(metric)} from {analysis.base_title}, with 95 % "
            f"intervals: {', '.join(told)}.",
        )  # fmt: skip


def distribution(
    analysis: Analysis, metric: str, styles: Mapping[str, Look], folder: Path
) -> Plot | None:
    """Plot every image's score: a dot each where there are few, and a box with the quartiles."""
    table = analysis.data.table
    finite = {name: table.column(metric, name) for name in analysis.order}
    finite = {name: v[np.isfinite(v)] for name, v in finite.items()}
    names = [name for name in analysis.order if len(finite[name])]
    if not names:
        return None
    with drawing(WIDTH, _height(len(names))) as (figure, axes):
        for place, name in enumerate(names):
            _box(axes, place, finite[name], styles[name])
        _model_axis(axes, names)
        unit = f", {table.units[metric]}" if table.units[metric] else ""
        _value_axis(axes, analysis, metric, title(metric) + unit)
        infinite = int(np.isinf(table.values[metric]).sum())
        return finish(
            figure, folder, f"distribution-{metric}", f"{title(metric)} of every image",
            f"Distribution of {title(metric)} over images for {counted(len(names), 'model')}; "
            "box: quartiles, line: median, whiskers: 5th and 95th percentile.",
            [f"{counted(infinite, 'infinite score')} not shown."] if infinite else [],
        )  # fmt: skip


def _box(
    axes: Axes, place: int, values: np.ndarray[tuple[int], np.dtype[np.float64]], look: Look
) -> None:
    low, first, middle, third, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
    if len(values) <= DOTS:
        # Spread by a fixed irrational step, not at random: the same plot every time.
        shift = (np.arange(len(values)) * 0.618034) % 1 - 0.5
        axes.scatter(
            values, place + 0.5 * shift, s=9, color=look.colour, alpha=0.5, linewidths=0, zorder=2
        )
    else:
        axes.plot(
            [values.min(), values.max()], [place, place], "|", color=look.colour, markersize=6
        )
    if len(values) >= 5:
        axes.plot([low, high], [place, place], color=look.colour, linewidth=1.1, zorder=3)
        axes.barh(
            place, third - first, 0.56, first, facecolor="none", edgecolor=look.colour,
            linewidth=1.2, zorder=3,
        )  # fmt: skip
    axes.plot([middle, middle], [place - 0.28, place + 0.28], color=look.colour, linewidth=2.4)


def convention_lines(
    analysis: Analysis, metrics: Sequence[str], styles: Mapping[str, Look], folder: Path
) -> Plot | None:
    """Plot the same images under every convention of a family: means bold, images thin."""
    table = analysis.data.table
    means: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    with drawing(WIDTH, 3.7) as (figure, axes):
        places = np.arange(len(metrics))
        for name in analysis.order:
            scores = np.column_stack([table.column(metric, name) for metric in metrics])
            scores = scores[np.isfinite(scores).all(axis=1)]
            if not len(scores):
                continue
            for row in scores if len(table.images) <= LINES else []:
                axes.plot(places, row, color=styles[name].colour, linewidth=0.5, alpha=0.22)
            means[name] = scores.mean(axis=0)
        if not means:
            return None
        for name, mean in means.items():
            look = styles[name]
            axes.plot(
                places, mean, color=look.colour, marker=look.marker, markersize=5.5,
                markeredgecolor=PAPER, markeredgewidth=0.7, zorder=4,
            )  # fmt: skip
        axes.set_xticks(places, [title(metric) for metric in metrics])
        axes.set_xlim(-0.25, len(metrics) - 1 + 0.25 + 0.28 * (len(metrics) - 1))
        axes.xaxis.grid(visible=False)
        unit = table.units[metrics[0]]
        axes.set_ylabel(f"score{', ' + unit if unit else ''}")
        _end_labels(axes, means, len(metrics) - 1)
        spread = max(float(np.ptp(mean)) for mean in means.values())
        family = title(metrics[0])
        return finish(
            figure, folder, f"conventions-{metrics[0]}", f"{family} under several conventions",
            f"The same images under {len(metrics)} conventions of {family}; the convention alone "
            f"moves a model's mean by up to {spread:.3g}.",
            [f"The convention alone moves a mean by up to {spread:.3g} {unit}".strip() + "."],
        )  # fmt: skip


def _end_labels(
    axes: Axes, means: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]], last: int
) -> None:
    """Name lines at their right end, pushed apart where they would overlap."""
    bottom, top = axes.get_ylim()
    height = (top - bottom) * 0.048
    names = sorted(means, key=lambda name: float(means[name][-1]))
    heights = [float(means[name][-1]) for name in names]
    placed: list[float] = []
    for wanted in heights:
        placed.append(max(wanted, placed[-1] + height) if placed else wanted)
    shift = sum(p - h for p, h in zip(placed, heights, strict=True)) / len(placed)
    for name, place in zip(names, placed, strict=True):
        axes.annotate(
            name, (last, float(means[name][-1])), (last + 0.06 * max(1, last), place - shift),
            fontsize=7.5, va="center", color=INK, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.4},
        )  # fmt: skip
    axes.set_ylim(min(bottom, placed[0] - shift - height), max(top, placed[-1] - shift + height))


def _height(rows: int) -> float:
    return 0.75 + 0.3 * rows


def _model_axis(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.yaxis.grid(visible=False)
    axes.spines["left"].set_visible(False)
    for place in range(len(names) - 1):
        axes.axhline(place + 0.5, color=GRID, linewidth=0.4, zorder=0)


def _value_axis(axes: Axes, analysis: Analysis, metric: str, label: str) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(6))
    if analysis.data.table.higher_is_better[metric]:
        axes.set_xlabel(f"{label} (right is better)")
    else:
        axes.invert_xaxis()
        axes.set_xlabel(f"{label} (lower is better: axis turned over, right is better)")
