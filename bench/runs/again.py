"""Costs of a finished run that were noisy, measured anew: only these figures are replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.compute.noise import at, seen, with_noise
from bench.compute.profile import Conditions, measure
from bench.core.errors import BenchError
from bench.core.files import sha256_of
from bench.core.progress import Update, unheard
from bench.records import Profile
from bench.runs.record import ModelRecord, WeightsRecord
from bench.runs.store import RunFolder


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
    folder: RunFolder,
    processes: int = 3,
    passes: int = 30,
    seconds: float = 10.0,
    update: Update = unheard,
) -> list[Remeasured]:
    """Measure anew what was noisy in a run; return what changed, nothing where nothing was noisy.

    Raises `BenchError` where a model's weights are not those that the run measured.
    """
    with folder.locked():
        record = folder.record()
        rows = with_noise(folder.read_profiles(), record.profile_notes)
        notes, changes = dict(record.profile_notes), []
        for this in dict.fromkeys(at(row) for row in rows if row.noisy):
            label, device, dtype, height, width, batch, threads = this
            model = record.models[label]
            asked = Conditions(
                height=height,
                width=width,
                batch=batch,
                device=device,
                threads=threads or None,
                dtype=dtype,
                processes=processes,
                passes=passes,
                seconds=seconds,
                tile=record.spec.tile,
                scale=record.suite.scale,
            )
            (found,) = measure([(label, model.spec, _weights(label, model))], asked, update)
            new = {row.quantity: row for row in found.profiles()}
            old = [row for row in rows if at(row) == this]
            rows = [new.get(row.quantity, row) if at(row) == this else row for row in rows]
            notes[label] = tuple(found.notes())
            folder.write_profiles(rows)
            folder.write_record(replace(folder.record(), profile_notes=notes))
            changes.append(
                Remeasured(
                    label,
                    height,
                    width=width,
                    why=seen(old),
                    before=_latency(old),
                    after=new["latency_ms"].value,
                    still=seen(new.values()),
                )
            )
    return changes


def _latency(rows: Sequence[Profile]) -> float | None:
    return next((row.value for row in rows if row.quantity == "latency_ms"), None)


def _weights(label: str, model: ModelRecord) -> Path | None:
    """Return the weights of a catalogue's model. Raises `BenchError` where they have changed."""
    if model.weights is None or model.family == "given":
        return None
    return measured_weights(label, model.weights)


def measured_weights(label: str, weights: WeightsRecord) -> Path:
    """Return a model's file of weights. Raises `BenchError` where it is not what was measured."""
    file = Path(weights.file)
    if not file.is_file() or sha256_of(file) != weights.sha256:
        raise BenchError(
            f"{label}: '{file}' is no longer what the run measured (sha256 "
            f"{weights.sha256[:12]}); the same 'bench run' command does anew what follows"
        )
    return file
