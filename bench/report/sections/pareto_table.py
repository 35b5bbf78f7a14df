"""Who is on the front of quality and all costs, how surely, and who beats whom."""

from __future__ import annotations

from typing import Any

from bench.compute.noise import MARK
from bench.framework.joint import Joint
from bench.framework.ranking import Dominator, FrontRow, beats, fronts, ranks
from bench.report.drawing.axes import axis_title, in_words
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import percent
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.reading.context import Context
from bench.report.reading.evidence import Facts, too_few
from bench.statistics.claims import TOO_FEW

ACROSS = 12
"""So many models, the best ones, have a column of the table of who beats whom; the CSV has all."""


def front(context: Context) -> Content | Missing:
    """Return the probabilities of being on the front."""
    found = context.facts
    if not found.costs:
        return Missing(found.no_costs)
    joints: dict[str, Joint] = {}
    for quality in found.qualities:
        joint = found.join(quality, *found.costs)
        if isinstance(joint, Missing):
            return joint
        joints[quality] = joint
    standing = {q: {row.model: row for row in fronts(joint)} for q, joint in joints.items()}
    main = joints[found.main]
    if few := too_few(max(len(joint.models) for joint in joints.values())):
        return few
    costs = in_words(found.costs)
    sure = all(joint.claims.intervals for joint in joints.values())
    group = f"{'Probability of being on' if sure else 'On'} the front, with {costs}"
    columns = [Column("Model", numeric=False)]
    columns += [Column(axis_title(q), "", group) for q in found.qualities]
    columns.append(
        Column("Dominated by", f"in {in_words([found.main, *found.costs])}", numeric=False)
    )
    rows, records = [], []
    for name in (m for m in found.analysis.order if m != found.evidence.base):
        cells = [_share(standing[q].get(name), joints[q], name) for q in found.qualities]
        why = TableCell("")
        if row := standing[found.main].get(name):
            why = TableCell(_beaten(found, main, row))
        rows.append([TableCell(name), *cells, why])
        records += [
            _record(q, joints[q], row) for q in found.qualities if (row := standing[q].get(name))
        ]
    table = Table(
        "front",
        f"On the front of quality, {costs}",
        columns,
        rows=rows,
        records=records,
        legend=[
            "{best}: on the front by the values themselves. "
            + (
                "The probability is the share of draws in which no other model is at least as good "
                "on every side: whole scenes, processes and passes, and people's votes are drawn "
                "anew, together for all models. Brackets: by how much the other is better, and how "
                "surely it is on all sides."
                if sure
                else "Brackets: by how much the other is better."
            ),
            *(f"{note[0].upper()}{note[1:]}." for note in main.notes),
        ],
    )
    return Content([table])


def _share(row: FrontRow | None, joint: Joint, name: str) -> TableCell:
    if row is None:
        return TableCell.missing(joint.left_out.get(name, "not among the models"))
    mark = "best" if row.on_front else ""
    if row.on_front is None:
        return TableCell(f"not known {MARK}", sort=row.probability)
    if not joint.claims.intervals:
        return TableCell("yes" if row.on_front else "no", mark=mark)
    return TableCell(percent(row.probability), mark=mark, sort=row.probability)


def _beaten(found: Facts, joint: Joint, row: FrontRow) -> str:
    """Say who dominates a model and by how much: the surest two."""
    if row.worthless:
        return f"no better than {found.analysis.base_title}"
    texts = [_dominator(found, joint, by, row.model) for by in row.dominators[:2]]
    more = len(row.dominators) - len(texts)
    return "; ".join(texts) + (f"; and {more} more" if more else "")


def _dominator(found: Facts, joint: Joint, by: Dominator, beaten: str) -> str:
    parts = []
    for axis, margin in zip(joint.axes, by.margins, strict=True):
        if axis.kind == "cost":
            words = "more" if axis.higher_is_better else "less"
            noisy = any(axis.name in joint.noise.get(name, {}) for name in (by.model, beaten))
            words += f" {MARK}" if noisy else ""
            parts.append(f"{found.written(axis, margin)} {words}")
        else:
            turned = margin if axis.higher_is_better else -margin
            parts.append(found.written(axis, turned, sign=True))
    surely = f"; {percent(by.probability)}" if joint.claims.intervals else ""
    return f"{by.model} ({', '.join(parts)}{surely})"


def _record(quality: str, joint: Joint, row: FrontRow) -> dict[str, Any]:
    return {
        "model": row.model,
        "quality": quality,
        "costs": " ".join(axis.name for axis in joint.axes[1:]),
        "on_front": row.on_front,
        "probability": row.probability if joint.claims.intervals else None,
        "dominators": "; ".join(by.model for by in row.dominators),
        "no_better_than_the_base": row.worthless,
        "noisy": "; ".join(f"{q}: {why}" for q, why in joint.noise.get(row.model, {}).items()),
    }


def ranking(context: Context) -> Content | Missing:
    """Return the ranks by the main quality, and who is better than whom."""
    found = context.facts
    joint = found.join(found.main)
    if isinstance(joint, Missing):
        return joint
    if few := too_few(len(joint.models)):
        return few
    if not joint.claims.intervals:
        return Missing("one scene: nothing is known of how sure the order of the results is")
    share, shown = beats(joint, found.main), min(ACROSS, len(joint.models))
    listed = ranks(found.evidence, joint, found.main)
    order = sorted(range(len(joint.models)), key=lambda i: listed[i].rank)
    columns = [Column("Model", numeric=False), Column("Rank", "95 % of draws")]
    columns += [
        Column(joint.models[j], "", "Probability of being better than") for j in order[:shown]
    ]
    columns.append(Column("Tied with", numeric=False))
    rows, records = [], []
    for i in order:
        row = listed[i]
        apart = f"[{row.low}, {row.high}]" if row.low < row.high else ""
        rows.append(
            [
                TableCell(row.model),
                TableCell(str(row.rank), apart, sort=row.rank),
                *(
                    TableCell("")
                    if i == j
                    else TableCell(percent(share[i, j]), sort=float(share[i, j]))
                    for j in order[:shown]
                ),
                TableCell(", ".join(joint.models[j] for j in order if joint.models[j] in row.tied)),
            ]
        )
        records.append(
            {
                "model": row.model,
                "quality": found.main,
                "rank": row.rank,
                "low": row.low,
                "high": row.high,
                "tied": "; ".join(row.tied),
            }
            | {f"better than {joint.models[j]}": float(share[i, j]) for j in order if j != i}
        )
    table = Table(
        "ranks",
        f"Ranks by {axis_title(found.main)}",
        columns,
        rows=rows,
        records=records,
        legend=[_what_is_tied(joint), *(f"{note[0].upper()}{note[1:]}." for note in joint.notes)],
    )
    return Content([table])


def _what_is_tied(joint: Joint) -> str:
    if joint.axes[0].kind == "people":
        return "Tied: the 95 % interval of the difference includes 0."
    return "Tied: as under Results." if joint.claims.tests else f"Tied is not told: {TOO_FEW}."
