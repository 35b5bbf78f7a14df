"""The tables of a report."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.framework.scores import INFINITE
from bench.report.drawing.numbers import COSTS, counted, fixed, interval, title
from bench.report.drawing.tables import Cell, Column, Table
from bench.report.reading.analysis import Analysis, conventions, memory, strata
from bench.report.sections.costs import SHORT_COSTS, cost_cell
from bench.statistics.clusters import Difference, Estimate, cluster_means


def results(analysis: Analysis) -> Table:
    """Return a row per model: means with intervals, and costs under one set of conditions."""
    data, table = analysis.data, analysis.data.table
    over = counted(len(table.images), "image") + _in_scenes(analysis)
    quality = f"Quality: mean [95 % interval] over {over}"
    columns = [Column("Model", numeric=False)]
    columns += [Column(title(m), head_unit(analysis, m), quality) for m in table.metrics]
    known = data.conditions()
    costs = [*SHORT_COSTS, memory(analysis, known[0])] if known else []
    columns += [Column(COSTS[q][0], COSTS[q][1], f"Cost: {known[0]}") for q in costs]
    rows = [
        [
            Cell(name),
            *(result_cell(analysis, metric, name) for metric in table.metrics),
            *(cost_cell(analysis, name, quantity, known[0]) for quantity in costs),
        ]
        for name in analysis.order
    ]
    legend = [
        "{best}: best mean. {tied}: not significantly different from the best (sign flips of whole "
        "scenes, adjusted for all models). Arrows point to the better side."
    ]
    if not known:
        legend.append("Costs were not measured.")
    return Table(
        "results",
        f"{data.record.suite.title}: quality and cost of {counted(len(rows), 'model')}",
        columns, rows, _result_records(analysis), [*legend, *_weaknesses(analysis)],
    )  # fmt: skip


def result_cell(analysis: Analysis, metric: str, name: str) -> Cell:
    """Return a mean with its interval and what it leaves out."""
    standing = analysis.standing(metric, name)
    total, places = len(analysis.data.table.images), analysis.places[metric]
    gone = dict(standing.missing)
    if standing.infinite:
        gone[INFINITE] = standing.infinite
    if standing.estimate is None:
        whole = len(gone) == 1
        return Cell.missing(
            *(w if whole else f"{counted(n, 'image')}: {w}" for w, n in gone.items())
        )
    estimate = standing.estimate
    notes: tuple[str, ...] = ()
    if gone:
        why = "; ".join(f"{n} {w}" for w, n in gone.items())
        notes = (f"mean over {estimate.n} of {counted(total, 'image')}; left out: {why}",)
    return Cell(
        fixed(estimate.value, places),
        interval(estimate.low, estimate.high, places),
        standing.mark if standing.mark in ("best", "tied") else "",
        notes,
        estimate.value,
    )


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
                    "infinite": standing.infinite,
                    "missing": sum(standing.missing.values()),
                    "reasons": "; ".join(standing.missing),
                    "standing": standing.mark,
                    "p_against_best": against and against.p_adjusted,
                }
            )
    return records


def improvements(analysis: Analysis) -> Table:
    """Return each model's paired difference from the base, by metric."""
    table = analysis.data.table
    names = [name for name in analysis.order if name != analysis.base]
    columns = [Column("Model", numeric=False)]
    columns += [Column(title(m), head_unit(analysis, m)) for m in analysis.measured]
    rows, records = [], []
    for name in names:
        row = [Cell(name)]
        for metric in analysis.measured:
            gain = analysis.gain(metric, name)
            row.append(_gain_cell(analysis, metric, name, gain))
            records.append({"model": name, "metric": metric} | _gain_record(gain))
        rows.append(row)
    legend = [
        "Mean of the paired differences with its 95 % interval. {better}: significantly better "
        f"than {analysis.base_title}. {{worse}}: significantly worse (p below 0.05, adjusted for "
        "all models)."
    ]
    return Table(
        "improvements", f"Improvement over {analysis.base_title}, {_images(table.images)}",
        columns, rows, records, [*legend, *_weaknesses(analysis, gains=True)],
    )  # fmt: skip


def _gain_cell(analysis: Analysis, metric: str, name: str, gain: Difference | None) -> Cell:
    if gain is None:
        return Cell.missing(*analysis.standing(metric, name).missing or ("no common image",))
    places = analysis.places[metric]
    mark = ""
    if gain.p_adjusted is not None and gain.p_adjusted < 0.05:
        up = gain.value > 0
        mark = "better" if up == analysis.data.table.higher_is_better[metric] else "worse"
    notes: tuple[str, ...] = ()
    if gain.n < len(analysis.data.table.images):
        notes = (f"over the {gain.n} images on which both have a finite score",)
    return Cell(
        fixed(gain.value, places, sign=True),
        interval(gain.low, gain.high, places, sign=True),
        mark, notes, gain.value,
    )  # fmt: skip


def _gain_record(gain: Difference | None) -> dict[str, Any]:
    keys = ("value", "low", "high", "p", "p_adjusted", "n", "clusters")
    names = ("difference", "low", "high", "p", "p_adjusted", "images", "clusters")
    return {name: getattr(gain, key, None) for name, key in zip(names, keys, strict=True)}


