"""``bench sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import ShownProgress, complain, print_json, say
from bench.cli.options import EXECUTOR_HELP, Json, Noncommercial
from bench.cli.report import show_across
from bench.core.allocator import keep_memory


def sweep(
    file: Annotated[Path, typer.Argument(help="TOML file that says what to run; docs/sweep.toml.")],
    dry: Annotated[
        bool, typer.Option("--dry", help="Print the runs as commands, and run nothing.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the table at the end.", show_default="results/across/.."),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(help=EXECUTOR_HELP, show_default="the file's own, or local"),
    ] = None,
    noncommercial: Noncommercial = False,
    as_json: Json = False,
) -> None:
    """Run suites x degradation levels x seeds x models; end in a table across them.

    The same command again does only what is missing. A run that fails is named, the others go on.
    """
    from bench.sweep import read_sweep, run_sweep

    planned = read_sweep(file, executor)
    if dry:
        if as_json:
            print_json([{"name": run.name, "command": run.command()} for run in planned])
            return
        for run in planned:
            say(run.command())
        return
    keep_memory()
    with ShownProgress() as progress:
        try:
            swept = run_sweep(planned, progress)
        except KeyboardInterrupt:
            complain("stopped; the same command goes on from here")
            raise typer.Exit(130) from None
    failures = [{"of": name, "reason": reason} for name, reason in swept.failures]
    if swept.runs:
        runs = [run.folder for run in swept.runs]
        show_across(runs, out, as_json, {"failures": failures})
    elif as_json:
        print_json({"report": None, "notes": [], "rows": [], "failures": failures})
    for name, reason in swept.failures:
        complain(f"{name}: {reason}")
    if swept.failures:
        raise typer.Exit(1)
