"""A network in the report's page: fetched, refused, absent; tests/browser has it at work."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.core.files import sha256_of
from bench.core.layout import runtime_folder
from bench.runs.record import WeightsRecord
from bench.runs.store import RunFolder
from models import browser
from models.browser import RUNTIME
from tests.support.commands import called
from tests.support.downloads import DATA, DIGEST, Server

Made = Callable[[int], RunFolder]


@pytest.fixture
def made(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Make a run whose model ``sharper`` has a file of weights of so many megabytes."""
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "results"))
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)

    def make(megabytes: int) -> RunFolder:
        file = tmp_path / "sharper.safetensors"
        with file.open("wb") as sparse:
            sparse.truncate(megabytes * 1_000_000)
        own = RunFolder(Path(shutil.copytree(run.path, tmp_path / "run")))
        record = own.record()
        weights = WeightsRecord(origin="trained", file=str(file), sha256=sha256_of(file), header={})
        model = replace(record.models["sharper"], spec=str(file), family="given", weights=weights)
        own.write_record(replace(record, models={**record.models, "sharper": model}))
        return own

    return make


def test_a_page_holds_no_model_unless_it_is_asked_to(page: str) -> None:
    assert "trial-data" not in page
    assert "wasm" not in page
    assert "blob:" not in page
    assert "Nothing to try in the browser: no model was put in (--try)." in page


def test_without_onnxruntime_web_the_command_says_what_to_fetch(made: Made) -> None:
    shown = called("report", made(1).path, "--try", "sharper", status=2)
    assert "no onnxruntime-web here" in shown
    assert "run 'bench fetch onnxruntime-web' (33 MB; MIT)" in shown


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("sharper", "--try sharper: 21 MB, and a page holds 20 at most"),
        ("nlm", "--try nlm: it has no weights; expected a network of the run"),
        ("sharpr", "sharper"),
    ],
)
def test_what_cannot_be_put_in_is_refused_in_a_line(made: Made, model: str, said: str) -> None:
    assert said in called("report", made(21).path, "--try", model, status=2)


def test_weights_that_have_changed_since_are_not_put_in(made: Made) -> None:
    run = made(1)
    Path(str(run.record().models["sharper"].spec)).write_bytes(b"others")
    shown = called("report", run.path, "--try", "sharper", status=2)
    assert "is no longer what the run measured" in shown


def test_the_runtime_is_fetched_verified_and_kept_with_the_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: Made
) -> None:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(browser, "RUNTIME", replace(RUNTIME, sha256=DIGEST, bytes=len(DATA)))
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"{server.url}/")
        server.break_after.append(1_000_000)  # and goes on where it broke
        shown = called("fetch", "onnxruntime-web")
        assert "licence: MIT" in shown
        assert server.asked == [None, "bytes=1000000-"]
        file = runtime_folder() / RUNTIME.file
        assert file.read_bytes() == DATA
        assert file.is_relative_to(tmp_path / "results" / "weights")
        server.shutdown()
    monkeypatch.setattr(browser, "RUNTIME", RUNTIME)
    shown = called("report", made(1).path, "--try", "sharper", status=2)
    assert f"is not {RUNTIME.file} as published" in shown


def test_without_npm_it_is_said_where_the_runtime_may_come_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("NPM_CONFIG_REGISTRY", raising=False)
    said = called("fetch", "onnxruntime-web", status=2)
    assert "npm is not here" in said
    assert f"put {RUNTIME.file} of {RUNTIME.page}" in said
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "somewhere")
    assert "got 'somewhere'" in called("fetch", "onnxruntime-web", status=2)
