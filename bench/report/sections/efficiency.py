"""Scores in use that put quality and cost, or several costs, into one number."""

from __future__ import annotations

from collections.abc import Sequence

from bench.compute.noise import MARK
from bench.core.errors import BenchError
from bench.core.names import counted
from bench.framework.challenge import WEIGHTS, Scores, efficiency
from bench.framework.hypervolume import Covered, covered
from bench.framework.joint import Joint, join
from bench.report.drawing.axes import axis_title, in_words
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import MISSING, percent, significant
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.reading.context import Context
from bench.report.reading.evidence import FEWEST, Facts, too_few

_PARTS = {"latency_ms": "runtime", "macs": "FLOPs", "params": "parameters"}


def section(context: Context) -> Content | Missing:
    """Return the hypervolume and, of three networks or more, the NTIRE score."""
    found = context.facts
    known = join(found.evidence, list(WEIGHTS), found.conditions, samples=1).models
    made: list[Table] = []
    if found.costs:
        note = f"No NTIRE efficiency score: {counted(len(known), 'network')} with all its costs."
        table = _hypervolume(found, [note] if too_few(len(known)) else [])
        if isinstance(table, Missing):
            return table
        made.append(table)
    if too_few(len(known)) is None:
        base = next(name for name in found.analysis.order if name in known)
        made.append(_challenge(efficiency(found.evidence, base, WEIGHTS, found.conditions)))
    return Content(made) if made else Missing(found.no_costs)


def _challenge(scores: Scores) -> Table:
    """Return the scores against the base: of the models with all costs, the first in the report."""
    formula = " + ".join(f"{w:g} {_PARTS[q]}" for q, w in scores.weights.items())
    columns = [Column("Model", numeric=False), Column("Score", "95 % of draws ↓")]
    columns += [Column(f"exp(2 {_PARTS[q]})", f"weight {w:g}") for q, w in scores.weights.items()]
    first, *others = scores.scores
    surely = all(first.reach[1] <= other.reach[0] for other in others)
    rows = [
        [
            TableCell(one.model),
            TableCell(
                f"{_upper(one.score)} {MARK}" if one.noisy else _upper(one.score),
                _ends(*(one.reach if one.noisy else (one.low, one.high))),
                "best" if one is first and surely else "",
                sort=one.score,
            ),
            *(TableCell(_upper(part), sort=part) for part in one.parts.values()),
        ]
        for one in scores.scores
    ]
    records = [
        {
            "model": one.model,
            "base": scores.base,
            "score": one.score,
            "low": one.low,
            "high": one.high,
            "noisy": one.noisy or None,
        }
        | {f"exp_2_{_PARTS[q]}": part for q, part in one.parts.items()}
        for one in scores.scores
    ]
    return Table(
        "efficiency",
        f"NTIRE 2025 efficiency score against {scores.base}",
        columns,
        rows=rows,
        records=records,
        legend=[
            f"Sum of {formula}, each as exp(2 × its ratio to {scores.base}): less is better, the "
            "base has e² = 7.39. {best}: lowest. The challenge ranks by it only models that reach "
            f"the base's quality. Costs on {scores.conditions}.",
            *([f"Without all three: {', '.join(scores.left_out)}."] if scores.left_out else []),
        ],
    )


def _ends(low: float, high: float) -> str:
    return "" if low == high else f"[{_upper(low)}, {_upper(high)}]"


def _upper(value: float) -> str:
    return significant(value) if value < float("inf") else "∞"


def _hypervolume(found: Facts, remarks: Sequence[str]) -> Table | Missing:
    cost = found.costs[0]
    joints: dict[str, Joint] = {}
    volumes: dict[str, Covered] = {}
    notes = []
    for quality in found.qualities:
        joint = found.join(quality, cost)
        if isinstance(joint, Missing):
            notes.append(f"{axis_title(quality)}: {joint.reason}.")
            continue
        joints[quality] = joint
        try:
            volumes[quality] = covered(joint)
            notes.append(_declared(found, joint, volumes[quality]))
        except BenchError as error:
            notes.append(f"{axis_title(quality)}: {error}.")
    if few := too_few(max((len(joint.models) for joint in joints.values()), default=FEWEST)):
        return few
    if not volumes:
        return Missing(" ".join(notes).rstrip("."))
    columns = [Column("Model", numeric=False)]
    for quality, volume in volumes.items():
        group = f"{axis_title(quality)}: all cover {percent(volume.share)}"
        columns += [Column("adds", "", group), Column("alone", "", group)]
    rows, records = [], []
    for name in (m for m in found.analysis.order if m != found.evidence.base):
        row = [TableCell(name)]
        for quality, volume in volumes.items():
            joint = joints[quality]
            if name not in joint.models:
                row += [TableCell.missing(joint.left_out.get(name, MISSING))] * 2
                continue
            at = joint.models.index(name)
            mark = f" {MARK}" if joint.noise else ""  # all shares are of one box
            row += [
                TableCell(f"{percent(x)}{mark}", sort=x)
                for x in (volume.added[at], volume.alone[at])
            ]
            records.append(
                {
                    "model": name,
                    "quality": quality,
                    "cost": cost,
                    "adds": volume.added[at],
                    "alone": volume.alone[at],
                    "all": volume.share,
                    "noisy": joint.noise.get(name, {}).get(cost),
                    "low": volume.low,
                    "high": volume.high,
                    "reference_quality": volume.reference[0],
                    "reference_cost": volume.reference[1],
                    "ideal_quality": volume.ideal[0],
                    "ideal_cost": volume.ideal[1],
                }
            )
        rows.append(row)
    return Table(
        "hypervolume",
        f"Hypervolume of quality and {in_words([cost])}",
        columns,
        rows=rows,
        records=records,
        legend=[
            "Share of the box between the reference point and the best values that the models "
            "dominate, costs by their logarithm; adds: what is lost without the model.",
            *notes,
            *remarks,
        ],
    )


def _declared(found: Facts, joint: Joint, volume: Covered) -> str:
    points = [
        ", ".join(found.written(axis, value) for axis, value in zip(joint.axes, at, strict=True))
        for at in (volume.reference, volume.ideal)
    ]
    spread = f" [{percent(volume.low)}, {percent(volume.high)}]" if joint.claims.intervals else ""
    return (
        f"{axis_title(joint.axes[0].name)}: {percent(volume.share)} of the box from {points[0]} to "
        f"{points[1]}{spread}."
    )
