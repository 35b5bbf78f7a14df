"""Cells: one model on one image, a line each in an append-only file, which is a run's record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from bench.core.files import append_whole, number_from_json, number_to_json, write_atomic, write_csv
from bench.records import TOO_LARGE, Score

Strata = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The digests (`bench.core.identity`) of all that a cell follows from."""

    model: str
    """Its weights, file or source; of a folder of outputs, the image that was taken."""
    images: str
    """The degraded image, its reference, and how it was degraded or prepared."""
    metrics: str
    """The files that metrics take weights from."""

    def changes(self, now: Inputs) -> str:
        """Say what is not as it was."""
        names = {"model": "the model", "images": "the images", "metrics": "a metric's weights"}
        found = [word for key, word in names.items() if getattr(self, key) != getattr(now, key)]
        return f"{' and '.join(found)} changed"


@dataclass(frozen=True, slots=True)
class Cell:
    """One model on one image: a score for every metric of the run.

    ``measured`` are the strata that were measured from the image, the same in every model's cell.
    ``inputs`` is None in cells of versions that did not keep it. ``tiles``: the (height, width) of
    those that the image was worked on in because the memory did not hold it whole, or would not.
    """

    image: str
    scores: Mapping[str, Score]
    measured: Strata = field(default_factory=dict)
    inputs: Inputs | None = None
    tiles: tuple[int, int] | None = None

    def to_line(self) -> bytes:
        """Return the cell as one line of JSON."""
        values = {
            metric: {"missing": score.reason}
            if score.value is None
            else number_to_json(score.value)
            for metric, score in self.scores.items()
        }
        row: dict[str, Any] = {"image": self.image, "scores": values}
        if self.measured:
            row["measured"] = dict(self.measured)
        if self.inputs:
            row["inputs"] = asdict(self.inputs)
        if self.tiles:
            row["tiles"] = self.tiles
        return json.dumps(row).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Cell:
        """Undo `to_line`. Raises ValueError for a torn line, and for one that is no cell."""
        try:
            row = json.loads(line)
            scores = {
                metric: Score.missing(str(value["missing"]))
                if isinstance(value, dict)
                else Score(number_from_json(value))
                for metric, value in row["scores"].items()
            }
            inputs = Inputs(**row["inputs"]) if "inputs" in row else None
            measured = dict(row.get("measured", {}))
            tiles = None if "tiles" not in row else (int(row["tiles"][0]), int(row["tiles"][1]))
            return cls(str(row["image"]), scores, measured, inputs, tiles)
        except (KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"no cell: {error}") from error


def tiled(cells: Iterable[Cell], why: str = TOO_LARGE) -> str:
    """Say how many images were worked on in tiles for want of memory, and in which; "" for none.

    ``why``: one of `bench.records.IN_TILES`.
    """
    kept = list(cells)
    sizes = Counter(cell.tiles for cell in kept if cell.tiles)
    if not sizes:
        return ""
    each = ", ".join(f"{n} in tiles of {high}x{wide}" for (high, wide), n in sizes.items())
    return f"{why}: of {len(kept)} images {each}"


def cells_in(path: Path) -> Iterator[Cell]:
    """Yield the cells of a file in the order written.

    A line that is torn or damaged is passed over: that cell is not finished.
    """
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            with suppress(ValueError):
                if line.endswith(b"\n"):
                    yield Cell.from_line(line)


class CellWriter:
    """Appends the cells of one model. Lines that are no cells, as a crash leaves one at the end,
    are taken out first."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.done: set[str] = set()
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        whole = [line for line in lines if self._take(line)]
        if len(whole) < len(lines):
            write_atomic(path, b"".join(whole))
        self._file: IO[bytes] = path.open("ab", buffering=0)

    def _take(self, line: bytes) -> bool:
        try:
            cell = Cell.from_line(line)
        except ValueError:
            return False
        if not line.endswith(b"\n") or cell.image in self.done:
            return False
        self.done.add(cell.image)
        return True

    def append(self, cell: Cell) -> None:
        """Write one cell and flush it to the disk; nothing of it where there is no room for all.

        Raises OSError.
        """
        append_whole(self._file, cell.to_line())
        self.done.add(cell.image)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> CellWriter:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()


def write_cells(path: Path, cells: Iterable[Cell]) -> None:
    """Write ``image,metric,value,missing`` of images that belong to no run."""
    rows = (
        (cell.image, metric, "" if score.value is None else repr(score.value), score.reason or "")
        for cell in cells
        for metric, score in cell.scores.items()
    )
    write_csv(path, ("image", "metric", "value", "missing"), rows)
