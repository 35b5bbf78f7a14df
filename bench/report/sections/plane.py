"""The perception-distortion plane: what looks right against what is right, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bench.framework.joint import PEOPLE, Joint, join
from bench.framework.ranking import fronts
from bench.report.drawing.numbers import percent
from bench.report.drawing.theme import WIDTH, Look, Plot, drawing, finish
from bench.report.reading.analysis import family
from bench.report.reading.evidence import Facts, axis_title
from bench.report.sections.fronts import Point, draw_point, name_points

Floats = NDArray[np.float64]

DISTORTION = ("psnr", "ssim", "ms-ssim", "vif", "mse", "mae")
"""Families of metrics that hold the output against the reference pixel by pixel, in this order."""
PERCEPTION = ("lpips", "blur-effect")
"""Families of perceptual metrics and of those that need no reference; people come first of all."""


def planes(found: Facts, styles: Mapping[str, Look], folder: Path) -> Sequence[Plot]:
    """Plot people's scale and the first perceptual metric against the first distortion metric.

    Nothing where one of the two kinds was not measured.
    """
    measured = found.analysis.measured
    families = {family(m): m for m in reversed(measured)}
    distortion = next((families[f] for f in DISTORTION if f in families), None)
    perception = next((families[f] for f in PERCEPTION if f in families), None)
    looks_right = [*([PEOPLE] if found.evidence.people else []),
                   *([perception] if perception else [])]  # fmt: skip
    if distortion is None:
        return []
    made = [_plane(found, distortion, name, styles, folder) for name in looks_right]
    return [plot for plot in made if plot]


def _plane(
    found: Facts, distortion: str, perception: str, styles: Mapping[str, Look], folder: Path
) -> Plot | None:
    # The base has no cost here: it is one of the models, the best of all where nothing helps.
    evidence = replace(found.evidence, base=None)
    joint = join(evidence, [distortion, perception], None, found.analysis.order)
    if len(joint.models) < 2:
        return None
    rows = {row.model: row for row in fronts(joint)}
    spread = np.quantile(joint.paired(), [0.025, 0.975], axis=0)
    points = [
        _point(joint, spread, i, percent(rows[name].probability))
        for i, name in enumerate(joint.models)
    ]
    filled = [rows[point.name].on_front for point in points]
    with drawing(WIDTH, 3.7) as (figure, axes):
        for point, full in zip(points, filled, strict=True):
            draw_point(axes, point, styles[point.name], filled=full)
        for place, axis in enumerate((axes.xaxis, axes.yaxis)):
            side = joint.axes[place]
            where = ("right", "up")[place]
            turned = "" if side.higher_is_better else ", axis turned over"
            unit = f", {side.unit}" if side.unit else ""
            axis.set_label_text(f"{axis_title(side.name)}{unit} ({where} is better{turned})")
            axis.set_major_locator(MaxNLocator(6))
        axes.margins(0.12)
        if not joint.axes[0].higher_is_better:
            axes.invert_xaxis()
        if not joint.axes[1].higher_is_better:
            axes.invert_yaxis()
        notes = name_points(figure, axes, points, filled, [])
        notes += [f"Not shown: {'; '.join(f'{m} ({why})' for m, why in joint.left_out.items())}."
                  ] if joint.left_out else []  # fmt: skip
        named = ", ".join(p.label for p, full in zip(points, filled, strict=True) if full)
        names = axis_title(perception), axis_title(distortion)
        return finish(
            figure, folder, f"plane-{perception}-{distortion}", f"{names[0]} against {names[1]}",
            f"{names[0]} of {len(points)} models against {names[1]}. No other is better in both, "
            f"and how surely: {named}.",
            notes,
        )  # fmt: skip


def _point(joint: Joint, spread: Floats, i: int, chance: str) -> Point:
    x, y = (
        (float(joint.values[i, place]), *(float(end) for end in spread[:, i, place]))
        for place in (0, 1)
    )
    return Point(joint.models[i], f"{joint.models[i]} {chance}", *x, *y)
