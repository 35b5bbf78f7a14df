"""Files in a folder or in an LMDB, under paths of one kind: ``blur_crops.lmdb/GOPR0374-01.png``.

BasicSR and its descendants keep data sets as LMDB: encoded images by name, and ``meta_info.txt``
with a line ``name.png (h,w,c) level`` for each.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import BenchError

if TYPE_CHECKING:
    from lmdb import Environment

SUFFIX = ".lmdb"
_META = "meta_info.txt"
_DATA = "data.mdb"
_ONE_AT_A_TIME = threading.Lock()


def read_bytes(path: Path) -> bytes:
    """Return what a file, or an entry of an LMDB, holds. Raises OSError as for a file."""
    home = lmdb_of(path)
    if home is None:
        return path.read_bytes()
    name = path.relative_to(home).as_posix()
    with _opened(home.absolute()).begin(buffers=False) as reader:
        for key in (name.rpartition(".")[0], name):
            found: bytes | None = reader.get(key.encode())
            if found is not None:
                return found
    raise FileNotFoundError(2, "No such entry in the LMDB", str(path))


def state_of(path: Path) -> str:
    """Return what changes whenever a file does, or the LMDB that it is in. Raises OSError."""
    home = lmdb_of(path)
    found = path.stat() if home is None else (home / _DATA).stat()
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def lmdb_of(path: Path) -> Path | None:
    """Return the LMDB that a path leads into, None for a path of a file."""
    if SUFFIX not in str(path):
        return None
    return next((above for above in path.parents if is_lmdb(above)), None)


def is_lmdb(folder: Path) -> bool:
    """Say whether a folder is an LMDB."""
    return folder.suffix.lower() == SUFFIX and (folder / _DATA).is_file()


def names_in(folder: Path) -> list[str]:
    """Return the names of the images in an LMDB, with a suffix, in order.

    Raises `BenchError` for one that cannot be opened.
    """
    listed = folder / _META
    if listed.is_file():
        lines = listed.read_text(encoding="utf-8-sig").splitlines()
        return sorted(line.rpartition(" (")[0] or line.split()[0] for line in lines if line.strip())
    with _opened(folder.absolute()).begin() as reader:
        keys = sorted(bytes(key).decode() for key, _ in reader.cursor())
    return [key if "." in key.rpartition("/")[2] else f"{key}.png" for key in keys]


def _opened(folder: Path) -> Environment:
    with _ONE_AT_A_TIME:  # a process may open an LMDB once only
        return _open_once(folder)


@cache
def _open_once(folder: Path) -> Environment:
    import lmdb

    try:
        return lmdb.open(str(folder), readonly=True, lock=False, readahead=False, meminit=False)
    except lmdb.Error as error:
        raise BenchError(
            f"'{folder}' is no LMDB that can be read ({error}); get it again"
        ) from None
