"""Results that a team shares: published in order, held by one, read from anywhere."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from bench.core import shared
from bench.core.errors import BenchError
from bench.core.layout import VARIABLE, results
from bench.runs.finding import find_run
from bench.runs.store import RunFolder
from tests.bench.runs.test_run import digests, lines, wait_for
from tests.conftest import Bench
from tests.support.commands import called, typed

SLOW = """
import time, torch

class Waits(torch.nn.Module):
    def forward(self, x):
        time.sleep(2.5)
        return x / 2

def waits(): return Waits()
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A real server of S3's protocol on this machine."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line for every request
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def address(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> str:
    """A shared root in a bucket of its own, for this process and those that it starts."""
    import boto3

    bucket = "bench-" + request.node.name.replace("_", "-")[:40].strip("-")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket=bucket)
    client.close()
    monkeypatch.setenv(VARIABLE, f"s3://{bucket}/team")
    on_machine(monkeypatch, tmp_path, "a")
    return f"s3://{bucket}/team"


def on_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """Stand at another machine: one that has nothing of the store yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))


def placed(run: RunFolder) -> RunFolder:
    """Put a copy of a finished run into the shared results."""
    folder = RunFolder(results() / "demo" / "0a1b2c3d")
    shutil.copytree(run.path, folder.path)
    with folder.locked():
        pass
    return folder


def everything(run: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.mark.slow
def test_a_run_is_listed_shown_compared_reported_picked_and_removed_from_another_machine(
    address: str, photographs_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = placed(photographs_run)
    on_machine(monkeypatch, tmp_path, "b")
    second = results() / "demo" / "0a1b2c3d"
    assert not second.exists()
    (row,) = json.loads(called("runs", "--json"))
    assert row["run"] == str(second)
    assert row["megabytes"] > 0.1
    assert not (second / "images").exists()  # a list needs the records alone
    assert "status: done" in called("runs", "show", "demo")
    assert "sharper is better" in called("compare", "demo", "sharper", "input", "--metric", "psnr")
    assert everything(second) == everything(first.path)
    assert find_run(f"{address}/demo/0a1b2c3d").path == second
    called("report", "demo", "--out", tmp_path / "report")
    assert (tmp_path / "report" / "index.html").is_file()
    assert "sharper is the best" in called("pick", "demo", "--quality", "psnr")
    called("runs", "remove", f"{address}/demo/0a1b2c3d", "--yes")
    on_machine(monkeypatch, tmp_path, "a")
    assert "no runs yet" in called("runs")
    assert not first.path.exists()


def test_the_record_comes_last_and_what_is_gone_here_goes_there(
    address: str, photographs_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    put = shared._Store.put

    def noted(self: Any, where: str, data: bytes) -> None:
        order.append(where.partition("0a1b2c3d/")[2])
        put(self, where, data)

    monkeypatch.setattr(shared._Store, "put", noted)
    run = placed(photographs_run)
    order = [name for name in order if not name.startswith(".")]
    assert order[-1] == "run.json"
    cells = [index for index, name in enumerate(order) if name.startswith("cells/")]
    pictures = [index for index, name in enumerate(order) if name.startswith("images/")]
    assert max(pictures) < min(cells)
    order.clear()
    image = str(run.images()["image"][0])
    with run.locked():
        run.drop("tv", [image])
    assert [name for name in order if not name.startswith(".")] == ["cells/tv.jsonl"]
    store = shared._store(address)
    assert not store.files.exists(store.at(run.image_path("tv", image)))
    assert store.files.exists(store.at(run.image_path("input", image)))


@pytest.mark.slow
def test_one_writer_holds_a_run_until_it_is_silent(
    address: str, photographs_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(photographs_run)
    on_machine(monkeypatch, tmp_path, "b")
    run = find_run("demo")
    store = shared._store(address)
    lock = f"{store.at(run.path)}/{shared.LOCK}"
    theirs = {
        "id": "theirs",
        "owner": "ada on cluster-7, process 12",
        "host": "cluster-7",
        "process": 12,
        "since": "2099-01-01T00:00:00+00:00",
        "heard": "2099-01-01T00:10:00+00:00",
    }
    store.put(lock, json.dumps(theirs).encode())
    with pytest.raises(BenchError, match=r"written by ada on cluster-7, process 12 since 2099"):
        run.remove()
    assert run.exists
    store.put(lock, json.dumps({**theirs, "heard": "2020-01-01T00:00:00+00:00"}).encode())
    with run.locked():
        assert json.loads(store.files.cat_file(lock))["id"] != "theirs"
        (run.path / "scores.csv").write_text("changed\n")
    assert not store.files.exists(lock)
    # changed here and published: the other machine gets it, and keeps nothing older
    on_machine(monkeypatch, tmp_path, "a")
    assert (find_run("demo").path / "scores.csv").read_text() == "changed\n"


def test_a_store_that_cannot_be_used_is_one_line_and_loses_nothing(
    address: str, photographs_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = placed(photographs_run)
    before = everything(run.path)
    told = called("--results", "s3://no-such-bucket/team", "runs", status=2)
    assert "cannot use the results at 's3://no-such-bucket/team'" in told
    assert "Traceback" not in told
    told = called("--results", "no-such-kind://x", "runs", status=2)
    assert "--results no-such-kind://x" in told
    monkeypatch.setenv(VARIABLE, address)  # --results has moved it
    with monkeypatch.context() as changed:
        changed.setattr(shared._Store, "put", for_the_run_failing)
        with pytest.raises(BenchError, match="No space is left"), run.locked():
            (run.path / "scores.csv").write_text("finished meanwhile\n")
    assert (run.path / "scores.csv").read_text() == "finished meanwhile\n"
    assert {k: v for k, v in everything(run.path).items() if k != "scores.csv"} == {
        k: v for k, v in before.items() if k != "scores.csv"
    }
    store = shared._store(address)  # half of a publication came through before that
    store.put(store.at(run.path / "sets.csv"), b"of this machine, too")
    shared.fetch(run.path)  # what is ahead here is kept
    assert (run.path / "scores.csv").read_text() == "finished meanwhile\n"
    with run.locked():
        pass
    assert store.files.cat_file(store.at(run.path / "scores.csv")) == b"finished meanwhile\n"


PUT = shared._Store.put


def for_the_run_failing(self: Any, where: str, data: bytes) -> None:
    if not where.rpartition("/")[2].startswith("."):  # locks are small
        raise OSError("No space is left in that store")
    PUT(self, where, data)


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_any_file_system_is_a_store(
    kind: str, photographs_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"file://{tmp_path}/share" if kind == "file" else f"memory://{tmp_path.name}"
    monkeypatch.setenv(VARIABLE, root)
    on_machine(monkeypatch, tmp_path, "a")
    assert "no runs yet" in called("runs")
    first = placed(photographs_run)
    on_machine(monkeypatch, tmp_path, "b")
    second = find_run("demo")
    assert second.path != first.path
    assert everything(second.path) == everything(first.path)
    second.remove()
    on_machine(monkeypatch, tmp_path, "a")
    assert "no runs yet" in called("runs")


@pytest.mark.slow
def test_a_run_killed_on_one_machine_is_finished_by_another_that_has_nothing(
    address: str,
    bench: Bench,
    folder_suite: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "slowly.py").write_text(SLOW)
    command = [
        *typed("run --suite folder --data"),
        str(folder_suite),
        *typed("--models input,slowly:waits --metrics psnr --profile none"),
    ]
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    whole = bench(*command, PYTHONPATH=path, BENCH_RESULTS="whole")
    assert whole.returncode == 0, whole.stderr
    (record,) = (tmp_path / "whole").glob("*/*/run.json")
    expected = record.parent
    name = expected.relative_to(tmp_path / "whole")

    def published() -> int:
        store = shared._store(address)
        there = store.listed(results() / name)
        cells = [where for where in there if where.startswith("cells/")]
        at = store.at(results() / name)
        return sum(store.files.cat_file(f"{at}/{one}").count(b"\n") for one in cells)

    began = subprocess.Popen(
        [sys.executable, "-m", "bench", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    wait_for(lambda: published() >= 4, began)
    os.killpg(began.pid, signal.SIGKILL)
    assert began.communicate() is not None
    kept = published()
    assert 4 <= kept < 12
    on_machine(monkeypatch, tmp_path, "b")
    run = find_run("folder")  # the record that it has names what is there
    assert lines(run.path) == kept
    for label in run.record().models:
        for cell in run.cells(label):
            assert run.image_path(label, cell.image).is_file()
    alive = patch.object(shared.psutil, "pid_exists", lambda process: True)
    with alive, pytest.raises(BenchError, match="is being written by"):
        run.remove()
    last = bench(*command, PYTHONPATH=path)
    assert last.returncode == 0, last.stderr
    assert digests(run.path).keys() == digests(expected).keys()
    same = {key: value for key, value in digests(expected).items() if key != "images.csv"}
    assert {key: digests(run.path)[key] for key in same} == same
    on_machine(monkeypatch, tmp_path, "c")
    assert everything(find_run("folder").path / "cells") == everything(run.path / "cells")
