"""``bench compare``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from bench.cli.console import print_json, say_prose
from bench.cli.options import Json


def compare(
    run: Annotated[str, typer.Argument(help="Run folder, or a suite's name for its latest run.")],
    a: Annotated[str, typer.Argument(help="A model of the run.")],
    b: Annotated[str, typer.Argument(help="The model to compare it with.")],
    metric: Annotated[
        str | None, typer.Option(help="Metric of the run.", show_default="the run's first")
    ] = None,
    as_json: Json = False,
) -> None:
    """Give the paired difference of two models with its interval and significance.

    Whole sequences are resampled, not frames: frames of one sequence are not independent.
    """
    from bench import api

    found = api.open_run(run).compare(a, b, metric)
    if as_json:
        print_json(asdict(found))
    else:
        say_prose(str(found))
