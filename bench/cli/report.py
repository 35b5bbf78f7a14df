"""``bench report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import say


def report(
    runs: Annotated[
        list[str], typer.Argument(help="Run folders, or suites' names for their latest runs.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write.", show_default="RUN/report")
    ] = None,
) -> None:
    """Write a self-contained page, tables (CSV, Markdown, LaTeX) and plots (PNG, SVG)."""
    from bench.report import write_report
    from bench.store import RunFolder

    page = write_report([RunFolder.find(name) for name in runs], out, say)
    say(f"report: {page}")
