"""Quality against cost: log cost, intervals as bars, the Pareto front as a step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.compute.noise import MARK
from bench.compute.quantities import plotted_in, row_of
from bench.core.errors import BenchError
from bench.framework.costs import CostConditions
from bench.framework.joint import Evidence, join
from bench.framework.pareto import dominates_surely, standing
from bench.framework.ranking import fronts
from bench.report.drawing.axes import log_axis, with_unit
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import percent, significant, title
from bench.report.drawing.points import Point, Segment, draw_point, name_points
from bench.report.drawing.theme import INK, MUTED, PAPER, WIDTH, Look, Plot, drawing, finish
from bench.report.reading.analysis import Analysis
from bench.report.reading.context import Context
from bench.statistics.clusters import Estimate


def section(context: Context) -> Content | Missing:
    """Plot the first metrics against costs, each under one set of conditions."""
    analysis = context.analysis
    shown: list[Plot] = []
    kept: list[Plot] = []
    every, on_page = plotted_in("axis"), plotted_in("page")
    for metric in analysis.shown:
        for conditions in analysis.data.conditions():
            for quantity in every if metric == analysis.primary else on_page:
                plot = quality_against_cost(
                    context.facts.evidence,
                    analysis,
                    metric=metric,
                    quantity=quantity,
                    conditions=conditions,
                    styles=context.looks,
                )
                if plot:
                    (shown if quantity in on_page else kept).append(plot)
    if not shown:
        return Missing("fewer than two models have a score and a cost of the same conditions")
    base = ""
    if analysis.has_base:
        base = (
            f"The dashed line is {analysis.base_title}, which costs next to nothing: what is no "
            "better than it is not on the front. "
        )
    chance = ""
    if any(analysis.data.table.claims(metric).intervals for metric in analysis.shown):
        chance = "The percentage beside a name is the probability of being on the front. "
    doubt = ""
    if analysis.data.noisy:
        doubt = "Half filled: noisy costs leave open whether another does. "
    signs = (
        "Filled markers and the step line: models that no other beats in both (Pareto front). "
        f"{doubt}Bars: 95 % intervals. {base}{chance}All costs of a plot were measured under "
        "the same conditions."
    )
    first, *others = shown
    return Content(
        lead=[[replace(first, notes=[signs, *first.notes])]],
        body=[others] if others else [],
        findings=_fastest(analysis),
        heading="Quality against cost",
        kept=kept,
    )


def quality_against_cost(
    evidence: Evidence,
    analysis: Analysis,
    *,
    metric: str,
    quantity: str,
    conditions: CostConditions,
    styles: Mapping[str, Look],
) -> Plot | None:
    """Plot one metric against one cost measured under one set of conditions.

    None where fewer than two models have both figures. The base, which costs next to
    nothing, is a line across.
    """
    points, absent = [], []
    for name in analysis.order:
        estimate = analysis.standing(metric, name).estimate
        found = _point(analysis, name, metric, quantity, conditions) if estimate else None
        if found:
            points.append(found)
        elif name != analysis.base:
            absent.append(f"{name} ({_why_absent(analysis, name, metric, quantity, conditions)})")
    if len(points) < 2:
        return None
    up = analysis.data.table.higher_is_better[metric]
    on_front = _standing(analysis, metric, points)
    surely_on = _cheapest_first(points, on_front, True)
    chances = _chances(evidence, metric, quantity, conditions)
    points = [
        replace(p, label=_label(p, styles[p.name], chances, is_on))
        for p, is_on in zip(points, on_front, strict=True)
    ]
    row = row_of(quantity)
    head, unit = row.title, row.page_unit
    with drawing(WIDTH, 3.7) as (figure, axes):
        axes.set_xscale("log")
        _frame(axes, points, analysis, metric, up)
        across = _base_line(axes, analysis, metric)
        steps = _steps(axes, [points[i] for i in surely_on])
        for xs, ys in steps:
            axes.plot(xs, ys, color=MUTED, linewidth=1.1, zorder=2)
        shown = [best is not False for best in on_front]
        for point, best in zip(points, on_front, strict=True):
            draw_point(axes, point, styles[point.name], filled=best)
        axes.set_xlabel(f"{head}, {unit} (log scale)\n{conditions.of(quantity)}".strip())
        based = analysis.base_title if across else ""
        handles = _legend(
            based,
            bars=_any_bars(points),
            chances=bool(chances),
            open_to=None in on_front,
            noisy=any(point.noisy for point in points),
        )
        figure.legend(
            handles=handles,
            loc="outside lower left",
            ncols=2,
            frameon=False,
            fontsize=7.5,
            labelcolor=INK,
            handlelength=1.8,
            columnspacing=2.0,
            labelspacing=0.35,
        )
        arrow = "higher is better" if up else "lower is better, axis turned over"
        name = with_unit(title(metric), analysis.data.table.units[metric])
        axes.set_ylabel(f"{name} ({arrow})")
        notes = name_points(figure, axes, points, shown, [*steps, *across])
        notes += [f"Not shown: {'; '.join(absent)}."] if absent else []
        named = ", ".join(points[i].label for i in surely_on)
        open_to = ", ".join(points[i].label for i in _cheapest_first(points, on_front, None))
        doubt = f" Not known, because costs are noisy: {open_to}." if open_to else ""
        surely = ", and how surely" if chances else ""
        name = f"{metric}-against-{quantity}".replace("_", "-")
        number = analysis.data.conditions().index(conditions)
        return finish(
            figure,
            name if number == 0 else f"{name}-{number + 1}",
            f"{title(metric)} against {row.word}",
            f"{title(metric)} of {len(points)} models against {head} ({conditions}). "
            f"On the Pareto front, cheapest first{surely}: {named or 'none'}.{doubt}",
            notes,
        )


def _any_bars(points: Sequence[Point]) -> bool:
    return any(p.low < p.high or p.left < p.right for p in points)


def _legend(base: str, *, bars: bool, chances: bool, open_to: bool, noisy: bool) -> list[Line2D]:
    """Return what the signs of a plot stand for, so that it can be read without the page."""

    def sign(label: str, **look: Any) -> Line2D:
        return Line2D([], [], color=MUTED, label=label, **look)

    spot = {"linestyle": "none", "marker": "o", "markersize": 6, "markeredgewidth": 1.3}
    signs = [
        sign("Pareto front: no other beats it in both", **spot),
        sign("not on the front", **spot, markerfacecolor=PAPER),
        sign("the front", linewidth=1.1),
    ]
    half = {"fillstyle": "left", "markerfacecoloralt": PAPER}
    signs += [sign("noisy costs leave it open", **spot, **half)] if open_to else []
    signs += [sign("range of a noisy cost", linewidth=1.0, linestyle="--")] if noisy else []
    signs += [sign(base, linewidth=0.9, linestyle=(0, (4, 3)))] if base else []
    signs += [sign("95 % interval", linewidth=1.0, alpha=0.6)] if bars else []
    signs += [sign("NN %: probability of being on the front", linestyle="none")] if chances else []
    return signs


def _point(
    analysis: Analysis, name: str, metric: str, quantity: str, conditions: CostConditions
) -> Point | None:
    estimate = analysis.standing(metric, name).estimate
    cost = analysis.cost(name, quantity, conditions)
    if name == analysis.base or estimate is None or cost is None or not cost.value:
        return None  # a cost of 0 has no place on a log axis
    factor = row_of(quantity).factor
    value, low, high = _bounds(estimate)
    return Point(
        name=name,
        label=name,
        x=cost.value * factor,
        left=(cost.low or cost.value) * factor,
        right=(cost.high or cost.value) * factor,
        y=value,
        low=low,
        high=high,
        noisy=bool(cost.noisy),
    )


def _chances(
    evidence: Evidence, metric: str, quantity: str, conditions: CostConditions
) -> dict[str, float]:
    """Return how surely each model is on the front, of those that can be drawn together.

    None are sure or unsure of one scene.
    """
    try:
        joint = join(evidence, [metric, quantity], conditions, intervals=False)
    except BenchError:
        return {}
    if not joint.claims.intervals:
        return {}
    return {row.model: row.probability for row in fronts(joint)}


def _label(point: Point, look: Look, chances: Mapping[str, float], is_on: bool | None) -> str:
    """Return a model's name, how surely it is on the front, and the mark of a noisy cost."""
    chance = percent(chances[point.name]) if point.name in chances else ""
    standing = "not known" if is_on is None else chance
    return " ".join(filter(None, (look.name, standing, MARK if point.noisy else "")))


