"""THE table of executors: where the work of a run is done. Each writes the same files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from bench.core.errors import BenchError
from bench.core.names import choose, parse_spec, seconds_of
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
    options: Mapping[str, Callable[[str], object]] = field(default_factory=dict)
    """How the text of each ``key=value`` is read; ``run`` gets the value by that keyword."""
    given: Mapping[str, object] = field(default_factory=dict)
    """The values of a spec's options: those of the table have none."""

    @property
    def limit(self) -> float | None:
        """How many seconds a model may take for an image, where its options say."""
        found = self.given.get("limit")
        return found if isinstance(found, float) else None

    def execute(self) -> Execute:
        """Return the function behind ``run``, with the options that were given."""
        function: Execute = load_object(self.run)
        return partial(function, **self.given)


EXECUTORS: dict[str, Executor] = {
    executor.name: executor
    for executor in (
        Executor(
            name="local",
            run="bench.runs.executors.shard:restore_shard",
            about="this process; decoding, scoring and writing overlap with the models. A factory "
            "and an ONNX file work in processes of their own: one that ends its process, or takes "
            "longer than an hour for an image (local:limit=10m), takes nothing else with it",
            options={"limit": seconds_of},
        ),
        Executor(
            name="processes",
            run="bench.runs.executors.processes:restore_in_processes",
            about="a process for each model, whatever it is, as many at once as there are cores, "
            "and ended if it takes longer for an image than processes:limit=10m says",
            options={"limit": seconds_of},
        ),
    )
}


def executors() -> dict[str, Executor]:
    """Return the table with the rows of packages that join ``restoration_bench.executors``."""
    return extended(EXECUTORS, "restoration_bench.executors", Executor)


def executor_named(spec: str) -> Executor:
    """Return the row that ``name[:key=value,..]`` names, with these options.

    Raises `BenchError` that suggests the nearest name.
    """
    name, texts = parse_spec(spec)
    table = executors()
    row = table[choose("executor", name, table)]
    for key in texts:
        if key not in row.options:
            known = ", ".join(row.options) or "none"
            raise BenchError(f"executor '{name}' has no option '{key}'; its options: {known}")
    return replace(row, given={key: row.options[key](text) for key, text in texts.items()})
