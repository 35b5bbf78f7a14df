"""Executors write the same files, wherever the work is done."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.core.errors import BenchError
from bench.core.layout import file_name
from bench.records import Pair
from bench.runs.executors.shard import Shard, ShardModel
from bench.runs.executors.table import executor_named, executors
from tests.bench.runs.test_run import digests, wait_for
from tests.conftest import Bench
from tests.support.commands import called, typed

ODD = """
import os, time
import torch

class Dies(torch.nn.Module):
    calls = 0
    def forward(self, x):
        self.calls += 1
        if self.calls == 3:
            os._exit(7)
        return x

class Waits(torch.nn.Module):
    def forward(self, x):
        time.sleep(0.8)
        return x / 2

def waits(): return Waits()
def blend():
    network = torch.nn.Conv2d(3, 3, 5, padding=2)
    torch.manual_seed(0)
    for weight in network.parameters():
        torch.nn.init.uniform_(weight, -0.01, 0.02)
    return network
class Hangs(torch.nn.Module):
    def forward(self, x):
        time.sleep(1000)

class Dark(torch.nn.Module):
    def forward(self, x):
        if x.mean() > 0.6:  # the second image
            os._exit(7)
        return x

def dark(): return Dark()
def dies(): return Dies()
def hangs(): return Hangs()
"""


@pytest.fixture
def strange(tmp_path: Path) -> str:
    """Where the module of models that do odd things lies."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "strange.py").write_text(ODD)
    return f"{tmp_path / 'code'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"


def test_a_shard_pickles_and_splits_by_model(tmp_path: Path) -> None:
    models = tuple(ShardModel(label=name, spec=name, digest=name) for name in ("input", "unsharp"))
    pair = Pair("a", tmp_path / "a.png", None, "scene", {"blur": "strong"})
    shard = Shard(
        folder=tmp_path,
        models=models,
        pairs=(pair,),
        metrics=("psnr",),
        device="cpu",
        tile=None,
        border=0,
        no_reference="none",
    )
    assert pickle.loads(pickle.dumps(shard)) == shard
    assert [[model.label for model in part.models] for part in shard.by_model()] == [
        ["input"],
        ["unsharp"],
    ]


def test_an_executor_is_found_by_its_name_and_a_typo_is_told_the_nearest() -> None:
    assert list(executors()) == ["local", "processes", "ray"]
    assert callable(executor_named("processes").workplace().restore)
    with pytest.raises(BenchError, match="no executor 'proceses'; did you mean 'processes'"):
        executor_named("proceses")


def test_an_executors_options_are_read_and_a_typo_is_told_what_there_is() -> None:
    assert executor_named("processes:limit=10m").given == {"limit": 600.0}
    for spec, said in (
        ("processes:limit=soon", "'soon' is no time; expected one such as 90s"),
        ("processes:limits=10m", "has no option 'limits'; its options: limit, devices"),
        ("processes:devices=cpu+gpu", "device 'gpu': expected devices such as cuda:0"),
        ("processes:devices=cuda:0+cuda:97", "device 'cuda:.*': torch finds . CUDA devices"),
        ("local:wait=10m", "executor 'local' has no option 'wait'; its options: limit"),
    ):
        with pytest.raises(BenchError, match=said):
            executor_named(spec)


def test_devices_of_another_kind_than_the_runs_are_refused_before_any_work() -> None:
    place = executor_named("processes:devices=cpu+cpu").workplace()
    place.check("cpu")
    with pytest.raises(BenchError, match="its executor's devices are cpu, cpu; give --device cpu"):
        place.check("cuda")


def run_here(bench: Bench, suite: Path, strange: str) -> tuple[object, ...]:
    """Run well-behaved models in one process, into ``here``; return what all such runs share."""
    shared = (
        *typed("run --suite folder --data"),
        suite,
        *typed("--metrics psnr,ssim --profile none --models"),
    )
    here = bench(*shared, "input,unsharp,strange:blend", "--out", "here", PYTHONPATH=strange)
    assert here.returncode == 0, here.stderr
    return shared


