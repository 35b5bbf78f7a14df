"""``bench rescore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.checks import check_rescoring
from bench.cli.console import (
    ShownProgress,
    complain,
    next_line,
    print_json,
    print_table,
    say,
    split,
)
from bench.cli.options import METRICS_HELP, Json


def rescore(
    run: Annotated[str, typer.Argument(help="Run folder, or a suite's name for its latest run.")],
    metrics: Annotated[str, typer.Option(help=METRICS_HELP)],
    data: Annotated[
        Path | None,
        typer.Option(help="The suite's folder.", show_default="where it was for the run"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Add metrics to a run from the restored images that it keeps. No model works again.

    The numbers are those of a run that had asked for these metrics from the start, and the same
    'bench run' command goes on with them. What is there is kept; metrics whose weights have
    changed since are measured anew. Stopped, the same command goes on; the run
    stays as it was until all is scored. A run whose photographs have changed is refused.
    """
    names = check_rescoring(split(metrics)).all

    from bench.runs.finding import find_run

    folder = find_run(run)
    had = folder.record().spec.metrics

    from bench import api
    from bench.report import summary_table
    from bench.runs.rescoring import LOST

    with ShownProgress() as progress:
        try:
            made = api.Run(folder).rescore(names, data=data, progress=progress)
        except KeyboardInterrupt:
            complain("stopped; the same command goes on from here")
            raise typer.Exit(130) from None
    table = made.scores
    lost = table[table["missing"].str.startswith(LOST) & table["metric"].isin(names)]
    lost = lost.drop_duplicates(["model", "image"])
    if as_json:
        print_json(
            {
                "run": str(made.path),
                "metrics": made.record.spec.metrics,
                "added": [name for name in made.record.spec.metrics if name not in had],
                "lost": lost[["model", "image", "missing"]].to_dict("records"),
            }
        )
    else:
        heads, rows, notes = summary_table(made.folder)
        for line in notes:
            say(line)
        print_table("", heads, rows)
    for row in lost.head(10).itertuples():
        complain(f"{row.model} on {row.image}: {row.missing}")
    if len(lost) > 10:
        complain(f"and {len(lost) - 10} more, listed in {made.path / 'scores.csv'}")
    if not as_json:
        say(next_line("report", made.path))
    if len(lost):
        raise typer.Exit(1)
