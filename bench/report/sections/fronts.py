"""Quality against cost: log cost, intervals as bars, the Pareto front as a step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.core.errors import BenchError
from bench.framework.costs import Conditions
from bench.framework.joint import Evidence, join
from bench.framework.pareto import front
from bench.framework.ranking import fronts
from bench.report.drawing.labels import Box, place
from bench.report.drawing.numbers import COSTS, counted, percent, significant, title
from bench.report.drawing.theme import INK, MUTED, PAPER, WIDTH, Look, Plot, drawing, finish, settle
from bench.report.reading.analysis import Analysis
from bench.statistics.clusters import Estimate

AXES = ("latency_ms", "macs", "params", "device_memory_mb", "process_memory_mb", "energy_j")


NAMED = 16
"""Up to so many models all are named in the plot; above, the front is, and others where it fits."""

Segment = tuple[tuple[float, float], tuple[float, float]]
"""The x and the y of a line's two ends, as ``plot`` takes them."""


@dataclass(frozen=True, slots=True)
class Point:
    """One model in a plane, with its interval on both axes. ``label`` is written beside it."""

    name: str
    label: str
    x: float
    left: float
    right: float
    y: float
    low: float
    high: float


def quality_against_cost(
    analysis: Analysis, metric: str, quantity: str, conditions: Conditions,
    styles: Mapping[str, Look], folder: Path,
) -> Plot | None:  # fmt: skip
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
    on_front = _front(analysis, metric, points)
    chances = _chances(analysis, metric, quantity, conditions)
    points = [
        replace(p, label=f"{p.name} {percent(chances[p.name])}") if p.name in chances else p
        for p in points
    ]
    head, unit, _ = COSTS[quantity]
    with drawing(WIDTH, 3.7) as (figure, axes):
        axes.set_xscale("log")
        _frame(axes, points, analysis, metric, up)
        across = _base_line(axes, analysis, metric)
        steps = _steps(axes, [points[i] for i in on_front])
        for xs, ys in steps:
            axes.plot(xs, ys, color=MUTED, linewidth=1.1, zorder=2)
        shown = [index in on_front for index in range(len(points))]
        for point, best in zip(points, shown, strict=True):
            draw_point(axes, point, styles[point.name], filled=best)
        axes.set_xlabel(f"{head}, {unit} (log scale)\n{conditions.of(quantity)}".strip())
        arrow = "higher is better" if up else "lower is better, axis turned over"
        unit_y = analysis.data.table.units[metric]
        axes.set_ylabel(f"{title(metric)}{', ' + unit_y if unit_y else ''} ({arrow})")
        notes = name_points(figure, axes, points, shown, [*steps, *across])
        notes += [f"Not shown: {'; '.join(absent)}."] if absent else []
        named = ", ".join(points[i].label for i in on_front)
        name = f"{metric}-against-{quantity}".replace("_", "-")
        number = analysis.data.conditions().index(conditions)
        return finish(
            figure, folder, name if number == 0 else f"{name}-{number + 1}",
            f"{title(metric)} against {head.lower() if head != 'MACs' else head}",
            f"{title(metric)} of {len(points)} models against {head} ({conditions}). "
            f"On the Pareto front, cheapest first, and how surely: {named or 'none'}.",
            notes,
        )  # fmt: skip


def _point(
    analysis: Analysis, name: str, metric: str, quantity: str, conditions: Conditions
) -> Point | None:
    estimate = analysis.standing(metric, name).estimate
    figure = analysis.cost(name, quantity, conditions)
    if name == analysis.base or estimate is None or figure is None or not figure.value:
        return None  # a cost of 0 has no place on a log axis
    factor = COSTS[quantity][2]
    cost = figure.value * factor
    return Point(
        name, name, cost,
        figure.low * factor if figure.low else cost,
        figure.high * factor if figure.high else cost,
        *_bounds(estimate),
    )  # fmt: skip


def _chances(
    analysis: Analysis, metric: str, quantity: str, conditions: Conditions
) -> dict[str, float]:
    """Return how surely each model is on the front, of those that can be drawn together."""
    evidence = Evidence(
        analysis.data.table, analysis.data.costs, None,
        analysis.base if analysis.has_base else None,
    )  # fmt: skip
    try:
        joint = join(evidence, [metric, quantity], conditions, intervals=False)
    except BenchError:
        return {}
    return {row.model: row.probability for row in fronts(joint)}


def _front(analysis: Analysis, metric: str, points: Sequence[Point]) -> list[int]:
    """Return the indices of the points on the front, cheapest first.

    The base costs next to nothing, so a model that is no better than it is dominated.
    """
    up = analysis.data.table.higher_is_better[metric]
    base = analysis.standing(metric, analysis.base).estimate if analysis.has_base else None
    worth = [
        index
        for index, point in enumerate(points)
        if base is None or (point.y > base.value if up else point.y < base.value)
    ]
    found = front([points[i].y for i in worth], [points[i].x for i in worth], up)
    return [worth[i] for i in found]


def _bounds(estimate: Estimate) -> tuple[float, float, float]:
    value = estimate.value
    low = value if estimate.low is None else estimate.low
    high = value if estimate.high is None else estimate.high
    return value, low, high


