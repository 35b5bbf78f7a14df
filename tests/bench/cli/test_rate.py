"""``bench rate`` as a coordinator meets it: from a run to a link that works, and to an export."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Bench
from tests.support.runs import photograph_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return photograph_run(tmp_path / "run").path


@pytest.mark.slow
def test_a_study_is_made_served_watched_exported_and_closed(
    bench: Bench, run: Path, tmp_path: Path
) -> None:
    made = bench(
        "rate",
        "new",
        "--run",
        run,
        "--name",
        "harbour",
        "--crop",
        64,
        "--ties",
        "--golden",
        "10%",
        "--repeats",
        "0.1",
    )
    assert made.returncode == 0, made.stderr
    dashboard = re.search(r"http://127.0.0.1:8000/dashboard/enter/(\S{32})", made.stdout)
    assert dashboard, made.stdout
    invited = bench("rate", "invite", "harbour", "-n", 3, "--out", "links.txt")
    assert invited.returncode == 0, invited.stderr
    links = (tmp_path / "links.txt").read_text().splitlines()
    assert len(set(links)) == 3

    command = [sys.executable, "-m", "bench", "rate", "serve", "--port", "0"]
    with (
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server,
        ExitStack() as failing,
    ):
        failing.callback(server.kill)  # leaving a process means to wait for its end
        assert server.stdout is not None
        serving = next(line for line in server.stdout if line.startswith("serving at "))
        address = serving.split()[2].rstrip(";")
        link = next(line for line in server.stdout if "/r/" in line).split()[-1]
        for url in (
            link,
            links[0].replace("http://127.0.0.1:8000", address),
            f"{address}/dashboard/enter/{dashboard[1]}",
        ):
            with urllib.request.urlopen(url, timeout=30) as page:
                assert page.status == 200
        walked = bench("rate", "audit", "harbour", "--url", address, "--raters", 1, "--json")
        assert walked.returncode == 0, walked.stdout + walked.stderr
        report = json.loads(walked.stdout)
        assert (report["address"], report["leaks"]) == (address, [])
        assert report["numbers"]["images"] > 10
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=30)
        failing.pop_all()
    assert server.returncode in (0, 130)

    watched = json.loads(bench("rate", "status", "--json").stdout)
    assert (watched["study"], watched["state"], watched["invited"]) == ("harbour", "open", 4)
    copied = bench("rate", "audit", "harbour", "--raters", 1)
    assert (copied.returncode, "no leak found" in copied.stdout) == (0, True), copied.stderr
    assert bench("rate", "close", "harbour").returncode == 0
    exported = bench("rate", "export", "harbour")
    assert len(next(csv.reader(exported.stdout.splitlines()))) > 10
    assert bench("rate", "invite", "harbour").returncode == 2  # closed


@pytest.mark.slow
def test_wrong_uses_say_what_to_do(bench: Bench, run: Path) -> None:
    for arguments, said in (
        (["serve"], "no study in 'sqlite:///results/studies.db'; make one: bench rate new"),
        (["new", "--run", "nowhere"], "no run 'nowhere'"),
        (["new", "--run", run, "--golden", "lots"], "--golden lots: expected a part"),
        (["new", "--run", run, "--lease", "soon"], "'soon' is no time"),
        (["new", "--run", run, "--models", "onlyone"], "no model 'onlyone'"),
        (["status", "--db", "postgresql+psycopg://nobody@127.0.0.1:1/x"], "cannot open the study"),
    ):
        ran = bench("rate", *arguments)
        assert ran.returncode == 2, ran.stdout
        assert said in " ".join(ran.stderr.split())
