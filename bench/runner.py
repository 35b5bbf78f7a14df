"""One run: plan, train what has no weights, restore and score, profile, record.

The same command again does only what is missing: finished cells, trained weights and measured
profiles are taken up from the run folder.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.compute.environment import environment
from bench.compute.profile import Conditions, measure
from bench.executors import Progress, restore_and_score
from bench.metrics.scorer import Scorer
from bench.metrics.table import metric_cards
from bench.records import BenchError, Failure, Pair, RunSpec, said
from bench.store import RESULTS, RunFolder, file_name
from bench.suites import Suite, spread
from bench.suites.listing import prepared
from bench.training import Lessons, lessons_of, nothing_to_learn, shelve
from models.catalogue import Card
from models.loading import card_of, find_weights, label, load_restorer, read_header, sha256_of
from models.restorer import Restorer
from models.training.train import Job, estimate, train

NO_PSF = "no PSF: the blur of these images is not known"
State = Literal["pending", "done", "not applicable", "failed"]


@dataclass
class Entry:
    """One model of the run, and what has become of it."""

    spec: str
    label: str
    card: Card | None
    state: State = "pending"
    reason: str | None = None
    weights: Path | None = None
    origin: str = "none"
    job: Job | None = None
    """The training that it needs first."""
    takes: str = ""
    """How long that takes, in words."""
    restorer: Restorer | None = None

    @property
    def active(self) -> bool:
        """Whether there is still something to do with it."""
        return self.state in ("pending", "done")

    def drop(self, state: State, reason: str) -> None:
        """Take the model out of the run, with the reason."""
        self.state, self.reason = state, reason

    def plan(self) -> str:
        """Return one line for the user."""
        if not self.active:
            return f"{self.label}: {self.state}: {self.reason}"
        if self.job:
            return f"{self.label}: trains {self.takes}"
        return f"{self.label}: " + (f"loads {self.weights}" if self.weights else "ready")


@dataclass
class Run:
    """The state of one run while it works. `run` is the way in."""

    spec: RunSpec
    folder: RunFolder
    suite: Suite
    pairs: Sequence[Pair]
    entries: list[Entry]
    progress: Progress
    options: dict[str, Any]
    started: str
    shelf: Path = RESULTS
    failures: list[Failure] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    """What a reader of a model's cost figures should know."""
    status: str = "running"
    finished: str | None = None

    # --- plan -----------------------------------------------------------------------------------

    def plan(self) -> None:
        """Decide for each model whether it loads, trains or stays out, and say so."""
        for entry in self.entries:
            card, task = entry.card, self.suite.card.task
            if card and task not in card.tasks:
                entry.drop("not applicable", f"made for {', '.join(card.tasks)}; this is {task}")
            elif card and card.needs_psf and not self._knows_psf:
                entry.drop("not applicable", NO_PSF)
            elif card and card.recipe:
                self._plan_weights(entry, card)
            elif Path(entry.spec).is_file():
                entry.weights, entry.origin = Path(entry.spec), "loaded"
        seconds = sum(self._measure(entry, entry.job) for entry in self.entries if entry.job)
        for entry in self.entries:
            self.progress.note(f"  {entry.plan()}")
        if seconds:
            self.progress.note(f"  all trainings together: about {duration(seconds)}")

    @cached_property
    def _knows_psf(self) -> bool:
        return any(pair.knows_psf for pair in self.pairs)

    def _plan_weights(self, entry: Entry, card: Card) -> None:
        own = self.folder.path / "training" / f"{file_name(entry.label)}.safetensors"
        shelved = find_weights(card.name, file_name(self.suite.spec), self.shelf)
        if own.is_file():
            entry.weights, entry.origin = own, "trained"
        elif shelved and self.spec.train != "always" and self._fits(card, shelved):
            entry.weights, entry.origin = shelved, "loaded"
        elif self.spec.train == "never":
            entry.drop("failed", f"no weights for '{card.name}'; --train missing makes them")
        elif why := nothing_to_learn(self.suite):
            entry.drop("failed", f"no weights, and {why}")
        else:
            try:
                entry.job = self._job(card)
            except BenchError as error:
                entry.drop("failed", str(error))

    def _fits(self, card: Card, weights: Path) -> bool:
        """Say whether weights were learnt from images prepared alike, and as the run asks for.

        A run that asks for nothing better than ``quick`` takes any.
        """
        header = read_header(weights)
        if list(header.get("prepare", ())) != list(self.spec.prepare):
            return False
        wanted = json.loads(json.dumps(asdict(card.preset(self.spec.preset))))
        return self.spec.preset == "quick" or header.get("recipe") == wanted

    def _job(self, card: Card) -> Job:
        return Job(
            card,
            card.preset(self.spec.preset),
            self.suite.spec,
            self._lessons.train,
            self._lessons.val,
            self.folder.path / "training",
            self.spec.budget,
            seed=self.spec.seed,
            device=self.spec.device,
        )

    @cached_property
    def _lessons(self) -> Lessons:
        def tell(done: int, total: int) -> None:
            self.progress.update("compare with test images", done, total)

        found = lessons_of(self.suite, self.spec.prepare, tell)
        self.progress.note(f"  no training image is a test image: {found.told}")
        return found

    def _measure(self, entry: Entry, job: Job) -> float:
        """Time a few steps of a training; return the seconds that all of it will take."""
        self.progress.update(f"time steps of {entry.label}", 0, 1)
        try:
            found = estimate(job)
        except BenchError as error:
            entry.job = None
            entry.drop("failed", str(error))
            return 0.0
        self.progress.update(f"time steps of {entry.label}", 1, 1)
        entry.takes = (
            f"for {job.length} ({self.spec.preset}): {found.steps} steps of "
            f"{found.step_seconds:.3g} s, about {duration(found.seconds)}"
        )
        return found.seconds

    # --- train and load -------------------------------------------------------------------------

    def train(self) -> None:
        """Train what the plan says, and put the weights on the shelf for later runs."""
        for entry in self.entries:
            if not entry.job:
                continue

            def tell(done: int, total: int, text: str, name: str = entry.label) -> None:
                self.progress.update(f"train {name}", done, total, text)

            try:
                trained = train(entry.job, tell, self.progress.note)
            except BenchError as error:
                entry.drop("failed", str(error))
                continue
            finally:
                entry.job = None
            entry.weights, entry.origin = trained.weights, "trained"
            if not self.spec.prepare:  # else a run without these steps would find them
                shelve(trained.weights, self.suite.spec, self.shelf)

    def load(self) -> None:
        """Make every model ready. One that cannot be loaded fails alone."""
        known = self.folder.record()["models"] if self.folder.exists else {}
        for entry in self.entries:
            if not entry.active:
                continue
            try:
                before = (known.get(entry.label, {}).get("weights") or {}).get("sha256")
                if entry.weights and before and before != sha256_of(entry.weights):
                    raise BenchError(
                        f"'{entry.weights}' has changed since this run began; put the old file "
                        "back, or start a new run with another --out"
                    )
                entry.restorer = load_restorer(
                    entry.spec,
                    device=self.spec.device,
                    weights=entry.weights if entry.card else None,
                    tile=self.spec.tile,
                )
            except Exception as error:  # noqa: BLE001  a model of a third party may raise anything
                entry.drop("failed", said(error))
                continue
            if entry.restorer.needs_psf and not self._knows_psf:
                entry.drop("not applicable", NO_PSF)
            elif entry.restorer.scale not in (None, self.suite.scale):
                entry.drop(
                    "not applicable",
                    f"enlarges x{entry.restorer.scale}; this suite asks for x{self.suite.scale}",
                )

    # --- restore, score, profile ----------------------------------------------------------------

    def score(self) -> None:
        """Fill every missing cell."""
        restorers = {e.label: e.restorer for e in self.entries if e.active and e.restorer}
        scorer = Scorer(
            self.spec.metrics, self.spec.device, self.suite.border, self.suite.no_reference
        )
        self.failures = restore_and_score(self.pairs, restorers, scorer, self.folder, self.progress)
        for entry in self.entries:
            if entry.active:
                failed = sum(failure.model == entry.label for failure in self.failures)
                entry.state = "failed" if failed == len(self.pairs) else "done"
                if failed:
                    entry.reason = f"failed on {failed} of {len(self.pairs)} images"

    def profile(self, size: tuple[int, int]) -> None:
        """Measure what every model costs, in fresh processes, unless it was measured before."""
        old = self.folder.read_profiles()
        known = {profile.model for profile in old}
        jobs = [e for e in self.entries if e.state == "done" and e.label not in known]
        if not jobs:
            return
        found = measure(
            [(entry.label, entry.spec, entry.weights if entry.card else None) for entry in jobs],
            Conditions(
                *size,
                device=self.spec.device,
                processes=2,
                passes=10,
                seconds=2.0,
                tile=self.spec.tile,
                scale=self.suite.scale,
            ),
            lambda done, total, text: self.progress.update("profile", done, total, text),
        )
        self.notes |= {one.model: one.notes() for one in found}
        new = [row for one in found for row in one.profiles()]
        order = {entry.label: index for index, entry in enumerate(self.entries)}
        self.folder.write_profiles(sorted([*old, *new], key=lambda row: order[row.model]))

    # --- record ---------------------------------------------------------------------------------

    def save(self) -> None:
        """Write run.json, and scores.csv from the cells."""
        cards = metric_cards()
        suite = self.suite
        self.folder.write_record(
            {
                "spec": asdict(self.spec),
                "options": self.options,
                "status": self.status,
                "started": self.started,
                "finished": self.finished,
                "suite": {
                    "name": suite.card.name,
                    "title": suite.card.title,
                    "task": suite.card.task,
                    "layout": suite.layout,
                    "licence": suite.card.licence,
                    "citation": suite.card.citation,
                    "notes": list(suite.notes),
                    "border": suite.border,
                    "scale": suite.scale,
                    "images": len(self.pairs),
                    "clusters": len({pair.cluster for pair in self.pairs}),
                },
                "metrics": {name: _metric(cards[name]) for name in self.spec.metrics},
                "models": {entry.label: _model(entry) for entry in self.entries},
                "profile_notes": self.notes,
                "failures": [asdict(failure) for failure in self.failures],
                "environment": environment(self.spec.device),
            }
        )
        labels = [entry.label for entry in self.entries]
        self.folder.write_images(self.pairs, labels)
        self.folder.write_scores(labels, [pair.id for pair in self.pairs])


