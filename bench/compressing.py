"""A model made smaller, and measured beside what it was made of: ``bench compress``.

The measuring is that of an ordinary run (`bench.api.run`): the same suite, metrics and costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import api
from bench.checks import CheckedCompression
from bench.compute.environment import pick_device
from bench.core.errors import BenchError
from bench.core.files import write_atomic
from bench.core.layout import compressed_folder
from bench.core.plugins import load_object
from bench.core.progress import Progress, Unheard
from bench.published.compression import Claim, claims_of
from bench.records import Profile
from bench.runs.splits import nothing_to_learn, training_splits
from bench.suites.table import open_suite
from models.catalogue import Card, model_cards
from models.compression.table import Order, name_of
from models.published_files import published_file
from models.specs import label, model_file
from models.weights_folder import WeightsFolder

COSTS = ("params", "macs", "latency_ms", "process_memory_mb")
"""What is measured of costs; the size of the file is beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A figure with its 95 % interval, where it has one; ``missing`` says why there is none.

    ``change`` is the mean paired difference from the model that was compressed, over images.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    missing: str = ""
    noisy: str = ""
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model of the table: the original first. ``amount`` is what was asked for."""

    model: str
    file: Path
    amount: float | None
    file_bytes: int
    costs: Mapping[str, Value]
    quality: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """What came of it: the files, the run that measured them, and its figures.

    ``compared`` are sentences on a taught network beside the same one that learned alone;
    ``published`` is what its authors claim of making the network smaller.
    """

    made: tuple[Path, ...]
    run: api.Run
    rows: tuple[Row, ...]
    table: Path
    plot: Path | None
    compared: tuple[str, ...]
    published: tuple[Claim, ...]


def compress(
    checked: CheckedCompression,
    *,
    options: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Compression:
    """Make a model smaller by a method of `models.compression.table`, and measure what came of it.

    ``checked`` is what `bench.checks.check_compression` returns of an order; ``options`` are kept
    with the run. What learns or calibrates sees a suite's training images, and what is measured its
    test images. The same call goes on where it was stopped. Raises `BenchError` for what cannot be.
    """
    wanted, row, card, taught = checked.order, checked.method, checked.card, checked.taught
    suite = wanted.suite
    listener = progress or Unheard()
    source = _source(wanted.model, card, wanted.weights)
    network = model_cards().get(_network_of(source))
    if network is not None and network.frames > 1:
        raise BenchError(
            f"'{wanted.model}' sees {network.frames} frames for one; what 'bench compress' makes "
            "smaller are networks of single images"
        )
    opened = open_suite(suite, wanted.data, progress=listener.update)
    why = nothing_to_learn(opened)
    if why and (row.trains or row.looks):
        wants = "trains" if row.trains else "calibrates"
        raise BenchError(f"--method {row.name} {wants} on training images; '{suite}': {why}")
    splits = None if why else training_splits(opened, (), listener.update)
    folder = wanted.out or compressed_folder(opened.key)
    files: list[tuple[Path, float | None]] = []
    asked: Sequence[float | None] = wanted.amounts or [None]
    for amount in asked:
        order = Order(
            source=source,
            label=label(str(source)),
            method=row,
            name=name_of(label(str(source)), row, amount, taught),
            folder=folder,
            suite=opened.key,
            train=splits.train if splits else (),
            val=splits.val if splits else (),
            amount=amount,
            into=taught,
            preset=wanted.preset,
            budget=wanted.budget,
            seed=wanted.seed,
            device=pick_device(wanted.device),
            progress=listener,
        )
        files += [(file, amount) for file in load_object(row.run)(order)]
    original = str(source) if card is None or card.recipe else wanted.model
    run = api.run(
        suite,
        data=wanted.data,
        models=[original, *(str(file) for file, _ in files)],
        metrics=wanted.metrics,
        limit=wanted.limit,
        device=wanted.device,
        train="never",
        profile=wanted.profile,
        seed=wanted.seed,
        options=options,
        progress=listener,
    )
    rows = _rows(run, [(source, None), *files], label(original))
    name = f"{label(str(source))}-{row.name}"
    table = folder / f"{name}.csv"
    _write(table, rows)
    plot = None
    if len(wanted.amounts) > 1:
        from bench.report.drawing.compression import draw  # and matplotlib

        drawn = draw(rows, name)
        if drawn is not None:
            plot = folder / f"{name}.png"
            write_atomic(plot, drawn)
    return Compression(
        made=tuple(file for file, _ in files),
        run=run,
        rows=rows,
        table=table,
        plot=plot,
        compared=_beside(run, [file for file, _ in files]) if taught else (),
        published=claims_of(_network_of(source)),
    )


def _network_of(source: Path) -> str:
    """Return which network of the catalogue a file holds; nothing for a file of others."""
    from models.weights import header_of

    header = header_of(source)
    return header.model if header else ""


def _beside(run: api.Run, files: Sequence[Path]) -> tuple[str, ...]:
    """Return the comparison of a taught network with the one that learned alone, by metric."""
    first, second = (label(str(file)) for file in files)
    found = []
    for metric in run.record.metrics:
        try:
            found.append(str(run.compare(first, second, metric)))
        except BenchError as error:
            found.append(f"{metric}: {error}")
    return tuple(found)


def _source(model: str, card: Card | None, weights: Path | None) -> Path:
    """Return the file that a model's weights lie in."""
    if card is None:
        file = model_file(model)
        assert file is not None
        return file
    if card.checkpoint is not None:
        return weights or published_file(card)
    if card.shipped is not None:
        return weights or card.shipped.file
    return weights or WeightsFolder().only(card.name)


