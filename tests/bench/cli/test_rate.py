"""``bench rate`` as a coordinator meets it: from a run to a link that works, and to an export."""

from __future__ import annotations

import csv
import json
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.conftest import Bench
from tests.support.commands import typed
from tests.support.runs import photograph_run
from tests.support.studies import small_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return photograph_run(tmp_path / "run").path


@pytest.mark.slow
def test_a_study_is_made_served_watched_exported_and_closed(
    bench: Bench, run: Path, tmp_path: Path
) -> None:
    made = bench(
        *typed("rate new --run"),
        run,
        *typed("--name harbour --crop"),
        64,
        *typed("--ties --golden 10% --repeats 0.1"),
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
    assert (watched["study"], watched["state"], watched["invited"]) == ("harbour", "open", 3)
    copied = bench("rate", "audit", "harbour", "--raters", 1)
    assert (copied.returncode, "no leak found" in copied.stdout) == (0, True), copied.stderr
    assert bench("rate", "close", "harbour").returncode == 0
    exported = bench("rate", "export", "harbour")
    assert len(next(csv.reader(exported.stdout.splitlines()))) > 10
    assert bench("rate", "invite", "harbour").returncode == 2  # closed


@pytest.mark.slow
def test_wrong_uses_say_what_to_do(bench: Bench, run: Path) -> None:
    for arguments, said in (
        (["serve"], "no study database 'results/studies.db'; 'bench rate new' makes one"),
        (["new", "--run", "nowhere"], "no run 'nowhere'"),
        (["new", "--run", run, "--golden", "lots"], "--golden lots: expected a part"),
        (["new", "--run", run, "--lease", "soon"], "'soon' is no time"),
        (["new", "--run", run, "--models", "onlyone"], "no model 'onlyone'"),
        (["status", "--db", "postgresql+psycopg://nobody@127.0.0.1:1/x"], "cannot open the study"),
    ):
        ran = bench("rate", *arguments)
        assert ran.returncode == 2, ran.stdout
        assert said in " ".join(ran.stderr.split())


READING = ("status", "raters", "list", "invite", "serve", "audit", "export", "analyse")


@pytest.mark.parametrize("verb", READING)
def test_a_mistyped_database_is_one_line_and_creates_nothing(
    bench_here: Bench, tmp_path: Path, verb: str
) -> None:
    (tmp_path / "notes.db").write_text("these are notes, and no database at all\n" * 100)
    (tmp_path / "empty.db").touch()
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE songs (title)")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for db, said in (
        ("typo/studies.db", "no study database 'typo/studies.db'; 'bench rate new' makes one"),
        ("notes.db", "(file is not a database)"),
        ("empty.db", "is empty: it has no studies"),
        ("other.db", "is a database of something else: it has no studies"),
    ):
        ran = bench_here("rate", verb, "--db", db)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert said in " ".join(ran.stderr.split())
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_studies_are_kept_by_verbs_that_say_what_they_did(
    bench_here: Bench, tmp_path: Path
) -> None:
    run = small_run(tmp_path / "run").path

    def rate(verb: str, *arguments: object, status: int = 0) -> str:
        ran = bench_here("rate", verb, *arguments, "--db", "studies.db")
        assert ran.returncode == status, ran.stderr
        return " ".join((ran.stdout or ran.stderr).split())

    made = json.loads(
        rate(
            *("new", "--run", run, "--name", "s", "--crop", 64, "--images", 2, "--json"),
            *("--url", "https://x.org/study/", "--return-url", "https://y.org/?cc={code}"),
        )
    )
    assert made["dashboard"].startswith("https://x.org/study/dashboard/enter/")
    assert made["crowd"].startswith("https://x.org/study/p/")
    link = json.loads(rate("invite", "s", "--preview", "--json", "--url", "https://x.org/study"))
    assert link["links"][0].startswith("https://x.org/study/r/")
    (row,) = json.loads(rate("list", "--json"))
    assert (row["name"], row["state"], row["raters"], row["quota"]) == ("s", "open", 0, 6 * 20)
    assert "study 's' is extended: per pair 30" in rate("extend", "s", "--per-pair", 30)
    assert json.loads(rate("status", "--json"))["quota"] == 6 * 30
    rate("close", "s")
    assert "is open again" in rate("reopen", "s")
    assert "the file checked" in rate("backup", "kept.db")
    assert json.loads(rate("copy", "--to", "copy.db", "--json"))["rows"]["study"] == 1
    assert "replaces nothing" in rate("backup", "kept.db", status=2)
    refused = rate("delete", "s", status=2)
    assert "4 models, 2 images, 1 raters, 0 judgements; give --yes" in refused
    assert "is deleted" in rate("delete", "s", "--yes")
    assert json.loads(rate("list", "--json")) == []
    assert [r["name"] for r in json.loads(bench_here(*LIST, "copy.db").stdout)] == ["s"]


LIST = ("rate", "list", "--json", "--db")


def test_the_way_back_and_the_address_are_checked_before_a_study_is_made(
    bench_here: Bench, tmp_path: Path
) -> None:
    run = small_run(tmp_path / "run").path
    for option, value, said in (
        ("--return-url", "javascript:alert(1)", "is no page to go back to"),
        ("--url", "study.example.org", "is no address of a web site"),
    ):
        ran = bench_here("rate", "new", "--run", run, option, value, "--db", "studies.db")
        assert (ran.returncode, said in " ".join(ran.stderr.split())) == (2, True)
        assert not (tmp_path / "studies.db").exists()


def test_what_is_no_network_is_no_proxy(bench_here: Bench) -> None:
    ran = bench_here("rate", "serve", "--proxy", "the proxy")
    assert ran.returncode == 2
    assert "--proxy 'the proxy' is no address and no network" in " ".join(ran.stderr.split())
