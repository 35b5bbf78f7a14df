"""How files are written, hashed and locked: whole or not at all. Standard library only."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from typing import Any


def write_atomic(path: Path, data: bytes) -> None:
    """Write beside the name, then rename: a crash leaves the old file or the new one.

    Raises OSError, the disk-full kind too, with the half-written file removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def number_to_json(value: float | None) -> float | str | None:
    """Return what JSON can hold: infinities become text, which ``float`` reads back."""
    return str(value) if value is not None and math.isinf(value) else value


def number_from_json(value: Any) -> float | None:
    """Undo `number_to_json`."""
    return None if value is None else float(value)
