"""Published figures of the suite (`bench.published`) beside ours, and what differs between them.

A published figure and one of ours say the same only where suite, images and convention are the
same; where they are not, the table says what differs and gives no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from PIL import Image

from bench.core.names import parse_spec
from bench.published import REPORTS, Figure, Report
from bench.records import IN_TILES
from bench.report.drawing.content import Content, Missing
from bench.report.drawing.numbers import fixed, title
from bench.report.drawing.tables import Column, Table, TableCell
from bench.report.reading.analysis import Analysis, family
from bench.report.reading.context import Context
from bench.report.reading.gather import Row
from bench.report.sections.results import result_cell
from bench.suites import sizing
from bench.suites.degrading import DEGRADERS
from bench.suites.table import suite_cards
from models.catalogue import model_cards
from models.variants import without_variants

NOT_RUN = "not run here"
OUR_TERMS = "the weights: trained by this program, not by the authors"


def section(context: Context) -> Content | Missing:
    """Return what authors report beside what was measured here."""
    table = published(context.analysis)
    if table is None:
        return Missing("none are known of this suite")
    return Content(
        [
            "What authors report, with the convention they name, beside what was measured here; "
            "after that, what is reported of models that were not run. Equal names are not equal "
            "measures: SSIM alone moves in the second decimal by its convention.",
            table,
        ]
    )


def published(analysis: Analysis) -> Table | None:
    """Return the published figures of this suite; None where there are none.

    Those of the models of the report come first, in its order, beside ours; then the others, the
    best first.
    """
    known = _of_suite(analysis)
    if not known:
        return None
    rows, records = [], []
    seen: set[int] = set()
    for name in analysis.order:
        for report in known:
            if _is_of(report, row := analysis.data.row(name)):
                seen.add(id(report))
                for figure in report.figures:
                    cells, record = _beside_ours(analysis, row, report, figure)
                    rows.append(cells)
                    records.append(record)
    others = [report for report in known if id(report) not in seen]
    for report in sorted(others, key=lambda report: -report.figures[0].value):
        for figure in report.figures:
            rows.append(_not_run(report, figure))
            records.append(_record(report, figure))
    return Table(
        "published",
        "Published figures of this suite",
        [
            Column("Model", numeric=False), Column("Reported of", numeric=False), Column("Ours"),
            Column("Our convention", numeric=False), Column("Published"),
            Column("Its convention", numeric=False), Column("Difference"),
            Column("What differs", numeric=False), Column("Published cost", numeric=False),
        ],
        rows=rows,
        records=records,
        legend=[
            "A difference is given only where suite, images and convention are the same. Files, "
            "factories and folders are matched by their name alone. Published costs are of others' "
            "machines and counters: compare them with each other, not with ours."
        ],
    )  # fmt: skip


# --- rows -----------------------------------------------------------------------------------------


def _beside_ours(
    analysis: Analysis, row: Row, report: Report, figure: Figure
) -> tuple[list[TableCell], dict[str, Any]]:
    metric = _ours(analysis, figure)
    ours = None if metric is None else analysis.standing(metric, row.name).estimate
    images = ours.n if ours else len(analysis.data.shots)
    why_not = list(_incomparable(analysis, figure, metric, images))
    differs = [*_differs(analysis, row, report, images), *filter(None, [figure.caveat])]
    if metric is not None and metric != figure.same_as:
        differs.insert(0, "the convention")
    apart = None if ours is None or why_not else ours.value - figure.value
    convention = metric and analysis.data.metrics[metric].convention
    cells = [
        TableCell(row.name),
        *_reported(report, figure),
        replace(result_cell(analysis, metric, row.name), mark="")
        if metric
        else TableCell.missing(f"no {title(figure.family)} was measured"),
        TableCell(f"{title(metric)}: {convention}" if metric else "none"),
        _published_cell(figure),
        TableCell(figure.convention),
        TableCell.missing(*(why_not or ["no score of ours"]))
        if apart is None
        else TableCell(fixed(apart, _places(figure), sign=True)),
        TableCell("; ".join(differs) or "nothing known"),
        _cost_cell(report),
    ]
    record = _record(report, figure) | {
        "model": row.name,
        "metric": metric,
        "ours": ours and ours.value,
        "low": ours and ours.low,
        "high": ours and ours.high,
        "our_convention": convention,
        "difference": apart,
        "differs": "; ".join(differs),
    }
    return cells, record


def _not_run(report: Report, figure: Figure) -> list[TableCell]:
    return [
        TableCell(NOT_RUN),
        *_reported(report, figure),
        TableCell.missing(NOT_RUN),
        TableCell("none"),
        _published_cell(figure),
        TableCell(figure.convention),
        TableCell.missing(NOT_RUN),
        TableCell(figure.caveat or "nothing to compare"),
        _cost_cell(report),
    ]


def _reported(report: Report, figure: Figure) -> list[TableCell]:
    return [TableCell(f"{report.model}, {title(figure.family)}", figure.source)]


def _record(report: Report, figure: Figure) -> dict[str, Any]:
    cost = report.cost
    return {
        "model": None,
        "published_model": report.model,
        "metric": None,
        "ours": None,
        "low": None,
        "high": None,
        "our_convention": None,
        "family": figure.family,
        "published": figure.value,
        "published_to": figure.high,
        "published_convention": figure.convention,
        "difference": None,
        "differs": figure.caveat,
        "source": figure.source,
        "published_mparams": cost and cost.mparams,
        "published_gmacs": cost and cost.gmacs,
        "cost_at": cost and cost.at,
        "cost_source": cost and cost.source,
    }


def _published_cell(figure: Figure) -> TableCell:
    ends = [fixed(e, _places(figure)) for e in (figure.value, figure.high) if e is not None]
    return TableCell(" to ".join(ends), sort=figure.value)


def _cost_cell(report: Report) -> TableCell:
    if report.cost is None:
        return TableCell.missing("no cost is known to be published")
    return TableCell(str(report.cost), report.cost.source)


def _places(figure: Figure) -> int:
    return 2 if figure.family == "psnr" else 4


# --- which are of this suite, and of which model --------------------------------------------------


def _of_suite(analysis: Analysis) -> list[Report]:
    record = analysis.data.record
    name, options = parse_spec(record.spec.suite)
    row = suite_cards().get(name)
    if row and (DEGRADERS.keys() & options.keys()) - row.options.keys():  # degraded otherwise
        return []
    return [
        report
        for report in REPORTS
        if report.suite == name and report.options.items() <= options.items()
    ]


def _is_of(report: Report, row: Row) -> bool:
    label, _ = without_variants(row.info.spec, row.label)
    if without_variants(row.info.spec, row.info.spec)[0] == label:  # a name of the catalogue
        return label in report.names
    name = re.sub(r"[^a-z0-9]", "", label.lower())
    return (
        bool(report.words)
        and all(word in name for word in report.words)
        and not any(word in name for word in report.but)
    )


def _ours(analysis: Analysis, figure: Figure) -> str | None:
    """Return the measured metric of the figure's convention, else the first of its family."""
    if figure.same_as in analysis.measured:
        return figure.same_as
    return next((m for m in analysis.measured if family(m) == figure.family), None)


