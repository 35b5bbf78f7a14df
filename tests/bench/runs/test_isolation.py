"""Code of others works in a process of its own: what ends or hangs there, ends nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest
import torch

import bench
from bench.core.errors import BenchError
from bench.core.layout import file_name
from bench.core.progress import Unheard
from bench.image import read, to_tensor
from models.isolation import Isolated
from models.loading import load_restorer

MODELS = """
import ctypes, os, time, torch

class Does(torch.nn.Module):
    def __init__(self, what, at=1):
        super().__init__()
        self.what, self.at, self.calls = what, at, 0
    def forward(self, x):
        self.calls += 1
        if self.calls >= self.at:
            self.what(x)
        return 0.9 * x + 0.05

def good(): return Does(lambda x: None)
def crashes(): return Does(lambda x: ctypes.string_at(0), at=3)
def ends(): return Does(lambda x: os._exit(7))
def hangs(): return Does(lambda x: time.sleep(1000), at=6)
def raises(): return Does(lambda x: 1 / 0, at=6)
def loud(): return Does(lambda x: print("loud\\n" * 100_000))
def says(): return Does(lambda x: os.environ["ASKED"])
held = []
def leaks(): return Does(lambda x: (held.append(torch.ones(50_000_000)), time.sleep(0.5)))
def crashes_at_once(): ctypes.string_at(0)
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / "code" / "odd.py"
    path.parent.mkdir()
    path.write_text(MODELS)
    return path


class Heard(Unheard):
    """A progress that keeps what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def children() -> set[int]:
    """The processes of models that there are."""
    mine = psutil.Process().children(recursive=True)
    return {process.pid for process in mine if process.status() != psutil.STATUS_ZOMBIE}


def test_a_model_that_crashes_ends_or_hangs_costs_itself_alone(
    folder_suite: Path, code: Path, tmp_path: Path
) -> None:
    names = ["good", "crashes", "ends", "hangs", "raises", "loud", "crashes_at_once"]
    heard = Heard()
    run = bench.run(
        "folder",
        data=folder_suite,
        models=["input", *(f"{code}:{name}" for name in names)],
        metrics=["psnr"],
        profile=None,
        out=tmp_path / "run",
        executor="local:limit=4s",
        progress=heard,
    )
    states = {name: model.state for name, model in run.record.models.items()}
    assert states == {
        "input": "done",
        "odd:good": "done",
        "odd:crashes": "done",  # its process is started anew: 2 images, 1 lost, 2 more, 1 lost
        "odd:ends": "failed",
        "odd:hangs": "done",
        "odd:raises": "done",
        "odd:loud": "done",
        "odd:crashes_at_once": "failed",
    }
    reasons = {name: model.reason or "" for name, model in run.record.models.items()}
    assert "SIGSEGV (Segmentation fault)" in reasons["odd:crashes_at_once"]
    assert reasons["odd:crashes"] == "failed on 2 of 6 images"
    assert reasons["odd:raises"] == "failed on 1 of 6 images"
    said = {name: [f.message for f in run.record.failures if f.model == name] for name in states}
    assert said["odd:crashes"] == ["its process ended by SIGSEGV (Segmentation fault)"] * 2
    assert said["odd:ends"][:3] == ["its process ended with status 7"] * 3
    assert said["odd:ends"][3:] == ["not tried: its process ended or was ended 3 times before"] * 3
    assert said["odd:hangs"] == [
        "it did not finish within 4 s and was ended "
        "(--executor local:limit=4s sets how long it may take)"
    ]
    assert said["odd:raises"] == ["ZeroDivisionError: division by zero"]
    scored = run.scores.groupby("model")["value"].count().to_dict()
    assert scored == {
        "input": 6,
        "odd:good": 6,
        "odd:hangs": 5,
        "odd:crashes": 4,
        "odd:raises": 5,
        "odd:loud": 6,
    }


@pytest.mark.slow
def test_a_model_that_leaks_memory_is_ended_before_the_system_ends_another(
    folder_suite: Path, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = to_tensor(read(folder_suite / "input" / "scene0.png"))
    leaking = Isolated(f"{code}:leaks")
    try:
        leaking.restore(image)
        monkeypatch.setattr("models.isolation.WATCH_SECONDS", 0.1)
        monkeypatch.setattr("models.isolation.LEAST_FREE", 1.0)  # as if nothing were left
        share = 1.5e9 / psutil.virtual_memory().total
        monkeypatch.setattr("models.isolation.MOST_HELD", share)
        told = r"it held 1\.\d GB when this machine had [\d.]+ GB"
        with pytest.raises(BenchError, match=told):
            torch.cat([leaking.restore(image) for _ in range(10)])
        restored = leaking.restore(image)  # in a process that holds nothing yet
        assert torch.allclose(restored, 0.9 * image + 0.05)
    finally:
        leaking.close()


def test_what_it_makes_and_is_is_the_same_as_in_this_process(
    folder_suite: Path, code: Path
) -> None:
    from models.identity import model_digest

    spec = f"{code}:good@x8"
    image = to_tensor(read(folder_suite / "input" / "scene0.png"))
    there, here = Isolated(spec), load_restorer(spec)
    try:
        assert (there.restore(image) == here.restore(image)).all()
        assert there.digest == model_digest(spec, None, here)
        assert (there.name, there.scale, there.needs_psf) == (here.name, here.scale, False)
    finally:
        there.close()


def test_it_works_in_this_environment_and_ends_when_it_is_closed(
    folder_suite: Path, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = to_tensor(read(folder_suite / "input" / "scene0.png"))
    before = children()
    monkeypatch.setenv("ASKED", "yes")
    model = Isolated(f"{code}:says")
    model.restore(image)
    model.close()
    monkeypatch.delenv("ASKED")
    with pytest.raises(BenchError, match="KeyError: 'ASKED'"):
        model.restore(image)  # started anew, in the environment of now
    assert children() - before
    model.close()
    ended = time.monotonic() + 20
    while len(children() - before) > 2 and time.monotonic() < ended:  # what forks and tracks stays
        time.sleep(0.05)
    assert len(children() - before) <= 2
    assert os.getpid() not in children()


def test_models_may_be_left_out_of_a_run_and_named_again(
    folder_suite: Path, tmp_path: Path
) -> None:
    def run(*models: str) -> tuple[bench.Run, list[str]]:
        heard = Heard()
        made = bench.run(
            "folder",
            data=folder_suite,
            models=models,
            metrics=["psnr"],
            profile=None,
            out=tmp_path / "run",
            progress=heard,
        )
        return made, heard.notes

    cells = tmp_path / "run" / "cells" / f"{file_name('unsharp')}.jsonl"
    run("input", "unsharp")
    kept = cells.read_bytes()
    fewer, notes = run("input", "tv")
    assert list(fewer.record.models) == ["input", "tv"]
    assert any("no longer listed: unsharp; the finished images are kept" in n for n in notes)
    assert cells.read_bytes() == kept
    assert set(fewer.scores["model"]) == {"input", "tv"}
    fewer.rescore(["mae"])
    again, notes = run("input", "unsharp")
    assert any("they were scored by other metrics; done anew" in note for note in notes)
    assert set(again.scores[again.scores["model"] == "unsharp"]["metric"]) == {"psnr", "mae"}
