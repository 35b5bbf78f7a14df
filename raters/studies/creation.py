"""From a finished run to a study: stimuli, items and quotas. Then closing and erasing."""

from __future__ import annotations

import random
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Connection, bindparam, select, text
from sqlalchemy.exc import IntegrityError

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.image import Pixels
from bench.runs.store import RunFolder
from raters.database import schema
from raters.database.store import Store
from raters.protocols import Protocol, protocol_called, protocols
from raters.studies.secret import derived, drawn, new_secret, stream
from raters.studies.selection import SMALLEST, Notes, SourceCrop, choose_crops, chosen_models
from raters.studies.stimuli import copied, degrade_golden, opaque_pngs
from raters.studies.tokens import completion_code, hashed, new_token
from raters.texts import Texts
from raters.texts.own import stored as stored_texts
from raters.texts.own import texts_of_study
from raters.texts.table import question_key

Shown = TypeVar("Shown")

TRAINING = 3
REFERENCE = "reference"
"""What the run's reference is called where it is rated among the models (hidden reference)."""


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """What a coordinator decides.

    ``per_pair``: judgements of each pair of models in all (`pair`), or ratings of each stimulus.
    ``trials``: at most so many per rater, golden and repeats included, training not. ``golden`` and
    ``repeats`` are fractions of them. ``reference``: ``shown``, ``hidden``, or None for shown where
    the run has references; hidden ones are rated among the models in `acr` (ACR-HR, ITU-T P.910).
    ``lease``: minutes after which a trial that was not answered goes to someone else. ``crowd``: at
    most so many participants through the entry link of a crowd platform. ``completion_code`` is for
    who has done what was agreed, ``partial_code`` for who leaves midway or is stopped by closing or
    by ``time_limit``: minutes from consent after which a rater is thanked. ``return_url``: where
    people go back to after the end, with ``{code}`` for their code. ``colours``: whether colour
    vision is checked. ``language``: as `raters.texts.own.texts_of_study` takes it.
    """

    name: str
    protocol: str = "pair"
    per_pair: int = 20
    trials: int = 60
    images: int = 20
    crop: int = 512
    reference: str | None = None
    ties: bool = False
    golden: float = 0.05
    repeats: float = 0.05
    assignment: str = "balanced"
    lease: float = 10.0
    models: tuple[str, ...] = ()
    seed: int = 0
    question: str | None = None
    one_key: bool = False
    completion_code: str | None = None
    partial_code: str | None = None
    crowd: int | None = None
    return_url: str | None = None
    language: str | None = None
    time_limit: float | None = None
    colours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A new study. The two tokens are shown here and kept nowhere."""

    name: str
    dashboard_token: str
    entry_token: str
    models: tuple[str, ...]
    images: int
    items: int
    judgements: int
    """The sum of all quotas."""
    height: int
    """Of the largest image that is shown, in pixels; and ``width``."""
    width: int
    unnamed: tuple[str, ...]
    """What the consent does not say, for want of words: of `ASKED_OF_COORDINATORS`."""
    notes: tuple[str, ...]


ASKED_OF_COORDINATORS = ("researcher", "contact", "purpose", "kept_for")
"""The words under ``study`` that nobody else can know."""


def create_study(
    store: Store, run_folder: Path, options: StudyOptions, own: Sequence[Texts] = ()
) -> Created:
    """Make a study out of a finished run, in one transaction.

    ``own``: the coordinator's words to raters, over those that are shipped, a `Texts` a language.

    Crops follow from the run and ``options.seed``; all else that chance decides follows from the
    study's secret, and the numbers that stand for models in an export from nothing. Raises
    `BenchError` for options that make no study, unknown models, images too small, and a name that
    is taken.
    """
    protocol = _check(options)
    _name_free(store, options.name)
    texts = texts_of_study(protocol, options.language, own, options.question)
    run, notes = RunFolder(run_folder), Notes()
    models = chosen_models(run, options.models, notes)
    if REFERENCE in models:
        raise BenchError(f"a model called '{REFERENCE}' cannot be told from the reference")
    crops = choose_crops(
        run, models, count=options.images, crop=options.crop, seed=options.seed, notes=notes
    )
    shown = _reference_shown(protocol, options, crops, run_folder)
    hidden = not protocol.pairwise and not shown and all(c.reference is not None for c in crops)
    for crop in crops:
        _note_equal(crop, notes)
    golden, repeats = (round(part * options.trials) for part in (options.golden, options.repeats))
    question = texts[0].words[question_key(protocol, shown)]
    height, width = max(c.height for c in crops), max(c.width for c in crops)
    dashboard, entry, secret = new_token(), new_token(), new_secret()
    stored = asdict(options) | {"reference": "shown" if shown else "hidden", "notes": notes.lines}
    row = {
        "name": options.name,
        "created": store.clock(),
        "protocol": protocol.name,
        "question": question,
        "options": stored,
        "texts": stored_texts(texts),
        "seed": options.seed,
        "height": height,
        "width": width,
        "golden": golden,
        "repeats": repeats,
        "salt": secrets.token_hex(16),
        "secret": secret,
        "dashboard_token_hash": hashed(dashboard),
        "entry_token_hash": hashed(entry),
        "run": str(run_folder.absolute()),
    }
    try:
        with store.write() as connection:
            study = _insert(connection, schema.study, row)
            labels = [*models, REFERENCE] if hidden else models
            builder = _Builder(connection, study, protocol, options, labels, secret)
            builder.build(crops, hidden, golden)
            store.log(connection, study, "created", run=str(run_folder.absolute()))
    except IntegrityError:
        _name_free(store, options.name)
        raise
    if not store.is_sqlite:  # so that the planner knows what the indexes are good for
        with store.write() as connection:
            connection.execute(text("ANALYZE item, comparison, assignment, serving"))
    return Created(
        name=options.name,
        dashboard_token=dashboard,
        entry_token=entry,
        models=tuple(models),
        images=len(crops),
        items=builder.items,
        judgements=builder.judgements,
        height=height,
        width=width,
        unnamed=tuple(
            name
            for name in ASKED_OF_COORDINATORS
            if any(not one.words[f"study.{name}"] for one in texts)
        ),
        notes=tuple(notes.lines),
    )


def _check(options: StudyOptions) -> Protocol:
    protocol = protocol_called(options.protocol)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", options.name):
        raise BenchError(f"'{options.name}' names no study; expected letters, digits, . _ -")
    for name, least in (("per_pair", 1), ("trials", 2), ("images", 1), ("crop", SMALLEST)):
        if getattr(options, name) < least:
            flag = name.replace("_", "-")
            raise BenchError(f"--{flag} {getattr(options, name)} is too small; at least {least}")
    if not options.lease > 0:
        raise BenchError(f"--lease {options.lease} leaves no time to answer; give minutes, as 10")
    if options.time_limit is not None and not options.time_limit >= 1:
        raise BenchError(
            f"--time-limit {options.time_limit:g} min leaves no time to judge; give 1min or more"
        )
    if min(options.golden, options.repeats) < 0 or options.golden + options.repeats > 0.5:
        raise BenchError(
            f"--golden {options.golden:g} and --repeats {options.repeats:g} leave less than half "
            "of the trials to the models; expected parts such as 0.05"
        )
    choose("assignment", options.assignment, ("balanced", "active"))
    if options.assignment == "active" and not protocol.pairwise:
        raise BenchError("--assignment active chooses among pairs; ratings take 'balanced'")
    if options.ties and not protocol.has_ties:
        raise BenchError(f"--ties is for pairs; '{protocol.name}' has none")
    if options.reference not in (None, "shown", "hidden"):
        raise BenchError(f"--reference {options.reference}: expected 'shown' or 'hidden'")
    return protocol


def _reference_shown(
    protocol: Protocol, options: StudyOptions, crops: Sequence[SourceCrop], run: Path
) -> bool:
    if protocol.reference == "never":
        if options.reference == "shown":
            raise BenchError(
                f"'{protocol.name}' shows no reference{_instead(protocol, 'always', 'beside one')}"
            )
        return False
    if protocol.reference == "always" and options.reference == "hidden":
        other = _instead(protocol, "never", "without one")
        raise BenchError(f"'{protocol.name}' rates beside a reference{other}")
    there = all(crop.reference is not None for crop in crops)
    needed = protocol.reference == "always" or options.reference == "shown"
    if needed and not there:
        without = _ruled(protocol, "never") if protocol.reference == "always" else []
        raise BenchError(
            f"'{run}' has no references for all of its images, so none can be shown; give "
            "--reference hidden" + (f" and --protocol {' or '.join(without)}" if without else "")
        )
    return there and options.reference != "hidden"


def _ruled(protocol: Protocol, reference: str) -> list[str]:
    """Return the protocols of as many slots that show references by another rule."""
    rows = protocols().values()
    return [row.name for row in rows if (row.slots, row.reference) == (protocol.slots, reference)]


def _instead(protocol: Protocol, reference: str, how: str) -> str:
    """Say which protocol to take instead, if there is one."""
    names = " or ".join(f"'{name}'" for name in _ruled(protocol, reference))
    return f"; {names} rates {how}" if names else ""


def _name_free(store: Store, name: str) -> None:
    with store.read() as connection:
        taken = connection.execute(
            schema.study.select().where(schema.study.c.name == name)
        ).one_or_none()
    if taken is not None:
        raise BenchError(f"there is a study '{name}' already; give another --name")


def _note_equal(crop: SourceCrop, notes: Notes) -> None:
    for (a, one), (b, other) in combinations(crop.outputs.items(), 2):
        if np.array_equal(one, other):
            notes.add(f"{a} and {b} have equal pixels in {crop.image}")


def _in_turns(rows: Sequence[dict[str, Any]], rng: random.Random) -> list[dict[str, Any]]:
    """Return the rows of items in turns, in each of which every comparison comes once.

    A comparison comes on that of its images that came least often yet, of those with the largest
    quota; in a turn every image comes once before any comes twice.
    """
    left: dict[int, list[dict[str, Any]]] = {}
    for row in rng.sample(rows, len(rows)):
        left.setdefault(row["comparison"], []).append(row)
    met: Counter[int] = Counter()
    order: list[dict[str, Any]] = []
    while left:
        turn: list[tuple[int, dict[str, Any]]] = []
        before = met.copy()
        for comparison in rng.sample(sorted(left), len(left)):
            chosen = min(left[comparison], key=lambda row: (-row["quota"], met[row["content"]]))
            left[comparison].remove(chosen)
            turn.append((met[chosen["content"]] - before[chosen["content"]], chosen))
            met[chosen["content"]] += 1
        left = {comparison: rest for comparison, rest in left.items() if rest}
        order += [row for _, row in sorted(turn, key=lambda entry: entry[0])]
    return order


def _insert(connection: Connection, table: Any, values: Mapping[str, Any]) -> int:
    key = connection.execute(table.insert().values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


class _Builder:
    """Writes methods, crops, stimuli, comparisons and items of one study."""

    def __init__(
        self,
        connection: Connection,
        study: int,
        protocol: Protocol,
        options: StudyOptions,
        labels: Sequence[str],
        secret: str,
    ) -> None:
        self.connection, self.study = connection, study
        self.protocol, self.options = protocol, options
        self.secret = secret
        self.items = self.judgements = 0
        shuffled = list(labels)
        secrets.SystemRandom().shuffle(shuffled)  # ids in no order that a reader could use
        self.methods = {
            label: _insert(connection, schema.method, {"study": study, "label": label})
            for label in shuffled
        }
        self.labels = list(labels)

    def build(self, crops: Sequence[SourceCrop], hidden: bool, golden: int) -> None:
        """Write everything."""
        degraded = self._known_answers(crops, golden)
        stimuli: list[dict[str, int]] = []
        keys: list[int] = []
        for index, crop in enumerate(crops):
            images: dict[str, Pixels] = dict(crop.outputs)
            if crop.reference is not None:
                images[REFERENCE] = crop.reference
            for kind, number in degraded[index]:
                images |= self._known_images(crop, kind, number)
            key = _insert(
                self.connection,
                schema.content,
                {
                    "study": self.study,
                    "image": crop.image,
                    "cluster": crop.cluster,
                    "strata": dict(crop.strata),
                    "top": crop.top,
                    "left": crop.left,
                    "height": crop.height,
                    "width": crop.width,
                    "chosen": crop.chosen,
                },
            )
            keys.append(key)
            stimuli.append(self._stimuli(key, crop, images, hidden))
        self._main(crops, keys, stimuli, hidden)
        for index, kinds in enumerate(degraded):
            referenced = crops[index].reference is not None
            for kind, number in kinds:
                self._known(keys[index], stimuli[index], kind, number, referenced)

    def _known_answers(
        self, crops: Sequence[SourceCrop], golden: int
    ) -> list[list[tuple[str, int]]]:
        """Say which degraded images each crop gets: of golden trials over all, then training."""
        planned: list[list[tuple[str, int]]] = [[] for _ in crops]
        order = self._shuffled(range(len(crops)), "crops of known answers")
        kinds = ["golden"] * (2 * golden) + ["training"] * TRAINING
        for number, kind in enumerate(kinds):
            planned[order[number % len(crops)]].append((kind, number))
        return planned

    def _shuffled(self, values: Iterable[Shown], purpose: str) -> list[Shown]:
        """Return ``values`` in an order that follows from the secret."""
        order = list(values)
        drawn(self.secret, purpose).shuffle(order)
        return order

    def _known_images(self, crop: SourceCrop, kind: str, number: int) -> dict[str, Pixels]:
        """Return a good image and a visibly worse one, of the reference or of any model's output.

        The good one is not quite what other trials show: there is nothing to recognise it by.
        """
        which, base = (kind, number), crop.reference
        if base is None:
            names = sorted(crop.outputs)
            base = crop.outputs[drawn(self.secret, "base", *which).choice(names)]
        seed = int.from_bytes(derived(self.secret, "degradation", *which)[:8])
        return {
            f"copy {kind} {number}": copied(base, stream(self.secret, base.size, "copy", *which)),
            f"{kind} {number}": degrade_golden(base, number, seed),
        }

    def _stimuli(
        self, content: int, source: SourceCrop, images: Mapping[str, Pixels], hidden: bool
    ) -> dict[str, int]:
        names = list(images)
        files = dict(zip(names, opaque_pngs([images[n] for n in names]), strict=True))
        secrets.SystemRandom().shuffle(names)
        made = {}
        for name in names:
            if name in source.outputs:
                kind = "method"
                method: int | None = self.methods[name]
            elif name == REFERENCE:
                kind = REFERENCE
                method = self.methods[REFERENCE] if hidden else None
            else:
                kind, method = name.split()[0], None
            made[name] = _insert(
                self.connection,
                schema.stimulus,
                {
                    "content": content,
                    "method": method,
                    "kind": kind,
                    "png": files[name],
                    "height": source.height,
                    "width": source.width,
                },
            )
        return made

    def _main(
        self,
        crops: Sequence[SourceCrop],
        keys: Sequence[int],
        stimuli: Sequence[Mapping[str, int]],
        hidden: bool,
    ) -> None:
        """Write comparisons and their items, with quotas and the order among equals.

        In that order every comparison comes once before any comes twice, so at each moment all have
        had equally many judgements, to within one; and images take turns in it.
        """
        groups: list[tuple[str, ...]] = (
            list(combinations(self.labels, 2))
            if self.protocol.pairwise
            else [(label,) for label in self.labels]
        )
        groups = self._shuffled(groups, "comparisons")
        order = self._shuffled(range(len(crops)), "crops")
        rows: list[dict[str, Any]] = []
        for number, group in enumerate(groups):
            having = [
                index
                for index in order
                if all(m in crops[index].outputs or (hidden and m == REFERENCE) for m in group)
            ]
            if not having:
                continue
            quotas = self._quotas(len(having))
            comparison = _insert(
                self.connection,
                schema.comparison,
                {
                    "study": self.study,
                    "first": self.methods[group[0]],
                    "second": self.methods[group[1]] if len(group) == 2 else None,
                    "quota": sum(quotas),
                },
            )
            # each group's surplus begins where the last one's ended: images too are judged equally
            start = number * max(self.options.per_pair % len(having), 1)
            for place, index in enumerate(having):
                quota = quotas[(place - start) % len(having)]
                if quota:
                    second = stimuli[index][group[1]] if len(group) == 2 else None
                    row = {
                        "content": keys[index],
                        "comparison": comparison,
                        "kind": "main",
                        "first": stimuli[index][group[0]],
                        "second": second,
                        "quota": quota,
                        "room": quota,
                        "correct": None,
                    }
                    rows.append(row)
        if not rows:
            raise BenchError("no two models have an image in common; give other --models")
        ordered = _in_turns(rows, drawn(self.secret, "ranks"))
        self.connection.execute(
            schema.item.insert(),
            [row | {"study": self.study, "rank": rank} for rank, row in enumerate(ordered)],
        )
        self.items = len(rows)
        self.judgements = sum(int(row["quota"]) for row in rows)

    def _quotas(self, images: int) -> list[int]:
        if not self.protocol.pairwise:
            return [self.options.per_pair] * images
        each, more = divmod(self.options.per_pair, images)
        return [each + (index < more) for index in range(images)]

    def _known(
        self,
        content: int,
        stimuli: Mapping[str, int],
        kind: str,
        number: int,
        referenced: bool,
    ) -> None:
        """Write an item whose answer is known: the degraded image is the worse one."""
        degraded = stimuli[f"{kind} {number}"]
        # Every other rating is of the reference itself, so that "always bad" fails too; but not
        # where it is rated as well, and would be seen twice.
        good = self.protocol.pairwise or (
            referenced and REFERENCE not in self.methods and number % 2 == 1
        )
        first = stimuli[f"copy {kind} {number}"] if good else degraded
        correct = list(self.protocol.golden_better if good else self.protocol.golden_worse)
        _insert(
            self.connection,
            schema.item,
            {
                "study": self.study,
                "content": content,
                "comparison": None,
                "first": first,
                "second": degraded if self.protocol.pairwise else None,
                "kind": kind,
                "quota": 0,
                "room": 0,
                "rank": number,
                "correct": correct,
            },
        )


def close_study(store: Store, study_name: str) -> None:
    """Take no more judgements. From now on names may be shown. Closing twice is no error.

    Who is in the middle of it gets a code for what they did: the study's for parts, or their own.
    """
    study = store.study(study_name)
    with store.write(study.id) as connection:
        changed = connection.execute(
            schema.study.update()
            .where(schema.study.c.id == study.id, schema.study.c.state == "open")
            .values(state="closed", closed=store.clock())
        )
        if changed.rowcount:
            for rater in connection.execute(_STOPPED, {"study": study.id}).scalars().all():
                code = study.options.get("partial_code") or completion_code()
                connection.execute(
                    schema.rater.update()
                    .where(schema.rater.c.id == rater)
                    .values(completion_code=code)
                )
            store.log(connection, study.id, "closed")


_STOPPED = select(schema.rater.c.id).where(
    schema.rater.c.study == bindparam("study"),
    schema.rater.c.finished.is_(None),
    schema.rater.c.withdrawn.is_(None),
    schema.rater.c.completion_code.is_(None),  # a study that was reopened has given codes before
    schema.rater.c.id.in_(
        select(schema.assignment.c.rater).where(
            schema.assignment.c.study == bindparam("study"),
            schema.assignment.c.state == schema.DONE,
            schema.assignment.c.kind != schema.TRAINING,
        )
    ),
)
"""Raters who have judged something, and not all."""
