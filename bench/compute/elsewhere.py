"""Costs measured on another machine: the script that goes there, and the file that comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.compute.messages import ProfileReport
from bench.compute.profile import Conditions, Measurement
from bench.compute.quantities import row_of
from bench.core.errors import BenchError
from bench.core.files import write_atomic
from bench.core.formats import Format
from bench.records import Profile

SCRIPT = Path(__file__).with_name("measure_onnx.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostFile:
    """What `measure_onnx.py` writes: one model on one machine; ``reports`` are lines that
    `ProfileReport` reads, one for each process. ``device`` may be one that nothing here works on,
    as a telephone's ``coreml``."""

    model: str
    device: str
    dtype: str
    height: int
    width: int
    batch: int
    threads: int
    environment: Mapping[str, Any]
    reports: tuple[str, ...]

    def profiles(self) -> list[Profile]:
        """Return its figures by the method and the rule of noise of all others.

        Counts, which are of the network and of no machine, are left out where they are not told.
        """
        kind = self.device.partition(":")[0]
        reports = tuple(ProfileReport().with_line(line) for line in self.reports)
        asked = Conditions(
            self.height,
            self.width,
            batch=self.batch,
            device=self.device if kind in ("cpu", "cuda") else "cuda",  # measured as a GPU is
            threads=self.threads,
            dtype=self.dtype,
        )
        rows = [
            replace(row, device=self.device)
            for row in Measurement(self.model, self.model, asked, reports).profiles()
        ]
        return [
            r for r in rows if r.value is not None or row_of(r.quantity).depends == "conditions"
        ]


FORMAT = Format(
    kind=CostFile,
    schema=1,
    upgrades={},
    advice="expected what the script of 'bench profile M --export FILE' writes: run it again",
)


def read_cost_file(path: Path) -> CostFile:
    """Read a file of costs. Raises `BenchError` for what is none."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise BenchError(f"no costs at '{path}' ({error.strerror}); {FORMAT.advice}") from None
    found = FORMAT.from_text(text, f"'{path}'")
    found.profiles()  # what is in its lines is refused here, not when the report is half made
    return found


def write_script(path: Path, model: str, size: tuple[int, int]) -> None:
    """Write the script that measures the ONNX file of its name, for a model at a size."""
    text = SCRIPT.read_text(encoding="utf-8")
    for line, value in (('MODEL = ""', model), ('SIZE = "256x256"', "{}x{}".format(*size))):
        name = line.partition(" ")[0]
        text = text.replace(f"\n{line}\n", f"\n{name} = {json.dumps(value)}\n", 1)
    write_atomic(path, text.encode())
