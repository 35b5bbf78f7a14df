"""One address served by two processes: each answers, and they end together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from raters.database.store import Store
from raters.studies.creation import StudyOptions, create_study
from raters.web.processes import suitable
from tests.support.studies import small_run

PATIENT = 60
"""Seconds for whatever should be at once, where others are at work."""


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    url = f"sqlite:///{tmp_path}/studies.db"
    store = Store(url)
    create_study(store, small_run(tmp_path / "run").path, StudyOptions("small", crop=64))
    store.close()
    command = [sys.executable, "-m", "bench", "rate", "serve", "--port", "0", "--processes", "2"]
    with subprocess.Popen(
        [*command, "--db", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as a terminal gives it: Ctrl-C is for all
    ) as process:
        yield process
        process.kill()


def second(process: subprocess.Popen[str]) -> tuple[str, psutil.Process]:
    """Return the address and the other process that serves it."""
    assert process.stdout is not None
    said = next(line for line in process.stdout if line.startswith("serving at "))
    serves = [
        child
        for child in psutil.Process(process.pid).children()
        if "resource_tracker" not in " ".join(child.cmdline())
    ]
    assert len(serves) == 1
    return said.split()[2].rstrip(";"), serves[0]


def test_either_answers_and_ctrl_c_ends_both(serving: subprocess.Popen[str]) -> None:
    address, other = second(serving)
    for asleep in (serving.pid, other.pid):
        psutil.Process(asleep).suspend()
        try:
            for _ in range(3):  # each a connection of its own
                page = httpx.get(f"{address}/favicon.ico", timeout=PATIENT)
                assert page.status_code == 204
        finally:
            psutil.Process(asleep).resume()
    os.killpg(serving.pid, signal.SIGINT)
    _, said = serving.communicate(timeout=PATIENT)
    assert (serving.returncode, said) == (130, "")
    assert not other.is_running()


@pytest.mark.slow
def test_the_other_ends_when_the_first_is_killed(serving: subprocess.Popen[str]) -> None:
    _, other = second(serving)
    serving.kill()
    assert psutil.wait_procs([other], timeout=PATIENT)[1] == []


def test_only_a_database_that_many_may_write_to_is_served_by_two() -> None:
    assert suitable("sqlite") == 1
    assert suitable("postgresql") == min(2, len(os.sched_getaffinity(0)))
