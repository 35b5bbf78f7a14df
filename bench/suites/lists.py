"""Splits that authors publish as text files: a row names a sharp and a blurred file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.core.errors import BenchError
from bench.suites.folder import Files, Identify, first_few, listing
from bench.suites.listing import Listing
from bench.suites.table import Split


def read_lists(
    base: Path, names: Mapping[Split, str], identify: Identify
) -> dict[Split, Listing[Files]]:
    """Return the splits whose lists lie in ``base``; nothing where no list does.

    The files named are looked for below ``base`` and beside it, for lists that begin with the data
    set's own folder. Raises `BenchError` for a row that is no pair, for two files that are not of
    one image, and for files that are not there.
    """
    splits: dict[Split, Listing[Files]] = {}
    for split, name in names.items():
        path = base / name
        if path.is_file():
            files = [_row(path, number, line, identify) for number, line in _rows(path)]
            directory = _directory_of(base, files)
            _require_files(path, directory, files)
            splits[split] = listing(directory, sorted(files), identify)
    return splits


def _rows(path: Path) -> list[tuple[int, str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"cannot read the list '{path}': {error}") from error
    return [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _row(path: Path, number: int, line: str, identify: Identify) -> Files:
    files = line.replace("\\", "/").split()
    if len(files) < 2:
        raise BenchError(
            f"'{path}', line {number}: expected a sharp and a blurred file, got '{line.strip()}'"
        )
    sharp, blurred = files[:2]
    if identify(sharp) != identify(blurred):
        raise BenchError(
            f"'{path}', line {number} pairs '{sharp}' with '{blurred}', which are of two images by "
            "their names; get the list again"
        )
    return blurred, sharp


def _directory_of(base: Path, files: Sequence[Files]) -> Path:
    beside = base.parent
    return beside if files and (beside / files[0][0]).is_file() else base


def _require_files(path: Path, directory: Path, files: Sequence[Files]) -> None:
    missing = [file for row in files for file in row if not (directory / file).is_file()]
    if missing:
        raise BenchError(
            f"'{path}' lists {2 * len(files)} files of which {len(missing)} are not in "
            f"'{directory}': {first_few(missing)}; unpack all of the data set"
        )
