"""The results: quality and cost of every model in one table, and what they say in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from shlex import quote
from typing import Any

from bench.compute.quantities import shown_in
from bench.core.names import counted
from bench.framework.scores import CLEAN, INFINITE
from bench.framework.significance import Standing
from bench.metrics.table import DEFAULT
from bench.prepare import tone_note
from bench.report.drawing.content import Content
from bench.report.drawing.numbers import fixed, interval, title
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.reading.analysis import Analysis, memory
from bench.report.reading.context import Context
from bench.report.reading.gather import NOT_HERE
from bench.report.sections.costs import cost_cell, cost_column
from bench.statistics.claims import TIED, TOO_FEW, told_apart

MOST_METRICS = 6
"""Columns of metrics in the first table. Of more, those of the standard panel stand there, and the
first one asked for, which orders the rows."""


def section(context: Context) -> Content:
    """Return the table, a second one of further metrics, and which models are best."""
    analysis = context.analysis
    first, rest = _first_metrics(analysis.data.table.metrics)
    return Content(
        lead=[results(analysis, first)],
        body=[_further(analysis, rest)] if rest else [],
        findings=_findings(analysis),
    )


def _first_metrics(metrics: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the metrics of the first table and of the second."""
    if len(metrics) <= MOST_METRICS:
        return list(metrics), []
    first = [m for m in metrics if m in DEFAULT or m == metrics[0]]
    return first, [m for m in metrics if m not in first]


def _further(analysis: Analysis, metrics: Sequence[str]) -> Table:
    """Return a row per model: the means by further metrics."""
    records = [one for one in _result_records(analysis) if one["metric"] in metrics]
    rows = [
        [TableCell(name), *(result_cell(analysis, metric, name) for metric in metrics)]
        for name in analysis.order
    ]
    return Table(
        "results-further",
        f"{counted(len(metrics), 'further metric')}",
        _metric_columns(analysis, metrics),
        rows=rows,
        records=records,
        legend=[
            "Marks, brackets and arrows as in the first table.",
            *images_left_out(analysis, metrics),
        ],
    )


def _metric_columns(analysis: Analysis, metrics: Sequence[str]) -> list[Column]:
    return [
        Column("Model", numeric=False),
        *(Column(title(m), head_unit(analysis, m), f"Mean{over(analysis, m)}") for m in metrics),
    ]


def results(analysis: Analysis, metrics: Sequence[str]) -> Table:
    """Return a row per model: means with intervals, and costs under one set of conditions."""
    data, table = analysis.data, analysis.data.table
    columns = _metric_columns(analysis, metrics)
    known = data.conditions()
    costs = [*shown_in("short"), memory(analysis, known[0])] if known else []
    columns += [cost_column(q, f"Cost: {known[0]}") for q in costs]
    rows = [
        [
            TableCell(name),
            *(result_cell(analysis, metric, name) for metric in metrics),
            *(cost_cell(analysis, name, quantity, known[0]) for quantity in costs),
        ]
        for name in analysis.order
    ]
    apart = "Below the others: models that were told more, ranked apart. " if table.apart else ""
    every = [table.claims(metric) for metric in analysis.measured]
    brackets = "Brackets: 95 % intervals. " if any(one.intervals for one in every) or known else ""
    legend = [
        f"{brackets}{apart}{{best}}: best mean. {tied_words(analysis)}Arrows point "
        "to the better side."
    ]
    if not known:
        legend.append("Costs were not measured.")
    return Table(
        "results",
        f"{data.record.suite.title}: quality and cost of {counted(len(rows), 'model')}",
        columns,
        rows=rows,
        records=_result_records(analysis),
        legend=[*legend, *images_left_out(analysis, metrics)],
    )


def tied_words(analysis: Analysis) -> str:
    """Return what {tied} stands for, or why there is no such mark: none with one scene."""
    every = [analysis.data.table.claims(metric) for metric in analysis.measured]
    if any(claims.tests for claims in every):
        return f"{{tied}}: tied with the best. {TIED}. "
    few = any(claims.intervals for claims in every)
    return f"What is tied is not told: {TOO_FEW}. " if few else ""


