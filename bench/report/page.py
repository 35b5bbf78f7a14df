"""The page: everything of a report in one HTML file that opens anywhere, offline."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.compute.elsewhere import CostFile
from bench.core.errors import BenchError
from bench.core.files import write_atomic
from bench.core.names import counted
from bench.core.version import VERSION
from bench.framework.people import HumanScale
from bench.report.drawing.content import Html
from bench.report.drawing.html import render, text_of
from bench.report.drawing.tables import Table
from bench.report.drawing.theme import Plot
from bench.report.reading.analysis import analyse
from bench.report.reading.context import Context, context_of
from bench.report.reading.gather import Gathered, gather
from bench.report.reading.trial import Trial
from bench.report.sections.command import commands
from bench.report.sections.costs import noise_lines
from bench.report.sections.results import caveats
from bench.report.sections.table import Built, build, section_table
from bench.report.sections.verdict import verdict
from bench.runs.store import RunFolder

LONGEST = 60
"""Letters of the names of several runs in the name of their report's folder, at most."""


def write_report(
    runs: Sequence[RunFolder],
    out: Path | None = None,
    tell: Callable[[str], None] | None = None,
    people: HumanScale | None = None,
    pdf: bool = False,
    trial: Trial | None = None,
    elsewhere: Sequence[CostFile] = (),
) -> Path:
    """Write ``index.html``, ``tables/`` and ``plots/`` into ``out`` (default: `default_folder`).

    Runs share tables where suite, images and conventions match the first run's; the page names the
    others, and ``tell`` is called with a line on each. ``people``: a study of one of them
    (`bench.framework.people.read_study`). ``pdf``: plots as PDF, too.
    ``trial``: a model that readers can try in their browsers (`trial_of`). ``elsewhere``: costs on
    other machines. Returns the page. Raises
    `BenchError` for no runs, for damaged ones, and for a study of another run.
    """
    if not runs:
        raise BenchError("no run to report on; expected at least one run folder")
    context = context_of(analyse(gather(runs, elsewhere)), people, trial)
    if tell:
        for path, why in context.analysis.data.left_out:
            tell(f"left out: {path}: {why}")
    out = out or default_folder(runs)
    sections, missing = build(section_table().values(), context)
    _write_files(sections, out, pdf)
    page = _page(context, sections, missing)
    write_atomic(out / "index.html", page.strip().encode() + b"\n")
    return out / "index.html"


def default_folder(runs: Sequence[RunFolder]) -> Path:
    """Return where a report goes unless it is told: ``report`` in the run's folder.

    Several runs have a folder of their own beside the first, named after them all, so that no run
    loses its report to one with others.
    """
    paths = list(dict.fromkeys(run.path.resolve() for run in runs))
    if len(paths) == 1:
        return runs[0].path / "report"
    names = "+".join(path.name for path in paths)
    if len(names) > LONGEST:
        names = f"{paths[0].name}+{len(paths) - 1}"
    digest = hashlib.sha256("\0".join(map(str, paths)).encode()).hexdigest()[:8]
    return paths[0].parent / f"report-{names}-{digest}"


def _write_files(sections: Sequence[Built], out: Path, pdf: bool) -> None:
    """Write every table and plot. Raises `BenchError` for a name that two of them have."""
    owners: dict[str, str] = {}
    for one in sections:
        files: list[Table | Plot] = [*one.tables(), *one.plots()]
        for file in files:
            folder = "plots" if isinstance(file, Plot) else "tables"
            name = f"{folder}/{file.name}"
            if name in owners:
                raise BenchError(
                    f"sections '{owners[name]}' and '{one.section.id}' both write '{name}'; "
                    "rename one of them"
                )
            owners[name] = one.section.id
            if isinstance(file, Plot):
                file.write(out / folder, pdf)
            else:
                file.write(out / folder)


def _page(context: Context, sections: Sequence[Built], missing: Sequence[str]) -> str:
    data, noise = context.analysis.data, noise_lines(context.analysis)
    contents = [part.content for one in sections for part in one.with_parts()]
    js = text_of("page.js")
    scripts = [content.scripts.text for content in contents if content.scripts.text]
    return render(
        "page.html",
        policy=policy([f"<script>{js}</script>", *scripts], [one.permits for one in contents]),
        title_of_suite=", ".join(filter(None, (data.record.suite.title, data.part))),
        facts=_facts(data),
        unfinished=any(record.status != "done" for record in data.records),
        left_out=data.left_out,
        caveats=[*caveats(context.analysis), *([" ".join(noise)] if noise else [])],
        verdict=verdict(context.analysis),
        findings=[text for content in contents for text in content.findings],
        numbers=_numbers(sections),
        sections=sections,
        missing=missing,
        commands=commands(data),
        base=context.analysis.base,
        version=VERSION,
        css="".join([text_of("page.css"), *(content.style for content in contents)]),
        js=js,
        scripts=scripts,
    ).text


def policy(scripts: Sequence[str], permits: Sequence[Mapping[str, str]] = ()) -> str:
    """Return what a browser may do with the page: load nothing, and run these scripts alone;
    ``permits`` are sources that sections add to its directives."""
    code = re.findall(r"<script(?![^>]*json)[^>]*>(.*?)</script>", "".join(scripts), re.DOTALL)
    digests = [hashlib.sha256(one.encode()).digest() for one in code]
    allowed = " ".join(f"'sha256-{base64.b64encode(one).decode()}'" for one in digests)
    directives = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": "'unsafe-inline'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "script-src": allowed,
    }
    for more in permits:
        for directive, sources in more.items():
            directives[directive] = f"{directives.get(directive, '')} {sources}".strip()
    return "; ".join(f"{directive} {sources}" for directive, sources in directives.items())


def _numbers(sections: Sequence[Built]) -> dict[str, int]:
    """Number the tables and the plots of the page, by their ids, in the order of reading."""
    leads = [block for one in sections for block in one.content.lead]
    rest = [b for one in sections for part in one.with_parts() for b in part.content.body]
    tables = [f"table-{block.name}" for block in (*leads, *rest) if isinstance(block, Table)]
    rows = [block for block in (*leads, *rest) if not isinstance(block, str | Table | Html)]
    plots = [f"plot-{plot.name}" for row in rows for plot in row]
    return {name: at for names in (tables, plots) for at, name in enumerate(names, start=1)}


def _facts(data: Gathered) -> list[tuple[str, str]]:
    """Return the conditions in one line: name and value."""
    record = data.record
    suite, states = record.suite, [row.info.state for row in data.rows]
    scenes = len(set(data.table.clusters))
    images = counted(len(data.shots), "image")
    if data.part:
        images = data.part
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
        ("Suite", record.suite_key),
        ("Task", suite.task),
        ("Images", images),
        ("Models", ", ".join(f"{n} {state}" for state, n in counts.items())),
        ("Device", device),
        ("Date", record.started.partition("T")[0] or "not recorded"),
        ("State", ", ".join(dict.fromkeys(r.status for r in data.records))),
        ("Failures", str(failures) if failures else "none"),
    ]
