"""Bring one file over HTTP, taking up a broken transfer where it broke. Standard library only."""

from __future__ import annotations

import errno
import http.client
import json
import re
import shutil
import time
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import IO, Any

from bench.core.progress import Update

BLOCK = 1 << 20
_TIMEOUT = 30.0
_BUSY = (408, 425, 429)


class Refused(Exception):
    """This address does not give the file; the text says why."""


class _Broken(Exception):
    """The connection broke, or the server was busy: ask again."""


def transfer(
    url: str,
    partial: Path,
    report: Update,
    *,
    checked_later: bool,
    size: int | None,
    attempts: int,
    pause: float,
) -> None:
    """Bring the whole of ``url`` into the file ``partial``, whatever of it is there already.

    A part is continued if the server can say that its file is still the same, or if the whole will
    be ``checked_later`` by its checksum; otherwise it is begun anew. Waits ``pause`` seconds before
    asking again, doubled each time. Raises `Refused` for a final answer, for another ``size`` than
    expected and after ``attempts`` in a row that brought nothing; OSError for a full disk.
    """
    fruitless = 0
    while True:
        before = size_of(partial)
        try:
            _receive(url, partial, report, checked_later, size)
            return
        except _Broken as reason:
            # beginning anew may leave less than before: only growth counts
            fruitless = 0 if size_of(partial) > before else fruitless + 1
            if fruitless >= attempts:
                raise Refused(f"{reason}; gave up after {attempts} attempts") from None
            time.sleep(min(60.0, pause * 2**fruitless))


def discard(partial: Path) -> None:
    """Forget what was transferred."""
    partial.unlink(missing_ok=True)
    _note(partial).unlink(missing_ok=True)


def size_of(path: Path) -> int:
    """Return a file's size in bytes, 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def _receive(
    url: str, partial: Path, report: Update, checked_later: bool, size: int | None
) -> None:
    """Ask once for what is still missing and append it."""
    have, validator = size_of(partial), _noted(partial)
    start = have if validator or checked_later else 0
    headers = {"User-Agent": "restoration-bench", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator:
            headers["If-Range"] = validator
    try:
        response = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=_TIMEOUT
        )
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{start}":
            return  # everything is here
        if error.code == 416:
            discard(partial)
        if error.code in (416, *_BUSY) or error.code >= 500:
            raise _Broken(f"HTTP {error.code} {error.reason}") from None
        raise Refused(f"HTTP {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(str(getattr(error, "reason", "") or error)) from None
    except ValueError as error:
        raise Refused(f"it leads to an address that is none ({error})") from None
    with response:
        offset, total = _offset_and_total(response, start)
        if total is not None:
            if size is not None and total != size:
                raise Refused(f"it offers {total} bytes where {size} were expected")
            _require_room(partial, total - offset)
        _note(partial).write_text(json.dumps({"validator": _validator(response.headers)}))
        with partial.open("r+b" if partial.exists() else "w+b") as file:
            file.seek(offset)
            file.truncate()
            _copy(response, file, offset, total, report)


def _offset_and_total(response: Any, asked: int) -> tuple[int, int | None]:
    """Return where the answer begins in the file and how long the whole file is."""
    if response.status != 206:  # the server ignores ranges, or has another file by now
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if re.fullmatch(r"[0-9]+", length) else None
    text = response.headers.get("Content-Range", "")
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", text)
    if not found or int(found[1]) != asked:
        raise Refused(f"asked for the bytes from {asked} on, it answered '{text}'")
    return asked, None if found[2] == "*" else int(found[2])


def _copy(response: Any, file: IO[bytes], offset: int, total: int | None, report: Update) -> None:
    done = offset
    while block := _read(response):
        file.write(block)
        done += len(block)
        report("download", done, total or 0)
    if total is not None and done < total:
        raise _Broken(f"the connection ended after {done} of {total} bytes")


def _read(response: Any) -> bytes:
    """Read a block. Apart from writing: here an OSError is the network's, there the disk's."""
    try:
        return bytes(response.read(BLOCK))
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(f"{type(error).__name__}: {error}") from None


def _require_room(partial: Path, needed: int) -> None:
    free = shutil.disk_usage(partial.parent).free
    if needed > free:
        raise OSError(errno.ENOSPC, f"{needed} bytes needed, {free} free")


def _validator(headers: Message) -> str | None:
    """Return what If-Range takes: a strong ETag, or the date."""
    etag = headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")


def _note(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


def _noted(partial: Path) -> str | None:
    try:
        validator = json.loads(_note(partial).read_text())["validator"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return validator if isinstance(validator, str) else None