def _standing(analysis: Analysis, metric: str, points: Sequence[Point]) -> list[bool | None]:
    """Say of each point whether it is on the front; None where noisy costs leave that open.

    The base costs next to nothing, so a model that is no better than it is dominated. What is
    ranked apart is on no front.
    """
    up = analysis.data.table.higher_is_better[metric]
    base = analysis.standing(metric, analysis.base).estimate if analysis.has_base else None
    worth = [
        index
        for index, point in enumerate(points)
        if point.name not in analysis.data.table.apart
        and (base is None or (point.y > base.value if up else point.y < base.value))
    ]
    ranked = [points[index] for index in worth]
    least = [(p.y, p.left if p.noisy else p.x) for p in ranked]
    most = [(p.y, p.right if p.noisy else p.x) for p in ranked]
    found: list[bool | None] = [False] * len(points)
    if ranked:
        standings = standing(*dominates_surely(least, most, [up, False]))
        for index, is_on in zip(worth, standings, strict=True):
            found[index] = is_on
    return found


def _cheapest_first(
    points: Sequence[Point], on_front: Sequence[bool | None], asked: bool | None
) -> list[int]:
    """Return the indices of the points of one standing, cheapest first."""
    return sorted(
        (i for i, is_on in enumerate(on_front) if is_on is asked), key=lambda i: points[i].x
    )


