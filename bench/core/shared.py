"""Results that a team shares: a folder of any file system that fsspec knows, such as S3.

Where the root of results is an address (``s3://bucket/folder``), work is done in a folder of this
machine, the cache, with the crash-safe writes of any other, and a run is published from there:
pictures and tables first, then cells, and run.json last. So a reader finds all that a record names.
Whoever writes to a run holds its lock, an object that says who and since when, and says so again
every few seconds; one that has not been heard of for `SILENCE` seconds has let go.

Every function does nothing where the root of results is a folder, and for runs elsewhere. Raises
`BenchError` where the store cannot be reached; what is in the cache is kept then.
"""

from __future__ import annotations

import datetime
import getpass
import json
import os
import shutil
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from bench.core.errors import BenchError
from bench.core.extras import extra
from bench.core.files import write_atomic
from bench.core.layout import OTHERS, results, shared_address

RECORD, LOCK, KNOWN = "run.json", ".lock.json", ".published.json"
WRITER = ".writer"
"""Which cache wrote to a run last: what differs there is then no other machine's."""
EVERY = 5.0
"""Seconds between publications of a run that is at work; its lock is renewed as often."""
SILENCE = 120.0
"""Seconds after which a lock whose holder is not heard of is free."""

_S3 = {
    "config_kwargs": {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 2}},
    "use_listings_cache": False,
}


class _Store:
    """The file system behind an address, and the folder in it."""

    def __init__(self, address: str) -> None:
        import fsspec

        self.address = address
        kind = address.partition("://")[0]
        try:
            self.files, self.root = fsspec.core.url_to_fs(address, **(_S3 if kind == "s3" else {}))
        except ImportError as error:
            how = extra("s3") if kind == "s3" else str(error)
            raise BenchError(f"--results {address} needs a package: {how}") from error
        except ValueError as error:
            raise BenchError(f"--results {address}: {error}") from error

    @contextmanager
    def told(self) -> Iterator[None]:
        """Make one line of whatever a file system raises: each has errors of its own."""
        try:
            yield
        except BenchError:
            raise
        except Exception as error:
            words = " ".join(str(error).split()) or type(error).__name__
            raise BenchError(
                f"cannot use the results at '{self.address}': {words[:300]}; check the address, "
                f"the credentials and the network. What is here is kept in '{results()}'"
            ) from error

    def at(self, path: Path) -> str:
        """Return where a path of the cache lies in the store."""
        return f"{self.root.rstrip('/')}/{path.relative_to(results()).as_posix()}"

    def listed(self, path: Path) -> dict[str, str]:
        """Return the files of a run by their path in it, and what tells this content of each."""
        where = self.at(path)
        self.files.invalidate_cache()
        try:
            found = self.files.find(where, detail=True)
        except FileNotFoundError:
            return {}
        return {
            name: _version(info)
            for full, info in found.items()
            if (name := full[len(where) :].lstrip("/")) and not _is_hidden(name)
        }

    def read(self, where: str) -> bytes | None:
        """Return an object's content; None where there is none."""
        self.files.invalidate_cache()
        try:
            found: bytes = self.files.cat_file(where)
        except FileNotFoundError:
            return None
        return found

    def put(self, where: str, data: bytes) -> None:
        """Write an object whole or not at all."""
        if "file" not in _protocols(self.files):
            self.files.pipe_file(where, data)
            return
        write_atomic(Path(where), data)  # of a plain folder, pipe_file would show half of it


@cache
def _store(address: str) -> _Store:
    return _Store(address)


def _of(path: Path) -> _Store | None:
    """Return the store that a run's folder is published to, if any."""
    address = shared_address()
    if address is None or not path.absolute().is_relative_to(results().absolute()):
        return None
    return _store(address)


# --- reading --------------------------------------------------------------------------------------


def located(name: str) -> Path:
    """Return the folder that a name means: an address within the shared results is in the cache."""
    address = shared_address()
    if address and name.startswith(f"{address}/"):
        return results() / name.removeprefix(f"{address}/")
    return Path(name)


def fetch_records() -> None:
    """Bring every run's record into the cache, and let those go that are no more."""
    address = shared_address()
    if address is None:
        return
    store = _store(address)
    with store.told():
        store.files.invalidate_cache()
        kind = address.partition("://")[0]
        found = store.files.glob(f"{store.root.rstrip('/')}/*/*/{RECORD}", detail=True)
        if not found and kind in ("s3", "gs", "az"):
            store.files.ls(store.root.partition("/")[0])  # raises where there is no such bucket
        there = set()
        for full, info in found.items():
            name = full[len(store.root.rstrip("/")) :].lstrip("/")
            path = results() / name
            there.add(path)
            if path.parent.parent.name not in OTHERS and not _is_ahead(path.parent):
                known = _known(path.parent)
                version = _version(info)
                if known.get(RECORD) != [version, _state(path)]:
                    write_atomic(path, store.files.cat_file(full))
                    known[RECORD] = [version, _state(path)]
                    _remember(path.parent, known)
    for path in results().glob(f"*/*/{RECORD}"):
        if path not in there and (path.parent / KNOWN).exists() and not _is_ahead(path.parent):
            shutil.rmtree(path.parent)  # somebody has removed it


