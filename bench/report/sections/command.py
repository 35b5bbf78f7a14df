"""The commands that make a report's runs, and the report, again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from bench.report.reading.gather import Gathered
from bench.runs.record import RunRecord

PASSING = ("config", "as_json", "fresh", "keep")
"""Options that say how a command goes about its work, and nothing of what comes out."""


def commands(data: Gathered) -> list[str]:
    """Return a line for the shell for each run, and one for the report where it is of several."""
    runs = [command_of(record) for record in data.records]
    if len(runs) == 1:
        return runs
    return [*runs, shlex.join(["bench", "report", *(str(run.path) for run in data.runs)])]


def command_of(record: RunRecord) -> str:
    """Return the command that makes a run again, quoted for a POSIX shell.

    Its options are those that were typed; of a run made from Python, those that decide its numbers.
    """
    options = record.options if "suite" in record.options else _decisive(record)
    words = ["bench", "run"]
    for name, value in options.items():
        if name in (*PASSING, "recipe", "set") or value in ("", "False"):
            continue
        words.append(f"--{name.replace('_', '-')}")
        words += [] if value == "True" else [value]
    words += [word for change in record.spec.recipe for word in ("--set", change)]
    return shlex.join(words)


def _decisive(record: RunRecord) -> Mapping[str, str]:
    spec = record.spec
    found = {
        "suite": spec.suite,
        "data": spec.data,
        "models": ",".join(spec.models),
        "metrics": ",".join(spec.metrics),
        "prepare": ",".join(spec.prepare),
        "limit": spec.limit,
        "device": spec.device,
        "train": spec.train,
        "preset": spec.preset,
        "budget": spec.budget,
        "seed": spec.seed,
        "tile": spec.tile,
    }
    return {name: str(value) for name, value in found.items() if value is not None}
