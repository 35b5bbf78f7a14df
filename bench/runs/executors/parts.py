"""A model on some images, done in a folder of its own: what parallel work is made of.

A part sends back all that it wrote; the process that gave it out alone writes to the run's folder,
each model's cells in the order of the suite. So nothing of a part that dies is in the run, what is
done twice is written once, and a run begun by one executor is taken up by another.
"""

from __future__ import annotations

import math
import tempfile
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.core.files import write_atomic
from bench.core.progress import Progress, Unheard
from bench.records import Failure, Pair
from bench.runs.cells import Cell
from bench.runs.executors.restoring import FolderError
from bench.runs.executors.shard import Outcome, Shard, ShardModel, restore_shard
from bench.runs.store import RunFolder
from models.loading import load_restorer
from models.restorer import Restorer

IMAGES = 8
"""The most images of a part that is given no other number: what a kill can lose of its work."""
SCRATCH = "bench-part-"


class Lost(Exception):
    """The process that did a part, or its machine, is no more; the text says how it ended."""


@dataclass(frozen=True, slots=True)
class Part:
    """What was written: the cells of the model, and files by their path in a run's folder."""

    outcome: Outcome
    cells: list[Cell]
    files: Mapping[str, bytes]


Submit = Callable[[Shard], Callable[[], Part]]
"""Begins the work on a shard of one model; what is returned waits for it, and may raise `Lost`."""

_loaded: dict[tuple[object, ...], Restorer] = {}
"""The model that this process last had: the next part is mostly of the same."""


def restore_part(shard: Shard) -> Part:
    """Do a shard of one model in a folder of its own, in this process."""
    (model,) = shard.models
    key = model, shard.device, shard.tile
    if key not in _loaded:
        _loaded.clear()
        with suppress(Exception):  # `restore_shard` tries again, and tells
            _loaded[key] = load_restorer(
                model.spec, device=shard.device, weights=model.weights, tile=shard.tile
            )
    ready = {model.label: _loaded[key]} if key in _loaded else {}
    with tempfile.TemporaryDirectory(prefix=SCRATCH) as made:
        scratch = RunFolder(Path(made))
        outcome = restore_shard(replace(shard, folder=scratch.path), Unheard(), ready)
        files = {
            str(path.relative_to(scratch.path)): path.read_bytes()
            for path in scratch.path.rglob("*")
            if path.is_file() and path.parent.name != "cells"
        }
        return Part(outcome, list(scratch.cells(model.label)), files)


def restore_in_parts(
    shard: Shard,
    progress: Progress,
    submit: Submit,
    *,
    slots: int,
    images: int = IMAGES,
) -> Outcome:
    """Fill every missing cell of a shard by parts of at most so many images.

    ``slots`` parts are worked on at once. A part that is lost is done again image by image, and an
    image whose part is lost then is a failure of that image. Raises as `restore_shard`.
    """
    gathering = _Gathering(shard, progress)
    for model in shard.models:
        gathering.plan(model, slots, images)
    gathering.work(submit, slots)
    return gathering.outcome()


@dataclass
class _Gathering:
    """The parts of a shard, and what they bring, written in order."""

    shard: Shard
    progress: Progress
    waiting: deque[Shard] = field(default_factory=deque)
    failures: list[Failure] = field(default_factory=list)
    remarks: dict[str, tuple[str, ...]] = field(default_factory=lambda: defaultdict(tuple))
    done: int = 0
    total: int = 0

    def plan(self, model: ShardModel, slots: int, images: int) -> None:
        """Divide a model's missing images."""
        folder = RunFolder(self.shard.folder)
        with folder.cell_writer(model.label) as writer:  # cuts a torn last line off
            missing = [pair for pair in self.shard.pairs if pair.id not in writer.done]
        self.total += len(missing)
        size = max(1, min(images, math.ceil(len(missing) / slots)))
        for start in range(0, len(missing), size):
            self.waiting.append(self._part(model, missing[start : start + size]))

    def _part(self, model: ShardModel, pairs: Sequence[Pair]) -> Shard:
        return replace(self.shard, models=(model,), pairs=tuple(pairs))

    def work(self, submit: Submit, slots: int) -> None:
        """Do all parts. What is finished out of turn waits for those before it."""
        out: deque[tuple[Shard, Callable[[], Part]]] = deque()
        while self.waiting or out:
            while self.waiting and len(out) < 2 * slots:
                part = self.waiting.popleft()
                out.append((part, submit(part)))
            part, found = out.popleft()
            self._take(part, found, submit)

    def _take(self, part: Shard, found: Callable[[], Part], submit: Submit) -> None:
        (model,) = part.models
        try:
            self._write(model.label, found())
        except Lost as end:
            if len(part.pairs) > 1:  # which of them it was is found out one by one
                alone = [self._part(model, [pair]) for pair in part.pairs]
                for one, coming in [(one, submit(one)) for one in alone]:
                    self._take(one, coming, submit)
                return
            self.failures.append(Failure(model.label, part.pairs[0].id, str(end)))
        self.done += len(part.pairs)
        self.progress.update("restore and score", self.done, self.total, part.pairs[-1].id)

    def _write(self, label: str, found: Part) -> None:
        folder = RunFolder(self.shard.folder)
        try:
            for name, content in found.files.items():
                write_atomic(folder.path / name, content)
            with folder.cell_writer(label) as writer:
                for cell in found.cells:
                    writer.append(cell)
        except OSError as error:
            raise FolderError(folder, error) from error
        self.failures += found.outcome.failures
        told = (*self.remarks[label], *found.outcome.remarks.get(label, ()))
        self.remarks[label] = tuple(dict.fromkeys(told))

    def outcome(self) -> Outcome:
        """Return it as the local executor does: failures by image, then by model, each once."""
        images = {pair.id: index for index, pair in enumerate(self.shard.pairs)}
        labels = {model.label: index for index, model in enumerate(self.shard.models)}

        def place(failure: Failure) -> tuple[int, int]:
            return images.get(failure.image or "", -1), labels[failure.model]

        failures = sorted(dict.fromkeys(self.failures), key=place)
        return Outcome(failures=failures, remarks={k: v for k, v in self.remarks.items() if v})