def _why_absent(
    analysis: Analysis, name: str, metric: str, quantity: str, conditions: Conditions
) -> str:
    standing = analysis.standing(metric, name)
    if standing.estimate is None:
        return next(iter(standing.missing), "no finite score")
    figure = analysis.cost(name, quantity, conditions)
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


def log_axis(axes: Axes, decades: float) -> None:
    """Label a logarithmic x axis with plain numbers, few enough to read."""
    axes.xaxis.set_major_locator(
        LogLocator(subs=(1.0,) if decades > 2.5 else (1.0, 3.0) if decades > 1.2 else (1, 2, 5))
    )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _base_line(axes: Axes, analysis: Analysis, metric: str) -> list[Segment]:
    """Draw the base across, and return the line."""
    base = analysis.standing(metric, analysis.base).estimate if analysis.has_base else None
    if base is None:
        return []
    axes.axhline(base.value, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        analysis.base_title.removeprefix("the ").replace(" ", "\n"), (1, base.value),
        xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points", ha="left",
        va="center", color=MUTED, fontsize=7.5,
    )  # fmt: skip
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


def draw_point(axes: Axes, point: Point, look: Look, filled: bool) -> None:
    """Draw a point with its bars; filled where it is on the front."""
    bars = axes.errorbar(
        point.x, point.y,
        xerr=[[max(0, point.x - point.left)], [max(0, point.right - point.x)]],
        yerr=[[max(0, point.y - point.low)], [max(0, point.high - point.y)]],
        fmt=look.marker, color=look.colour, ecolor=look.colour, elinewidth=1.0, markersize=6.5,
        markerfacecolor=look.colour if filled else PAPER, markeredgewidth=1.3,
        markeredgecolor=look.colour, zorder=3,
    )  # fmt: skip
    for line in bars[2]:
        line.set_alpha(0.6)  # the points are what is compared


def name_points(
    figure: Figure,
    axes: Axes,
    points: Sequence[Point],
    on_front: Sequence[bool],
    lines: Sequence[Segment],
) -> list[str]:
    """Name the points, clear of their bars and of ``lines``; return a note if some have no room."""
    settle(figure)
    scale = figure.get_dpi() / 72
    pixels = axes.transData.transform([(p.x, p.y) for p in points])
    texts, sizes, obstacles = [], [], []
    for xs, ys in lines:
        (left, bottom), (right, top) = axes.transData.transform(list(zip(xs, ys, strict=True)))
        obstacles.append((left - 1, min(bottom, top) - 1, right + 1, max(bottom, top) + 1))
    for point, (x, y) in zip(points, pixels, strict=True):
        text = axes.annotate(
            point.label, (point.x, point.y), xytext=(0, 0), textcoords="offset points",
            ha="left", va="bottom", fontsize=8, color=INK, zorder=5, annotation_clip=False,
        )  # fmt: skip
        extent = text.get_window_extent()
        texts.append(text)
        sizes.append((extent.width + 2, extent.height + 2))
        obstacles += _bars(axes, point, float(x), float(y), scale)
    inside = axes.get_window_extent()
    frame: Box = (inside.x0, inside.y0, inside.x1, inside.y1)
    needed = None if len(points) <= NAMED else on_front
    boxes = place([(float(x), float(y)) for x, y in pixels], sizes, obstacles, frame, needed)
    for text, box, (x, y) in zip(texts, boxes, pixels, strict=True):
        if box is None:
            text.remove()
            continue
        text.set_position(((box[0] + 1 - x) / scale, (box[1] + 1 - y) / scale))
        near_x, near_y = min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])
        if math.hypot(near_x - x, near_y - y) > 16 * scale:  # too far to belong without a line
            ends = axes.transData.inverted().transform([(x, y), (near_x, near_y)])
            axes.plot(ends[:, 0], ends[:, 1], color=MUTED, linewidth=0.5, zorder=2)
    unnamed = boxes.count(None)
    return (
        [f"{counted(unnamed, 'point')} without room for a name; see the tables."] if unnamed else []
    )


def _bars(axes: Axes, point: Point, x: float, y: float, scale: float) -> list[Box]:
    """Return the boxes that a point's marker and bars cover."""
    half = 4.5 * scale
    (left, bottom), (right, top) = axes.transData.transform(
        [(point.left, point.low), (point.right, point.high)]
    )
    return [
        (x - half, y - half, x + half, y + half),
        (x - 1, min(bottom, top), x + 1, max(bottom, top)),
        (left, y - 1, right, y + 1),
    ]


def fastest(analysis: Analysis, metric: str, conditions: Conditions) -> str:
    """Say in words what the front of latency holds, for the head of the page."""
    points = [
        point
        for name in analysis.order
        if (point := _point(analysis, name, metric, "latency_ms", conditions))
    ]
    if len(points) < 2:
        return ""
    on_front = [points[i] for i in _front(analysis, metric, points)]
    named = ", ".join(f"{p.name} ({significant(p.x)} ms)" for p in on_front) or "no model"
    return f"Not beaten in both {title(metric)} and latency: {named}."