def caveats(analysis: Analysis) -> list[str]:
    """Return what is said once, above all figures: what scores without references are worth, and
    where scenes are too few to say more."""
    by_text: dict[str, list[str]] = {}
    for metric in analysis.measured:
        if caveat := analysis.data.table.claims(metric).caveat:
            by_text.setdefault(caveat, []).append(title(metric))
    few = [
        f"{caveat[0].upper()}{caveat[1:]}"
        + (f" ({', '.join(names)})." if len(names) < len(analysis.measured) else ".")
        for caveat, names in by_text.items()
    ]
    return [*_without_reference(analysis), *_tones(analysis), *few]


def _tones(analysis: Analysis) -> list[str]:
    """Say that scores compare tones where a step before every model changed them."""
    compared = [m for m in analysis.measured if analysis.data.metrics[m].needs_reference]
    note = tone_note(analysis.data.record.spec.prepare) if compared else None
    return [f"{note}."] if note else []


def _without_reference(analysis: Analysis) -> list[str]:
    """Say what the first metric's scores mean where it compares with no reference."""
    metrics, first = analysis.data.metrics, analysis.primary
    if first is None or metrics[first].needs_reference:
        return []
    blind = [title(name) for name in analysis.measured if not metrics[name].needs_reference]
    many = len(blind) > 1
    none = all(shot.reference is None for shot in analysis.data.shots)
    beginning = "No image has a reference. " if none else ""
    return [
        f"{beginning}{', '.join(blind)} compare{'' if many else 's'} with none: "
        f"{'they say' if many else 'it says'} how natural or how sharp an image looks, and not "
        "whether it shows what was there; sharpening and noise can fool them. What people prefer "
        f"tells more: bench rate new --run {quote(str(analysis.data.runs[0].path))}"
    ]


def over(analysis: Analysis, metric: str) -> str:
    """Say over how many images and scenes the means of a metric are: " over 10 of 12 images in
    5 scenes"; nothing where there are none."""
    table = analysis.data.table
    images = table.shared(metric).images
    number, total = int(images.sum()), len(table.images)
    if not number:
        return ""
    scenes = len(set(table.clusters[images]))
    some = counted(total, "image") if number == total else f"{number} of {counted(total, 'image')}"
    return f" over {some}" + (f" in {counted(scenes, 'scene')}" if scenes < number else "")


def images_left_out(analysis: Analysis, metrics: Sequence[str]) -> list[str]:
    """Return why means are over fewer than all images, each reason once, with its metrics."""
    table = analysis.data.table
    measured = [metric for metric in metrics if metric in analysis.measured]
    by_text: dict[str, list[str]] = {}
    for metric in measured:
        shared = table.shared(metric)
        ranked = [m for m, one in zip(table.models, shared.models, strict=True) if one]
        gone = table.left_out(metric, ranked, shared.images)
        if gone:
            why = "; ".join(f"{counted(n, 'image')}: {reason}" for reason, n in gone.items())
            by_text.setdefault(why, []).append(title(metric))
    lines = [
        f"Left out of {'all' if len(names) == len(measured) else ', '.join(names)}: {why}."
        for why, names in by_text.items()
    ]
    return ["All means in a column are over the same images. " + " ".join(lines)] if lines else []


def result_cell(analysis: Analysis, metric: str, name: str) -> TableCell:
    """Return a mean with its interval, and a note where it is not over the column's images."""
    standing = analysis.standing(metric, name)
    total, places = len(analysis.data.table.images), analysis.places[metric]
    if standing.estimate is None:
        gone = _without_score(standing)
        alone = len(gone) == 1
        return TableCell.missing(
            *(w if alone else f"{counted(n, 'image')}: {w}" for w, n in gone.items())
        )
    estimate = standing.estimate
    notes: tuple[str, ...] = ()
    if not standing.ranked:
        why = "; ".join(f"{n} {w}" for w, n in _without_score(standing).items())
        notes = (
            f"mean over {estimate.n} of {counted(total, 'image')}, not ranked with the others; "
            f"left out: {why}",
        )
    return TableCell(
        fixed(estimate.value, places),
        interval(estimate.low, estimate.high, places),
        standing.mark if standing.mark in ("best", "tied") else "",
        notes,
        estimate.value,
    )