def _rows(
    run: api.Run, files: Sequence[tuple[Path, float | None]], original: str
) -> tuple[Row, ...]:
    from bench.framework.costs import read_figures

    figures = read_figures(run.folder)
    record = run.record
    rows: list[Row] = []
    for file, amount in files:
        name = original if amount is None and not rows else label(str(file))
        if (state := record.models[name]).state == "failed":
            raise BenchError(f"'{name}' could not be measured: {state.reason}")
        own = {f.quantity: f for f in reversed(figures) if f.model == name}  # the size asked first
        rows.append(
            Row(
                model=name,
                file=file,
                amount=amount,
                file_bytes=file.stat().st_size,
                costs={cost: _cost(own.get(cost)) for cost in COSTS},
                quality={one: _quality(run, one, name, original) for one in record.metrics},
            )
        )
    return tuple(rows)


def _cost(figure: Profile | None) -> Value:
    if figure is None:
        return Value(missing="costs were not measured")
    return Value(
        value=figure.value,
        low=figure.low,
        high=figure.high,
        missing=figure.missing or "",
        noisy=figure.noisy or "",
    )


def _quality(run: api.Run, metric: str, name: str, original: str) -> Value:
    """Return a model's mean, and its paired difference from the original with the interval."""
    scores = run.scores
    own = scores[(scores["metric"] == metric) & (scores["model"] == name)]
    found = own["value"].dropna()
    if found.empty:
        reasons = [text for text in own["missing"] if text]
        return Value(missing=reasons[0] if reasons else "no image has a score")
    if name == original:
        return Value(value=float(found.mean()))
    try:
        compared = run.compare(name, original, metric)
    except BenchError as error:
        return Value(value=float(found.mean()), missing=str(error))
    return Value(
        value=float(found.mean()),
        change=compared.difference,
        change_low=compared.low,
        change_high=compared.high,
    )


def _write(path: Path, rows: Sequence[Row]) -> None:
    """Write the table: a line for each figure of each model."""
    import pandas as pd

    lines: list[dict[str, Any]] = []
    for row in rows:
        of = {"model": row.model, "file": str(row.file), "amount": row.amount}
        lines.append({**of, "quantity": "file_bytes", "value": row.file_bytes})
        for name, found in (*row.costs.items(), *row.quality.items()):
            parts = {part: getattr(found, part) for part in Value.__dataclass_fields__}
            lines.append({**of, "quantity": name, **parts})
    write_atomic(path, pd.DataFrame(lines).to_csv(index=False).encode())
