"""The only reader and writer of a run folder. See results/README.md for what lies where.

The append-only cells are the record; ``scores.csv`` follows from them and can always be made
again. Every other file is replaced whole or not at all, so a crash at any moment leaves a folder
that the same command completes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.core import shared
from bench.core.errors import BenchError
from bench.core.files import (
    intact,
    locked,
    read_csv,
    remove_partials,
    write_atomic,
    write_csv,
)
from bench.core.formats import to_json
from bench.core.layout import file_name
from bench.records import Pair, Profile, RunSpec, Score, SetScore
from bench.runs import record as run_json
from bench.runs.cells import Cell, CellWriter, cells_in
from bench.runs.record import RunRecord

if TYPE_CHECKING:
    import pandas as pd

CellFolder = Literal["cells", "rescored"]
"""Where cells lie: the record of the run, or those that `bench.runs.rescoring` is at work on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRow:
    """One model's score by a metric of whole sets.

    ``inputs`` is the digest of all that it follows from: the cells of its images, and weights.
    """

    model: str
    metric: str
    score: SetScore
    inputs: str


class RunFolder:
    """One run on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[tuple[int, int, int], RunRecord] | None = None
        """The record as it was last read, and which file it was."""

    # --- making and finding ---------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path, spec: RunSpec) -> RunFolder:
        """Make the folder, or take up the run that it already holds.

        Raises `BenchError` if the folder holds a run of another spec: its cells would mix. Data
        that lies elsewhere now is no other spec, nor are other models: each has its own cells.
        """
        folder = cls(path)
        if folder.exists:
            old, new = to_json(folder.record().spec), to_json(spec)
            if not Path(old["data"]).exists():
                old["data"] = new["data"]  # it was moved: images are known by their content
            old["models"] = new["models"]
            changed = [f"{k} was {old[k]!r}, now {new[k]!r}" for k in new if old[k] != new[k]]
            if changed:
                more = [name for name in new["metrics"] if name not in old["metrics"]]
                only_more = len(changed) == 1 and set(old["metrics"]) < set(new["metrics"])
                adding = f"add the metrics by 'bench rescore {path} --metrics {','.join(more)}', "
                raise BenchError(
                    f"'{path}' holds a run with other options ({'; '.join(changed)}); "
                    f"{adding if only_more else ''}give another --out, or delete that folder"
                )
        path.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def exists(self) -> bool:
        """Whether a run has been recorded here."""
        return (self.path / "run.json").is_file()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one writing process. The lock ends with the process, however.

        What a killed one left half-written is removed. A run of results that a team shares is held
        and published there, too (`bench.core.shared`).
        """
        busy = f"another bench process is writing to '{self.path}'; wait for it or stop it"
        with locked(self.path / ".lock", busy), shared.holding(self.path):
            remove_partials(self.path)
            yield

    def remove(self) -> None:
        """Delete the run. Raises `BenchError` while a process is writing to it."""
        with self.locked():
            gone = self.path.with_name(f".{self.path.name}.removed")
            self.path.rename(gone)  # at once: no other process finds half a run
            shared.forget(self.path)
        shutil.rmtree(gone)

    # --- run.json -------------------------------------------------------------------------------

    def record(self) -> RunRecord:
        """Return run.json, read once for as long as the file is the same.

        Raises `BenchError` if it is missing, damaged or of a later schema.
        """
        path = self.path / "run.json"
        if not self.exists:
            return run_json.read(path)  # raises the error for that
        found = path.stat()
        this = found.st_ino, found.st_mtime_ns, found.st_size
        if self._known is None or self._known[0] != this:
            self._known = this, run_json.read(path)
        return self._known[1]

    def write_record(self, record: RunRecord) -> None:
        """Replace run.json."""
        run_json.write(self.path / "run.json", record)

    # --- images ---------------------------------------------------------------------------------

    def image_path(self, model: str, image: str) -> Path:
        """Return where a model's restored image lies."""
        return self.path / "images" / file_name(model) / f"{file_name(image)}.png"

    def view_path(self, kind: Literal["degraded", "reference"], image: str) -> Path:
        """Return where an image lies that no file of the suite shows as models and scores saw it.

        The degraded one is rounded to 8 bits and enlarged to the reference's size.
        """
        return self.path / kind / f"{file_name(image)}.png"

    def write_images(self, pairs: Iterable[Pair], models: Sequence[str] = ()) -> None:
        """Write images.csv: which images the run has, in order, and the files behind them.

        Strata are the suite's own, and what the finished cells of ``models`` tell of the images.
        """
        measured = {
            cell.image: cell.measured
            for model in models
            for cell in self.cells(model)
            if cell.measured
        }
        rows = (
            (p.id, p.cluster, *self._files(p), json.dumps({**measured.get(p.id, {}), **p.strata}))
            for p in pairs
        )
        write_csv(self.path / "images.csv", _IMAGES, rows)

    def _files(self, pair: Pair) -> tuple[str, str]:
        degraded, reference = pair.degraded, pair.reference
        if pair.needs_views:
            degraded = self.view_path("degraded", pair.id)
            reference = self.view_path("reference", pair.id) if reference else None
        return str(degraded.absolute()), str(reference.absolute()) if reference else ""

    def images(self) -> pd.DataFrame:
        """Return image, cluster, degraded, reference (paths or "") and strata (dict), in order."""
        import pandas as pd

        path = self.path / "images.csv"
        if not path.exists():
            raise BenchError(f"'{path}' is missing; {_RUN_AGAIN}")
        rows = read_csv(path, _IMAGES, _RUN_AGAIN)
        table = pd.DataFrame(rows, columns=_IMAGES, dtype=str)
        with intact(path, _RUN_AGAIN):
            table["strata"] = pd.Series([_strata(row["strata"]) for row in rows], dtype=object)
            if not table["image"].is_unique:
                raise ValueError("an image is named twice")
        for kind in ("degraded", "reference"):
            table[kind] = table[kind].map(self._found)
        return table

    def _found(self, file: str) -> str:
        """Return where a file of the run lies now that has come here from another folder."""
        path = Path(file)
        own = self.path.absolute() / path.parent.name / path.name
        moved = path.parent.name in ("degraded", "reference") and not path.exists()
        return str(own) if file and moved and own.is_file() else file

    # --- cells and scores -----------------------------------------------------------------------

    def cell_writer(self, model: str, among: CellFolder = "cells") -> CellWriter:
        """Open a model's cells for appending."""
        return CellWriter(self._cells_file(model, among))

    def _cells_file(self, model: str, among: CellFolder) -> Path:
        return self.path / among / f"{file_name(model)}.jsonl"

    def cells(self, model: str, among: CellFolder = "cells") -> Iterator[Cell]:
        """Yield a model's finished cells in the order written: `cells_in`."""
        return cells_in(self._cells_file(model, among))

    def drop(self, model: str, images: Collection[str]) -> None:
        """Forget a model's cells and restored images of these images, to be done anew."""
        self.replace_cells(model, (c for c in self.cells(model) if c.image not in images))
        for image in images:
            self.image_path(model, image).unlink(missing_ok=True)

    def replace_cells(self, model: str, cells: Iterable[Cell], among: CellFolder = "cells") -> None:
        """Write a model's cells anew, all or none."""
        lines = b"".join(cell.to_line() for cell in cells)
        write_atomic(self._cells_file(model, among), lines)

    def take_rescored(self, models: Iterable[str]) -> None:
        """Put the cells of ``rescored/`` in the places of those of their images."""
        for model in models:
            new = {cell.image: cell for cell in self.cells(model, "rescored")}
            if new:
                merged = [new.get(cell.image, cell) for cell in self.cells(model)]
                self.replace_cells(model, merged)

    def forget_rescored(self) -> None:
        """Remove ``rescored/``."""
        shutil.rmtree(self.path / "rescored", ignore_errors=True)

    def write_scores(self, models: Sequence[str], images: Sequence[str]) -> None:
        """Make scores.csv anew from the cells: models, then images, in the order given."""
        rows = (
            (
                model,
                image,
                metric,
                "" if score.value is None else repr(score.value),
                score.reason or "",
            )
            for model, image, metric, score in self._scores(models, images)
        )
        header = ("model", "image", "metric", "value", "missing")
        write_csv(self.path / "scores.csv", header, rows)

    def _scores(
        self, models: Sequence[str], images: Sequence[str]
    ) -> Iterator[tuple[str, str, str, Score]]:
        position = {image: index for index, image in enumerate(images)}
        for model in models:
            cells = [cell for cell in self.cells(model) if cell.image in position]
            for cell in sorted(cells, key=lambda cell: position[cell.image]):
                for metric, score in cell.scores.items():
                    yield model, cell.image, metric, score

    def scores(self) -> pd.DataFrame:
        """Return model, image, metric, value (float, NaN where missing) and missing (reason or "").

        Read from the cells, so true of an unfinished run too; in the order of scores.csv.
        """
        import pandas as pd

        models, images = list(self.record().models), list(self.images()["image"])
        rows = [
            (
                model,
                image,
                metric,
                float("nan") if score.value is None else score.value,
                score.reason or "",
            )
            for model, image, metric, score in self._scores(models, images)
        ]
        return pd.DataFrame(rows, columns=["model", "image", "metric", "value", "missing"])

    # --- scores of whole sets -------------------------------------------------------------------

    def write_sets(self, rows: Iterable[SetRow]) -> None:
        """Replace sets.csv: one value for each model and metric of whole sets."""
        texts = (
            (
                row.model,
                row.metric,
                _text(row.score.value),
                _text(row.score.deviation),
                row.score.images,
                row.score.reason or "",
                row.inputs,
            )
            for row in rows
        )
        write_csv(self.path / "sets.csv", _SETS, texts)

    def read_sets(self) -> list[SetRow]:
        """Return the rows of sets.csv as they were written; none where there is no file."""
        path = self.path / "sets.csv"
        with intact(path, _MEASURE_AGAIN):
            return [
                SetRow(
                    model=row["model"],
                    metric=row["metric"],
                    score=SetScore(
                        images=int(row["images"]),
                        value=float(row["value"]) if row["value"] else None,
                        deviation=float(row["deviation"]) if row["deviation"] else None,
                        reason=row["missing"] or None,
                    ),
                    inputs=row["inputs"],
                )
                for row in read_csv(path, _SETS, _MEASURE_AGAIN)
            ]

    def sets(self) -> pd.DataFrame:
        """Return model, metric, value and deviation (NaN where there is none), images, missing."""
        import pandas as pd

        columns = ["model", "metric", "value", "deviation", "images", "missing"]
        rows = [
            (
                row.model,
                row.metric,
                row.score.value,
                row.score.deviation,
                row.score.images,
                row.score.reason or "",
            )
            for row in self.read_sets()
        ]
        return pd.DataFrame(rows, columns=columns).astype({"value": float, "deviation": float})

    # --- profiles -------------------------------------------------------------------------------

    def write_profiles(self, profiles: Iterable[Profile]) -> None:
        """Replace profiles.csv, and samples.csv with the single measurements behind it."""
        profiles = list(profiles)
        rows = (["" if (v := getattr(p, n)) is None else v for n in _COLUMNS] for p in profiles)
        write_csv(self.path / "profiles.csv", _COLUMNS, rows)
        single = (
            [*(getattr(p, name) for name in _KEY), p.quantity, process, value]
            for p in profiles
            for process, passes in enumerate(p.samples, start=1)
            for value in passes
        )
        write_csv(self.path / "samples.csv", _SAMPLES, single)

    def read_profiles(self) -> list[Profile]:
        """Return the rows of profiles.csv as they were written; none where there is no file."""
        samples: dict[tuple[str, ...], dict[str, list[float]]] = {}
        path = self.path / "samples.csv"
        with intact(path, _MEASURE_AGAIN):
            for row in read_csv(path, _SAMPLES, _MEASURE_AGAIN):
                of = samples.setdefault(tuple(row[name] for name in (*_KEY, "quantity")), {})
                of.setdefault(row["process"], []).append(float(row["value"]))
        path = self.path / "profiles.csv"
        needed = [name for name in _COLUMNS if name != "noisy"]  # earlier versions did not tell
        with intact(path, _MEASURE_AGAIN):
            return [_profile(row, samples) for row in read_csv(path, needed, _MEASURE_AGAIN)]

    def profiles(self, rows: Sequence[Profile] | None = None) -> pd.DataFrame:
        """Return ``rows`` (default: those of profiles.csv) as a table.

        value, low and high are floats, NaN where missing; missing and noisy are texts.
        """
        import pandas as pd

        texts = ("missing", "noisy")
        return pd.DataFrame(
            [
                {key: "" if v is None and key in texts else v for key, v in asdict(p).items()}
                for p in (self.read_profiles() if rows is None else rows)
            ],
            columns=_COLUMNS,
        ).astype({"value": float, "low": float, "high": float})