@pytest.mark.slow
def test_two_devices_share_the_images_of_a_model_and_an_image_that_ends_them_fails_alone(
    bench: Bench, folder_suite: Path, strange: str, tmp_path: Path
) -> None:
    shared = run_here(bench, folder_suite, strange)
    devices = bench(
        *shared,
        "input,unsharp,strange:blend,strange:dark,strange:hangs",
        *typed("--out devices --executor processes:limit=6s,devices=cpu+cpu"),
        PYTHONPATH=strange,
    )
    assert devices.returncode == 1, devices.stderr
    assert devices.stderr.count("strange:dark on ") == 1
    assert "strange:dark on scene1: its process ended on cpu" in devices.stderr
    assert "it took longer than 6 s an image (limit=6s) on cpu" in devices.stderr
    written, expected = digests(tmp_path / "devices"), digests(tmp_path / "here")
    same = {name for name in expected if name != "scores.csv"}
    assert {name: written[name] for name in same} == {name: expected[name] for name in same}


@pytest.mark.slow
def test_processes_write_what_one_process_writes_and_a_death_takes_one_model(
    bench: Bench, folder_suite: Path, strange: str, tmp_path: Path
) -> None:
    shared = run_here(bench, folder_suite, strange)
    apart = bench(
        *shared,
        "input,unsharp,strange:blend,strange:dies,strange:hangs",
        "--out",
        "apart",
        "--executor",
        "processes:limit=45s",
        PYTHONPATH=strange,
    )
    assert apart.returncode == 1, apart.stderr
    assert "None" not in apart.stderr
    assert "dies: its process ended with status 7" in apart.stderr
    assert "hangs: it finished no image for 45 s (limit=45s) and was ended" in apart.stderr
    record = json.loads((tmp_path / "apart" / "run.json").read_text())
    assert record["models"]["strange:dies"]["state"] == "failed"
    written, expected = digests(tmp_path / "apart"), digests(tmp_path / "here")
    same = {name for name in expected if name != "scores.csv"}
    assert len([name for name in same if name.endswith(".png")]) == 18  # 3 models, 6 images
    assert {name: written[name] for name in same} == {name: expected[name] for name in same}


@pytest.mark.slow
def test_ctrl_c_ends_the_processes_and_the_run_taken_up_is_the_same(
    bench: Bench, folder_suite: Path, strange: str, tmp_path: Path
) -> None:
    def command(out: str) -> list[str]:
        return [
            *typed("run --suite folder --data"),
            str(folder_suite),
            *typed("--models input,strange:waits --metrics psnr --profile none --out"),
            out,
            *typed("--executor processes"),
        ]

    whole = bench(*command("whole"), PYTHONPATH=strange)
    assert whole.returncode == 0, whole.stderr
    broken = tmp_path / "broken"
    began = subprocess.Popen(
        [sys.executable, "-m", "bench", *command("broken")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": strange},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    cells = broken / "cells" / f"{file_name('strange:waits')}.jsonl"
    wait_for(lambda: cells.is_file() and cells.read_bytes().count(b"\n") >= 2, began)
    workers = psutil.Process(began.pid).children(recursive=True)
    os.killpg(began.pid, signal.SIGINT)  # as a terminal does: to the workers too
    output = began.communicate()[0].decode()
    assert began.returncode == 130, output
    assert "the same command goes on from here" in output
    assert "Traceback" not in output
    assert psutil.wait_procs(workers, timeout=30)[1] == []
    assert json.loads((broken / "run.json").read_text())["status"] == "interrupted"
    kept = cells.read_bytes()
    assert 2 <= kept.count(b"\n") < 6
    last = bench(*command("broken"), PYTHONPATH=strange)
    assert last.returncode == 0, last.stderr
    assert cells.read_bytes().startswith(kept)
    assert digests(broken) == digests(tmp_path / "whole")


def test_devices_are_a_word_for_the_executor_on_them(
    folder_suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "results"))
    words = ("run", "--suite", "folder", "--data", folder_suite, "--models", "input,unsharp")
    words += ("--metrics", "psnr", "--profile", "none")
    called(*words, "--out", tmp_path / "shared", "--devices", "cpu,cpu")
    called(*words, "--out", tmp_path / "alone")
    scores = [(tmp_path / name / "scores.csv").read_text() for name in ("shared", "alone")]
    assert scores[0] == scores[1]
    record = json.loads((tmp_path / "shared" / "run.json").read_text())
    assert record["options"]["devices"] == "cpu,cpu"
    both = called(*words, "--devices", "0,1", "--executor", "ray", status=2)
    assert "--devices is itself an --executor; give one of them" in both
    wrong = called(*words, "--devices", "cpu,phone", status=2)
    assert "device 'phone': expected devices such as cuda:0+cuda:1, or cpu+cpu" in wrong
    assert "torch finds" in called(*words, "--devices", "97", status=2)
