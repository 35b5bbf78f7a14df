"""What a run will do with each model: load it, train it first and for how long, or leave it out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Literal

from bench.core.errors import BenchError
from bench.core.formats import to_json
from bench.core.identity import file_digest
from bench.core.progress import Progress
from bench.image import to_tensor
from bench.records import Learned, Pair, RunSpec
from bench.runs.record import UNKNOWN, ModelRecord, Origin, Separation, State, Told, WeightsRecord
from bench.runs.splits import TrainingSplits, learned_here, nothing_to_learn, training_splits
from bench.runs.store import RunFolder
from bench.suites import Suite
from bench.suites.folder import first_few
from bench.suites.frames import most_frames, too_few
from bench.suites.identity import grey_note
from bench.suites.learned import overlap
from bench.suites.opening import open_pair
from bench.suites.outputs import Outputs
from models.catalogue import Card
from models.isolation import LIMIT, Isolated, is_foreign
from models.loading import header_as_found, load_restorer, read_header, sha256_of
from models.prior import PriorRestorer
from models.published_files import published_file
from models.recipe_files import changed, tag_of
from models.recipes import Recipe
from models.restorer import Hints, Restorer
from models.specs import form_of, model_file
from models.training.budget import as_long
from models.training.files import Files
from models.training.train import Job, estimate
from models.variants import parted, variants
from models.weights import header_of, steps_of
from models.weights_folder import WeightsFolder
from models.windows import reach_of

OnOverlap = Literal["refuse", "mark"]
"""What becomes of weights that learned from test images."""

TIMED_ITERATIONS = 3
NO_PSF = "no PSF: the blur of these images is not known"


@dataclass
class Entry:
    """One model of the run, and what has become of it."""

    spec: str
    label: str
    card: Card | None
    state: State = "pending"
    reason: str | None = None
    weights: Path | None = None
    origin: Origin = "none"
    job: Job | None = None
    """The training that it needs first."""
    takes: str = "ready"
    """What comes first and how long that takes, in words."""
    restorer: Restorer | None = None
    """From the plan on for what works in a process of its own, else once it is loaded."""
    digest: str | None = None
    """What it is by content, once it is loaded."""
    noticed: tuple[str, ...] = ()
    """What a reader of its scores should know that was seen before it ran."""
    remarks: tuple[str, ...] = ()
    """What a reader of its scores should know of what it did."""
    separation: Separation = "nothing learned"
    separation_note: str = ""
    told: tuple[Told, ...] = ()
    """What it is told of the degradation, once it is loaded."""

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
        return f"{self.label}: " + (f"loads {self.weights}" if self.weights else self.takes)

    def record(self) -> ModelRecord:
        """Return what run.json keeps of it."""
        card, weights = self.card, None
        if self.weights and self.weights.is_file():
            weights = WeightsRecord(
                origin=self.origin,
                file=str(self.weights),
                sha256=sha256_of(self.weights),
                header=_header(self.weights),
            )
        return ModelRecord(
            spec=self.spec,
            title=card.title if card else self.label,
            family=card.family if card else "given",
            citation=card.citation if card else "",
            state=self.state,
            reason=self.reason,
            weights=weights,
            digest=self.digest,
            remarks=tuple(dict.fromkeys((*self.noticed, *self.remarks))),
            separation=self.separation,
            separation_note=self.separation_note,
            told=self.told,
        )


class StaleError(BenchError):
    """Something finished would come out otherwise now, and the run is to be kept as it is."""


@dataclass
class Planner:
    """Decides about the models of one run. `decide` is the way in.

    Weights that learned from test images are refused, or with ``overlap`` "mark" taken and marked.
    Where the training images of a network trained in this run have changed, it is trained anew;
    with ``keep`` that is refused.
    """

    spec: RunSpec
    folder: RunFolder
    suite: Suite
    pairs: Sequence[Pair]
    progress: Progress
    kept: WeightsFolder = field(default_factory=WeightsFolder)
    overlap: OnOverlap = "refuse"
    keep: bool = False
    limit: float = LIMIT
    """Seconds that others' code may take to load."""

    def decide(self, entries: Sequence[Entry]) -> None:
        """Decide for each model whether it loads, trains or stays out, and say so.

        Raises `StaleError` where the run is to be kept and cannot be.
        """
        for entry in entries:
            card, task = entry.card, self.suite.card.task
            known, (_, named) = variants(), parted(entry.spec)
            if card:
                card = entry.card = card.enlarging(self.suite.scale)
            entry.noticed = tuple(f"@{name}: {known[name].title}" for name in named)
            if card and task not in card.tasks:
                entry.drop("not applicable", f"made for {', '.join(card.tasks)}; this is {task}")
            elif card and card.frames > (given := most_frames(self.pairs)):
                entry.drop("not applicable", too_few(card.frames, given))
            elif card and card.needs_psf and not any_psf(self.pairs):
                entry.drop("not applicable", NO_PSF)
            elif card and card.checkpoint:
                try:
                    entry.weights, entry.origin = published_file(card), "loaded"
                except BenchError as error:
                    entry.drop("failed", str(error))
            elif card and card.shipped:
                entry.weights, entry.origin = card.shipped.file, "loaded"
            elif card and card.recipe:
                try:
                    self._plan_weights(entry, card)
                except StaleError:
                    raise
                except BenchError as error:
                    entry.drop("failed", str(error))
            elif form_of(entry.spec) == "outputs":
                self._count_outputs(entry)
            elif (file := model_file(entry.spec)) is not None:
                entry.weights, entry.origin = file, "loaded"
            if entry.active and is_foreign(entry.spec):  # before what takes long: it may not load
                try:
                    entry.restorer = Isolated(
                        entry.spec, self.spec.device, self.spec.tile, self.limit
                    )
                except BenchError as error:
                    entry.drop("failed", str(error))
            if entry.active and entry.weights is not None:
                entry.noticed += _compressed(entry.weights)
            if entry.active and not entry.job:
                self._compare(entry)
            if entry.active and card and card.family == "prior":
                self._time_fitting(entry)
        seconds = 0.0
        trainings: dict[str, Entry] = {}
        for entry in entries:
            if entry.job is None or entry.card is None:
                continue
            first = trainings.setdefault(entry.card.name, entry)
            if first is entry:
                seconds += self._measure(entry, entry.job)
            else:  # a variant of a network that is trained already
                entry.takes = f"with {first.label}, whose weights it takes"
        for entry in entries:
            self.progress.note(f"  {entry.plan()}")
        if seconds:
            self.progress.note(f"  all trainings together: about {duration(seconds)}")

    def _count_outputs(self, entry: Entry) -> None:
        """Say how many images a folder of outputs has. Raises `BenchError` where it has none."""
        found = Outputs(Path(entry.spec.removeprefix("outputs:"))).match(self.pairs)
        copies = [pair.id for pair in self.pairs if _is_reference(found.get(pair.id), pair)]
        compared = [
            (pair.id, found[pair.id], pair.reference)
            for pair in self.pairs
            if pair.reference is not None and pair.id in found
        ]
        copied = (
            f"{len(copies)} of its {len(found)} files are the references themselves, byte for "
            f"byte ({first_few(copies)})"
        )
        entry.noticed = tuple(filter(None, (copied if copies else None, grey_note(compared))))
        for remark in entry.noticed:
            self.progress.note(f"  {entry.label}: {remark}")
        if len(found) < len(self.pairs):
            entry.takes = f"has outputs of {len(found)} of {len(self.pairs)} images"

    def _plan_weights(self, entry: Entry, card: Card) -> None:
        training = Files(self.folder.path / "training", card.name)
        own = training.weights
        if own.is_file() and not self._learned_the_same(own):
            what = f"{card.name}: the training images have changed since it was trained in this run"
            if self.keep:
                raise StaleError(
                    f"{what}; without --keep it is trained anew, or give another --out"
                )
            self.progress.note(f"  {what}; trained anew")
            training.forget()
        kept = self._kept_weights(card)
        if own.is_file():
            entry.weights, entry.origin = own, "trained"
        elif kept and self.spec.train != "always" and self._fits(card, kept):
            entry.weights, entry.origin = kept, "loaded"
        elif self.spec.train == "never":
            entry.drop("failed", f"no weights for '{card.name}'; --train missing makes them")
        elif why := nothing_to_learn(self.suite):
            entry.drop("failed", f"no weights, and {why}")
        else:
            entry.job = self._job(card)

    def _learned_the_same(self, weights: Path) -> bool:
        """Say whether weights learned from the training images that are here now, if any are."""
        header = read_header(weights)
        if header is None or header.learned is None or self._learned is None:
            return True
        return header.learned.digest == self._learned.digest

    def _kept_weights(self, card: Card) -> Path | None:
        """Return weights kept from earlier trainings on these images; on the suite, without any."""
        if tag := tag_of(self._recipe(card), card.preset(self.spec.preset)):
            learned = self._learned.digest if self._learned else ""
            return self.kept.find(card.name, self.suite.key, learned, tag)
        found = self.kept.all_of(card.name, self.suite.key)
        if not found or self._learned is None:
            return found[-1] if found else None
        kept = self.kept.find(card.name, self.suite.key, self._learned.digest)
        if kept is None:
            self.progress.note(
                f"  {card.name}: passes over {found[-1]}: it learned from other images than these"
            )
        return kept

    @cached_property
    def _learned(self) -> Learned | None:
        return learned_here(self.suite, self.progress.update)

    def _compare(self, entry: Entry) -> None:
        """Find out whether test images are among those that a model learned from."""
        header = None
        if entry.weights is not None:
            with suppress(BenchError):  # told when it is loaded
                header = header_of(entry.weights)
        if header is None or header.learned is None:
            if entry.weights is not None or entry.card is None:
                entry.separation, entry.separation_note = "unknown", UNKNOWN
            return
        found = overlap(header.learned, self.pairs, self.progress.update)
        if not found.images:
            entry.separation, entry.separation_note = "separate", found.compared
            return
        entry.separation = "overlap"
        entry.separation_note = (
            f"{len(found.images)} of {len(self.pairs)} test images ({first_few(found.images)}) "
            "are among those that it learned from"
        )
        if self.overlap == "refuse":
            entry.drop(
                "failed",
                f"{entry.weights}: {entry.separation_note}; take other weights, or measure it all "
                "the same, marked, with --overlap mark",
            )

    def _fits(self, card: Card, weights: Path) -> bool:
        """Say whether weights were learnt from images prepared alike, and as the run asks for.

        A run that asks for nothing better than ``quick`` takes any, and one that asks for no seed
        but the usual one those of any seed. Of weights of others nobody knows how they were learnt.
        """
        header = read_header(weights)
        prepare = header.prepare if header else ()
        if prepare != self.spec.prepare:
            return False
        if header and self.spec.seed not in (0, header.seed):
            self.progress.note(
                f"  {card.name}: passes over {weights}: its seed is {header.seed}, not "
                f"{self.spec.seed}"
            )
            return False
        recipe, wanted = header.recipe if header else None, self._recipe(card)
        if header and header.undertrained:
            asked = self.spec.budget or wanted.budget
            if not as_long(header.budget, asked):
                self.progress.note(
                    f"  {card.name}: passes over {weights}, trained for {header.budget}: "
                    f"undertrained: {header.undertrained}"
                )
                return False
        any_will_do = self.spec.preset == "quick" and not self.spec.recipe
        return any_will_do or recipe == to_json(wanted)

    def _recipe(self, card: Card) -> Recipe:
        return changed(card.preset(self.spec.preset), self.spec.recipe)

    def _job(self, card: Card) -> Job:
        return Job(
            card=card,
            recipe=self._recipe(card),
            suite=self.suite.key,
            train=self._splits.train,
            val=self._splits.val,
            folder=self.folder.path / "training",
            budget=self.spec.budget,
            seed=self.spec.seed,
            device=self.spec.device,
        )

    @cached_property
    def _splits(self) -> TrainingSplits:
        found = training_splits(self.suite, self.spec.prepare, self.progress.update)
        self.progress.note(f"  no training image is a test image: {found.compared}")
        return found

    def _time_fitting(self, entry: Entry) -> None:
        """Time iterations of a network that is fitted to every image; note what all will take.

        Where the first image cannot be opened, nothing is timed: scoring will list it.
        """
        base, named = parted(entry.spec)
        pair, restorer = self.pairs[0], load_restorer(base, device=self.spec.device)
        assert isinstance(restorer, PriorRestorer)
        most, restorer.iterations = restorer.iterations, TIMED_ITERATIONS
        entry.takes = f"fits a network to each image: {most} iterations"
        try:
            image = to_tensor(open_pair(pair).degraded)
        except (BenchError, OSError):
            return
        self.progress.update(f"time iterations of {entry.label}", 0, 1)
        began = time.monotonic()
        restorer.restore(image, Hints(scale=pair.scale))
        each = (time.monotonic() - began) / TIMED_ITERATIONS * most
        each *= prod(variants()[name].times for name in named)
        self.progress.update(f"time iterations of {entry.label}", 1, 1)
        entry.takes += (
            f", about {duration(each)} for one, {duration(each * len(self.pairs))} for all"
        )

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
        how = self.spec.preset + ", changed" * bool(self.spec.recipe)
        entry.takes = (
            f"for {job.length} ({how}): {found.steps} steps of "
            f"{found.step_seconds:.3g} s, about {duration(found.seconds)}"
        )
        return found.seconds