def run(
    spec: RunSpec,
    suite: Suite,
    out: Path,
    progress: Progress,
    profile_size: tuple[int, int] | None = (256, 256),
    options: dict[str, Any] | None = None,
) -> RunFolder:
    """Do everything that is missing of the run of ``suite`` in folder ``out``.

    Models and images fail one by one and are listed in run.json. Raises `BenchError` for another
    run in the folder or a full disk, and KeyboardInterrupt: the folder is then in a
    state that the same call completes.
    """
    pairs = prepared(spread(suite.pairs("test"), spec.limit), spec.prepare)
    if not pairs:
        raise BenchError(f"suite '{suite.spec}' has no test images in '{suite.root}'")
    entries = [Entry(name, label(name), card_of(name)) for name in spec.models]
    if doubled := {e.label for e in entries if sum(o.label == e.label for o in entries) > 1}:
        raise BenchError(f"two models would both be called {sorted(doubled)}; rename a file")
    folder = RunFolder.create(out, spec)
    with folder.locked():
        known = folder.record() if folder.exists else {}
        job = Run(spec, folder, suite, pairs, entries, progress, options or {}, _now())
        job.started, job.notes = known.get("started", job.started), known.get("profile_notes", {})
        job.plan()
        try:
            job.train()
            job.load()
            job.save()
            job.score()
            if profile_size:
                job.save()
                job.profile(profile_size)
            job.status, job.finished = "done", _now()
        except KeyboardInterrupt:
            job.status = "interrupted"
            raise
        finally:
            job.save()
    return folder


def duration(seconds: float) -> str:
    """Return a time in words: ``90 s``, ``12 min``, ``3.5 h``.

    >>> duration(700)
    '12 min'
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _metric(card: Any) -> dict[str, Any]:
    row = asdict(card)
    row.pop("factory")
    row.pop("name")
    return {key: str(v) if isinstance(v, float) and np.isinf(v) else v for key, v in row.items()}


def _model(entry: Entry) -> dict[str, Any]:
    card, weights = entry.card, None
    if entry.weights and entry.weights.is_file():
        header = read_header(entry.weights) if entry.weights.suffix == ".safetensors" else {}
        weights = {
            "origin": entry.origin,
            "file": str(entry.weights),
            "sha256": sha256_of(entry.weights),
            "header": header,
        }
    return {
        "spec": entry.spec,
        "title": card.title if card else entry.label,
        "family": card.family if card else "given",
        "citation": card.citation if card else "",
        "state": entry.state,
        "reason": entry.reason,
        "weights": weights,
    }
