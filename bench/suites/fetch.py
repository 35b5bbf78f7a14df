"""Download, verify, resume, unpack."""

from __future__ import annotations

import errno
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError
from bench.core.files import locked
from bench.core.progress import Update, unheard
from bench.suites.transfer import BLOCK, Refused, discard, transfer
from bench.suites.unpack import tidy, unfinished, unpack

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that somebody publishes.

    ``sha256`` is the whole digest, or as many of its first hexadecimal digits as are published
    (PyTorch's file names carry eight), or None where nothing is: then the digest that was found can
    be asked for (`digest_found`) and pinned. ``bytes`` is the exact size, where known. A zip file
    with ``unpack`` is unpacked into the target folder and then deleted.
    """

    urls: tuple[str, ...]
    """Mirrors, tried in order."""
    file: str
    licence: str
    page: str
    """Where a person can read about it and download it by hand."""
    sha256: str | None = None
    bytes: int | None = None
    unpack: bool = False

    def __post_init__(self) -> None:
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-f]{8,64}", self.sha256):
            raise ValueError(f"sha256 {self.sha256!r}: expected 8 to 64 lower-case hex digits")
        if not self.urls or not all(url.startswith(("https://", "http://")) for url in self.urls):
            raise ValueError(f"expected http or https addresses, got {self.urls}")
        if Path(self.file).name != self.file:
            raise ValueError(f"expected a file name without folders, got {self.file!r}")


def fetch(
    download: Download,
    target: Path,
    progress: Update = unheard,
    *,
    attempts: int = 6,
    pause: float = 1.0,
) -> Path:
    """Bring ``download`` into the folder ``target``; return the file, or ``target`` if unpacked.

    What is there and verified is not fetched again, and a file that a person put there is verified
    and used. A broken connection is taken up where it broke, in this call (see
    `bench.suites.transfer.transfer`) and by the next one. The whole file's SHA-256 is checked
    before it gets its name. Raises `BenchError` for a wrong checksum, a full disk, a folder that
    holds other things than what is to be unpacked there, and when no address gives the file.
    """
    layout = _Layout(download, target)
    with _disk(target):
        target.mkdir(parents=True, exist_ok=True)
        with layout.locked():
            if layout.unpacked():
                layout.clear()
                return target
            if download.unpack:
                layout.require_empty()
            if not layout.holds_file(progress):
                _bring(download, layout, progress, attempts, pause)
            if not download.unpack:
                return layout.file
            names = unpack(layout.file, target, progress)
            layout.note(unpacked=names)
            layout.clear()
            return target


def digest_found(download: Download, target: Path) -> str | None:
    """Return the SHA-256 that `fetch` found, None if it fetched nothing into ``target``."""
    digest: str | None = _Layout(download, target).noted().get("sha256")
    return digest


def _verified(path: Path, report: Update) -> str:
    """Return the SHA-256 of a file of gigabytes, saying how far it is."""
    total, done, digest = path.stat().st_size, 0, hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            done += len(block)
            report("verify", done, total)
    return digest.hexdigest()


class _Layout:
    """Where a download goes, and what is noted there: its digest, and what was unpacked."""

    def __init__(self, download: Download, target: Path) -> None:
        self.download = download
        self.target = target
        self.file = target / download.file
        self.partial = target / f".{download.file}.part"
        self._notes = target / f".{download.file}.fetched.json"

    def noted(self) -> dict[str, Any]:
        try:
            found = json.loads(self._notes.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def note(self, **facts: Any) -> None:
        self._notes.write_text(json.dumps({**self.noted(), **facts}, indent=1) + "\n")

    def fits(self, digest: str) -> bool:
        return digest.startswith(self.download.sha256 or "")

    def unpacked(self) -> bool:
        """Whether this very file was unpacked here, and what came out is still there."""
        notes = self.noted()
        names = notes.get("unpacked", [])
        return (
            bool(names)
            and self.fits(notes.get("sha256", ""))
            and all((self.target / name).exists() for name in names)
        )

    def clear(self) -> None:
        """Remove the archive and what its unpacking left."""
        self.file.unlink(missing_ok=True)
        tidy(self.file, self.target)

    def holds_file(self, report: Update) -> bool:
        """Whether the verified file is here. A wrong one is moved out of the way."""
        if not self.file.exists():
            return False
        digest = _verified(self.file, report)
        if not self.fits(digest):
            self.file.replace(self.file.with_name(self.file.name + ".wrong"))
            return False
        self.note(sha256=digest)
        return True

    def require_empty(self) -> None:
        """Refuse early, before gigabytes come, to unpack beside something else."""
        if unfinished(self.file, self.target):
            return
        own = {self.file.name, self.file.name + ".wrong"}
        others = sorted(
            path.name
            for path in self.target.iterdir()
            if path.name not in own and not path.name.startswith(".")
        )
        if others:
            raise BenchError(
                f"'{self.target}' already holds {', '.join(others[:5])}; to fetch "
                f"{self.file.name} move that away, or give an empty folder with --out"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        busy = (
            f"another process is fetching {self.file.name} into '{self.target}'; wait for it or "
            "stop it"
        )
        with locked(self.target / f".{self.file.name}.lock", busy):
            yield


def _bring(
    download: Download, layout: _Layout, report: Update, attempts: int, pause: float
) -> None:
    """Transfer from the first address that gives the file, check it, and give it its name."""
    refusals = []
    for url in download.urls:
        try:
            transfer(
                url,
                layout.partial,
                report,
                checked_later=download.sha256 is not None,
                size=download.bytes,
                attempts=attempts,
                pause=pause,
            )
        except Refused as refusal:
            refusals.append(f"{url}: {refusal}")
            continue
        digest = _verified(layout.partial, report)
        if layout.fits(digest):
            layout.note(sha256=digest, url=url)
            layout.partial.replace(layout.file)
            discard(layout.partial)
            return
        discard(layout.partial)
        refusals.append(
            f"{url}: its SHA-256 is {digest} where {download.sha256} was expected; it was removed"
        )
    raise BenchError(
        f"could not fetch {download.file} ({'; '.join(refusals)}). Try the same command again, or "
        f"download it from {download.page} and put it at '{layout.file}'"
    )


@contextmanager
def _disk(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise BenchError(
            f"the disk of '{target}' is full ({error.strerror}); make room and run the same "
            "command again: it goes on where it stopped"
        ) from error
