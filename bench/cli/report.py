"""``bench report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import say
from bench.cli.options import Study, read_people


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
    from bench.report import write_report
    from bench.runs.store import RunFolder

    folders = [RunFolder.find(name) for name in runs]
    page = write_report(folders, out, say, read_people(study, folders))
    say(f"report: {page}")
