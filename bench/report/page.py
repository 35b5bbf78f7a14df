"""The page: everything of a report in one HTML file that opens anywhere, offline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from bench.core.errors import BenchError
from bench.core.files import write_atomic
from bench.core.version import VERSION
from bench.framework.people import HumanScale
from bench.report.drawing.numbers import counted, fixed, interval, title
from bench.report.drawing.theme import Look, Plot, looks
from bench.report.reading.analysis import Analysis, analyse, conventions
from bench.report.reading.gather import Gathered, gather
from bench.report.sections import bars, fronts, robustness, spreads, training, viewer
from bench.report.sections import results as contents
from bench.report.sections.costs import costs
from bench.report.sections.decision import decide
from bench.report.sections.published import published
from bench.report.sections.samples import cases, samples, worst_images, worst_table
from bench.report.sections.study import study_of
from bench.report.summary import why_without_score
from bench.runs.store import RunFolder
from bench.statistics.clusters import EXACT_CLUSTERS, SAMPLES

ON_PAGE = ("latency_ms", "macs")
"""Costs that the page draws quality against; ``plots/`` has the other costs by the first metric."""


def write_report(
    runs: Sequence[RunFolder],
    out: Path | None = None,
    tell: Callable[[str], None] | None = None,
    people: HumanScale | None = None,
) -> Path:
    """Write ``index.html``, ``tables/`` and ``plots/`` into ``out`` (default: first run's report/).

    Runs share tables where suite, images and conventions match the first run's; the page names the
    others, and ``tell`` is called with a line on each. ``people``: a study of one of them
    (`bench.framework.people.read_study`). Returns the page. Raises `BenchError` for no runs, for
    damaged ones, and for a study of another run.
    """
    if not runs:
        raise BenchError("no run to report on; expected at least one run folder")
    analysis = analyse(gather(runs))
    if tell:
        for path, why in analysis.data.left_out:
            tell(f"left out: {path}: {why}")
    out = out or runs[0].path / "report"
    plots = _plots(analysis, out / "plots")
    study = study_of(people, analysis, _styles(analysis), out) if people else None
    worst = worst_images(analysis)
    tables = _tables(analysis)
    decision = decide(analysis, people, _styles(analysis), out / "plots")
    for table in (*tables["costs"], *(tables[name] for name in tables if name != "costs")):
        table.write(out / "tables")
    for table in decision.tables.values():
        table.write(out / "tables")
    worst_table(analysis, worst).write(out / "tables")
    scenes = viewer.scenes(analysis)
    page = _template().render(
        facts=_facts(analysis.data),
        findings=[*_findings(analysis), *(study.findings if study else ())],
        study=study,
        tables=tables,
        plots=plots,
        decision=decision,
        samples=samples(analysis),
        cases=cases(analysis, worst),
        rows=training.sample_rows(analysis),
        data=analysis.data,
        analysis=analysis,
        environments=_environments(analysis.data),
        version=VERSION,
        scenes=scenes,
        viewer_data=viewer.data(scenes),
        viewer_mb=viewer.megabytes(scenes),
        viewer_models=viewer.MODELS,
        viewer_tools=viewer.tools(),
        viewer_script=viewer.script(),
        css=_text("page.css") + viewer.css(),
        js=_text("page.js"),
        title=title,
        base=analysis.base,
        samples_drawn=f"{SAMPLES:,}".replace(",", " "),
        exact_scenes=EXACT_CLUSTERS,
    )
    write_atomic(out / "index.html", page.strip().encode() + b"\n")
    return out / "index.html"


def _text(name: str) -> str:
    return files("bench.report").joinpath(name).read_text(encoding="utf-8")


def _template() -> Any:
    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html")


def _tables(analysis: Analysis) -> dict[str, Any]:
    """Return the tables by name; ``costs`` is a list, one table for each set of conditions."""
    tables: dict[str, Any] = {"results": contents.results(analysis)}
    if analysis.has_base and analysis.measured and len(analysis.order) > 1:
        tables["improvements"] = contents.improvements(analysis)
    if (strata := contents.by_stratum(analysis)) is not None:
        tables["strata"] = strata
    if conventions(analysis):
        tables["conventions"] = contents.convention_spread(analysis)
    if (figures := published(analysis)) is not None:
        tables["published"] = figures
    tables["costs"] = [costs(analysis, at) for at in analysis.data.conditions()]
    return tables


def _styles(analysis: Analysis) -> Mapping[str, Look]:
    return looks([row.name for row in analysis.data.rows], analysis.base)


def _plots(analysis: Analysis, folder: Path) -> dict[str, list[Plot]]:
    """Draw everything; the folder holds more than the page, which shows `Analysis.shown`."""
    styles = _styles(analysis)
    found: dict[str, list[Plot]] = {}

    def keep(section: str, metric: str, plot: Plot | None) -> None:
        if plot and metric in analysis.shown:
            found.setdefault(section, []).append(plot)

    for metric in analysis.shown:
        for conditions in analysis.data.conditions():
            for quantity in fronts.AXES if metric == analysis.primary else ON_PAGE:
                plot = fronts.quality_against_cost(
                    analysis, metric, quantity, conditions, styles, folder
                )
                if quantity in ON_PAGE:
                    keep("costs", metric, plot)
    for metric in analysis.measured:
        keep("improvements", metric, spreads.improvement(analysis, metric, styles, folder))
        keep("distributions", metric, spreads.distribution(analysis, metric, styles, folder))
        for plot in robustness.curves(analysis, metric, styles, folder):
            keep("robustness", metric, plot)
    lines = [
        spreads.convention_lines(analysis, m, styles, folder)
        for m in conventions(analysis).values()
    ]
    found["conventions"] = [plot for plot in lines if plot]
    found["training"] = training.curves(analysis, styles, folder)
    found["bars"] = [
        plot
        for conditions in analysis.data.conditions()
        for plot in bars.bars(analysis, conditions, styles, folder)
    ]
    return found


def _facts(data: Gathered) -> list[tuple[str, str]]:
    """Return the conditions in one line: name and value."""
    record = data.record
    suite, states = record.suite, [row.info.state for row in data.rows]
    scenes = len(set(data.table.clusters))
    images = counted(len(data.shots), "image")
    if scenes < len(data.shots):
        images += f" in {counted(scenes, 'scene')}"
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    threads = record.environment.get("threads")
    torch = threads.get("torch") if isinstance(threads, Mapping) else None
    gpu = record.environment.get("gpu")
    device = record.spec.device
    if device.startswith("cuda") and isinstance(gpu, Mapping):
        device += f", {gpu.get('name')}"
    elif torch:
        device += f", {counted(torch, 'thread')}"
    failures = sum(len(r.failures) for r in data.records)
    return [
        ("Suite", record.spec.suite),
        ("Task", suite.task),
        ("Images", images),
        ("Models", ", ".join(f"{n} {state}" for state, n in counts.items())),
        ("Device", device),
        ("Date", record.started.partition("T")[0] or "not recorded"),
        ("State", ", ".join(dict.fromkeys(r.status for r in data.records))),
        ("Failures", str(failures) if failures else "none"),
    ]


def _findings(analysis: Analysis) -> list[str]:
    """Return what the results say, in sentences."""
    found = []
    for metric in analysis.shown:
        best = [n for n in analysis.order if analysis.standing(metric, n).mark == "best"]
        if not best:
            continue
        found.append(_finding(analysis, metric, best[0]))
    if analysis.primary and analysis.data.conditions():
        found.append(fronts.fastest(analysis, analysis.primary, analysis.data.conditions()[0]))
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
    text = f"{title(metric)}: {best} has the best mean, {fixed(estimate.value, places)}{unit}"
    text += f" {around}" if around else ""
    gain = analysis.gain(metric, best)
    if best == analysis.base:
        text += f"; no model improves on {analysis.base_title}"
    elif gain:
        text += f", {fixed(gain.value, places, sign=True)}{unit} against {analysis.base_title}"
        if gain.p_adjusted is not None and gain.p_adjusted >= 0.05:
            text += ", which is not significant"
    tied = [n for n in analysis.order if analysis.standing(metric, n).mark == "tied"]
    if tied:
        text += f". Not significantly different from it: {', '.join(tied)}"
    return text + "."


def _environments(data: Gathered) -> list[tuple[str, list[tuple[str, list[tuple[str, str]]]]]]:
    """Return a heading and the environment of every machine that a run was made on."""
    several = len(set(data.machines)) > 1
    return [
        (
            f"Environment of machine {machine + 1}" if several else "Environment",
            _environment(data.records[data.machines.index(machine)].environment),
        )
        for machine in dict.fromkeys(data.machines)
    ]


def _environment(record: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the environment in groups of names and values, whatever is in it."""
    plain = [(key, _value(v)) for key, v in record.items() if not isinstance(v, Mapping)]
    groups = [("general", plain)] if plain else []
    for key, inside in record.items():
        if isinstance(inside, Mapping):
            groups.append((key, list(_flat(inside))))
    return groups


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _value(value)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(_value(item) for item in value) or "none"
    return str(value)
