"""How files are written, hashed and locked: whole or not at all."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import math
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import psutil
from filelock import FileLock, Timeout

from bench.core.errors import BenchError


def write_atomic(path: Path, data: bytes) -> None:
    """Write beside the name, then rename: a crash leaves the old file or the new one.

    Raises OSError, the disk-full kind too, with the half-written file removed.
    """
    with replacing(path) as partial:
        partial.write_bytes(data)


def write_result(path: Path, text: str) -> None:
    """Write a text file where a person wants it. Raises as `check_result_file`, and OSError."""
    check_result_file(path)
    write_atomic(path, text.encode())


def check_result_file(path: Path) -> None:
    """Refuse a name for a text file of results that is a folder, or a file that is no text.

    So a photograph is never written over; results of before are. Raises `BenchError`.
    """
    if path.is_dir():
        raise BenchError(f"'{path}' is a folder; name a file in it")
    if not path.exists():
        return
    with path.open("rb") as file:
        beginning = file.read(4096)
    try:
        text = beginning.decode("utf-8", "strict" if len(beginning) < 4096 else "ignore")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise BenchError(f"'{path}' is not a text file, and is not written over; name a new one")


def copy_atomic(source: Path, target: Path) -> None:
    """Copy a file so that ``target`` never stands for half of it. Raises OSError."""
    with replacing(target) as partial:
        shutil.copyfile(source, partial)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes the name once the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield partial
        partial.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = os.fspath(path)  # of writing, the system tells no name
        partial.unlink(missing_ok=True)
        raise


def remove_partials(folder: Path) -> None:
    """Remove what processes that were killed left half-written anywhere under ``folder``.

    A process that still runs keeps its files.
    """
    for path in folder.rglob(".*.part"):
        writer = re.fullmatch(r"\..+\.(\d+)\.part", path.name)
        if writer and not psutil.pid_exists(int(writer[1])):
            path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits; kept until size or time change.

    Raises OSError for a file that cannot be read.
    """
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _sha256(path: Path, size: int, changed: int) -> str:
    del size, changed  # part of the key only
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(path: Path, busy: str | None = None) -> Iterator[None]:
    """Hold the lock file ``path`` for one process; it is free again when the process ends.

    Waits for another holder. Where ``busy`` is given, raises `BenchError` with that text instead.
    Raises OSError where no file can be made there: filelock would wait for that without end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    lock = FileLock(path, timeout=0 if busy else -1)
    try:
        lock.acquire()
    except Timeout:
        raise BenchError(busy or f"'{path}' is locked by another process") from None
    try:
        yield
    finally:
        lock.release()


def append_whole(file: IO[bytes], data: bytes) -> None:
    """Write at the end of an unbuffered file, through to the disk: all of it or nothing.

    Raises OSError.
    """
    end = file.seek(0, os.SEEK_END)
    try:
        if file.write(data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file.name)
        os.fsync(file.fileno())
    except OSError:
        file.truncate(end)
        raise


def number_to_json(value: float | None) -> float | str | None:
    """Return what JSON can hold: infinities become text, which ``float`` reads back."""
    return str(value) if value is not None and math.isinf(value) else value


def number_from_json(value: Any) -> float | None:
    """Undo `number_to_json`."""
    return None if value is None else float(value)


def read_csv(path: Path, columns: Collection[str], advice: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file with ``columns`` and perhaps others; none without a file.

    Raises `BenchError`, which ends in ``advice``, for what is no such table.
    """
    if not path.exists():
        return []
    with intact(path, advice), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        if lacking := [name for name in columns if name not in header]:
            raise ValueError(f"it has no column {', '.join(lacking)}")
        rows = list(reader)
        for number, row in enumerate(rows, start=1):
            if len(row) != len(header):
                raise ValueError(f"row {number} has {len(row)} of {len(header)} columns")
    return [dict(zip(header, row, strict=True)) for row in rows]


@contextmanager
def intact(path: Path, advice: str) -> Iterator[None]:
    """Say of a file that is read inside that it is damaged, where its content makes no sense.

    Raises `BenchError` that ends in ``advice``: what to do.
    """
    try:
        yield
    except (ValueError, csv.Error, RecursionError) as error:
        raise BenchError(f"'{path}' is damaged ({error}); {advice}") from error


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_atomic(path, text.getvalue().encode())
