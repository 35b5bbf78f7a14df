"""``bench runs``: the runs that there are; show one, remove some."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.console import next_line, print_json, print_table, say
from bench.cli.options import Json
from bench.core.errors import BenchError
from bench.core.shared import megabytes

if TYPE_CHECKING:
    from bench.runs.record import RunRecord
    from bench.runs.store import RunFolder

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
Name = Annotated[str, typer.Argument(help="A run's folder, or a suite's name for its latest run.")]


@app.callback(invoke_without_command=True)
def runs(context: typer.Context, as_json: Json = False) -> None:
    """List the runs under results/, the latest last; show one; remove some."""
    if context.invoked_subcommand:
        return
    from bench.runs.finding import all_runs

    rows: list[dict[str, Any]] = []
    for folder in all_runs():
        try:
            rows.append(summary(folder, folder.record()))
        except BenchError as error:
            rows.append({"run": str(folder.path), "status": "damaged", "note": str(error)})
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("no runs yet: 'bench run --suite demo' makes one")
        return
    print_table(
        "",
        ("run", "status", "started", "images", "models", "MB"),
        (
            (
                row["run"],
                row["status"],
                row.get("started", "—"),
                row.get("images", "—"),
                row.get("models_done", "—"),
                row.get("megabytes", "—"),
            )
            for row in rows
        ),
    )


@app.command(epilog="Example: [bold]bench runs show demo[/bold]")
def show(run: Name, as_json: Json = False) -> None:
    """Show what a run holds: its spec, its models and what became of each."""
    from bench.runs.finding import find_run

    folder = find_run(run)
    record = folder.record()
    found = summary(folder, record)
    models = {label: asdict(model) for label, model in record.models.items()}
    if as_json:
        print_json({**found, "spec": asdict(record.spec), "models": models})
        return
    for key, value in found.items():
        say(f"{key.replace('_', ' ')}: {value}")
    print_table(
        "",
        ("model", "state", "why"),
        ((label, model["state"], model["reason"] or "") for label, model in models.items()),
    )
    say(next_line("report", found["run"]))


@app.command(epilog="Example: [bold]bench runs remove results/demo/0a1b2c3d --yes[/bold]")
def remove(
    runs: Annotated[list[str], typer.Argument(help="Folders of runs, named whole.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete runs with their scores, images and reports. Weights kept for later runs stay."""
    from bench.core.shared import fetch_records, located
    from bench.runs.store import RunFolder

    fetch_records()
    folders = [RunFolder(located(run)) for run in runs]
    for folder in folders:
        if not folder.exists:
            raise BenchError(
                f"no run at '{folder.path}': expected a folder with a run.json; "
                "'bench runs' lists them"
            )
    removed = []
    for folder in folders:
        if not yes and not typer.confirm(f"Delete '{folder.path}' for good?", err=as_json):
            raise typer.Exit(1)
        folder.remove()
        removed.append(str(folder.path))
        if not as_json:
            say(f"removed {folder.path}")
    if as_json:
        print_json({"removed": removed})


def summary(folder: RunFolder, record: RunRecord) -> dict[str, Any]:
    """Return a run in one row."""
    states = [model.state for model in record.models.values()]
    size = megabytes(folder.path)
    if size is None:
        here = (path.stat().st_size for path in folder.path.rglob("*") if path.is_file())
        size = round(sum(here) / 1e6, 1)
    return {
        "run": str(folder.path),
        "suite": record.spec.suite,
        "status": record.status,
        "started": record.started,
        "finished": record.finished,
        "images": record.suite.images,
        "models_done": f"{states.count('done')} of {len(states)}",
        "megabytes": size,
    }
