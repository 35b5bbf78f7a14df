"""What a command is started in: no home, another language, no terminal, a reader that leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Bench
from tests.support.commands import typed


def test_without_a_home_in_the_locale_c_and_without_colours_it_says_the_same(bench: Bench) -> None:
    without = dict.fromkeys(("HOME", "XDG_CACHE_HOME"), "")
    asked = ("models", "nafnet-gopro-w32")
    plain = bench(*asked)
    ascii_only = bench(*asked, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", **without)
    assert ascii_only.returncode == plain.returncode == 0, ascii_only.stderr
    assert "×" in plain.stdout
    assert ascii_only.stdout == plain.stdout.encode("ascii", "replace").decode()
    bare = bench("run", "--suite", "demoo", NO_COLOR="1", FORCE_COLOR="", TERM="dumb")
    assert bare.returncode == 2
    assert "\x1b" not in bare.stderr + plain.stdout


def test_a_reader_that_leaves_after_a_line_sees_no_traceback(tmp_path: Path) -> None:
    for words in (["models"], ["models", "--json"]):
        began = subprocess.Popen(
            [sys.executable, "-m", "bench", *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert began.stdout is not None
        assert began.stderr is not None
        began.stdout.readline()
        began.stdout.close()
        said = began.stderr.read().decode()
        assert began.wait(60) in (0, 1)  # 0: all was written before it left
        assert said == ""
        began.stderr.close()


@pytest.fixture
def private() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("private")
def test_files_for_oneself_alone_are_written_and_taken_up(
    bench_here: Bench, folder_suite: Path, tmp_path: Path
) -> None:
    command = typed(
        "run --suite folder --data data --models input --metrics psnr --profile none --out run"
    )
    for _ in range(2):
        ran = bench_here(*command)
        assert ran.returncode == 0, ran.stderr
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "run").rglob("*")}
    assert modes == {0}


def test_a_clock_that_is_set_back_changes_no_score(
    bench_here: Bench, folder_suite: Path, tmp_path: Path
) -> None:
    """Files of the run are then of the future."""
    command = typed(
        "run --suite folder --data data --models input --metrics psnr --profile none --out run"
    )
    assert bench_here(*command).returncode == 0
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    before = (tmp_path / "run" / "scores.csv").read_bytes()
    for path in files:
        os.utime(path, (4e9, 4e9))
    ran = bench_here(*command)
    assert ran.returncode == 0, ran.stderr
    assert "done anew" not in ran.stderr
    assert (tmp_path / "run" / "scores.csv").read_bytes() == before
