"""The curves of a training: ``epoch,quantity,value``, one row a number, only ever appended to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.core.files import append_whole, write_atomic

HEADER = "epoch,quantity,value\n"


class Curves:
    """One file of curves. What lies beyond ``epochs``, left by a crash, is cut off first."""

    def __init__(self, path: Path, epochs: int) -> None:
        self._path = path
        kept = [HEADER]
        if path.exists():
            for line in path.read_text(errors="replace").splitlines(keepends=True)[1:]:
                epoch, _, _ = line.partition(",")
                if line.endswith("\n") and epoch.isdigit() and int(epoch) <= epochs:
                    kept.append(line)
        write_atomic(path, "".join(kept).encode())

    def append(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write one epoch's rows, all or none. Raises OSError."""
        rows = "".join(f"{epoch},{quantity},{value!r}\n" for quantity, value in values.items())
        with self._path.open("ab", buffering=0) as file:
            append_whole(file, rows.encode())
