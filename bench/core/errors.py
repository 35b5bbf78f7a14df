"""What can go wrong, as the user is told it. Standard library only."""

from __future__ import annotations

import errno
import os
import re


class BenchError(Exception):
    """Something the user can put right. The message says what was got, expected, and what to do."""


class Unscorable(Exception):
    """A metric has no value for this image; the text, the reason, becomes ``Score.reason``."""


class NotApplicable(Exception):
    """A model cannot restore this image (no PSF, no output in the folder); the text says why."""


def message_of(error: BaseException) -> str:
    """Return an error in one line, with its kind unless the text is ours."""
    if isinstance(error, OSError) and (fault := disk_fault(error)):
        return fault
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, BenchError) else f"{type(error).__name__}: {text}"[:500]


def disk_fault(error: OSError) -> str | None:
    """Say what is wrong with a file or a folder, and what to do; None: it is something else."""
    named, number = error.filename2 or error.filename, error.errno or 0
    what_to_do = _DISK_FAULTS.get(number)
    if what_to_do is None:
        return None
    if isinstance(named, str | bytes | os.PathLike):
        path = _PARTIAL.sub(r"\1", os.fsdecode(named))
        what = f"use '{path}'"
    elif number in _FULL:  # a write fails without a name
        what = "write"
    else:
        return None
    return f"cannot {what} ({os.strerror(number).lower()}); {what_to_do}"


_PARTIAL = re.compile(r"\.([^/\\]+)\.\d+\.part$")
"""A file that is being written: `bench.core.files.replacing`."""
_AGAIN = "then give the same command again: what is finished is kept"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DISK_FAULTS = {
    errno.EFBIG: f"the file would be larger than may be: raise that limit, {_AGAIN}",
    errno.ENOSPC: f"make room on that disk, {_AGAIN}",
    errno.EDQUOT: f"make room on that disk, {_AGAIN}",
    errno.EACCES: "get the right to read and write there, or name another place",
    errno.EPERM: "get the right to read and write there, or name another place",
    errno.EROFS: "nothing can be written there: name another place",
    errno.ENOENT: "there is no such file or folder, and none can be made: check the path",
    errno.EEXIST: "a file stands where a folder is expected: name another place",
    errno.ENOTDIR: "a file stands where a folder is expected: name another place",
    errno.EISDIR: "a folder stands where a file is expected: name another place",
    errno.ELOOP: "its symbolic links lead in a circle: remove one",
    errno.ENAMETOOLONG: "the name is too long for that disk: shorten it",
    errno.EIO: f"that disk cannot be read or written: look after it, {_AGAIN}",
}
