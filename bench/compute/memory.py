"""Peak resident memory of this process, kept by the kernel: no polling, no overhead."""

from __future__ import annotations

import contextlib
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