def megabytes(path: Path) -> float | None:
    """Return how much a run takes in the store; None for a run that is in none."""
    store = _of(path)
    if store is None:
        return None
    with store.told():
        return round(int(store.files.du(store.at(path))) / 1e6, 1)


def fetch(path: Path) -> None:
    """Bring a run into the cache as it is in the store.

    What this machine has finished since and has not published is kept, unless another machine
    has gone on with the run.
    """
    store = _of(path)
    if store is None:
        return
    with store.told():
        there, known = store.listed(path), _known(path)
        mine = store.read(f"{store.at(path)}/{WRITER}") == _this_cache()
        changed = {name for name, version in there.items() if known.get(name, [""])[0] != version}
        for name, version in there.items():
            local = path / name
            same = name not in changed and _state(local) == known[name][1]
            ahead = mine or not changed
            if same or (ahead and local.is_file()) or (mine and name in known):
                continue
            write_atomic(local, store.files.cat_file(f"{store.at(path)}/{name}"))
            known[name] = [version, _state(local)]
        for name in [name for name in known if name not in there and not mine]:
            (path / name).unlink(missing_ok=True)
            known.pop(name)
        if there:
            _remember(path, known)


# --- writing --------------------------------------------------------------------------------------


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Hold a run of the store for one writer, and publish what is written until the end of it.

    Raises `BenchError` where another holds it, and where the end could not be published.
    """
    store = _of(path)
    if store is None:
        yield
        return
    lock = _Lock(store, path)
    with store.told():
        lock.take()
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(EVERY):
            with suppress(BenchError):  # told at the end, if it is so then
                lock.renew()
                publish(path)

    behind = threading.Thread(target=go_on, name="publish", daemon=True)
    try:
        fetch(path)
        with store.told():
            store.put(f"{store.at(path)}/{WRITER}", _this_cache())
        behind.start()
        yield
    except BaseException:
        over.set()
        with suppress(BenchError, RuntimeError):
            behind.join()
            lock.renew()
            publish(path)
        with suppress(BenchError):
            lock.release()
        raise
    over.set()
    behind.join()
    try:
        lock.renew()
        publish(path)
    finally:
        with suppress(BenchError):  # else it is free once it has been silent
            lock.release()


def publish(path: Path) -> None:
    """Bring to the store what has changed here: the record last, then let go what is no more."""
    store = _of(path)
    if store is None or not path.is_dir():
        return
    # read first, so that what they name is there to be published; their states before that, so that
    # what is appended meanwhile is published the next time
    named = [*path.glob("cells/*.jsonl")]
    if (path / "images.csv").is_file() and (path / RECORD).is_file():
        named.append(path / RECORD)
    states = {file.relative_to(path).as_posix(): _state(file) for file in reversed(named)}
    last = {name: (path / name).read_bytes() for name in states}  # the record, then cells
    known = _known(path)
    with store.told():
        where = store.at(path)
        here = {
            name: _state(file)
            for file in sorted(path.rglob("*"))
            if file.is_file() and not _is_hidden(name := file.relative_to(path).as_posix())
        }
        first = [name for name in here if name not in states and name != RECORD]
        here |= states
        written: dict[str, str] = {}
        for name in [*first, *reversed(states)]:
            if known.get(name, ["", ""])[1] != here[name]:
                with suppress(FileNotFoundError):  # it was only for a moment
                    content = last[name] if name in last else (path / name).read_bytes()
                    store.put(f"{where}/{name}", content)
                    written[name] = here[name]
        gone = [name for name in known if name not in here]
        for name in gone:
            with suppress(FileNotFoundError):
                store.files.rm_file(f"{where}/{name}")
        if written or gone:
            there = store.listed(path)
            known = {name: known[name] for name in known if name in here}
            known |= {name: [there.get(name, ""), state] for name, state in written.items()}
            _remember(path, known)


def forget(path: Path) -> None:
    """Remove a run from the store, its record first."""
    store = _of(path)
    if store is None:
        return
    with store.told():
        names = sorted(store.listed(path), key=lambda name: name != RECORD)
        for name in names:
            store.files.rm_file(f"{store.at(path)}/{name}")
        with suppress(FileNotFoundError):
            store.files.rm_file(f"{store.at(path)}/{WRITER}")


class _Lock:
    """The lock of one run: an object that is made only where there is none."""

    def __init__(self, store: _Store, path: Path) -> None:
        self._store, self._path = store, path
        self._where = f"{store.at(path)}/{LOCK}"
        self._mine = uuid.uuid4().hex
        self._since = _now().isoformat(timespec="seconds")

    def take(self) -> None:
        """Take it. Raises `BenchError` that says who holds it."""
        for _ in range(3):
            if self._made():
                return
            held = self._read()
            if held and _is_held(held):
                raise BenchError(
                    f"'{self._path.relative_to(results())}' at '{self._store.address}' is being "
                    f"written by {held['owner']} since {held['since']} (last heard of at "
                    f"{held['heard']}); wait for it, or stop it: {SILENCE:g} s later it is free"
                )
            with suppress(FileNotFoundError):
                self._store.files.rm_file(self._where)
        raise BenchError(f"another machine has just begun to write to '{self._path}'")

    def _made(self) -> bool:
        try:
            if "file" in _protocols(self._store.files):
                Path(self._where).parent.mkdir(parents=True, exist_ok=True)
                with Path(self._where).open("xb") as file:
                    file.write(self._content())
            else:
                self._store.files.pipe_file(self._where, self._content(), mode="create")
        except FileExistsError:
            return False
        except OSError as error:
            if "precondition" in str(error).lower():
                return False
            raise
        return True

    def _content(self) -> bytes:
        held = {
            "id": self._mine,
            "owner": f"{getpass.getuser()} on {socket.gethostname()}, process {os.getpid()}",
            "host": socket.gethostname(),
            "process": os.getpid(),
            "since": self._since,
            "heard": _now().isoformat(timespec="seconds"),
        }
        return json.dumps(held).encode()

    def _read(self) -> dict[str, Any] | None:
        content = self._store.read(self._where)
        try:
            found: dict[str, Any] | None = json.loads(content or b"null")
        except ValueError:
            return None
        return found

    def renew(self) -> None:
        """Say that it is still held. Raises `BenchError` where another has taken it meanwhile."""
        with self._store.told():
            held = self._read()
            if held and held["id"] != self._mine:
                raise BenchError(
                    f"'{self._path}' was taken over by {held['owner']}, who had not heard of this "
                    "process for long; what was finished here is not published"
                )
            self._store.put(self._where, self._content())

    def release(self) -> None:
        """Let it go."""
        with self._store.told():
            held = self._read()
            if held and held["id"] == self._mine:
                self._store.files.rm_file(self._where)


def _is_held(held: dict[str, Any]) -> bool:
    if held["host"] == socket.gethostname() and not psutil.pid_exists(held["process"]):
        return False
    silent = _now() - datetime.datetime.fromisoformat(held["heard"])
    return silent.total_seconds() < SILENCE


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


# --- what is known of a run here and there --------------------------------------------------------


def _this_cache() -> bytes:
    """Return what tells this machine's cache from others."""
    file = results() / ".cache-id"
    if not file.is_file():
        write_atomic(file, uuid.uuid4().hex.encode())
    return file.read_bytes()


