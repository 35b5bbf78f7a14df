"""From a finished run to a study: what was asked for is checked, chosen and written."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from bench.core.errors import BenchError
from bench.core.names import choose
from bench.runs.store import RunFolder
from raters.database import schema
from raters.database.store import Store
from raters.protocols import Protocol, protocol_called, protocols
from raters.studies.building import REFERENCE, Builder, insert
from raters.studies.secret import new_secret
from raters.studies.selection import SMALLEST, Notes, SourceCrop, choose_crops, chosen_models
from raters.studies.tokens import hashed, new_token
from raters.texts import Texts
from raters.texts.own import stored as stored_texts
from raters.texts.own import texts_of_study
from raters.texts.table import question_key


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
            study = insert(connection, schema.study, row)
            labels = [*models, REFERENCE] if hidden else models
            builder = Builder(connection, study, protocol, options.per_pair, labels, secret)
            builder.build(crops, hidden, golden)
            if options.crowd is not None and options.crowd > builder.judgements:
                raise BenchError(
                    f"--crowd {options.crowd}: the study has {builder.judgements} judgements, so "
                    "not all of them could judge anything; give fewer or raise --per-pair"
                )
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
    if options.crowd is not None and options.crowd < 1:
        raise BenchError(
            f"--crowd {options.crowd} lets nobody in; expected 1 or more, or nothing for any number"
        )
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
    if options.one_key and protocol.marks:
        raise BenchError(
            f"--one-key is for buttons; '{protocol.name}' has a slider, whose place is confirmed"
        )
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
