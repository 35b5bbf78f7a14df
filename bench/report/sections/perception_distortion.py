"""The perception-distortion plane: what looks right against what is right, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bench.framework.joint import PEOPLE, Joint
from bench.framework.ranking import FrontRow, fronts
from bench.report.drawing.axes import axis_title, explain, with_unit
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import percent
from bench.report.drawing.points import Point, draw_point, name_points
from bench.report.drawing.theme import WIDTH, Look, Plot, drawing, finish
from bench.report.reading.analysis import family
from bench.report.reading.context import Context
from bench.report.reading.evidence import Facts

Floats = NDArray[np.float64]

DISTORTION = ("psnr", "ssim", "ms-ssim", "vif", "mse", "mae")
"""Families of metrics that hold the output against the reference pixel by pixel, in this order."""
PERCEPTION = ("lpips", "st-lpips", "blur-effect")
"""Families of perceptual metrics and of those that need no reference; people come first of all."""


def section(context: Context) -> Content | Missing:
    """Plot people's scale and the first perceptual metric against the first distortion metric."""
    found = context.facts
    measured = found.analysis.measured
    families = {family(m): m for m in reversed(measured)}
    distortion = next((families[f] for f in DISTORTION if f in families), None)
    perception = next((families[f] for f in PERCEPTION if f in families), None)
    looks_right = [
        *([PEOPLE] if found.evidence.people else []),
        *([perception] if perception else []),
    ]
    if distortion is None or not looks_right:
        return Missing("it needs a metric of each kind, or people in place of the perceptual one")
    made = [_plane(found, distortion, name, context.looks) for name in looks_right]
    plots = [plot for plot in made if isinstance(plot, Plot)]
    if not plots:
        return next(plot for plot in made if isinstance(plot, Missing))
    return Content(
        [
            "What looks right against what is right, pixel by pixel: past some point one is "
            "bought with the other (Blau and Michaeli 2018, doi:10.1109/CVPR.2018.00652). Filled: "
            "no other model is better in both; a percentage is the probability of that. Bars: "
            "95 % of the draws of what sets a model apart from the others; that images are easy or "
            "hard for all is taken off.",
            plots,
        ]
    )


def _plane(
    found: Facts, distortion: str, perception: str, styles: Mapping[str, Look]
) -> Plot | Missing:
    # The base has no cost here: it is one of the models, the best of all where nothing helps.
    joint = found.join(distortion, perception, with_base=True)
    if isinstance(joint, Missing):
        return joint
    if len(joint.models) < 2:
        return Missing(f"fewer than two models have both {distortion} and {perception}")
    rows = {row.model: row for row in fronts(joint)}
    spread = np.quantile(joint.paired(), [0.025, 0.975], axis=0)
    points = [
        _point(joint, spread, i, " ".join([styles[name].name, *_chance(joint, rows[name])]))
        for i, name in enumerate(joint.models)
    ]
    filled = [rows[point.name].on_front is True for point in points]  # no cost, no noise
    with drawing(WIDTH, 3.8) as (figure, axes):
        for point, full in zip(points, filled, strict=True):
            draw_point(axes, point, styles[point.name], filled=full)
        for index, axis in enumerate((axes.xaxis, axes.yaxis)):
            side = joint.axes[index]
            where = ("right", "up")[index]
            turned = "" if side.higher_is_better else ", axis turned over"
            name = with_unit(axis_title(side.name), side.unit)
            axis.set_label_text(f"{name} ({where} is better{turned})")
            axis.set_major_locator(MaxNLocator(6))
        axes.margins(0.12)
        surely = " NN %: how surely so. Bars: 95 % of draws." if joint.claims.intervals else ""
        explain(figure, f"Filled: no other is better in both.{surely}")
        if not joint.axes[0].higher_is_better:
            axes.invert_xaxis()
        if not joint.axes[1].higher_is_better:
            axes.invert_yaxis()
        notes = name_points(figure, axes, points, filled, [])
        notes += (
            [f"Not shown: {'; '.join(f'{m} ({why})' for m, why in joint.left_out.items())}."]
            if joint.left_out
            else []
        )
        named = ", ".join(p.label for p, full in zip(points, filled, strict=True) if full)
        names = axis_title(perception), axis_title(distortion)
        return finish(
            figure,
            f"plane-{perception}-{distortion}",
            f"{names[0]} against {names[1]}",
            f"{names[0]} of {len(points)} models against {names[1]}. No other is better in both"
            f"{', and how surely' if joint.claims.intervals else ''}: {named}.",
            notes,
        )


def _chance(joint: Joint, row: FrontRow) -> list[str]:
    return [percent(row.probability)] if joint.claims.intervals else []


def _point(joint: Joint, spread: Floats, i: int, label: str) -> Point:
    (left, bottom), (right, top) = spread[:, i].tolist()
    return Point(
        name=joint.models[i],
        label=label,
        x=float(joint.values[i, 0]),
        left=left,
        right=right,
        y=float(joint.values[i, 1]),
        low=bottom,
        high=top,
    )
