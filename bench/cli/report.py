"""``bench report``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import print_json, print_table, say, say_prose
from bench.cli.options import Json, Noncommercial, Study
from bench.core.errors import BenchError

if TYPE_CHECKING:
    from bench.runs.store import RunFolder


def show_across(
    runs: Sequence[RunFolder],
    out: Path | None,
    as_json: bool,
    more: Mapping[str, object] | None = None,
) -> None:
    """Write the table over the suites of these runs, and print it; as JSON with ``more``."""
    from bench.report import across, write_across

    made = across(runs)
    page = write_across(runs, out, made)
    if as_json:
        left_out = [f"left out: {path}: {why}" for path, why in made.left_out]
        rows = [dict(record) for record in made.table.records]
        print_json({"report": str(page), "notes": left_out, "rows": rows, **(more or {})})
        return
    heads, rows_shown, notes = made.terminal()
    for path, why in made.left_out:
        say(f"left out: {path}: {why}")
    print_table("", heads, rows_shown)
    for line in notes:
        say_prose(line)
    say(f"report: {page}")


def report(
    runs: Annotated[
        list[str], typer.Argument(help="Run folders, or suites' names for their latest runs.")
    ],
    study: Study = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write.",
            show_default="RUN/report; of several runs, a folder of their own beside the first; "
            "results/across/..",
        ),
    ] = None,
    across: Annotated[
        bool,
        typer.Option(
            "--across",
            help="One table over several suites: suites in columns, mean ranks, and how often each "
            "model is first overall.",
        ),
    ] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Plots as PDF, too, for papers.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--try",
            metavar="MODEL",
            help="Put this network of the run into the page (at most 20 MB), for readers to try on "
            "their own photographs; needs 'bench fetch onnxruntime-web' once.",
            show_default="none",
        ),
    ] = None,
    noncommercial: Noncommercial = False,
    costs: Annotated[
        list[Path] | None,
        typer.Option(
            help="Costs on another machine, written by the script of 'bench profile M --export "
            "FILE'; again for further files. They are shown apart, and ranked with no others.",
            show_default="none",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a self-contained page, tables (CSV, Markdown, LaTeX) and plots (PNG, SVG)."""
    extras = {"--study": study, "--pdf": pdf, "--try": model, "--costs": costs}
    if across and (given := [name for name, value in extras.items() if value]):
        raise BenchError(f"--across is one table; {given[0]} has no part in it")
    from bench import api
    from bench.report import trial_of, write_report

    found = [api.open_run(name) for name in runs]
    if across:
        show_across([run.folder for run in found], out, as_json)
        return
    from bench.compute.elsewhere import read_cost_file

    elsewhere = [read_cost_file(path) for path in costs or ()]
    people = api.people_of(study, found)
    left_out: list[str] = []
    folders = [run.folder for run in found]
    trial = trial_of(folders, model) if model else None
    page = write_report(folders, out, left_out.append, people, pdf, trial, elsewhere)
    if as_json:
        print_json({"report": str(page), "notes": left_out})
        return
    for line in left_out:
        say(line)
    say(f"report: {page}")
