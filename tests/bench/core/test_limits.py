"""How many cores and how much memory there are, where somebody grants less than the machine has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from bench.core.limits import ROOT, Groups, Memory, cores, memory, tell_torch

MEBI = 1024**2


def laid_out(root: Path, files: dict[str, str], membership: str) -> Groups:
    """Lay out control groups as the kernel shows them."""
    for name, text in files.items():
        (root / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "groups" / name).write_text(f"{text}\n")
    (root / "membership").write_text(membership)
    return Groups(root / "groups", root / "membership")


@pytest.mark.parametrize(
    ("files", "granted"),
    [
        ({}, None),
        ({"job/cpu.max": "250000 100000"}, 2.5),
        ({"job/cpu.max": "max 100000"}, None),
        ({"job/cpu.max": "max 100000", "cpu.max": "150000 100000"}, 1.5),  # of a group above
        ({"job/cpu.max": "100000 100000", "cpu.max": "400000 100000"}, 1.0),
        ({"job/cpu.max": "no number"}, None),
    ],
)
def test_cores_of_version_2(tmp_path: Path, files: dict[str, str], granted: float | None) -> None:
    assert laid_out(tmp_path, files, "0::/job\n").cores() == granted


@pytest.mark.parametrize(("quota", "granted"), [("150000", 1.5), ("-1", None), ("100000", 1.0)])
@pytest.mark.parametrize("place", ["cpu/docker/1f", "cpu"])  # as a host sees it, or a container
def test_cores_of_version_1(tmp_path: Path, quota: str, granted: float | None, place: str) -> None:
    files = {f"{place}/cpu.cfs_quota_us": quota, f"{place}/cpu.cfs_period_us": "100000"}
    membership = "5:cpu,cpuacct:/docker/1f\n2:memory:/docker/1f\n0::/\n"
    assert laid_out(tmp_path, files, membership).cores() == granted


def test_memory_of_both_versions_counts_what_the_kernel_may_forget_as_free(tmp_path: Path) -> None:
    second = {
        "job/memory.max": str(512 * MEBI),
        "job/memory.current": str(300 * MEBI),
        "job/memory.stat": f"anon 1\ninactive_file {100 * MEBI}",
        "memory.max": "max",
    }
    found = list(laid_out(tmp_path / "2", second, "0::/job\n").memory())
    assert found == [Memory(512 * MEBI, 312 * MEBI)]
    first = {
        "memory/job/memory.limit_in_bytes": str(64 * MEBI),
        "memory/job/memory.usage_in_bytes": str(80 * MEBI),  # for a moment
        "memory/job/memory.stat": "total_inactive_file 0",
    }
    found = list(laid_out(tmp_path / "1", first, "2:memory:/job\n").memory())
    assert found == [Memory(64 * MEBI, 0)]


def test_the_cores_are_those_that_a_process_may_run_on_not_all_of_the_machine() -> None:
    def on_one() -> int:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # of this thread alone
        return cores()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(on_one).result() == 1
    assert 1 <= cores() <= len(os.sched_getaffinity(0))
    assert 0 < memory().available <= memory().total <= psutil.virtual_memory().total


def test_who_said_how_many_threads_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.core.limits.usable_cores", lambda: 64)
    monkeypatch.setattr("bench.core.limits.granted_cores", lambda: 2.5)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    tell_torch()
    assert os.environ["OMP_NUM_THREADS"] == "5"
    monkeypatch.delenv("OMP_NUM_THREADS")
    tell_torch()
    assert os.environ["OMP_NUM_THREADS"] == "3"
    monkeypatch.setattr("bench.core.limits.granted_cores", lambda: None)
    monkeypatch.delenv("OMP_NUM_THREADS")
    tell_torch()
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.fixture
def groups() -> Iterator[list[Path]]:
    """Real control groups of one core's time and 2 GiB, below this process's own."""
    with ExitStack() as stack:
        try:
            yield [_made(name, limits, stack) for name, limits in LIMITS.items()]
        except OSError as error:
            pytest.skip(f"no control group can be made here: {error}")


LIMITS = {
    "cpu": {"cpu.cfs_quota_us": "100000", "cpu.max": "100000 100000"},
    "memory": {"memory.limit_in_bytes": str(2048 * MEBI), "memory.max": str(2048 * MEBI)},
}
"""By controller the files of the versions."""


def _made(controller: str, limits: dict[str, str], stack: ExitStack) -> Path:
    own, second = next(Groups().folders(controller), (ROOT, True))
    made = own / f"bench-test-{os.getpid()}-{controller}"
    made.mkdir()
    stack.callback(made.rmdir)
    for name, limit in limits.items():
        if (made / name).exists():
            (made / name).write_text(limit)
            return made
    raise OSError(f"'{own}' controls no {controller} (version {1 + second})")


def test_a_command_in_a_container_works_with_what_that_grants(groups: list[Path]) -> None:
    def join() -> None:
        for group in groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "doctor", "--json"],
        preexec_fn=join,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)["environment"]
    assert told["cpu"]["cgroup_cores"] == 1.0
    assert told["threads"]["torch"] == 1
    assert told["memory_mb"] == round(2048 * MEBI / 1e6)
