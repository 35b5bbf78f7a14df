"""What metrics of whole sets say: one number for all images of a model together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.records import SetScore
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import decimals, fixed, title
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.reading.context import Context
from bench.report.reading.gather import NOT_HERE, Gathered
from bench.runs.record import MetricRecord


def section(context: Context) -> Content | Missing:
    """Return the table of models and metrics of whole sets."""
    data = context.analysis.data
    cards = {name: card for record in reversed(data.records) for name, card in record.sets.items()}
    if not cards:
        return Missing("no metric of whole sets was asked for (--metrics fid,kid)")
    return Content(
        [
            "One number for all restored images of a model together against all references: how "
            "much they are like real photographs as a whole, whichever image is whose.",
            set_table(data, context.analysis.order, cards),
        ],
        notes=[
            f"{title(name)}: {card.convention}. {card.citation}." for name, card in cards.items()
        ],
        heading="All images together",
    )


def set_table(data: Gathered, order: Sequence[str], cards: Mapping[str, MetricRecord]) -> Table:
    """Return a row for each model; what is missing has its reason."""
    scores = scores_of_sets(data)
    places = {
        name: decimals(
            [
                score.value
                for (_, metric), score in scores.items()
                if metric == name and score.value is not None
            ],
            card.unit,
        )
        for name, card in cards.items()
    }
    rows, records = [], []
    for model in order:
        counted = [score.images for (name, _), score in scores.items() if name == model]
        row = [
            TableCell(model),
            TableCell(str(counted[0])) if counted else TableCell.missing(NOT_HERE),
        ]
        for metric in cards:
            score = scores.get((model, metric)) or SetScore(images=0, reason=NOT_HERE)
            records.append(
                {
                    "model": model,
                    "metric": metric,
                    "value": score.value,
                    "deviation": score.deviation,
                    "images": score.images,
                    "missing": score.reason or "",
                }
            )
            if score.value is None:
                row.append(TableCell.missing(score.reason or ""))
                continue
            spread = (
                "" if score.deviation is None else f"± {fixed(score.deviation, places[metric])}"
            )
            row.append(TableCell(fixed(score.value, places[metric]), spread, sort=score.value))
        rows.append(row)
    columns = [Column("Model", numeric=False), Column("Images")]
    for name, card in cards.items():
        better = "higher is better" if card.higher_is_better else "lower is better"
        columns.append(Column(title(name), f"{card.unit}, {better}" if card.unit else better))
    return Table(
        name="sets",
        caption="Metrics of whole sets. After ±: the standard deviation, where there is one.",
        columns=columns,
        rows=rows,
        records=records,
    )


def scores_of_sets(data: Gathered) -> dict[tuple[str, str], SetScore]:
    """Return the scores by the model's name on the page and the metric."""
    found: dict[tuple[str, str], SetScore] = {}
    for number, run in enumerate(data.runs):
        names = {row.label: row.name for row in data.rows if row.run == number}
        for one in run.read_sets():
            if one.model in names:
                found[names[one.model], one.metric] = one.score
    return found
