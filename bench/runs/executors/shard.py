"""A part of a run's work in plain values, which pickle: what a worker anywhere needs to do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core.errors import message_of
from bench.core.progress import Progress
from bench.metrics.scorer import Scorer
from bench.records import Failure, Pair, Tile
from bench.runs.executors.restoring import restore_and_score
from bench.runs.store import RunFolder
from models.isolation import Isolated
from models.loading import load_restorer
from models.restorer import Restorer


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardModel:
    """A model as a worker loads it: ``label`` names its cells and images.

    ``digest`` is the model's, of `models.identity`.
    """

    label: str
    spec: str
    digest: str
    weights: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Some models on some images of the run in ``folder``."""

    folder: Path
    models: tuple[ShardModel, ...]
    pairs: tuple[Pair, ...]
    metrics: tuple[str, ...]
    device: str
    tile: Tile
    border: int
    no_reference: str

    def by_model(self) -> list[Shard]:
        """Return a shard for each model: the cells of a model have one writer."""
        return [replace(self, models=(model,)) for model in self.models]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an executor tells: what failed, and by label what a reader should know of models."""

    failures: list[Failure]
    remarks: Mapping[str, tuple[str, ...]]


def restore_shard(
    shard: Shard,
    progress: Progress,
    ready: Mapping[str, Restorer] | None = None,
    *,
    limit: float | None = None,
) -> Outcome:
    """Fill every missing cell of a shard in this process.

    ``ready`` holds restorers that are loaded already, by label; those in processes of their own
    have ``limit`` seconds for an image. A model that cannot be loaded fails as a whole (an image of
    None). Raises `BenchError` where the folder cannot be written to, and
    KeyboardInterrupt; every finished cell has been kept then.
    """
    restorers: dict[str, Restorer] = {}
    failures: list[Failure] = []
    for model in shard.models:
        try:
            restorers[model.label] = (ready or {}).get(model.label) or load_restorer(
                model.spec, device=shard.device, weights=model.weights, tile=shard.tile
            )
        except Exception as error:  # noqa: BLE001  a model of a third party may raise anything
            failures.append(Failure(model.label, None, message_of(error)))
    for restorer in restorers.values():
        if limit is not None and isinstance(restorer, Isolated):
            restorer.limit = limit
    scorer = Scorer(shard.metrics, shard.device, shard.border, shard.no_reference)
    folder = RunFolder(shard.folder)
    digests = {model.label: model.digest for model in shard.models}
    failed = restore_and_score(
        shard.pairs, restorers, scorer=scorer, folder=folder, progress=progress, digests=digests
    )
    remarks = {
        name: tuple(found)
        for name, restorer in restorers.items()
        if (found := getattr(restorer, "remarks", ()))
    }
    return Outcome(failures=[*failures, *failed], remarks=remarks)
