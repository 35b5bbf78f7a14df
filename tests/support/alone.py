"""What a command takes, measured from a small process.

Linux counts the memory of the process that starts another as the other's own, until that takes
more.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

STARTER = """
import json, resource, subprocess, sys, time
begun = time.perf_counter()
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - begun
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([status, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Exit status, seconds by the clock and of the processor, and the largest resident set, MB."""

    status: int
    seconds: float
    processor: float
    megabytes: float


def taken_by(command: list[str]) -> Taken:
    """Run a command, which prints to standard error alone, and return what it took."""
    starter = [sys.executable, "-I", "-c", STARTER, *command]
    return Taken(*json.loads(subprocess.run(starter, check=True, stdout=subprocess.PIPE).stdout))
