"""Peak resident memory of this process, kept by the kernel: no polling, no overhead."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def reset_peak() -> bool:
    """Set the peak to what is resident now; False where the kernel does not permit it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return True
    return False


def resident() -> int:
    """Return the bytes that are resident now."""
    import psutil

    return psutil.Process().memory_info().rss


def peak_resident() -> int:
    """Return the most bytes that have been resident since the start, or since `reset_peak`."""
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def page_faults() -> int | None:
    """Return how many pages the system has handed out to this process; None where nobody counts."""
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


Pages = list[tuple[int, int]]
"""Address and bytes of parts of this process's memory."""
_PAGEMAP, _MEMORY = Path("/proc/self/pagemap"), Path("/proc/self/mem")


def pages_known() -> bool:
    """Whether `mapped_pages` and `touch` work here."""
    return os.access(_PAGEMAP, os.R_OK) and os.access(_MEMORY, os.R_OK)


def mapped_pages() -> Pages:
    """Return what this process has in its memory of files, as of its libraries."""
    import numpy as np

    page = os.sysconf("SC_PAGE_SIZE")
    found: Pages = []
    with _PAGEMAP.open("rb", buffering=0) as table:
        for line in Path("/proc/self/maps").read_text().splitlines():
            addresses, rights, _, _, file, *_ = line.split(maxsplit=5)
            if file == "0" or rights[0] != "r":
                continue
            begin, end = (int(address, 16) // page for address in addresses.split("-"))
            table.seek(8 * begin)
            entries = np.frombuffer(table.read(8 * (end - begin)), "<u8")
            here = np.concatenate(([0], entries >> np.uint64(63), [0])).astype(np.int8)
            edges = np.flatnonzero(np.diff(here)).reshape(-1, 2)
            found += [(page * (begin + int(a)), page * int(b - a)) for a, b in edges]
    return found


def touch(pages: Pages) -> None:
    """Have ``pages`` in this process's memory, as they are in that which it was forked from.

    A fork gets pages of files only where it looks, which would count as memory that a model takes.
    """
    with _MEMORY.open("rb", buffering=0) as memory:
        for address, size in pages:
            for at in range(0, size, 1 << 16):
                memory.seek(address + at)
                memory.read(min(1 << 16, size - at))