# --- what differs ---------------------------------------------------------------------------------


def _test_images(analysis: Analysis) -> int | None:
    """Return how many images the whole test set has."""
    suite, _ = parse_spec(analysis.data.record.spec.suite)
    card = suite_cards().get(suite)
    return card.images.get("test") if card else None


def _incomparable(
    analysis: Analysis, figure: Figure, metric: str | None, images: int
) -> Iterator[str]:
    """Yield why no difference is given, each reason by itself."""
    if metric is None:
        yield f"no {title(figure.family)} was measured"
        return
    if metric != figure.same_as:
        yield "another convention of the measure"
    if images != (total := _test_images(analysis)):
        yield f"other images: {images} of the {total} of the test set"
    if cut := _sizing(analysis):
        yield f"images of another size: {cut}"
    if figure.high is not None:
        yield "what is published is a range"


def _differs(analysis: Analysis, row: Row, report: Report, images: int) -> Iterator[str]:
    """Yield what keeps the two figures apart but for the convention, in words."""
    record = analysis.data.records[row.run]
    if images != (total := _test_images(analysis)):
        choice = f", spread by --limit {record.spec.limit}" if record.spec.limit else ""
        yield f"the images: {images} of the test set's {total}{choice}"
    if (theirs := report.size) and (ours := _size(analysis)) and ours != theirs:
        yield f"the size: {ours[0]}x{ours[1]} here, {theirs[0]}x{theirs[1]} there"
    elif not theirs and (cut := _sizing(analysis)):
        yield f"the size: {cut} here, whole images there"
    if steps := record.spec.prepare:
        yield f"the input: after {', '.join(steps)}"
    if record.suite.task == "denoise":
        yield "the noise: drawn anew, as strong"
    _, named = without_variants(row.info.spec, row.label)
    known = {"tlc": "test-time local statistics", "x8": "self-ensemble (x8)"}
    for name in sorted({*named, *report.variants}):
        if name not in named:
            yield f"{known.get(name, name)}: theirs with, ours without"
        elif name not in report.variants:
            yield f"{known.get(name, name)}: ours with, theirs without"
    if isinstance(record.spec.tile, int):
        yield f"the way: in tiles of {record.spec.tile} pixels"
    yield from (f"the way: {said}" for said in row.info.remarks if said.startswith(IN_TILES))
    weights = row.info.weights
    if weights and weights.header:
        yield OUR_TERMS
        yield from _training(weights.header)
    if row.info.separation == "overlap":
        yield f"the training: {row.info.separation_note}"
    yield f"the device: {record.spec.device} here, not stated there"


def _sizing(analysis: Analysis) -> str:
    """Return how the suite's images were cut or resized; empty where they were not."""
    _, options = parse_spec(analysis.data.record.spec.suite)
    return ", ".join(f"{key}={options[key]}" for key in sizing.OPTIONS if key in options)


def _size(analysis: Analysis) -> tuple[int, int] | None:
    """Return the height and width of the first image, None where its file is gone."""
    try:
        with Image.open(analysis.data.shots[0].degraded) as image:
            return image.height, image.width
    except OSError:
        return None


def _training(header: Mapping[str, Any]) -> Iterator[str]:
    """Yield how a training of ours departs from the paper's."""
    here = str(header.get("budget") or header.get("planned_steps") or "of unknown length")
    card = model_cards().get(str(header.get("model")))
    paper = card.paper if card else None
    if paper and "budget" not in paper.not_given:
        if here != paper.budget:
            yield f"its length: {here} here, {paper.budget} in its paper's recipe"
    else:
        yield f"its length: {here} here, which its paper does not give"
    if header.get("stopped") not in (None, "as planned"):
        yield f"its end: {header['stopped']}"
    left_out = header.get("left_out")
    for term, why in (left_out if isinstance(left_out, Mapping) else {}).items():
        yield f"left out of its losses: {term} ({why})"
