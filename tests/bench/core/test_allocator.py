"""Memory that is kept: seen by the pages that the system hands out, in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.core import allocator
from bench.core.allocator import ENVIRONMENT
from tests.support.commands import called, typed

PASSES = """
import json, resource, threading
import torch
from bench.core.allocator import give_back, keep_memory

SIZE = 48 << 20

def passes():
    'What a network does with memory; return the pages handed out the last of several times.'
    for _ in range(6):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        held = torch.ones(SIZE // 4)
        for _ in range(8):
            held = held + 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def in_a_thread():
    found = []
    one = threading.Thread(target=lambda: found.append(passes()))
    one.start()
    one.join()
    return found[0]

def resident():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * resource.getpagesize()

found = {'plain': passes(), 'told': keep_memory(), 'kept': passes(), 'thread': in_a_thread()}
held = resident()
give_back()
print(json.dumps({**found, 'given back': held - resident()}))
"""
BLOCK = 48 << 20
here = pytest.mark.skipif(
    not allocator.possible(), reason="malloc is not glibc's, or was told already"
)


@here
def test_few_pages_are_handed_out_again_in_any_thread_and_what_is_kept_can_be_given_back() -> None:
    ran = subprocess.run([sys.executable, "-c", PASSES], capture_output=True, check=True)
    found = json.loads(ran.stdout)
    assert found["told"]
    assert found["plain"] * resource.getpagesize() > 8 * BLOCK  # each of nine, but for huge pages
    assert found["kept"] < found["plain"] / 4  # free pieces may lie where none fits
    assert found["thread"] < found["plain"] / 4
    assert found["given back"] > BLOCK


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[int, int]]:
    """What malloc would have been told."""
    found: list[Mapping[int, int]] = []
    monkeypatch.setattr(allocator, "_tell", found.append)
    return found


@here
def test_commands_that_restore_keep_memory(
    told: list[Mapping[int, int]], folder_suite: Path, tmp_path: Path
) -> None:
    image = folder_suite / "input" / "scene0.png"
    called(*typed("restore unsharp"), image, "--out", tmp_path / "restored")
    assert told == [allocator._KEPT]
    called(
        *typed("run --suite folder --data"), folder_suite,
        *typed("--models input --metrics psnr --profile none --limit 2 --out"), tmp_path / "run",
    )  # fmt: skip
    assert told == 2 * [allocator._KEPT]
    called("profile", "--quantities")
    assert told == 2 * [allocator._KEPT]


@here
@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_who_told_malloc_by_the_environment_is_obeyed(
    variable: str, told: list[Mapping[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    assert not allocator.keep_memory()
    assert told == []


def test_elsewhere_nothing_is_told(
    told: list[Mapping[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    assert not allocator.keep_memory()
    allocator.give_back()
    assert told == []
