"""One run: plan, train what has no weights, restore and score, profile, record.

The same command again does only what is missing: finished cells, trained weights and measured
profiles are taken up from the run folder.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from bench.compute.environment import environment
from bench.compute.noise import with_noise
from bench.core import shared
from bench.core.errors import BenchError, message_of
from bench.core.progress import Progress
from bench.metrics.scorer import Scorer
from bench.metrics.set_table import Chosen, choose_metrics, set_metric_cards
from bench.metrics.sets import SetScorer
from bench.metrics.table import metric_card
from bench.prepare import tone_note
from bench.records import (
    IN_TILES,
    TOO_LARGE,
    TOO_LARGE_FOR_FREE,
    Failure,
    Pair,
    Place,
    ProfileSize,
    RunSpec,
    places,
)
from bench.runs.cells import tiled
from bench.runs.costs import measure_costs, usual_size
from bench.runs.executors.restoring import inputs_of
from bench.runs.executors.shard import Shard, ShardModel
from bench.runs.executors.table import executor_named
from bench.runs.executors.workplace import Workplace
from bench.runs.finding import continued
from bench.runs.fitting import unfit
from bench.runs.planning import Entry, OnOverlap, Planner, StaleError, told_to
from bench.runs.record import MetricRecord, RunRecord, Status, SuiteRecord
from bench.runs.store import RunFolder
from bench.runs.whole_sets import measure_sets
from bench.suites import Suite, spread
from bench.suites.folder import first_few
from bench.suites.identity import clean_note, colour_note, grey_note, one_scene_each
from bench.suites.listing import prepared
from models.identity import model_digest
from models.isolation import LIMIT, Isolated, close_all
from models.loading import load_restorer
from models.specs import card_of, label
from models.training.train import Trained
from models.weights_folder import WeightsFolder
from models.windows import reach_of, seen_by

Changed = Literal["redo", "refuse", "afresh"]

NO_RECORD = "an older version kept no record of what they were made of"


@dataclass
class RunJob:
    """The state of one run while it works. `run` is the way in."""

    spec: RunSpec
    folder: RunFolder
    suite: Suite
    pairs: Sequence[Pair]
    entries: list[Entry]
    progress: Progress
    options: Mapping[str, str]
    started: str
    kept: WeightsFolder = field(default_factory=WeightsFolder)
    failures: list[Failure] = field(default_factory=list)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What a reader of a model's cost figures should know."""
    place: Workplace = field(default_factory=Workplace)
    """Where models are trained, restore and are measured."""
    before: Mapping[str, str | None] = field(default_factory=dict)
    """The models' digests as the run last recorded them."""
    keep: bool = False
    """Whether to refuse where finished cells no longer follow from what is there now."""
    status: Status = "running"
    finished: str | None = None

    @cached_property
    def chosen(self) -> Chosen:
        """The metrics of images and of whole sets."""
        return choose_metrics(self.spec.metrics)

    def leave(self) -> None:
        """List no longer what is not asked for now. What was restored stays, for when it is again.

        The costs are forgotten: nothing would tell whether they are still of the same model.
        """
        models = set(self.before) - {entry.label for entry in self.entries}
        if not models:
            return
        self.progress.note(
            f"  no longer listed: {', '.join(sorted(models))}; the finished images are kept for "
            "when --models names them again"
        )
        rows = self.folder.read_profiles()
        if any(row.model in models for row in rows):
            self.folder.write_profiles(row for row in rows if row.model not in models)
        self.notes = {name: notes for name, notes in self.notes.items() if name not in models}

    # --- train and load -------------------------------------------------------------------------

    def train(self) -> None:
        """Train what the plan says, and keep the weights for later runs.

        Variants of one network take the weights of one training.
        """
        waiting = [entry for entry in self.entries if entry.job is not None]
        jobs = {entry.job.card.name: entry.job for entry in waiting if entry.job}
        came = zip(jobs, self.place.train(list(jobs.values()), self.progress), strict=True)
        done: dict[str, Trained | BenchError] = {}
        for entry in waiting:
            assert entry.job is not None
            network, entry.job = entry.job.card.name, None
            while network not in done:  # one after the other: what is finished is kept at once
                name, result = next(came)
                done[name] = result
            trained = done[network]
            if isinstance(trained, BenchError):
                entry.drop("failed", str(trained))
                continue
            entry.weights, entry.origin = trained.weights, "trained"
            entry.separation, entry.separation_note = "separate", "compared before it was trained"
            learned = trained.header.learned
            if learned and not self.spec.prepare:  # else a run without these steps would find them
                tag = jobs[network].tag(self.spec.preset)
                self.kept.keep(trained.weights, self.suite.key, learned.digest, tag)

    def load(self) -> None:
        """Make every model ready. One that cannot be loaded fails alone."""
        for entry in self.entries:
            if not entry.active:
                continue
            try:
                if isinstance(entry.restorer, Isolated):
                    entry.digest = entry.restorer.digest
                else:
                    weights = entry.weights if entry.card else None
                    entry.restorer = load_restorer(
                        entry.spec, device=self.spec.device, weights=weights, tile=self.spec.tile
                    )
                    entry.digest = model_digest(entry.spec, weights, entry.restorer)
                entry.told = told_to(entry.restorer, self.pairs)
            except Exception as error:  # noqa: BLE001  a model of a third party may raise anything
                entry.drop("failed", message_of(error))
                continue
            if seen := seen_by(reach_of(entry.restorer)):
                entry.noticed += (seen,)
            if why := unfit(entry.restorer, self.pairs, self.suite.scale):
                entry.drop("not applicable", why)

    def renew(self) -> None:
        """Drop finished cells that would come out otherwise now, to be done anew.

        The costs of a model that has changed go with them. Raises `StaleError` instead where the
        run is to be kept as it is.
        """
        self._renew_costs()
        scorer = Scorer(self.chosen.of_images, self.spec.device, self.suite.border)
        for entry in self.entries:
            if not entry.active or entry.restorer is None or entry.digest is None:
                continue
            finished = {cell.image: cell for cell in self.folder.cells(entry.label)}
            stale: dict[str, str] = {}
            for pair in self.pairs if finished else ():
                if (cell := finished.get(pair.id)) is None:
                    continue
                before, now = cell.inputs, inputs_of(entry.restorer, entry.digest, pair, scorer)
                if before != now:
                    stale[pair.id] = before.changes(now) if before else NO_RECORD
                elif cell.scores.keys() != set(scorer.names):  # left out while others were rescored
                    stale[pair.id] = "they were scored by other metrics"
            if not stale:
                continue
            what = (
                f"{entry.label}: {len(stale)} finished image{'s' * (len(stale) > 1)} "
                f"({first_few(stale)}) may come out otherwise now: "
                + "; ".join(dict.fromkeys(stale.values()))
            )
            if self.keep:
                raise StaleError(
                    f"{what}; without --keep they are done anew, or give another --out"
                )
            self.progress.note(f"  {what}; done anew")
            self.folder.drop(entry.label, stale)

    def _renew_costs(self) -> None:
        changed = {
            entry.label
            for entry in self.entries
            if entry.restorer and self.before.get(entry.label) not in (None, entry.digest)
        }
        rows = with_noise(self.folder.read_profiles(), self.notes)
        kept = [row for row in rows if row.model not in changed]
        if len(kept) == len(rows):
            return
        gone = sorted({row.model for row in rows} & changed)
        what = f"{', '.join(gone)}: costs were measured of another model than there is now"
        if self.keep:
            raise StaleError(f"{what}; without --keep they are forgotten, or give another --out")
        self.progress.note(f"  {what}; forgotten")
        self.folder.write_profiles(kept)

    # --- restore, score, profile ----------------------------------------------------------------

    def score(self) -> None:
        """Fill every missing cell."""
        ready = {e.label: e.restorer for e in self.entries if e.active and e.restorer}
        shard = Shard(
            folder=self.folder.path,
            models=tuple(
                ShardModel(
                    label=e.label,
                    spec=e.spec,
                    digest=e.digest or "",
                    weights=e.weights if e.card else None,
                )
                for e in self.entries
                if e.label in ready
            ),
            pairs=tuple(self.pairs),
            metrics=self.chosen.of_images,
            device=self.spec.device,
            tile=self.spec.tile,
            border=self.suite.border,
            no_reference=self.suite.no_reference,
        )
        outcome = self.place.restore(shard, self.progress, ready)
        self.failures = outcome.failures
        why = TOO_LARGE_FOR_FREE if self.spec.tile == "auto" else TOO_LARGE
        for entry in self.entries:
            remarks = outcome.remarks.get(entry.label, entry.remarks)
            in_tiles = tiled(self.folder.cells(entry.label), why)  # earlier calls' images, too
            entry.remarks = tuple(r for r in remarks if not r.startswith(IN_TILES))
            entry.remarks += (in_tiles,) if in_tiles else ()
            for remark in entry.remarks if entry.label in outcome.remarks else ():
                self.progress.note(f"  {entry.label}: {remark}")
            if entry.active:
                mine = [f for f in self.failures if f.model == entry.label]
                whole_model = any(failure.image is None for failure in mine)
                failed = len(self.pairs) if whole_model else len(mine)
                entry.state = "failed" if failed == len(self.pairs) else "done"
                if whole_model:
                    entry.reason = mine[0].message
                elif failed:
                    entry.reason = f"failed on {failed} of {len(self.pairs)} images"

    def measure_sets(self) -> None:
        """Measure the restored images of every model as a whole, unless they were before."""
        measure_sets(
            self.folder,
            [entry.label for entry in self.entries],
            self.pairs,
            SetScorer(self.chosen.of_sets, self.spec.device, self.suite.border),
            self.progress.update,
        )

    def profile(self, asked: Sequence[Place]) -> None:
        """Measure what every model costs, unless it was measured before."""
        sizes = [(1, *usual_size(self.pairs)) if p == "suite" else (1, *p)[-3:] for p in asked]
        self.notes |= measure_costs(
            self.folder,
            [entry for entry in self.entries if entry.state == "done"],
            list(dict.fromkeys(sizes)),
            place=self.place,
            scale=self.suite.scale,
            notes=self.notes,
            progress=self.progress,
        )

    # --- record ---------------------------------------------------------------------------------

    def save(self) -> None:
        """Write run.json, and scores.csv from the cells."""
        sets = set_metric_cards()
        suite = self.suite
        self.folder.write_record(
            RunRecord(
                spec=self.spec,
                options=self.options,
                status=self.status,
                started=self.started,
                finished=self.finished,
                suite=SuiteRecord(
                    name=suite.card.name,
                    title=suite.card.title,
                    task=suite.card.task,
                    layout=suite.layout,
                    licence=suite.card.licence,
                    citation=suite.card.citation,
                    notes=suite.notes,
                    border=suite.border,
                    scale=suite.scale,
                    images=len(self.pairs),
                    clusters=len({pair.cluster for pair in self.pairs}),
                ),
                metrics={
                    name: MetricRecord.of(metric_card(name)) for name in self.chosen.of_images
                },
                sets={name: MetricRecord.of(sets[name]) for name in self.chosen.of_sets},
                models={entry.label: entry.record() for entry in self.entries},
                profile_notes=self.notes,
                failures=tuple(self.failures),
                environment=environment(self.spec.device),
            )
        )
        labels = [entry.label for entry in self.entries]
        self.folder.write_images(self.pairs, labels)
        self.folder.write_scores(labels, [pair.id for pair in self.pairs])


