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
    study: Annotated[
        str | None,
        typer.Option(
            help="A closed study of one of the runs: its database, and #NAME if there are several."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write.", show_default="RUN/report")
    ] = None,
) -> None:
    """Write a self-contained page, tables (CSV, Markdown, LaTeX) and plots (PNG, SVG)."""
    from bench.report import write_report
    from bench.store import RunFolder

    folders = [RunFolder.find(name) for name in runs]
    people = None
    if study is not None:
        from bench.framework.people import read_study

        db, _, name = study.partition("#")
        people = read_study(db, name, folders)
    page = write_report(folders, out, say, people)
    say(f"report: {page}")
