"""Costs of a finished run that were noisy, measured anew: only these figures are replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench.compute.profile import DISAGREE, Conditions, Measurement, measure
from bench.core.errors import BenchError
from bench.core.files import sha256_of
from bench.core.progress import Update, unheard
from bench.records import Profile
from bench.runs.record import ModelRecord
from bench.runs.store import RunFolder

At = tuple[str, str, str, int, int, int, int]
"""Model, device, dtype, height, width, batch and threads."""

_LOAD = re.compile(r"; load (\d+(?:\.\d+)?)$")


@dataclass(frozen=True, slots=True)
class Remeasured:
    """A model's latency under one set of conditions, before and after, in ms.

    ``why`` it was called noisy; ``still`` says so where it is again.
    """

    model: str
    height: int
    width: int
    why: str
    before: float | None
    after: float | None
    still: str = ""


def remeasure(
    folder: RunFolder, processes: int = 3, passes: int = 30, seconds: float = 10.0,
    update: Update = unheard,
) -> list[Remeasured]:  # fmt: skip
    """Measure anew what was noisy in a run; return what changed, nothing where nothing was noisy.

    Raises `BenchError` where a model's weights are not those that the run measured.
    """
    with folder.locked():
        record, rows = folder.record(), folder.read_profiles()
        why = noisy(rows, record.profile_notes)
        notes, changes = dict(record.profile_notes), []
        for at, reason in why.items():
            model = record.models[at[0]]
            asked = Conditions(
                height=at[3],
                width=at[4],
                batch=at[5],
                device=at[1],
                threads=at[6] or None,
                dtype=at[2],
                processes=processes,
                passes=passes,
                seconds=seconds,
                tile=record.spec.tile,
                scale=record.suite.scale,
            )
            (found,) = measure([(at[0], model.spec, _weights(at[0], model))], asked, update)
            new = {row.quantity: row for row in found.profiles()}
            before = _latency(rows, at)
            rows = [new.get(row.quantity, row) if _at(row) == at else row for row in rows]
            notes[at[0]] = tuple(found.notes())
            folder.write_profiles(rows)
            folder.write_record(replace(folder.record(), profile_notes=notes))
            changes.append(_change(at, reason, before, new, found))
    return changes


def noisy(rows: Sequence[Profile], notes: Mapping[str, Sequence[str]]) -> dict[At, str]:
    """Return the models and conditions whose latency was measured on a busy machine, and why.

    Busy: the medians of its processes differ by more than `DISAGREE`, passes had to be repeated, or
    more processes wanted to run than threads were measured and as many again.
    """
    found: dict[At, str] = {}
    for row in rows:
        if row.quantity != "latency_ms" or row.value is None:
            continue
        medians = [median(passes) for passes in row.samples if passes]
        told = [note for note in notes.get(row.model, ()) if note.startswith("noisy: passes")]
        loads = [float(m[1]) for note in notes.get(row.model, ()) if (m := _LOAD.search(note))]
        if medians and max(medians) > min(medians) * (1 + DISAGREE):
            apart = max(medians) / min(medians) - 1
            found[_at(row)] = f"medians of the processes differ by {100 * apart:.0f} %"
        elif told:
            found[_at(row)] = told[0].removeprefix("noisy: ")
        elif loads and max(loads) > 2 * max(1, row.threads):
            found[_at(row)] = f"load {max(loads):.1f} on {row.threads} threads"
    return found


def _at(row: Profile) -> At:
    return row.model, row.device, row.dtype, row.height, row.width, row.batch, row.threads


def _latency(rows: Sequence[Profile], at: At) -> float | None:
    return next((r.value for r in rows if _at(r) == at and r.quantity == "latency_ms"), None)


def _weights(label: str, model: ModelRecord) -> Path | None:
    """Return the weights of a catalogue's model. Raises `BenchError` where they have changed."""
    if model.weights is None or model.family == "given":
        return None
    file = Path(model.weights.file)
    if not file.is_file() or sha256_of(file) != model.weights.sha256:
        raise BenchError(
            f"{label}: '{file}' is no longer what the run measured (sha256 "
            f"{model.weights.sha256[:12]}); the same 'bench run' command does anew what follows"
        )
    return file


def _change(
    at: At, why: str, before: float | None, new: Mapping[str, Profile], found: Measurement
) -> Remeasured:
    latency = new["latency_ms"]
    again = noisy([latency], {at[0]: found.notes()})
    return Remeasured(
        at[0], at[3], at[4], why, before, latency.value, next(iter(again.values()), "")
    )
