"""Ray writes the files that this process would, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest

from bench.core.errors import BenchError
from bench.runs.executors.table import executor_named
from tests.bench.runs.test_run import digests, lines, wait_for
from tests.conftest import Bench
from tests.support.commands import called, typed
from tests.support.training import content_of

ODD = """
import os, time
import torch

class Waits(torch.nn.Module):
    def forward(self, x):
        time.sleep(1.5)
        return x / 2

class Dies(torch.nn.Module):
    def forward(self, x):
        if x.mean() > 0.6:  # the second of them
            os._exit(7)
        return x / 3

def waits(): return Waits()
def dies(): return Dies()
"""


@pytest.fixture
def strange(tmp_path: Path) -> str:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "strange.py").write_text(ODD)
    return f"{tmp_path / 'code'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"


def test_without_ray_the_extra_is_named_and_a_wrong_address_is_told_before_any_work(
    folder_suite: Path,
) -> None:
    with (
        patch("bench.runs.executors.table.find_spec", lambda name: None),
        pytest.raises(BenchError, match=r"executor 'ray' needs ray: pip install -e '\.\[ray\]'"),
    ):
        executor_named("ray")
    assert executor_named("ray:address=10.0.0.1:6379,images=4").given == {
        "address": "10.0.0.1:6379",
        "images": 4,
    }
    with pytest.raises(BenchError, match="'none': expected a whole number above 0"):
        executor_named("ray:images=none")
    if find_spec("ray"):
        shared = [*typed("run --suite folder --models input --profile none --out"), "out"]
        for address, said in (
            ("127.0.0.1:9", "no Ray cluster answers at '127.0.0.1:9'"),
            ("ray://head:10001", "expected auto, or HOST:PORT"),
        ):
            told = called(
                *shared, "--data", folder_suite, "--executor", f"ray:address={address}", status=2
            )
            assert said in told
            assert "restore" not in told


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster on this machine: a head without CPUs; tests add nodes."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False},
    )
    yield made
    made.shutdown()


def begun(
    where: Path, arguments: list[str], python_path: str, **environment: str
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments],
        cwd=where,
        env={**os.environ, "PYTHONPATH": python_path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def workers() -> list[psutil.Process]:
    """The processes in which Ray restores at this moment."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(word.startswith("ray::_restore") for word in process.info["cmdline"] or [])
    ]


@pytest.mark.slow
def test_killed_workers_nodes_and_commands_leave_the_files_of_one_process(
    bench: Bench, cluster: Any, folder_suite: Path, strange: str, tmp_path: Path
) -> None:
    def command(out: str, executor: str) -> list[str]:
        return [
            *typed("run --suite folder --data"),
            str(folder_suite),
            *typed("--models input,unsharp,strange:waits --metrics psnr,ssim --profile none --out"),
            out,
            "--executor",
            executor,
        ]

    on_ray = f"ray:address={cluster.address},images=1"
    whole = bench(*command("whole", "local"), PYTHONPATH=strange)
    assert whole.returncode == 0, whole.stderr
    expected = digests(tmp_path / "whole")
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]

    # a worker is killed, then a node
    lost = begun(tmp_path, command("lost", on_ray), strange)
    wait_for(lambda: lines(tmp_path / "lost") >= 13, lost)  # the first of those that wait
    for worker in workers():
        worker.kill()
    wait_for(lambda: lines(tmp_path / "lost") >= 14, lost)
    cluster.remove_node(nodes.pop(), allow_graceful=False)
    output = lost.communicate()[0].decode()
    assert lost.returncode == 0, output
    assert digests(tmp_path / "lost") == expected

    # begun here and killed, finished by Ray; begun by Ray and killed, finished here
    for first, then in (("local", on_ray), (on_ray, "local")):
        out = f"from-{first.partition(':')[0]}"
        began = begun(tmp_path, command(out, first), strange)
        wait_for(lambda out=out: lines(tmp_path / out) >= 8, began)  # type: ignore[misc]
        os.killpg(began.pid, signal.SIGKILL)
        began.communicate()
        kept = {p: p.read_bytes() for p in (tmp_path / out).glob("cells/*.jsonl")}
        assert sum(content.count(b"\n") for content in kept.values()) < 18
        last = bench(*command(out, then), PYTHONPATH=strange)
        assert last.returncode == 0, last.stderr
        assert all(path.read_bytes().startswith(before) for path, before in kept.items())
        assert digests(tmp_path / out) == expected
    for node in nodes:
        cluster.remove_node(node)


@pytest.mark.slow
def test_a_cluster_of_its_own_is_quiet_trains_measures_loses_one_image_and_leaves_nothing(
    bench: Bench, folder_suite: Path, strange: str, tmp_path: Path
) -> None:
    before = set(Path(tempfile.gettempdir()).glob("bench-ray-*"))
    ran = bench(
        *typed("run --suite folder --data"),
        folder_suite,
        *typed("--models input,strange:dies --metrics psnr --profile 32x32 --out out --json"),
        *typed("--executor ray:images=3"),
        PYTHONPATH=strange,
    )
    assert ran.returncode == 1, ran.stderr
    told = json.loads(ran.stdout)
    assert "Traceback" not in ran.stderr
    assert "ray::" not in ran.stderr
    (failure,) = told["failures"]
    assert (failure["model"], failure["image"]) == ("strange:dies", "scene1")
    assert "its process or its node was lost 4 times" in failure["message"]
    assert lines(tmp_path / "out") == 11  # 2 models, 6 images, but for that one
    assert (tmp_path / "out" / "profiles.csv").read_text().count("latency_ms,") >= 2
    assert set(Path(tempfile.gettempdir()).glob("bench-ray-*")) <= before


@pytest.mark.slow
def test_a_sweep_trains_by_ray_and_its_weights_are_those_of_a_training_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Path("sweep.toml").write_text(
        'models = ["input", "unet"]\nmetrics = ["psnr"]\nbudget = "3steps"\nprofile = "none"\n'
        'train = "always"\n[[suites]]\nsuite = "demo"\nlimit = 1\n'
    )
    runs: dict[str, Path] = {}
    for executor in ("local", "ray"):
        called("--results", executor, "sweep", "sweep.toml", "--executor", executor)
        (record,) = Path(executor).glob("demo/*/run.json")
        runs[executor] = record.parent
    files = {executor: digests(run) for executor, run in runs.items()}
    for found in files.values():
        assert found.pop("cells/unet.jsonl")  # names its weights, which say how long they took
    assert files["ray"] == files["local"]
    weights = {
        name: content_of(run / "training" / "unet.safetensors") for name, run in runs.items()
    }
    assert weights["ray"] == weights["local"]