_KEY = ("model", "device", "dtype", "height", "width", "batch", "threads")
_COLUMNS = (*_KEY, "quantity", "value", "low", "high", "unit", "missing", "noisy")
_SAMPLES = (*_KEY, "quantity", "process", "value")
_IMAGES = ("image", "cluster", "degraded", "reference", "strata")
_SETS = ("model", "metric", "value", "deviation", "images", "missing", "inputs")
_RUN_AGAIN = "run the same 'bench run' command to make it"
_MEASURE_AGAIN = "delete it: the same 'bench run' command measures anew"


def _strata(text: str) -> dict[str, str]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"strata {text[:40]}, expected an object")
    return {key: str(value) for key, value in found.items()}


def _profile(
    row: Mapping[str, str], samples: Mapping[tuple[str, ...], Mapping[str, Sequence[float]]]
) -> Profile:
    values: dict[str, Any] = {name: row.get(name) for name in _COLUMNS}
    values["missing"] = row["missing"] or None
    behind = samples.get(tuple(row[name] for name in (*_KEY, "quantity")), {})
    values["samples"] = tuple(tuple(passes) for passes in behind.values())
    values |= {key: float(row[key]) if row[key] else None for key in ("value", "low", "high")}
    values |= {key: int(row[key]) for key in ("height", "width", "batch", "threads")}
    return Profile(**values)


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)
