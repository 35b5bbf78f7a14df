"""How much of the machine this process may use: a scheduler or a container may grant it less.

On Linux limits are those of control groups, of either version: of the group that the process is in
and of all above it. In a container its own group may lie at the root of what it sees.
See https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT, MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
TORCH_THREADS = "OMP_NUM_THREADS"
"""The variable by which torch, when it is imported, is told how many threads to compute with."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of memory: what there is for this process and its like, and what is free of it."""

    total: int
    available: int


@dataclass(frozen=True, slots=True)
class Groups:
    """The control groups of this process, as files show them."""

    root: Path = ROOT
    membership: Path = MEMBERSHIP

    def folders(self, controller: str) -> Iterator[tuple[Path, bool]]:
        """Yield the folder of each group that limits this process, and whether of version 2."""
        lines: list[str] = []
        with suppress(OSError):
            lines = self.membership.read_text().splitlines()
        for line in lines:  # "0::/path", or "4:cpu,cpuacct:/path" in version 1
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            top = self.root / controller if controllers else self.root
            group = top / path.lstrip("/")
            for folder in (group, *group.parents):
                yield folder, not controllers
                if folder == top:
                    break

    def cores(self) -> float | None:
        """Return how many cores' time is granted, None without a limit."""
        found = []
        for folder, second in self.folders("cpu"):
            with suppress(OSError, ValueError):  # "max" of version 2, too
                if second:
                    quota, period = map(int, (folder / "cpu.max").read_text().split())
                else:
                    names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
                    quota, period = (int((folder / name).read_text()) for name in names)
                if quota > 0:
                    found.append(quota / period)
        return min(found, default=None)

    def memory(self) -> Iterator[Memory]:
        """Yield what each limit leaves; files that the kernel may forget count as free."""
        for folder, second in self.folders("memory"):
            names = (
                ("memory.max", "memory.current", "inactive_file")
                if second
                else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            )
            with suppress(OSError, ValueError, KeyError):
                limit, used = (int((folder / name).read_text()) for name in names[:2])
                rows = (folder / "memory.stat").read_text().splitlines()
                held = used - int(dict(row.split() for row in rows)[names[2]])
                yield Memory(limit, max(0, limit - held))


def cores() -> int:
    """Return how many cores this process may use: a cluster's job has few of a machine's."""
    granted = granted_cores()
    usable = usable_cores()
    return usable if granted is None else min(usable, math.ceil(granted))


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def granted_cores() -> float | None:
    """Return how many cores' time a control group grants, None where there is no limit."""
    return Groups().cores()


def memory() -> Memory:
    """Return the memory of the machine, or the part of it that a control group grants."""
    import psutil

    machine = psutil.virtual_memory()
    limits = [Memory(machine.total, machine.available), *Groups().memory()]
    return Memory(min(m.total for m in limits), min(m.available for m in limits))


def tell_torch() -> None:
    """Have torch, once imported here or in processes to come, use no more threads than `cores`.

    Torch itself looks at the cores that it may run on alone, and a container of two cores' time on
    a machine of 64 would wait for 64 threads that take turns. Who set the variable, is obeyed.
    """
    if cores() < usable_cores():
        os.environ.setdefault(TORCH_THREADS, str(cores()))
