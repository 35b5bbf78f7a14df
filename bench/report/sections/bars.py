"""Bar charts of costs, each under one set of conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from bench.compute.noise import MARK
from bench.compute.quantities import plotted_in, row_of
from bench.core.names import counted
from bench.framework.costs import CostConditions
from bench.records import ONE
from bench.report.drawing.axes import explain, log_axis
from bench.report.drawing.numbers import significant
from bench.report.drawing.theme import INK, MUTED, WIDTH, Look, Plot, drawing, finish
from bench.report.reading.analysis import Analysis

MODELS = 24
"""Bars of a chart, at most: the best models by the first metric; the table has all."""
LINEAR = 50.0
"""Bars begin at 0 where the dearest costs no more than this many times the cheapest."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One model's cost in the unit of the axis, with its interval, or its range if it is noisy."""

    name: str
    value: float
    low: float
    high: float
    noisy: bool
    single: bool = False

    @property
    def written(self) -> str:
        """The number beside the bar."""
        text = significant(self.value)
        text = f"{text} {MARK}" if self.noisy else text
        return f"{text} ({ONE})" if self.single else text


def bars(analysis: Analysis, conditions: CostConditions, styles: Mapping[str, Look]) -> list[Plot]:
    """Chart every cost of which two models or more have a figure, best model first.

    A cost that does not depend on all conditions (parameters) is charted under the first ones only.
    """
    number = analysis.data.conditions().index(conditions)
    plots = []
    for quantity in plotted_in("bars"):
        earlier = analysis.data.conditions()[:number]
        if any(at.of(quantity) == conditions.of(quantity) for at in earlier):
            continue
        found = [bar for n in analysis.order if (bar := _bar(analysis, n, quantity, conditions))]
        if len(found) > 1:
            plots.append(_chart(analysis, quantity, conditions, found, styles))
    return plots


def _bar(analysis: Analysis, name: str, quantity: str, conditions: CostConditions) -> Bar | None:
    cost = analysis.cost(name, quantity, conditions)
    if cost is None or not cost.value:  # 0 has no place on a log scale, and is in the table
        return None
    low, high = (end if end else cost.value for end in (cost.low, cost.high))
    factor = row_of(quantity).factor
    return Bar(
        name, cost.value * factor, low * factor, high * factor, bool(cost.noisy), cost.single
    )


def _chart(
    analysis: Analysis,
    quantity: str,
    conditions: CostConditions,
    found: list[Bar],
    styles: Mapping[str, Look],
) -> Plot:
    row = row_of(quantity)
    head, unit = row.title, row.page_unit
    shown = found[:MODELS]
    with drawing(WIDTH, 0.85 + 0.27 * len(shown)) as (figure, axes):
        scale = _draw(axes, shown, styles)
        axes.set_xlabel(f"{head}, {unit}{scale}\n{conditions.of(quantity)}".strip())
        if lines := _lines(shown):
            explain(figure, lines)
        number = analysis.data.conditions().index(conditions)
        name = f"cost-{quantity}".replace("_", "-")
        without = len(analysis.order) - len(found)
        notes = [f"{counted(len(found) - len(shown), 'further model')} in the table."]
        notes = notes if len(found) > len(shown) else []
        notes += (
            [f"{counted(without, 'model')} without a figure; see the table."] if without else []
        )
        text = ", ".join(f"{bar.name} {bar.written}" for bar in shown)
        return finish(
            figure,
            name if number == 0 else f"{name}-{number + 1}",
            head,
            f"{head} in {unit}{scale}, {conditions.of(quantity)}: {text}.",
            notes,
        )


def _lines(shown: list[Bar]) -> str:
    """Say what the lines of a chart are; "" where it has none."""
    noisy = {bar.noisy for bar in shown if bar.low < bar.high}
    kinds = {False: "Lines: 95 % intervals.", True: "Dashed lines: ranges of noisy costs."}
    return " ".join(kinds[one] for one in sorted(noisy))


def _draw(axes: Axes, shown: list[Bar], styles: Mapping[str, Look]) -> str:
    """Draw the bars, with room for a number after each; return a word on the scale."""
    ends = [end for bar in shown for end in (bar.low, bar.high)]
    start, scale = 0.0, ""
    room = 0.02 + 0.018 * max(len(bar.written) for bar in shown)  # of the width, for the numbers
    if max(ends) > LINEAR * min(ends):
        span = math.log10(max(ends) / min(ends))
        start, scale = min(ends) / 10 ** (0.12 * span), " (log scale)"
        axes.set_xscale("log")
        beyond = max(0.3, 1.12 * room / (1 - room))
        axes.set_xlim(start, max(ends) * 10 ** (beyond * span))
        log_axis(axes, (1.1 + beyond) * span)
    else:
        axes.set_xlim(0, max(ends) * max(1.2, 1 / (1 - room)))
    for position, bar in enumerate(shown):
        look = styles[bar.name]
        style: dict[str, Any] = {"color": look.colour}
        if bar.noisy:
            style = {"facecolor": "none", "edgecolor": look.colour, "linestyle": "--"}
        axes.barh(position, bar.value - start, 0.6, start, alpha=0.8, zorder=2, **style)
        if bar.low < bar.high:
            axes.plot(
                [bar.low, bar.high],
                [position, position],
                color=INK,
                linewidth=1.0,
                zorder=3,
                linestyle="--" if bar.noisy else "-",
            )
        axes.annotate(
            bar.written,
            (max(bar.value, bar.high), position),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=INK,
        )
    axes.set_yticks(range(len(shown)), [styles[bar.name].name for bar in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.yaxis.grid(visible=False)
    axes.spines["left"].set_color(MUTED)
    return scale
