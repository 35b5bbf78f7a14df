"""Metrics added to a run from the restored images that it keeps: no model works again.

The numbers are those of a run that had asked for the metrics from the start: the suite is opened
as the run opened it, with its references, border and reasons. What is scored lies in ``rescored/``
until all of it is there; the run stays as it was so long, and the same call goes on from there.
Then the cells, run.json and scores.csv change, and metrics of whole sets are measured.

Nothing is mixed. A run whose photographs are not what they were is refused; a stored image that
does not score what its cell says is missing with that reason; what weights gave that have changed
is measured anew. A model may have changed: its stored images are still what its cells are of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bench.core.errors import BenchError, message_of
from bench.core.parallel import in_threads
from bench.core.progress import Progress
from bench.image import Pixels, read
from bench.metrics.scorer import Prepared, Scorer
from bench.metrics.set_table import Chosen, choose_metrics, set_metric_cards
from bench.metrics.sets import SetScorer
from bench.metrics.table import metric_card, metric_cards
from bench.records import Pair, Score
from bench.runs.cells import Cell, CellWriter
from bench.runs.executors.frames import reference_of
from bench.runs.executors.restoring import FolderError
from bench.runs.record import MetricRecord, RunRecord
from bench.runs.store import RunFolder
from bench.runs.whole_sets import measure_sets
from bench.suites import Suite, spread
from bench.suites.folder import first_few
from bench.suites.frames import no_frame_before
from bench.suites.identity import pair_digest
from bench.suites.listing import prepared

LOST = "its restored image is lost"
"""How reasons begin that the same call looks into again."""
SAME = 1e-3
"""The largest relative difference of two scores of one image: machines round differently."""


@dataclass(frozen=True, slots=True)
class Todo:
    """A finished cell, and the metrics that it is to be scored by."""

    model: str
    cell: Cell
    metrics: tuple[str, ...]


def rescore(
    folder: RunFolder, metrics: Sequence[str], suite: Suite, device: str, progress: Progress
) -> None:
    """Add ``metrics`` to the run in ``folder``, which is of ``suite``.

    Scores that are there are kept; where a metric's weights have changed since, the metrics that
    have weights are measured anew, since a cell does not tell which. Raises `BenchError` where
    another process writes to the run, where its images have changed, where a score would get lost,
    and where the folder cannot be written to; KeyboardInterrupt leaves the run as it was.
    """
    with folder.locked():
        record = folder.record()
        pairs = prepared(spread(suite.pairs("test"), record.spec.limit), record.spec.prepare)
        job = Rescoring(folder, record, suite, pairs, choose_metrics(metrics), device, progress)
        job.score()
        try:
            job.save()
        except OSError as error:
            raise FolderError(folder, error) from error


@dataclass
class Rescoring:
    """The state of one such call. `rescore` is the way in."""

    folder: RunFolder
    record: RunRecord
    suite: Suite
    pairs: Sequence[Pair]
    asked: Chosen
    device: str
    progress: Progress

    @cached_property
    def after(self) -> Chosen:
        """The metrics that the run will have."""
        return choose_metrics((*self.record.spec.metrics, *self.asked.all))

    @cached_property
    def scorer(self) -> Scorer:
        """Tells what weights these metrics have."""
        return self._scorer(self.after.of_images)

    def _scorer(self, names: Sequence[str]) -> Scorer:
        return Scorer(names, self.device, self.suite.border, self.suite.no_reference)

    # --- what is to be done ---------------------------------------------------------------------

    def _wanted(self, cell: Cell) -> tuple[str, ...]:
        """Return the metrics asked for that a cell lacks or has lost, and where the weights of any
        of its metrics have changed all that have weights."""
        known = self._has_its_weights(cell)

        def wanted(name: str) -> bool:
            if name not in cell.scores or (cell.scores[name].reason or "").startswith(LOST):
                return name in self.asked.of_images
            return not known and name in self.scorer.weights

        return tuple(name for name in self.after.of_images if wanted(name))

    def _has_its_weights(self, cell: Cell) -> bool:
        """Say whether the weights of a cell's metrics are those that it was scored with."""
        assert cell.inputs is not None
        return cell.inputs.metrics == self.scorer.digest_of(cell.scores)

    def _todo(self) -> dict[str, list[Todo]]:
        """Return by image what is to be scored. Raises `BenchError` for what has changed."""
        by_id = {pair.id: pair for pair in self.pairs}
        found: dict[str, list[Todo]] = {str(i): [] for i in self.folder.images()["image"]}
        digests = {i: pair_digest(by_id[i]) for i in found if i in by_id}
        changed: set[str] = set()
        for model in self.record.models:
            for cell in self.folder.cells(model):
                if cell.image not in found:
                    continue
                if cell.inputs is None or cell.inputs.images != digests.get(cell.image):
                    changed.add(cell.image)
                elif names := self._wanted(cell):
                    found[cell.image].append(Todo(model, cell, names))
        if changed:
            raise BenchError(
                f"the run's scores of {len(changed)} image{'s' * (len(changed) > 1)} "
                f"({first_few(changed)}) are of other files than there are now, or an older "
                "version kept no record of these; the same 'bench run' command does them anew"
            )
        return {image: todo for image, todo in found.items() if todo}

    def _kept(self, todo: Mapping[str, list[Todo]]) -> dict[str, set[str]]:
        """Return by model the images that an earlier call has scored; forget what does not fit."""
        kept: dict[str, set[str]] = {}
        for model in self.record.models:
            of = {
                one.cell.image: one for many in todo.values() for one in many if one.model == model
            }
            cells = list(self.folder.cells(model, "rescored"))
            fit = [c for c in cells if c.image in of and self._fits(c, of[c.image])]
            if len(fit) != len(cells):
                self.folder.replace_cells(model, fit, "rescored")
            kept[model] = {cell.image for cell in fit}
        return kept

    def _fits(self, scored: Cell, todo: Todo) -> bool:
        """Say whether a cell is what would come of ``todo`` now."""
        if not scored.scores.keys() >= set(todo.metrics):
            return False
        lost = any((score.reason or "").startswith(LOST) for score in scored.scores.values())
        return not lost and scored == self._extended(todo, scored.scores)

    def _extended(self, todo: Todo, scores: Mapping[str, Score]) -> Cell:
        """Return a cell with these scores by the metrics that it is to be scored by."""
        assert todo.cell.inputs is not None
        both = {**todo.cell.scores, **{name: scores[name] for name in todo.metrics}}
        ordered = {name: both[name] for name in self.after.of_images if name in both}
        inputs = replace(todo.cell.inputs, metrics=self.scorer.digest)
        return replace(todo.cell, scores=ordered, inputs=inputs)

    # --- the work -------------------------------------------------------------------------------

    def score(self) -> None:
        """Score what is missing into ``rescored/``."""
        todo = self._todo()
        kept = self._kept(todo)
        left = [
            (image, [one for one in many if image not in kept[one.model]])
            for image, many in todo.items()
        ]
        left = [(image, many) for image, many in left if many]
        if not left:
            return
        named = {name for _, many in left for one in many for name in one.metrics}
        new = [name for name in self.after.of_images if name in named]
        changed = not all(self._has_its_weights(one.cell) for _, many in left for one in many)
        if changed and (again := [name for name in new if name in self.record.metrics]):
            self.progress.note(
                f"  measured anew, as the weights of a metric have changed: {', '.join(again)}"
            )
        control = next(
            (
                n
                for n in self.record.spec.metrics
                if n in metric_cards() and n not in self.scorer.weights
            ),
            None,
        )
        work = self._work(self._scorer([*([control] if control else []), *new]), control)
        writers: dict[str, CellWriter] = {}
        try:
            for finished in in_threads(work, left, "score", self.progress.update):
                for model, cell in finished:
                    if model not in writers:
                        writers[model] = self.folder.cell_writer(model, "rescored")
                    writers[model].append(cell)
        except OSError as error:
            raise FolderError(self.folder, error) from error
        finally:
            for writer in writers.values():
                writer.close()

    def _work(
        self, scorer: Scorer, control: str | None
    ) -> Callable[[tuple[str, list[Todo]]], list[tuple[str, Cell]]]:
        """Return the function that scores all models' restored images of one image."""
        by_id = {pair.id: pair for pair in self.pairs}

        def work(item: tuple[str, list[Todo]]) -> list[tuple[str, Cell]]:
            image, many = item
            truth: Prepared | None = None
            finished = []
            for todo in many:
                if self.folder.image_path(todo.model, image).is_file():
                    truth = truth or reference_of(by_id[image], scorer)
                    before = self._before(todo.model, by_id[image], scorer)
                    found = self._score(todo, scorer, truth, before, control)
                else:
                    found = dict.fromkeys(todo.metrics, _without_image(todo.cell))
                finished.append((todo.model, self._extended(todo, found)))
            return finished

        return work

    def _before(self, model: str, pair: Pair, scorer: Scorer) -> Pixels | str:
        """Return the restored frame before a pair's, or why there is none."""
        if not scorer.compares_frames or pair.previous is None:
            return no_frame_before(pair)
        path = self.folder.image_path(model, pair.previous.id)
        return read(path) if path.is_file() else f"'{pair.previous.id}' before it was not restored"

    def _score(
        self,
        todo: Todo,
        scorer: Scorer,
        truth: Prepared,
        before: Pixels | str,
        control: str | None,
    ) -> dict[str, Score]:
        def lost(why: str) -> dict[str, Score]:
            return dict.fromkeys(todo.metrics, Score.missing(f"{LOST}: {why}"))

        try:
            restored = read(self.folder.image_path(todo.model, todo.cell.image))
            found = scorer.score(restored, truth, before)
        except (BenchError, OSError) as error:
            return lost(message_of(error))
        if control and control in todo.cell.scores:
            was, now = todo.cell.scores[control].value, found[control].value
            if (was is None) != (now is None) or (
                was is not None and now is not None and not math.isclose(was, now, rel_tol=SAME)
            ):
                return lost(f"the one that is there has {control} {now}, its cell {was}")
        for name in todo.metrics:
            had = name in todo.cell.scores and todo.cell.scores[name].value is not None
            if had and found[name].value is None:
                raise BenchError(
                    f"{todo.model} on {todo.cell.image} has a score by {name}, which must be "
                    f"measured anew and cannot be: {found[name].reason}"
                )
        return found

    # --- the record -----------------------------------------------------------------------------

    def save(self) -> None:
        """Take what was scored into the run, and measure whole sets."""
        labels, after, record = list(self.record.models), self.after, self.record
        self.folder.take_rescored(labels)
        sets = set_metric_cards()
        self.folder.write_record(
            replace(
                record,
                spec=replace(record.spec, metrics=after.all),
                metrics={
                    name: record.metrics.get(name) or MetricRecord.of(metric_card(name))
                    for name in after.of_images
                },
                sets={
                    name: record.sets.get(name) or MetricRecord.of(sets[name])
                    for name in after.of_sets
                },
            )
        )
        self.folder.forget_rescored()
        self.folder.write_scores(labels, [str(i) for i in self.folder.images()["image"]])
        scorer = SetScorer(after.of_sets, self.device, self.suite.border)
        measure_sets(self.folder, labels, self.pairs, scorer, self.progress.update)


def _without_image(cell: Cell) -> Score:
    """Return what is said of a cell that no image is there for."""
    reasons = {score.reason for score in cell.scores.values()}
    if len(reasons) == 1 and (reason := reasons.pop()) is not None:
        return Score.missing(reason)  # the model turned the image away: there never was one
    return Score.missing(f"{LOST}: no file")