def convention_spread(analysis: Analysis) -> Table:
    """Return the same images' means under every convention of a family, and their spread."""
    families = conventions(analysis)
    columns = [Column("Model", numeric=False)]
    for name, metrics in families.items():
        columns += [Column(title(m), head_unit(analysis, m), name.upper()) for m in metrics]
        columns.append(Column("Spread", "max − min", name.upper()))
    rows, records = [], []
    for model in analysis.order:
        row = [Cell(model)]
        for metrics in families.values():
            common = _common_means(analysis, model, metrics)
            places = max(analysis.places[m] for m in metrics)
            for metric in metrics:
                if common is None:
                    row.append(
                        Cell.missing(*analysis.standing(metric, model).missing or (INFINITE,))
                    )
                else:
                    row.append(Cell(fixed(common[metric], places), sort=common[metric]))
                records.append(
                    {"model": model, "metric": metric, "mean": common and common[metric]}
                )
            spread = None if common is None else max(common.values()) - min(common.values())
            row.append(
                Cell.missing("no image has all conventions")
                if spread is None
                else Cell(fixed(spread, places), sort=spread)
            )
        rows.append(row)
    return Table(
        "conventions", "The same images under several conventions", columns, rows, records,
        ["Means over the images that have a finite score under every convention of the family."],
    )  # fmt: skip


def _common_means(analysis: Analysis, model: str, metrics: list[str]) -> dict[str, float] | None:
    table = analysis.data.table
    stacked = np.column_stack([table.column(metric, model) for metric in metrics])
    whole = np.isfinite(stacked).all(axis=1)
    if not whole.any():
        return None
    return dict(zip(metrics, map(float, stacked[whole].mean(axis=0)), strict=True))


def by_stratum(analysis: Analysis) -> Table | None:
    """Return means of the first metric for every kind of image; None where there is one kind."""
    metric, data = analysis.primary, analysis.data
    kinds = [
        (k, level, at) for k, levels in strata(analysis).items() for level, at in levels.items()
    ]
    if metric is None or not kinds:
        return None
    columns = [Column("Model", numeric=False)]
    rows: list[list[Cell]] = [[Cell(name)] for name in analysis.order]
    records = []
    for key, level, at in kinds:
        columns.append(Column(level, counted(len(at), "image"), key))
        means = cluster_means(data.table.finite(metric)[at], data.table.clusters[at])
        for row, name in zip(rows, analysis.order, strict=True):
            mean = means[data.table.models.index(name)]
            row.append(_stratum_cell(analysis, metric, name, mean, len(at)))
            records.append(
                {"model": name, "metric": metric, "stratum": key, "level": level,
                 "mean": mean and mean.value, "low": mean and mean.low,
                 "high": mean and mean.high, "images": mean.n if mean else 0}
            )  # fmt: skip
    return Table(
        "strata", f"{title(metric)} by kind of image ({head_unit(analysis, metric)})",
        columns, rows, records, ["Mean with its 95 % interval where there are several scenes."],
    )  # fmt: skip


def _stratum_cell(
    analysis: Analysis, metric: str, name: str, mean: Estimate | None, total: int
) -> Cell:
    if mean is None:
        return Cell.missing(*analysis.standing(metric, name).missing or ("no finite score",))
    places = analysis.places[metric]
    notes = () if mean.n == total else (f"mean over {mean.n} of {counted(total, 'image')}",)
    detail = interval(mean.low, mean.high, places)
    return Cell(fixed(mean.value, places), detail, notes=notes, sort=mean.value)


def head_unit(analysis: Analysis, metric: str) -> str:
    """Return the unit and the arrow that points to the better side."""
    unit = analysis.data.table.units[metric]
    arrow = "↑" if analysis.data.table.higher_is_better[metric] else "↓"
    return f"{unit} {arrow}".strip()


def _in_scenes(analysis: Analysis) -> str:
    scenes = len(set(analysis.data.table.clusters))
    return f" in {counted(scenes, 'scene')}" if scenes < len(analysis.data.table.images) else ""


def _weaknesses(analysis: Analysis, gains: bool = False) -> list[str]:
    """Return what weakens intervals and tests, each once, with the metrics that it is true of."""
    noted: dict[str, list[str]] = {}
    for metric in analysis.measured:
        found: list[Estimate | Difference | None] = [*analysis.gains[metric]]
        if not gains:
            found = [s.estimate for s in analysis.standings[metric]]
            found += [s.against_best for s in analysis.standings[metric]]
        for note in dict.fromkeys(one.note for one in found if one and one.note):
            noted.setdefault(note.replace("cluster", "scene"), []).append(title(metric))
    everywhere = len(analysis.measured)
    return [
        f"{note[0].upper()}{note[1:]}" + (f" ({', '.join(m)})." if len(m) < everywhere else ".")
        for note, m in noted.items()
    ]


def _images(images: tuple[str, ...]) -> str:
    return counted(len(images), "image")
