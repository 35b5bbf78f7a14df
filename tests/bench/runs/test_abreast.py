"""Small images restored abreast on a CPU: the same cells in the same order, whatever fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench.image import read
from bench.records import Failure, Pair
from bench.runs.executors import abreast
from bench.runs.executors.abreast import Abreast, safe
from bench.runs.store import RunFolder
from bench.suites.opening import Views, open_pair
from models.architectures.unet import UNet
from models.execution import autocast
from models.restorer import NetworkRestorer
from models.training.timing import threads
from tests.support.progress import Impatient
from tests.support.restoring import restored, restorer


@pytest.fixture
def two_threads() -> Iterator[None]:
    with threads(2):
        yield


def test_two_images_at_once_on_a_thread_each_come_to_the_cells_of_one_by_one(
    pairs: list[Pair], tmp_path: Path, two_threads: None
) -> None:
    together, seen = threading.Barrier(2, timeout=60), []

    def at_work(image: torch.Tensor) -> None:
        seen.append(torch.get_num_threads())
        together.wait()  # broken, if no second image is restored at the same time

    run, failures = restored(pairs, tmp_path / "abreast", restorer(at_work))
    assert failures == []
    assert seen == [1] * 6
    assert torch.get_num_threads() == 2
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == 2
    torch.set_num_threads(1)
    alone, _ = restored(pairs, tmp_path / "alone", restorer())
    ours, theirs = list(run.cells("small")), list(alone.cells("small"))
    assert [cell.image for cell in ours] == [pair.id for pair in pairs]
    assert ours == theirs
    for pair in pairs:
        files = (one.image_path("small", pair.id) for one in (run, alone))
        assert np.array_equal(*map(read, files))


def test_many_cores_read_several_images_ahead_and_come_to_the_same_cells(
    pairs: list[Pair], tmp_path: Path, two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, _ = restored(pairs, tmp_path / "usual", restorer())
    together = threading.Barrier(3, timeout=60)  # of 6 images, so that none waits alone

    def met(pair: Pair) -> Views:
        together.wait()
        return open_pair(pair)

    monkeypatch.setattr("bench.runs.executors.frames.open_pair", met)
    monkeypatch.setattr("bench.runs.executors.restoring.cores", lambda: 16)
    run, failures = restored(pairs, tmp_path / "many", restorer())
    assert failures == []
    assert list(run.cells("small")) == list(usual.cells("small"))


def test_what_fails_on_an_image_loses_that_image_alone_and_is_tried_again(
    pairs: list[Pair], tmp_path: Path, two_threads: None
) -> None:
    bad = read(pairs[2].degraded)[0, 0, 0] / 255

    def at_work(image: torch.Tensor) -> None:
        if abs(float(image[0, 0, 0, 0]) - bad) < 1e-6:
            raise ValueError("no such image")

    run, failures = restored(pairs, tmp_path / "run", restorer(at_work))
    assert failures == [Failure("small", pairs[2].id, "ValueError: no such image")]
    assert [cell.image for cell in run.cells("small")] == [
        pair.id for pair in pairs if pair is not pairs[2]
    ]
    assert restored(pairs, tmp_path / "run", restorer())[1] == []
    assert {cell.image for cell in run.cells("small")} == {pair.id for pair in pairs}


def test_interrupted_it_keeps_what_was_finished_and_goes_on(
    pairs: list[Pair], tmp_path: Path, two_threads: None
) -> None:
    with pytest.raises(KeyboardInterrupt):
        restored(pairs, tmp_path / "run", restorer(), Impatient(2))
    run = RunFolder(tmp_path / "run")
    kept = [cell.image for cell in run.cells("small")]
    assert 2 <= len(kept) <= 5
    seen: list[int] = []
    restored(pairs, tmp_path / "run", restorer(lambda image: seen.append(1)))
    assert len(seen) == 6 - len(kept)
    assert sorted(cell.image for cell in run.cells("small")) == [pair.id for pair in pairs]


class Foreign(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image


class Stateful(NetworkRestorer):
    pass


def test_only_networks_of_ours_on_whole_images_on_a_cpu_are_safe() -> None:
    def ours() -> UNet:
        return UNet(widths=(8,), blocks=(1,))

    assert safe(NetworkRestorer("n", ours(), multiple=2))
    cut, choosing = (NetworkRestorer("n", ours(), multiple=2) for _ in range(2))
    cut.cut(64)
    choosing.fit = lambda height, width: None
    for other in (
        NetworkRestorer("n", Foreign()),
        NetworkRestorer("n", lambda image: image),
        NetworkRestorer("n", ours().to("meta"), device="meta"),
        NetworkRestorer("n", ours(), multiple=2, tile=64),
        Stateful("n", ours(), multiple=2),
        autocast(NetworkRestorer("n", ours(), multiple=2)),
        cut,
        choosing,
    ):
        assert not safe(other)


def test_images_are_restored_abreast_as_far_as_the_memory_holds_that_many(
    two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 512, 512)
    assert Abreast({"small": restorer()}).takes("small", large)
    monkeypatch.setattr(abreast, "free_bytes", lambda device: 10_000_000)
    scarce = Abreast({"small": restorer(), "foreign": NetworkRestorer("foreign", Foreign())})
    assert scarce.takes("small", small)
    assert not scarce.takes("small", large)
    assert not scarce.takes("foreign", small)
    assert scarce.count == 2
    one_by_one = Abreast({"small": restorer()}, one_by_one=True)
    assert one_by_one.count == 1
    assert not one_by_one.takes("small", small)
    torch.set_num_threads(1)
    assert Abreast({"small": restorer()}).count == 1
