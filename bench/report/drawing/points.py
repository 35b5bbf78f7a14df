"""Points of models in a plane: markers, intervals on both axes, names beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from bench.core.names import counted
from bench.report.drawing.labels import Box, place
from bench.report.drawing.theme import INK, MUTED, PAPER, Look, settle

NAMED = 16
"""Up to so many models all are named in the plot; above, the front is, and others where it fits."""

Segment = tuple[tuple[float, float], tuple[float, float]]
"""The x and the y of a line's two ends, as ``plot`` takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One model in a plane, with its interval on both axes. ``label`` is written beside it.

    ``noisy``: from ``left`` to ``right`` is the range of a noisy cost.
    """

    name: str
    label: str
    x: float
    left: float
    right: float
    y: float
    low: float
    high: float
    noisy: bool = False


def draw_point(axes: Axes, point: Point, look: Look, filled: bool | None) -> None:
    """Draw a point with its bars; filled where it is on the front, half filled where noise leaves
    that open (None)."""
    bars = axes.errorbar(
        point.x,
        point.y,
        xerr=[[max(0, point.x - point.left)], [max(0, point.right - point.x)]],
        yerr=[[max(0, point.y - point.low)], [max(0, point.high - point.y)]],
        fmt=look.marker,
        color=look.colour,
        ecolor=look.colour,
        elinewidth=1.0,
        markersize=6.5,
        markerfacecolor=PAPER if filled is False else look.colour,
        markeredgewidth=1.3,
        markeredgecolor=look.colour,
        zorder=3,
        fillstyle="left" if filled is None else "full",
        markerfacecoloralt=PAPER,
    )
    for line in bars[2]:
        line.set_alpha(0.6)  # the points are what is compared
    if point.noisy:
        bars[2][0].set_linestyle("--")


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
        text, size = written(axes, point.label, (point.x, point.y))
        texts.append(text)
        sizes.append(size)
        obstacles += _bars(axes, point, float(x), float(y), scale)
    inside = axes.get_window_extent()
    off = 4 * scale  # a name that touches the axis reads as one of its ticks
    frame: Box = (inside.x0 + off, inside.y0 + off, inside.x1 - off, inside.y1 - off)
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


def written(
    axes: Axes, label: str, at: tuple[float, float], **style: Any
) -> tuple[Annotation, tuple[float, float]]:
    """Write a label at a point, to be moved beside it; return it and its size with a margin."""
    text = axes.annotate(
        label,
        at,
        xytext=(0, 0),
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=8,
        color=INK,
        zorder=5,
        annotation_clip=False,
        **style,
    )
    extent = text.get_window_extent()
    return text, (extent.width + 2, extent.height + 2)


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