def run(
    spec: RunSpec,
    suite: Suite,
    out: Path,
    progress: Progress,
    profile_size: ProfileSize = "suite",
    options: Mapping[str, str] | None = None,
    executor: str = "local",
    changed: Changed = "redo",
    overlap: OnOverlap = "refuse",
) -> RunFolder:
    """Do everything that is missing of the run of ``suite`` in folder ``out``.

    Finished cells whose model, images or metrics have changed since are done anew; ``changed`` says
    otherwise: ``refuse`` to go on, or forget the whole run and begin ``afresh``. Models and images
    fail one by one and are listed in run.json. Raises `BenchError` for another run in the folder or
    a full disk, and KeyboardInterrupt: the folder is then in a state that the same call completes.
    """
    pairs = prepared(spread(suite.pairs("test"), spec.limit), spec.prepare)
    if not pairs:
        raise BenchError(f"suite '{suite.spec}' has no test images in '{suite.root}'")
    pairs, joined = one_scene_each(pairs)
    notes = colour_note(pairs), joined, clean_note(pairs), _grey(pairs), _tones(pairs)
    noticed = [note for note in notes if note]
    for note in noticed:
        progress.note(f"  {note}")
    suite = replace(suite, notes=(*suite.notes, *noticed))
    entries = [Entry(name, label(name), card_of(name)) for name in spec.models]
    shared.fetch(out)
    if changed == "afresh" and RunFolder(out).exists:
        RunFolder(out).remove()
    spec = continued(RunFolder(out), spec)
    folder = RunFolder.create(out, spec)
    with (
        folder.locked(),
        _ended(entries),
        executor_named(executor).workplace() as place,
    ):
        place.check(spec.device)
        job = RunJob(
            spec,
            folder,
            suite=suite,
            pairs=pairs,
            entries=entries,
            progress=progress,
            options=options or {},
            started=_now(),
            place=place,
        )
        job.keep = changed == "refuse"
        if folder.exists:
            known = folder.record()
            job.started, job.notes = known.started, dict(known.profile_notes)
            job.before = {name: model.digest for name, model in known.models.items()}
            for entry in entries:
                if entry.label in known.models:
                    entry.remarks = known.models[entry.label].remarks
                    entry.digest = known.models[entry.label].digest  # until it is loaded anew
        planner = Planner(
            spec,
            folder,
            suite=suite,
            pairs=pairs,
            progress=progress,
            kept=job.kept,
            overlap=overlap,
            keep=job.keep,
            limit=executor_named(executor).limit or LIMIT,
        )
        planner.decide(entries)
        try:
            job.train()
            job.load()
            job.renew()
            job.leave()
            job.save()
            job.score()
            job.measure_sets()
            if profile_size:
                job.save()
                job.profile(places(profile_size))
            job.status, job.finished = "done", _now()
        except StaleError:
            raise  # nothing is touched
        except KeyboardInterrupt:
            job.status = "interrupted"
            job.save()
            raise
        except BaseException:
            job.save()
            raise
        job.save()
    return folder


@contextmanager
def _ended(entries: Iterable[Entry]) -> Iterator[None]:
    """End the processes of models at the end, however it comes."""
    try:
        yield
    finally:
        close_all(entry.restorer for entry in entries)


def _grey(pairs: Iterable[Pair]) -> str | None:
    return grey_note([(p.id, p.degraded, p.reference) for p in pairs if p.reference is not None])


def _tones(pairs: Sequence[Pair]) -> str | None:
    compared = any(pair.reference is not None for pair in pairs)
    return tone_note(pairs[0].prepare) if compared else None


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