def _bounds(estimate: Estimate) -> tuple[float, float, float]:
    value = estimate.value
    low = value if estimate.low is None else estimate.low
    high = value if estimate.high is None else estimate.high
    return value, low, high


def _why_absent(
    analysis: Analysis, name: str, metric: str, quantity: str, conditions: CostConditions
) -> str:
    standing = analysis.standing(metric, name)
    if standing.estimate is None:
        return next(iter(standing.missing), "no finite score")
    figure = analysis.figure(name, quantity, conditions)
    if figure is None:
        return "not measured under these conditions"
    return figure.missing or "0 has no place on a log scale"


def _frame(axes: Axes, points: Sequence[Point], analysis: Analysis, metric: str, up: bool) -> None:
    costs = [edge for p in points for edge in (p.left, p.right)]
    span = max(math.log10(max(costs) / min(costs)), 0.3)
    axes.set_xlim(min(costs) / 10 ** (0.14 * span), max(costs) * 10 ** (0.14 * span))
    values = [edge for p in points for edge in (p.low, p.high)]
    base = analysis.standing(metric, analysis.base).estimate if analysis.has_base else None
    values += [base.value] if base else []
    room = 0.09 * (max(values) - min(values)) or 0.05 * abs(max(values)) or 1.0
    limits = (min(values) - room, max(values) + room)
    axes.set_ylim(limits if up else limits[::-1])
    log_axis(axes, span)


def _base_line(axes: Axes, analysis: Analysis, metric: str) -> list[Segment]:
    """Draw the base across, and return the line."""
    base = analysis.standing(metric, analysis.base).estimate if analysis.has_base else None
    if base is None:
        return []
    axes.axhline(base.value, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        analysis.base_title.removeprefix("the ").replace(" ", "\n"),
        (1, base.value),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        ha="left",
        va="center",
        color=MUTED,
        fontsize=7.5,
    )
    return [(axes.get_xlim(), (base.value, base.value))]


def _steps(axes: Axes, points: Sequence[Point]) -> list[Segment]:
    """Return the front as segments: level until a dearer model is better."""
    steps: list[Segment] = []
    for here, following in zip_longest(points, points[1:]):
        end = following.x if following else axes.get_xlim()[1]
        steps.append(((here.x, end), (here.y, here.y)))
        if following:
            steps.append(((end, end), (here.y, following.y)))
    return steps


def _fastest(analysis: Analysis) -> list[str]:
    """Say in words what the front of latency holds, for the head of the page."""
    metric, conditions = analysis.measured[0], analysis.data.conditions()[0]
    points = [
        point
        for name in analysis.order
        if (point := _point(analysis, name, metric, "latency_ms", conditions))
    ]
    if len(points) < 2:
        return []
    on_front = _standing(analysis, metric, points)
    named, doubtful = (
        ", ".join(_described(points[i]) for i in _cheapest_first(points, on_front, asked))
        for asked in (True, None)
    )
    text = f"Not beaten in both {title(metric)} and latency: {named or 'no model'}."
    return [text + (f" Not known, because latencies are noisy: {doubtful}." if doubtful else "")]


def _described(point: Point) -> str:
    """Return a model with its latency, or between what it was measured where it is noisy."""
    if not point.noisy:
        return f"{point.name} ({significant(point.x)} ms)"
    ends = f"{significant(point.left)} and {significant(point.right)} ms"
    return f"{point.name} (between {ends})"
