"""Quality lost against cost saved, over the amounts of a compression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.report.drawing.axes import explain
from bench.report.drawing.theme import COLOURS, MARKERS, MUTED, drawing, finish

SAVED = {"params": "parameters", "macs": "operations", "latency_ms": "latency"}
"""Cost -> what it is called; each is a line."""


def draw(rows: Sequence[Any], name: str, metric: str = "psnr") -> bytes | None:
    """Return a PNG of the change in a metric against the part of each cost that is saved.

    ``rows`` are `bench.compressing.Row`, the original first. None where nothing has both figures.
    """
    original, *others = rows
    drawn = 0
    ends_at: dict[float, tuple[float, float]] = {}
    with drawing(5.2, 3.6) as (figure, axes):
        explain(
            figure, "Bars: 95 % intervals of the paired difference over scenes. Beside: the amount."
        )
        axes.axhline(0, color=MUTED, linewidth=0.8)
        for (cost, word), colour, marker in zip(SAVED.items(), COLOURS, MARKERS, strict=False):
            before = original.costs[cost].value
            points = [
                (100 * (1 - row.costs[cost].value / before), row.quality[metric], row.amount)
                for row in others
                if before
                and row.costs[cost].value is not None
                and metric in row.quality
                and row.quality[metric].change is not None
            ]
            if not points:
                continue
            drawn += 1
            points.sort(key=lambda point: point[0])
            saved = [point[0] for point in points]
            changes = [point[1].change for point in points]
            ends = [
                (
                    v.change - (v.change if v.change_low is None else v.change_low),
                    (v.change if v.change_high is None else v.change_high) - v.change,
                )
                for _, v, _ in points
            ]
            axes.errorbar(
                saved, changes, yerr=list(zip(*ends, strict=True)), color=colour, marker=marker,
                markersize=4, linewidth=1.1, elinewidth=0.7, capsize=2, label=word,
            )  # fmt: skip
            for x, found, amount in points:
                last = ends_at.get(amount, (x, found.change))
                ends_at[amount] = max(last, (x, found.change))
        for amount, at in ends_at.items():  # costs of one amount are of one height
            axes.annotate(
                f"{amount:g}", at, xytext=(5, 4), textcoords="offset points", fontsize=7
            )  # fmt: skip
        axes.set_xlabel("saved, %")
        axes.set_ylabel(f"change in {metric.upper()}" + (", dB" if metric == "psnr" else ""))
        axes.set_title(f"{original.model}: quality lost against cost saved")
        if not drawn:
            return None
        axes.legend(frameon=False, fontsize=7.5)
        return finish(figure, name, name, f"quality lost against cost saved of {name}").png
