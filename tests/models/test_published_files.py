"""Published networks by name: listed, fetched, verified, run; what is missing is said."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from spandrel.architectures.NAFNet import NAFNet

from bench import api
from bench.core.errors import BenchError
from bench.image import Pixels, write_png
from models.catalogue import MODELS, model_cards
from models.loading import load_restorer
from models.published import PUBLISHED, Checkpoint, place_of
from models.published_files import published_file
from models.variants import VARIANTS
from tests.support.commands import called, typed
from tests.support.downloads import Server

TINY = "nafnet-tiny"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """Serves a small NAFNet's real weights as a published network of the table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = NAFNet(width=8, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1])
    whole = io.BytesIO()
    torch.save({"params": network.state_dict()}, whole)
    with Server() as running:
        running.data = whole.getvalue()
        threading.Thread(target=running.serve_forever, daemon=True).start()
        row = Checkpoint(
            title="NAFNet, tiny",
            family="cnn",
            tasks=("deblur", "denoise"),
            licence="MIT",
            citation="-",
            page="https://example.org/nafnet",
            file="NAFNet-tiny.pth",
            url=running.url,
            sha256=hashlib.sha256(running.data).hexdigest(),
            bytes=len(running.data),
        )
        monkeypatch.setitem(PUBLISHED, TINY, row)
        yield running
        running.shutdown()


