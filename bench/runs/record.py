"""run.json: what measuring a run leaves for reporting on it. The only reader and writer of it.

`read` takes run.json of any schema and gives a `RunRecord`; `UPGRADES` holds what is done for the
old ones. Schema 6 (this one) may say that tiles were chosen by the free memory. Schema 5 tells
changes to recipes. Schema 4 tells what models were told of the
degradation. Schema 3 tells the digest of each model, whether it may have learned from test images,
and the metrics of whole sets.
Schema 2 has the keys of schema 1, but every key is always there: in schema 1, runs of before there
were such options lacked
``spec.preset``, ``spec.prepare``, ``suite.scale`` and ``profile_notes``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from bench.core.errors import BenchError
from bench.core.files import write_atomic
from bench.core.formats import Format, Upgrade, with_defaults
from bench.records import Failure, RunSpec

SCHEMA = 6

Status = Literal["running", "interrupted", "done"]
State = Literal["pending", "done", "not applicable", "failed"]
Origin = Literal["none", "loaded", "trained"]
Told = Literal["psf", "noise", "frames"]
"""What a model is given beside the image: the true blur, the true noise level."""
Separation = Literal["nothing learned", "separate", "unknown", "overlap"]
"""Whether test images may be among those that a model learned from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRecord:
    """The suite as it was opened."""

    name: str
    title: str
    task: str
    """``deblur``, ``denoise`` or ``super-resolution``."""
    layout: str
    licence: str
    citation: str
    notes: tuple[str, ...]
    border: int
    """Pixels that are cut from each side before scoring."""
    scale: int
    """What a model had to enlarge by."""
    images: int
    clusters: int
    """How many sequences or scenes the images are of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRecord:
    """One metric, of images or of sets: the convention that its scores follow.

    ``low`` and ``high`` bound them.
    """

    higher_is_better: bool
    low: float
    high: float
    unit: str
    convention: str
    citation: str
    needs_reference: bool

    @classmethod
    def of(cls, card: object) -> MetricRecord:
        """Return what is kept of a card of the tables of metrics: its fields of these names."""
        return cls(**{field.name: getattr(card, field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsRecord:
    """A file of weights. ``header`` is what the file says of itself, empty for others' files.

    It is kept as it was found, of whatever schema: to be shown, not to be computed with.
    """

    origin: Origin
    file: str
    sha256: str
    header: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """One model of the run and what became of it; ``reason`` says why it is not done, or partly."""

    spec: str
    """As the model was named."""
    title: str
    family: str
    citation: str
    state: State
    reason: str | None
    weights: WeightsRecord | None
    digest: str | None
    """What it was by content (`models.identity`); None where it was never loaded."""
    remarks: tuple[str, ...]
    """What a reader of its scores should know: what of a checkpoint was taken, that it worked in
    tiles for want of memory, what it did that it should not."""
    separation: Separation
    separation_note: str
    """How that was seen, or which test images it learned from; empty for nothing learned."""
    told: tuple[Told, ...]
    """What it was told or shown beside the image, which others have to do without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run. ``models`` are by label, in the run's order; ``metrics`` and ``sets``, the
    metrics of whole sets, by name.

    ``options`` are the command's, as typed. ``started`` and ``finished`` are ISO 8601 in UTC.
    ``profile_notes`` say by model what a reader of its cost figures should know. ``environment`` is
    whatever `bench.compute.environment` found on the machine, and has no fixed keys.
    """

    spec: RunSpec
    options: Mapping[str, str]
    status: Status
    started: str
    finished: str | None
    suite: SuiteRecord
    metrics: Mapping[str, MetricRecord]
    sets: Mapping[str, MetricRecord]
    models: Mapping[str, ModelRecord]
    profile_notes: Mapping[str, tuple[str, ...]]
    failures: tuple[Failure, ...]
    environment: Mapping[str, Any]

    @property
    def suite_key(self) -> str:
        """The suite's name with its options, as `bench.suites.table.Suite.key` has it."""
        _, colon, options = self.spec.suite.partition(":")
        return f"{self.suite.name}{colon}{options}"


def _always_there(record: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 to 2: fill in what came up while the schema was 1."""
    filled = with_defaults(record, {"profile_notes": {}})
    for key, defaults in (
        ("spec", {"preset": "quick", "prepare": []}),
        ("suite", {"scale": 1}),
    ):
        if key in filled:
            filled = {**filled, key: with_defaults(filled[key], defaults)}
    return dict(filled)


UNKNOWN = "what it learned from is not recorded: test images may be among it"


def _with_identity(record: dict[str, Any]) -> dict[str, Any]:
    """Schema 2 to 3: nobody knows what the models were by content, and what they learned from.

    There were no metrics of whole sets.
    """
    record = with_defaults(record, {"sets": {}})
    models = record.get("models")
    if not isinstance(models, dict):
        return record  # the reader names it

    def known(model: Any) -> Any:
        learned = isinstance(model, dict) and (
            model.get("weights") or model.get("family") == "given"
        )
        separation = {"separation": "unknown", "separation_note": UNKNOWN}
        if not learned:
            separation = {"separation": "nothing learned", "separation_note": ""}
        return with_defaults(model, {"digest": None, "remarks": [], **separation})

    return {**record, "models": {name: known(model) for name, model in models.items()}}


def _told_nothing_known(record: dict[str, Any]) -> dict[str, Any]:
    """Schema 3 to 4: what models were told was not recorded."""
    models = record.get("models")
    if not isinstance(models, dict):
        return record  # the reader names it
    return {**record, "models": {n: with_defaults(m, {"told": []}) for n, m in models.items()}}


def _recipes_as_they_are(record: dict[str, Any]) -> dict[str, Any]:
    """Schema 4 to 5: nobody could change a recipe."""
    if not isinstance(record.get("spec"), dict):
        return record  # the reader names it
    return {**record, "spec": with_defaults(record["spec"], {"recipe": []})}


def _tiles_as_asked(record: dict[str, Any]) -> dict[str, Any]:
    """Schema 5 to 6: tiles were of a side that was given, or none; which 6 says alike."""
    return record


UPGRADES: dict[int, Upgrade] = {
    1: _always_there,
    2: _with_identity,
    3: _told_nothing_known,
    4: _recipes_as_they_are,
    5: _tiles_as_asked,
}
"""Schema -> how the next one is made of it."""

FORMAT = Format(kind=RunRecord, schema=SCHEMA, upgrades=UPGRADES, advice="restore it or run again")


def read(path: Path) -> RunRecord:
    """Return the record in a file. Raises `BenchError` where it is missing, damaged or foreign."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise BenchError(f"no run at '{path.parent}': {path.name} is missing") from None
    return FORMAT.from_text(text, f"'{path}'")


def write(path: Path, record: RunRecord) -> None:
    """Replace the file."""
    write_atomic(path, json.dumps(FORMAT.to_json(record), indent=1).encode() + b"\n")
