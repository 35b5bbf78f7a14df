"""How often each model is first, whatever quality and costs weigh: a chart and a table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.compute.noise import MARK
from bench.core.errors import BenchError
from bench.core.names import counted
from bench.framework.acceptability import Acceptable, acceptability
from bench.framework.joint import Joint
from bench.report.drawing.axes import axis_title, in_words
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import percent
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.drawing.theme import GRID, INK, MUTED, WIDTH, Look, Plot, drawing, finish
from bench.report.reading.context import Context
from bench.report.reading.evidence import Facts, too_few

SHADES = ((0.95, "first"), (0.55, "second"), (0.28, "third"))
"""How strongly the first ranks are filled; all further ones are empty."""
FILL = "#0072b2"
MODELS = 16
"""So many models are charted, those that are first most often; the table has all."""


def section(context: Context) -> Content | Missing:
    """Chart the ranks of every model over all weightings of the main quality and the costs."""
    found = context.facts
    if not found.costs:
        return Missing(found.no_costs)
    joint = found.join(found.main, *found.costs)
    if isinstance(joint, Missing):
        return joint
    if few := too_few(len(joint.models)):
        return few
    if not joint.claims.intervals:
        return Missing("one scene: nothing is known of how sure the order of the results is")
    try:
        done = acceptability(joint)
    except BenchError as error:
        return Missing(str(error))
    words = in_words([found.main, *found.costs])
    return Content(
        [
            "No weighting of quality and cost is the right one, so all of them are tried, with all "
            "uncertainties: how often does each model come first, second and third by "
            f"{words}?",
            [_chart(done, joint, context.looks)],
            _table(found, joint, done),
        ]
    )


def _words(done: Acceptable) -> str:
    return in_words([axis.name for axis in done.axes])


def _chart(done: Acceptable, joint: Joint, styles: Mapping[str, Look]) -> Plot:
    order = done.order[:MODELS]
    with drawing(WIDTH, 0.95 + 0.3 * len(order)) as (figure, axes):
        for row, model in enumerate(order):
            left = 0.0
            for rank, (strength, _) in enumerate(SHADES[: len(joint.models)]):
                share = 100 * float(done.ranks[model, rank])
                axes.barh(row, share, 0.62, left, color=FILL, alpha=strength, linewidth=0)
                left += share
            axes.barh(row, 100, 0.62, facecolor="none", edgecolor=MUTED, linewidth=0.5)
            axes.annotate(
                percent(float(done.ranks[model, 0])),
                (100, row),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
                color=INK,
            )
        axes.set_yticks(range(len(order)), [styles[joint.models[m]].name for m in order])
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.set_xlim(0, 100)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("share of weightings and draws, %; at the right, how often first")
        for strength, label in SHADES[: len(joint.models)]:
            axes.bar(0, 0, color=FILL, alpha=strength, label=label, linewidth=0)
        axes.bar(0, 0, facecolor="none", edgecolor=GRID, label="further back", linewidth=0.8)
        figure.legend(
            loc="outside upper right",
            frameon=False,
            fontsize=7.5,
            labelcolor=INK,
            ncols=4,
            handlelength=1.2,
            columnspacing=1.2,
        )
        shares = ", ".join(f"{joint.models[m]} {percent(float(done.ranks[m, 0]))}" for m in order)
        hidden = len(joint.models) - len(order)
        return finish(
            figure,
            "acceptability",
            "First whatever matters most?",
            f"How often each model is first over all weightings of {_words(done)} and all "
            f"uncertainties: {shares}.",
            [f"{counted(hidden, 'model')} not shown; see the table."] if hidden else [],
        )


def _table(found: Facts, joint: Joint, done: Acceptable) -> Table:
    columns = [Column("Model", numeric=False)]
    columns += [
        Column(word, "", "Share of weightings and draws") for _, word in SHADES[: len(joint.models)]
    ]
    columns += [
        Column(axis_title(axis.name), "", "Weights that put it first, on average")
        for axis in done.axes
    ]
    columns.append(Column("First under these"))
    rows, records = [], []
    for i in done.order:
        never = bool(np.isnan(done.central[i]).any())
        weights = [TableCell.missing("no weighting puts it first")] * len(done.axes)
        if not never:
            weights = [TableCell(percent(float(w)), sort=float(w)) for w in done.central[i]]
        mark = f" {MARK}" if done.models[i] in joint.noise else ""
        rows.append(
            [
                TableCell(done.models[i]),
                *(
                    TableCell(f"{percent(float(s))}{mark}", sort=float(s))
                    for s in done.ranks[i, : len(SHADES)]
                ),
                *weights,
                TableCell("" if never else percent(float(done.confidence[i]))),
            ]
        )
        records.append(
            {"model": done.models[i]}
            | {f"rank_{r + 1}": float(s) for r, s in enumerate(done.ranks[i])}
            | {
                f"weight_{axis.name}": None if never else float(w)
                for axis, w in zip(done.axes, done.central[i], strict=True)
            }
            | {"first_under_these": None if never else float(done.confidence[i])}
        )
    scale = "; ".join(
        f"{axis_title(axis.name)} {found.written(axis, low)} to {found.written(axis, high)}"
        for axis, low, high in zip(done.axes, done.worst, done.best, strict=True)
    )
    return Table(
        "acceptability",
        f"Over all weightings of {_words(done)}",
        columns,
        rows=rows,
        records=records,
        legend=[
            f"{counted(done.draws, 'weighting')}, uniform over all that sum to one, each with one "
            f"draw of everything uncertain (SMAA-2, doi:10.1287/opre.49.3.444.11220). 0 to 1 on "
            f"each axis: {scale}; costs by their logarithm.",
            *(f"{note[0].upper()}{note[1:]}." for note in joint.notes if joint.noise),
            *(
                [f"Left out: {'; '.join(f'{m} ({why})' for m, why in joint.left_out.items())}."]
                if joint.left_out
                else []
            ),
        ],
    )
