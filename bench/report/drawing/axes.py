"""Axes as the plots share them: logarithmic ones, a model in each row, a metric along the side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from bench.compute.quantities import quantities
from bench.framework.joint import PEOPLE
from bench.report.drawing.numbers import title
from bench.report.drawing.theme import GRID, MUTED


def log_axis(axes: Axes, decades: float, along: Literal["x", "y"] = "x") -> None:
    """Label a logarithmic axis with plain numbers, few enough to read."""
    axis = axes.xaxis if along == "x" else axes.yaxis
    axis.set_major_locator(
        LogLocator(subs=(1.0,) if decades > 2.5 else (1.0, 3.0) if decades > 1.2 else (1, 2, 5))
    )
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def height_of_rows(rows: int) -> float:
    """Return the inches that a plot of so many models needs."""
    return 0.75 + 0.3 * rows


def model_axis(axes: Axes, names: Sequence[str]) -> None:
    """Give every model a row, the first at the top, with its name beside it."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.yaxis.grid(visible=False)
    axes.spines["left"].set_visible(False)
    for index in range(len(names) - 1):
        axes.axhline(index + 0.5, color=GRID, linewidth=0.4, zorder=0)


def value_axis(axes: Axes, label: str, higher_is_better: bool) -> None:
    """Label the x axis so that right is better: it is turned over where lower is."""
    axes.xaxis.set_major_locator(MaxNLocator(6))
    if higher_is_better:
        axes.set_xlabel(f"{label} (right is better)")
    else:
        axes.invert_xaxis()
        axes.set_xlabel(f"{label} (lower is better: axis turned over, right is better)")


def explain(figure: Figure, text: str) -> None:
    """Say under the axes what the signs of a plot stand for, so that it is read without the page.

    To be called before anything is laid out.
    """
    figure.supxlabel(text, x=0.01, ha="left", fontsize=7.5, color=MUTED)


def with_unit(name: str, unit: str) -> str:
    """Return ``PSNR, dB``, or the name alone where there is no unit."""
    return f"{name}, {unit}" if unit else name


def axis_title(name: str) -> str:
    """Return how a metric, ``people`` or a cost is written in headings."""
    if name == PEOPLE:
        return "People"
    return quantities()[name].title if name in quantities() else title(name)


def in_words(names: Sequence[str]) -> str:
    """Return axes as a sentence has them: ``PSNR, latency and MACs``."""
    rows = quantities()
    words = [rows[name].word if name in rows else axis_title(name) for name in names]
    return f"{', '.join(words[:-1])} and {words[-1]}" if words[1:] else words[0]
