"""THE table of executors: where the work of a run is done. Each writes the same files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core.names import choose
from bench.core.plugins import extended, load_object

if TYPE_CHECKING:
    from bench.core.progress import Progress
    from bench.runs.executors.shard import Outcome, Shard
    from models.restorer import Restorer

    Execute = Callable[[Shard, Progress, Mapping[str, Restorer]], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """One row.

    ``run``, as ``module:function``, is given all of a run's work as one shard, the progress and the
    restorers that are loaded in this process. It fills every missing cell and returns the outcome.
    """

    name: str
    run: str
    about: str

    def execute(self) -> Execute:
        """Return the function behind ``run``."""
        function: Execute = load_object(self.run)
        return function


EXECUTORS: dict[str, Executor] = {
    executor.name: executor
    for executor in (
        Executor(
            name="local",
            run="bench.runs.executors.shard:restore_shard",
            about="this process; decoding, scoring and writing overlap with the models",
        ),
        Executor(
            name="processes",
            run="bench.runs.executors.processes:restore_in_processes",
            about="a process for each model, as many at once as there are cores; a model that "
            "ends its process takes no other with it",
        ),
    )
}


def executors() -> dict[str, Executor]:
    """Return the table with the rows of packages that join ``restoration_bench.executors``."""
    return extended(EXECUTORS, "restoration_bench.executors", Executor)


def executor_named(name: str) -> Executor:
    """Return a row. Raises `BenchError` that suggests the nearest name."""
    table = executors()
    return table[choose("executor", name, table)]
