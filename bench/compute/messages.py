"""What the two processes of a measurement say to each other: lines of JSON.

`bench.compute.processes` sends a `ProfileJob`; `bench.compute.child` answers with parts of a
`ProfileReport`, each when it is known. Standard library only: the child says when it imports more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.core.errors import BenchError
from bench.core.formats import from_json, to_json
from bench.records import Tile

ADVICE = "both sides must be of one version: install it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileJob:
    """What one process is to measure: see `bench.compute.profile.Conditions`.

    ``weights`` is a file, or None for random ones. ``count`` asks for what one process
    is enough for, `Counts` among it, and ``peak`` for the `Peak` of its device. ``started`` is
    the monotonic time at which the process was started, None for a copy (`bench.compute.copies`),
    which is no start, and ``splits`` the file descriptor on which it splits a stock of copies off.
    """

    spec: str
    weights: str | None
    height: int
    width: int
    batch: int
    device: str
    threads: int | None
    dtype: str
    passes: int
    seconds: float
    tile: Tile
    scale: int
    count: bool
    peak: bool = False
    started: float | None = None
    splits: int | None = None

    def to_line(self) -> str:
        """Return the job as a line of JSON, without its end."""
        return json.dumps(to_json(self))

    @classmethod
    def from_line(cls, line: str | bytes) -> ProfileJob:
        """Undo `to_line`. Raises `BenchError` for anything else."""
        return from_json(cls, _parsed(line, "the job"), "the job", ADVICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The passes of one process in milliseconds, and what disturbed them.

    ``passes_ms`` are GPU times between events on CUDA, wall times elsewhere; ``wall_ms`` are wall
    times with a synchronisation after each pass. ``switches`` are the involuntary context switches
    while timing, ``load`` the machine's load average of the last minute before it. ``system`` is
    the part of the process's processor time that the system took, and ``handed_out`` are the bytes
    of memory that it handed out in a pass, by page faults; None where that was not counted.
    """

    warm_up: int
    passes_ms: tuple[float, ...]
    wall_ms: tuple[float, ...]
    repeated: bool
    switches: int
    load: float
    system: float | None = None
    handed_out: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMemory:
    """Bytes of the GPU's allocator at the peak of one pass, in tensors and reserved for them."""

    allocated: int
    reserved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """What the GPU or the processor spent on so many passes in so many seconds."""

    joules: float
    passes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was counted and not measured: `bench.compute.operations.Operations` of the whole batch.

    ``weight_bytes`` are those of parameters and buffers as stored.
    """

    params: int
    macs: int
    elementwise: int
    activations: int
    uncovered: tuple[tuple[str, int], ...]
    weight_bytes: int
    traffic: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The most that a device does of products of matrices, in floating-point operations a second,
    and of copies, in bytes read and written a second; in the precision ``dtype``."""

    flops: float
    bytes_s: float
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileReport:
    """All that one process has told so far; what is None has not been measured.

    ``missing`` says by field why something was not; ``failed`` is the reason for an early end of
    everything. ``process_memory`` is in bytes, times are in seconds.
    """

    threads: int | None = None
    """Those that torch really uses."""
    imports_s: float | None = None
    load_s: float | None = None
    chosen_tile: int | None = None
    """The side of the tiles that it chose, 0 for the image as a whole."""
    first_pass_s: float | None = None
    process_memory: int | None = None
    latency: Timing | None = None
    device_memory: DeviceMemory | None = None
    energy: Energy | None = None
    busy_ms: float | None = None
    """The time that the GPU worked in a pass, by its own record of kernels."""
    peak: Peak | None = None
    files_per_s: float | None = None
    """Photographs a second from file to file: decoded, restored, encoded, one after another."""
    counts: Counts | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    failed: str | None = None
    done: bool = False

    @property
    def cold_start_s(self) -> float | None:
        """From the start of the process to the first restored image; None of a copy."""
        if self.imports_s is None or self.load_s is None or self.first_pass_s is None:
            return None
        return self.imports_s + self.load_s + self.first_pass_s

    def to_line(self) -> str:
        """Return what is told, and only that, as a line of JSON without its end."""
        nothing = to_json(ProfileReport())
        written = {key: value for key, value in to_json(self).items() if value != nothing[key]}
        return json.dumps(written)

    def with_line(self, line: str | bytes) -> ProfileReport:
        """Return the report with what another line tells. Raises `BenchError` for what is none."""
        known, part = to_json(self), _parsed(line, "a report")
        if isinstance(part.get("missing"), dict):
            part["missing"] = known["missing"] | part["missing"]
        return from_json(ProfileReport, known | part, "a report", ADVICE)


def _parsed(line: str | bytes, source: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise BenchError(f"{source} is no JSON ({error}); {ADVICE}") from None
    if not isinstance(found, dict):
        raise BenchError(f"{source} holds {found!r:.60}, expected an object; {ADVICE}")
    return found