def _known(path: Path) -> dict[str, list[str]]:
    """Return by file what was published or fetched last: its version there, its state here."""
    try:
        found: dict[str, list[str]] = json.loads((path / KNOWN).read_text())
    except (OSError, ValueError):
        return {}
    return found


def _remember(path: Path, known: dict[str, list[str]]) -> None:
    write_atomic(path / KNOWN, json.dumps(known).encode())


def _is_ahead(path: Path) -> bool:
    """Say whether something was finished here that was not published."""
    known = _known(path)
    files = [path / RECORD, path / "scores.csv", *path.glob("cells/*.jsonl")]
    return any(
        file.is_file() and known.get(file.relative_to(path).as_posix(), ["", ""])[1] != _state(file)
        for file in files
    ) and bool(known)


def _state(path: Path) -> str:
    try:
        found = path.stat()
    except FileNotFoundError:
        return ""
    return f"{found.st_mtime_ns} {found.st_size}"


def _version(info: dict[str, Any]) -> str:
    keys = ("ETag", "etag", "md5", "mtime", "LastModified", "created")
    told = next((str(info[key]) for key in keys if info.get(key)), "")
    return f"{told} {info.get('size')}"


def _is_hidden(name: str) -> bool:
    """Say whether a path is of locks, half-written files and what only this machine knows."""
    return any(part.startswith(".") for part in name.split("/"))


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)
