"""Where the work of a run is done. Here, in this process, unless an executor says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.compute.profile import Conditions, Measurement, measure
from bench.core.errors import BenchError
from bench.core.progress import Progress
from bench.runs.executors.shard import Outcome, Shard, restore_shard
from models.restorer import Restorer
from models.training.train import Job, Trained, train

Execute = Callable[[Shard, Progress, Mapping[str, Restorer]], Outcome]


class Workplace:
    """Restores, trains and measures in this process; ``restore`` may be another function.

    It is entered for as long as a run works.
    """

    def __init__(self, restore: Execute = restore_shard) -> None:
        self._restore = restore

    def __enter__(self) -> Workplace:
        return self

    def __exit__(self, *ended: object) -> None:
        """Let go of what entering took: nothing here."""

    def check(self, device: str) -> None:
        """Raise `BenchError` for a device that there is not. Called before any work."""

    def restore(
        self, shard: Shard, progress: Progress, ready: Mapping[str, Restorer] | None = None
    ) -> Outcome:
        """Fill every missing cell of a shard. Raises as `restore_shard`."""
        return self._restore(shard, progress, ready or {})

    def train(self, jobs: Sequence[Job], progress: Progress) -> Iterator[Trained | BenchError]:
        """Yield what came of each training, in order: one that fails stops no other."""
        for job in jobs:
            try:
                yield train(job, progress.update, progress.note)
            except BenchError as error:
                yield error

    def measure(
        self,
        models: Sequence[tuple[str, str, Path | None]],
        conditions: Conditions,
        progress: Progress,
    ) -> list[Measurement]:
        """Return what the models cost, as `bench.compute.profile.measure` does."""
        return measure(models, conditions, progress.update)
