"""``bench report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import say
from bench.cli.options import Study


def report(
    runs: Annotated[
        list[str], typer.Argument(help="Run folders, or suites' names for their latest runs.")
    ],
    study: Study = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write.", show_default="RUN/report")
    ] = None,
) -> None:
    """Write a self-contained page, tables (CSV, Markdown, LaTeX) and plots (PNG, SVG)."""
    from bench import api
    from bench.report import write_report

    found = [api.open_run(name) for name in runs]
    people = api.people_of(study, found)
    page = write_report([run.folder for run in found], out, say, people)
    say(f"report: {page}")