@pytest.fixture
def photographs(tmp_path: Path, photograph: Pixels) -> Path:
    for index in range(2):
        sharp = np.ascontiguousarray(photograph[60 * index : 60 * index + 40, 100:148])
        for folder, pixels in (("input", sharp // 2), ("target", sharp)):
            write_png(tmp_path / "mine" / folder / f"{index}.png", pixels)
    return tmp_path / "mine"


def test_every_row_can_be_got_and_none_hides_one_of_ours() -> None:
    assert not PUBLISHED.keys() & MODELS.keys()
    for name, row in PUBLISHED.items():
        assert re.fullmatch(r"[a-z0-9-]+", name)
        assert re.fullmatch(r"[0-9a-f]{64}", row.sha256 or "0" * 64)
        assert row.url.startswith("https://") or "no program may download it" in row.note
        assert not row.url or row.url.endswith(f"/{row.file}")
        assert row.page.startswith("https://")
        assert model_cards()[name].checkpoint is row
    files = [place_of(name, row) for name, row in PUBLISHED.items()]
    assert len(set(files)) == len(files)


def test_a_run_without_the_file_says_what_is_missing_and_the_command(server: Server) -> None:
    told = called(*typed(f"run --suite demo --models {TINY}@x8"), status=2)
    assert f"no weights of '{TINY}' (NAFNet, tiny) here: run 'bench fetch models {TINY}'" in told
    assert TINY in called("models")
    shown = called("models", TINY)
    assert "needs: download" in shown
    assert f"sha256: {PUBLISHED[TINY].sha256}" in shown
    assert server.asked == []


def test_a_network_is_fetched_over_a_break_verified_and_runs_by_its_name(
    server: Server, photographs: Path
) -> None:
    server.break_after = [1000]
    told = called("fetch", "models", TINY)
    assert "licence: MIT" in told
    assert server.asked == [None, "bytes=1000-"]
    place = Path("results/weights/published") / f"{TINY}.pth"
    assert f"ready: {place}" in told
    assert place.read_bytes() == server.data
    called("fetch", "models", TINY)
    assert len(server.asked) == 2  # what is here and verified is not fetched again
    variants = f"{TINY},{TINY}@tlc,{TINY}@tlc+x8"
    run = api.run(
        "folder",
        data=photographs,
        models=["input", *variants.split(",")],
        metrics=["psnr"],
        profile=None,
        out=Path("out"),
    )
    record = run.record.models
    assert list(record) == ["input", *variants.split(",")]
    assert {model.state for model in record.values()} == {"done"}
    weights = record[TINY].weights
    assert weights is not None
    assert weights.sha256 == PUBLISHED[TINY].sha256
    assert record[TINY].separation == "unknown"
    assert f"@tlc: {VARIANTS['tlc'].title}" in record[f"{TINY}@tlc"].remarks
    scores = run.scores.groupby("model")["value"]
    assert (scores.count() == 2).all()
    means = scores.mean()
    assert means[TINY] == means[f"{TINY}@tlc"]  # a window of 384 pixels covers 40x48
    assert len({cell["model"] for cell in _inputs(Path("out"))}) == 4


def _inputs(run: Path) -> list[dict[str, str]]:
    texts = [path.read_text() for path in (run / "cells").iterdir()]
    return [json.loads(line)["inputs"] for text in texts for line in text.splitlines()]


def test_another_file_than_the_published_one_is_refused(server: Server) -> None:
    place = place_of(TINY, PUBLISHED[TINY])
    place.parent.mkdir(parents=True)
    place.write_bytes(server.data + b"more")
    with pytest.raises(BenchError, match=r"is not NAFNet-tiny.pth as published: its SHA-256 is"):
        published_file(model_cards()[TINY])
    called("fetch", "models", TINY)  # moves it away
    assert published_file(model_cards()[TINY]).read_bytes() == server.data
    assert place.with_name(f"{place.name}.wrong").is_file()


def test_a_digest_that_is_not_published_is_pinned_when_the_file_first_comes(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PUBLISHED, TINY, replace(PUBLISHED[TINY], sha256=None, bytes=None))
    assert "sha256: not published: pinned when the file first comes" in called("models", TINY)
    assert "not published: pinned here" in called("fetch", "models", TINY)
    place = published_file(model_cards()[TINY])
    assert load_restorer(TINY).name == TINY
    place.write_bytes(server.data[:-1] + b"x")
    with pytest.raises(BenchError, match="its SHA-256 is"):
        load_restorer(TINY)


def test_what_only_people_may_download_is_taken_from_where_they_are_told_to_put_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = replace(PUBLISHED[TINY], url="", sha256=None, bytes=None)
    monkeypatch.setitem(PUBLISHED, TINY, row)
    told = called("fetch", "models", TINY, status=2)
    assert "download NAFNet-tiny.pth by hand from https://example.org/nafnet (MIT)" in told
    place = Path(re.search(r"put it at '([^']+)'", told)[1])  # type: ignore[index]
    place.parent.mkdir(parents=True)
    place.write_bytes(server.data)
    assert "pinned here" in called("fetch", "models", TINY)
    assert load_restorer(TINY).network is not None
    assert server.asked == []


def test_what_was_published_of_a_network_is_shown_with_its_variants() -> None:
    shown = called("models", "nafnet-gopro-w64")
    assert "gopro, blur blur tlc PSNR 33.71 RGB, no border cut, mean over images" in shown
    assert "gopro, blur blur none PSNR 33.08" in shown


def test_a_wrong_name_is_one_line(server: Server) -> None:
    assert "no model 'nafnet-gopro-w23'; did you mean 'nafnet-gopro-w" in called(
        "fetch", "models", "nafnet-gopro-w23", status=2
    )
    assert "'unet' is not published weights" in called("fetch", "models", "unet", status=2)
    assert "name the models to fetch" in called("fetch", "models", status=2)


def test_all_models_are_those_whose_files_are_here(server: Server, photographs: Path) -> None:
    from bench.checks import check_run

    def chosen() -> tuple[str, ...]:
        return check_run(
            "folder",
            data=photographs,
            models="all",
            metrics=(),
            prepare=(),
            limit=None,
            budget=None,
            profile=None,
            executor="local",
        ).models

    assert not set(chosen()) & PUBLISHED.keys()
    called("fetch", "models", TINY)
    assert set(chosen()) & PUBLISHED.keys() == {TINY}
