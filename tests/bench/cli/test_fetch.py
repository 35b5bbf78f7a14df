"""``bench fetch weights``: what is named, and nothing else."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.cli.fetch import backbones_named
from bench.core.errors import BenchError, Unscorable
from bench.core.files import sha256_of
from bench.metrics.backbones import BACKBONES, find_backbone
from bench.metrics.lpips import Lpips
from tests.support.commands import called
from tests.support.downloads import DATA, DIGEST, Server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """Serves AlexNet's file, which has other content; the other networks are nowhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        for name, row in BACKBONES.items():
            nowhere = replace(row, url="http://127.0.0.1:9/nothing")
            monkeypatch.setitem(BACKBONES, name, nowhere)
        file = f"alexnet-{DIGEST[:8]}.pth"
        row = replace(BACKBONES["alex"], file=file, url=running.url, size=len(DATA), part="")
        monkeypatch.setitem(BACKBONES, "alex", row)
        yield running
        running.shutdown()


@pytest.mark.parametrize("name", ["lpips-alex", "lpips", "alex"])
def test_what_is_named_is_fetched_and_only_that(server: Server, name: str) -> None:
    assert "ready: " in called("fetch", "weights", name)
    assert len(server.asked) == 1
    assert find_backbone("alex").read_bytes() == DATA
    assert [path.name for path in Path("results/weights/backbones").glob("[!.]*")] == [
        BACKBONES["alex"].file
    ]


def test_only_the_weights_that_are_used_are_kept_once_the_whole_file_is_verified(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = {"features.0.weight": torch.ones(3, 4), "classifier.1.weight": torch.ones(300, 400)}
    whole = io.BytesIO()
    torch.save(weights, whole)
    server.data = whole.getvalue()
    digest = hashlib.sha256(server.data).hexdigest()
    row = replace(BACKBONES["alex"], file=f"alexnet-{digest[:8]}.pth", size=len(server.data))
    monkeypatch.setitem(BACKBONES, "alex", replace(row, part="features"))
    shown = called("fetch", "weights", "lpips-alex", "--json")
    told = json.loads(shown[shown.index("[ {") :])
    found = find_backbone("alex")
    assert told == [
        {"path": str(found), "sha256": sha256_of(found), "whole_sha256": digest},
    ]
    assert found.name == f"alexnet-{digest[:8]}.features-{sha256_of(found)[:8]}.pth"
    assert list(torch.load(found)) == ["features.0.weight"]
    assert found.stat().st_size < 10_000 < len(server.data)
    assert [path.name for path in found.parent.glob("[!.]*")] == [found.name]
    # What was measured with the whole file was measured with the same weights.
    assert Lpips("alex").weights == row.file
    again = called("fetch", "weights", "lpips-alex")
    assert "fetched before" in again
    assert len(server.asked) == 1
    found.write_bytes(b"damaged")
    with pytest.raises(Unscorable, match="is damaged: its sha256 does not begin with"):
        find_backbone("alex")
    called("fetch", "weights", "lpips-alex")
    assert len(server.asked) == 2
    assert find_backbone("alex").is_file()


def test_a_wrong_name_is_one_line_and_nothing_is_fetched(server: Server) -> None:
    told = called("fetch", "weights", "lpips-alx", status=2)
    assert "no weights 'lpips-alx'; did you mean 'lpips-alex'?" in told
    assert "'psnr' needs no download; these do: lpips-alex" in called(
        "fetch", "weights", "psnr", status=2
    )
    assert "'gopro' is fetched whole; got also alex" in called("fetch", "gopro", "alex", status=2)
    assert "--url is of one file" in called("fetch", "weights", "--url", server.url, status=2)
    assert server.asked == []


def test_names_stand_for_what_is_under_them_once() -> None:
    assert backbones_named([]) == tuple(BACKBONES.values())
    assert backbones_named(["fid", "kid", "inception"]) == (BACKBONES["inception"],)
    assert [b.name for b in backbones_named(["lpips-vgg", "vgg19"])] == ["vgg", "vgg19"]
    with pytest.raises(BenchError, match="needs no download"):
        backbones_named(["st-lpips-alex"])
