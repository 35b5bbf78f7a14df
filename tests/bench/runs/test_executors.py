"""Executors write the same files, wherever the work is done."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from bench.core.errors import BenchError
from bench.records import Pair
from bench.runs.executors.shard import Shard, ShardModel
from bench.runs.executors.table import executor_named, executors
from tests.bench.runs.test_run import digests
from tests.conftest import Bench

ODD = """
import os
import torch

class Dies(torch.nn.Module):
    calls = 0
    def forward(self, x):
        self.calls += 1
        if self.calls == 3:
            os._exit(7)
        return x

def blend():
    network = torch.nn.Conv2d(3, 3, 5, padding=2)
    torch.manual_seed(0)
    for weight in network.parameters():
        torch.nn.init.uniform_(weight, -0.1, 0.1)
    return network
def dies(): return Dies()
"""


def test_a_shard_pickles_and_splits_by_model(tmp_path: Path) -> None:
    models = tuple(ShardModel(label=name, spec=name, digest=name) for name in ("input", "unsharp"))
    pair = Pair("a", tmp_path / "a.png", None, "scene", {"blur": "strong"})
    shard = Shard(folder=tmp_path, models=models, pairs=(pair,), metrics=("psnr",), device="cpu",
                  tile=None, border=0, no_reference="none")  # fmt: skip
    assert pickle.loads(pickle.dumps(shard)) == shard
    assert [[model.label for model in part.models] for part in shard.by_model()] == [
        ["input"], ["unsharp"],
    ]  # fmt: skip


def test_an_executor_is_found_by_its_name_and_a_typo_is_told_the_nearest() -> None:
    assert list(executors()) == ["local", "processes"]
    assert callable(executor_named("processes").execute())
    with pytest.raises(BenchError, match="no executor 'proceses'; did you mean 'processes'"):
        executor_named("proceses")


@pytest.mark.slow
def test_processes_write_what_one_process_writes_and_a_death_takes_one_model(
    bench: Bench, folder_suite: Path, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "strange.py").write_text(ODD)
    shared = ("run", "--suite", "folder", "--data", folder_suite, "--metrics", "psnr,ssim",
              "--profile", "none", "--models")  # fmt: skip
    here = bench(*shared, "input,unsharp,strange:blend", "--out", "here", PYTHONPATH=str(code))
    assert here.returncode == 0, here.stderr
    apart = bench(*shared, "input,unsharp,strange:blend,strange:dies", "--out", "apart",
                  "--executor", "processes", PYTHONPATH=str(code))  # fmt: skip
    assert apart.returncode == 1, apart.stderr
    assert "None" not in apart.stderr
    assert "dies: its process ended with status 7" in apart.stderr
    record = json.loads((tmp_path / "apart" / "run.json").read_text())
    assert record["models"]["dies"]["state"] == "failed"
    written, expected = digests(tmp_path / "apart"), digests(tmp_path / "here")
    same = {name for name in expected if name != "scores.csv"}
    assert len([name for name in same if name.endswith(".png")]) == 18  # 3 models, 6 images
    assert {name: written[name] for name in same} == {name: expected[name] for name in same}
