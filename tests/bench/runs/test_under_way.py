"""What a GPU is given ahead: the same cells in the same order, never many images, whatever fails.

Without a GPU a CPU stands for it, which is through with each image when the next is begun.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import current_thread

import numpy as np
import pytest
import torch

from bench.image import read
from bench.records import Failure, Pair
from bench.runs.executors.under_way import AT_ONCE, UnderWay
from bench.runs.store import RunFolder
from models.contract import Contained, may_begin
from models.ensemble import over_symmetries
from models.restorer import NOTHING_KNOWN, Hints, Made, NetworkRestorer
from tests.support.progress import Impatient
from tests.support.restoring import restored, restorer


@pytest.fixture
def usual(pairs: list[Pair], tmp_path: Path) -> RunFolder:
    """A run whose every image is waited for."""
    return restored(pairs, tmp_path / "usual", restorer())[0]


@pytest.fixture
def ahead(usual: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every restorer that may be begun be begun, and no core restore an image of its own."""
    monkeypatch.setattr(UnderWay, "takes", staticmethod(may_begin))
    monkeypatch.setattr("bench.runs.executors.restoring.Abreast.takes", lambda *asked: False)


Look = Callable[[str], None]


class Begun(NetworkRestorer):
    """Tells of each image when it is begun and when it is back; may fail at either."""

    def __init__(self, beginning: Look = str, ending: Look = str) -> None:
        inner = restorer()
        assert inner.network is not None
        super().__init__("small", inner.network, multiple=4)
        self.told: list[tuple[str, str]] = []
        self._beginning, self._ending = beginning, ending

    def begin(self, degraded: torch.Tensor, hints: Hints = NOTHING_KNOWN) -> Made:
        image = str(hints.image)
        self.told.append(("begun", image))
        self._beginning(image)
        made = super().begin(degraded, hints)

        def back() -> torch.Tensor:
            self._ending(image)
            self.told.append((current_thread().name, image))
            return made()

        return back


def fails_at(bad: str) -> Look:
    def look(image: str) -> None:
        if image == bad:
            raise ValueError("no such image")

    return look


def test_images_that_are_begun_ahead_come_to_the_cells_of_those_waited_for(
    pairs: list[Pair], tmp_path: Path, usual: RunFolder, ahead: None
) -> None:
    small = Begun(ending=lambda image: time.sleep(0.05))  # as a GPU would take it
    run, failures = restored(pairs, tmp_path / "ahead", small)
    assert failures == []
    ours, theirs = list(run.cells("small")), list(usual.cells("small"))
    assert [cell.image for cell in ours] == [pair.id for pair in pairs]
    assert ours == theirs
    for pair in pairs:
        files = (one.image_path("small", pair.id) for one in (run, usual))
        assert np.array_equal(*map(read, files))
    images = [pair.id for pair in pairs]
    assert [image for what, image in small.told if what == "begun"] == images
    assert [image for what, image in small.told if what == "return_0"] == images
    under_way = np.cumsum([1 if what == "begun" else -1 for what, _ in small.told])
    assert under_way.max() == AT_ONCE


@pytest.mark.parametrize("when", ["beginning", "ending"])
def test_what_fails_on_an_image_loses_that_image_alone_whenever_it_fails(
    pairs: list[Pair], tmp_path: Path, usual: RunFolder, ahead: None, when: str
) -> None:
    failing = Begun(**{when: fails_at(pairs[2].id)})
    run, failures = restored(pairs, tmp_path / "run", failing)
    assert failures == [Failure("small", pairs[2].id, "ValueError: no such image")]
    kept = [pair.id for pair in pairs if pair is not pairs[2]]
    assert [cell.image for cell in run.cells("small")] == kept
    assert restored(pairs, tmp_path / "run", Begun())[1] == []
    assert {cell.image: cell for cell in run.cells("small")} == {
        cell.image: cell for cell in usual.cells("small")
    }


def test_interrupted_it_keeps_what_was_finished_and_goes_on(
    pairs: list[Pair], tmp_path: Path, ahead: None
) -> None:
    with pytest.raises(KeyboardInterrupt):
        restored(pairs, tmp_path / "run", Begun(), Impatient(2))
    kept = [cell.image for cell in RunFolder(tmp_path / "run").cells("small")]
    assert 2 <= len(kept) <= 5
    goes_on = Begun()
    run, _ = restored(pairs, tmp_path / "run", goes_on)
    assert len(goes_on.told) == 2 * (6 - len(kept))
    assert sorted(cell.image for cell in run.cells("small")) == [pair.id for pair in pairs]


def test_a_model_of_others_is_looked_through_when_its_image_is_back(
    pairs: list[Pair], tmp_path: Path, usual: RunFolder, ahead: None
) -> None:
    def bright(image: torch.Tensor) -> torch.Tensor:
        return image.mul_(255)

    wrong = Contained(lambda: NetworkRestorer("small", bright))
    _, failures = restored(pairs, tmp_path / "wrong", wrong)
    assert len(failures) == 6
    assert "expected [0, 1]" in failures[0].message
    assert wrong.remarks == ["it writes into its input: every model is given a copy"]
    right, failures = restored(pairs, tmp_path / "right", Contained(Begun))
    assert failures == []
    assert list(right.cells("small")) == list(usual.cells("small"))


def test_what_works_over_several_images_is_waited_for() -> None:
    assert may_begin(restorer())
    assert may_begin(Contained(restorer))
    assert not may_begin(over_symmetries(restorer()))
    assert not may_begin(Contained(lambda: over_symmetries(restorer())))
    with ThreadPoolExecutor(1) as back:
        assert not UnderWay(back).takes(restorer())  # on a CPU


@pytest.mark.gpu
def test_a_gpu_goes_on_while_an_image_comes_back(pairs: list[Pair], tmp_path: Path) -> None:
    network = restorer().network
    assert network is not None
    there = NetworkRestorer("small", network, "cuda", multiple=4)
    image, other = torch.rand(1, 3, 96, 96), torch.rand(1, 3, 96, 96)
    expected = there.restore(image)
    with ThreadPoolExecutor(1) as back:
        under_way = UnderWay(back)
        assert under_way.takes(there)
        torch.cuda._sleep(10_000_000)  # clock cycles: it comes late
        first = under_way.restore(there, image.cuda(), NOTHING_KNOWN)
        torch.cuda._sleep(4_000_000_000)  # what the GPU is given since: two seconds and more
        second = under_way.restore(there, other.cuda(), NOTHING_KNOWN)
        assert torch.equal(first.result(), expected)
        assert not torch.cuda.default_stream().query()
        assert torch.equal(second.result(), there.restore(other))
    run, failures = restored(pairs, tmp_path / "gpu", there)
    assert failures == []
    assert len(list(run.cells("small"))) == len(pairs)
