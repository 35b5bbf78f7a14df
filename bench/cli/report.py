"""``bench report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import print_json, say
from bench.cli.options import Json, Study


def report(
    runs: Annotated[
        list[str], typer.Argument(help="Run folders, or suites' names for their latest runs.")
    ],
    study: Study = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write.",
            show_default="RUN/report; of several runs, a folder of their own beside the first",
        ),
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Plots as PDF, too, for papers.")] = False,
    as_json: Json = False,
) -> None:
    """Write a self-contained page, tables (CSV, Markdown, LaTeX) and plots (PNG, SVG)."""
    from bench import api
    from bench.report import write_report

    found = [api.open_run(name) for name in runs]
    people = api.people_of(study, found)
    left_out: list[str] = []
    page = write_report([run.folder for run in found], out, left_out.append, people, pdf)
    if as_json:
        print_json({"report": str(page), "notes": left_out})
        return
    for line in left_out:
        say(line)
    say(f"report: {page}")