def _without_score(standing: Standing) -> dict[str, int]:
    """Return the images that a model has no score on that a mean could be over, by reason."""
    found = dict(standing.missing)
    found |= {INFINITE: standing.infinite} if standing.infinite else {}
    return found | ({CLEAN: standing.clean} if standing.clean else {})


def _result_records(analysis: Analysis) -> list[dict[str, Any]]:
    records = []
    for name in analysis.order:
        for metric in analysis.data.table.metrics:
            standing = analysis.standing(metric, name)
            estimate, against = standing.estimate, standing.against_best
            records.append(
                {
                    "model": name,
                    "metric": metric,
                    "mean": estimate and estimate.value,
                    "low": estimate and estimate.low,
                    "high": estimate and estimate.high,
                    "images": estimate.n if estimate else 0,
                    "clusters": estimate.clusters if estimate else 0,
                    "part": analysis.data.part,
                    "ranked": standing.ranked and name not in analysis.data.table.apart,
                    "marks": "; ".join(m.short for m in analysis.data.table.marks.get(name, ())),
                    "infinite": standing.infinite,
                    "clean_pairs": standing.clean,
                    "missing": sum(standing.missing.values()),
                    "reasons": "; ".join(standing.missing),
                    "standing": standing.mark,
                    "p_against_best": against and against.p_adjusted,
                }
            )
    return records


def head_unit(analysis: Analysis, metric: str) -> str:
    """Return the unit and the arrow that points to the better side."""
    unit = analysis.data.table.units[metric]
    arrow = "↑" if analysis.data.table.higher_is_better[metric] else "↓"
    return f"{unit} {arrow}".strip()


def _findings(analysis: Analysis) -> list[str]:
    """Return what the results say, in sentences."""
    found = []
    for metric in analysis.shown:
        best = [n for n in analysis.order if analysis.standing(metric, n).mark == "best"]
        if not best:
            continue
        found.append(_finding(analysis, metric, best[0]))
    without = [m for m in analysis.data.table.metrics if m not in analysis.measured]
    reasons = [f"{title(metric)} ({why_without_score(analysis, metric)})" for metric in without]
    found += [f"Without any score: {', '.join(reasons)}."] if reasons else []
    return [text for text in found if text]


def _finding(analysis: Analysis, metric: str, best: str) -> str:
    table, places = analysis.data.table, analysis.places[metric]
    estimate = analysis.standing(metric, best).estimate
    if estimate is None:
        return ""
    unit = f" {table.units[metric]}" if table.units[metric] else ""
    around = interval(estimate.low, estimate.high, places)
    among = " of those told only the image" if table.apart else ""
    mean = f"{fixed(estimate.value, places)}{unit}"
    text = f"{title(metric)}: {best} has the best mean{among}, {mean}"
    text += f" {around}" if around else ""
    images = analysis.data.table.shared(metric).images
    text += "" if images.all() else over(analysis, metric)
    gain = analysis.gain(metric, best)
    if best == analysis.base:
        text += f"; no model improves on {analysis.base_title}"
    elif gain:
        text += f", {fixed(gain.value, places, sign=True)}{unit} against {analysis.base_title}"
        if told_apart(gain.p_adjusted) is False:
            text += " (not significant)"
        elif gain.p_adjusted is None and table.claims(metric).intervals:
            text += f" ({TOO_FEW})"
    tied = [n for n in analysis.order if analysis.standing(metric, n).mark == "tied"]
    if tied:
        text += f". Tied: {', '.join(tied)}"
    return text + "."


def why_without_score(analysis: Analysis, metric: str) -> str:
    """Return the commonest reason why a metric has no score."""
    reasons: Counter[str] = Counter()
    for standing in analysis.standings[metric]:
        reasons.update(standing.missing)
    if len(reasons) > 1:
        reasons.pop(NOT_HERE, None)
    if not reasons:
        for model in analysis.data.table.models:
            reasons.update(analysis.data.table.excluded(metric, model))
    return reasons.most_common(1)[0][0] if reasons else "the run has no images"