def _header(weights: Path) -> dict[str, Any]:
    """Return what run.json keeps of a header. One that cannot be read fails when it is loaded."""
    if weights.suffix not in (".safetensors", ".onnx"):
        return {}
    try:
        found = header_as_found(weights)
    except BenchError:
        return {}
    if isinstance(learned := found.get("learned"), dict):  # without its long lists
        few = {key: learned[key] for key in ("images", "digest") if key in learned}
        found = {**found, "learned": few}
    return found


def _compressed(weights: Path) -> tuple[str, ...]:
    """Return by which steps a model was made smaller, a sentence each."""
    try:
        return tuple(map(str, steps_of(weights)))
    except BenchError:
        return ()  # told when it is loaded


def _is_reference(output: Path | None, pair: Pair) -> bool:
    if output is None or pair.reference is None:
        return False
    try:
        return file_digest(output) == file_digest(pair.reference)
    except OSError:
        return False  # whoever reads it says so


def told_to(restorer: Restorer, pairs: Iterable[Pair]) -> tuple[Told, ...]:
    """Return what a restorer is told beside each image, of some of them."""
    known = list(pairs)
    told: list[Told] = ["psf"] if restorer.needs_psf and any_psf(known) else []
    if restorer.uses_noise and any(pair.knows_noise for pair in known):
        told.append("noise")
    if reach_of(restorer).frames > 1:
        told.append("frames")
    return tuple(told)


def any_psf(pairs: Iterable[Pair]) -> bool:
    """Whether the blur of any image is known, so that models that need one can run."""
    return any(pair.knows_psf for pair in pairs)


def duration(seconds: float) -> str:
    """Return a time in words: ``90 s``, ``12 min``, ``3.5 h``.

    >>> duration(700)
    '12 min'
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
