"""Training of networks that see neighbouring frames: windows cut alike, state unrolled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.core.errors import BenchError
from bench.records import Pair
from bench.suites.table import open_suite
from models.catalogue import MODELS
from models.loading import load_restorer
from models.recipes import Recipe
from models.training.data import PairedCrops, ViewCache, validation_crops
from models.training.pieces import square
from models.training.train import Job, train
from models.windows import Reach
from tests.support.sequences import write_gopro
from tests.support.training import content_of

pytestmark = pytest.mark.usefixtures("one_thread")

WINDOW, BEHIND = Reach(1, 1), Reach(2, 0, recurrent=True)
SMALL = {
    "video-cnn": {"frames": 3, "width": 16, "blocks": 1},
    "video-rnn": {"frames": 3, "width": 16, "blocks": 1, "state": 2},
}
RECIPE = Recipe(batch=4, crop=32, validate_every=50, learning_rate=4e-3)


@pytest.fixture(scope="module")
def gopro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sequences to learn from. Shared: nothing may change it."""
    return write_gopro(tmp_path_factory.mktemp("gopro"), train=3)


@pytest.fixture(scope="module")
def pairs(gopro: Path) -> list[Pair]:
    """All training pairs, those held out too."""
    suite = open_suite("gopro:frames=3", gopro)
    return [*suite.pairs("train"), *suite.pairs("val")]


def crops(pairs: list[Pair], reach: Reach, augment: tuple[str, ...] = ()) -> PairedCrops:
    options = {"side": 24, "seed": 5, "augment": augment, "start": 0, "stop": 12}
    return PairedCrops(pairs, **options, cache=ViewCache(), reach=reach)  # type: ignore[arg-type]


@pytest.mark.parametrize("reach", [WINDOW, BEHIND])
@pytest.mark.parametrize(
    "augment", [(), ("flip", "rot90"), ("flip", "colours", "jitter", "rotate", "scale")]
)
def test_every_frame_of_a_window_is_cut_and_turned_as_its_reference_is(
    pairs: list[Pair], reach: Reach, augment: tuple[str, ...]
) -> None:
    # where degraded and reference are one file, the frame to be restored must come out equal
    same = [replace(pair, degraded=pair.reference) for pair in pairs if pair.reference]
    sharp = [replace(pair, clip=_sharp(pair)) for pair in same]
    windows, references = crops(sharp, reach, augment).batch(range(12))
    assert windows.shape == (12, 3, 3, 24, 24)
    if reach.recurrent:  # is to restore all frames
        assert torch.equal(windows, references)
    else:
        assert torch.equal(windows[:, reach.before], references)
    alone = crops(same, Reach(), augment).batch(range(12))
    assert torch.equal(alone[1], references[:, -1] if reach.recurrent else references)


def _sharp(pair: Pair) -> object:
    assert pair.clip is not None
    frames = tuple(replace(f, degraded=f.reference or f.degraded) for f in pair.clip.frames)
    return type(pair.clip)(frames=frames, window=pair.clip.window)


def test_neighbours_show_the_motion_between_frames(pairs: list[Pair]) -> None:
    from bench.image import read
    from tests.support.sequences import STEP

    degraded, _ = validation_crops(pairs, reach=WINDOW)
    assert degraded.shape == (12, 3, 3, 160, 160)
    second = next(pair for pair in pairs if pair.at == 1)
    before, now = (read(second.frame(at).degraded).astype(int) for at in (0, 1))
    down, right = STEP
    moved = before[down:, right:] - now[:-down, :-right]
    assert np.abs(moved).mean() < 1 < np.abs(before - now).mean()
    # and the window of it holds just these, in the order of time
    windows, _ = crops([second], WINDOW).batch([0])
    shown = (windows[0] * 255).round().int().permute(0, 2, 3, 1).numpy()
    places = [
        (top, left)
        for top in range(now.shape[0] - 23)
        for left in range(now.shape[1] - 23)
        if (square(now, top, left, 24) == shown[1]).all()
    ]
    (place,) = places
    assert (square(before, *place, 24) == shown[0]).all()


@pytest.mark.parametrize("name", list(SMALL))
def test_a_few_steps_restore_better_than_nothing_and_the_same_again(
    name: str, gopro: Path, tmp_path: Path
) -> None:
    suite = open_suite("gopro:frames=3", gopro)
    card = replace(MODELS[name], options=SMALL[name], recipe=RECIPE)
    job = Job(
        card=card,
        recipe=RECIPE,
        suite=suite.key,
        train=suite.pairs("train"),
        val=suite.pairs("val"),
        folder=tmp_path / "first",
        budget="100steps",
    )
    trained = train(job)
    found = trained.header.validation
    assert found.psnr > found.input_psnr + 0.1
    if name == "video-rnn":  # whose steps are the quickest
        again = train(replace(job, folder=tmp_path / "again"))
        assert content_of(again.weights) == content_of(trained.weights)
    restorer = load_restorer(str(trained.weights))
    assert restorer.frames == 3  # type: ignore[attr-defined]


def test_a_network_that_sees_frames_does_not_learn_from_single_images(
    gopro: Path, tmp_path: Path
) -> None:
    suite = open_suite("gopro", gopro)
    job = Job(
        card=MODELS["video-cnn"],
        recipe=RECIPE,
        suite=suite.key,
        train=suite.pairs("train"),
        val=suite.pairs("val"),
        folder=tmp_path,
        budget="2steps",
    )
    with pytest.raises(BenchError, match=r"'video-cnn' sees 5 frames; this suite has no sequences"):
        train(job)
    three = open_suite("gopro:frames=3", gopro)
    with pytest.raises(BenchError, match=r"this suite gives 3: open it with frames=5"):
        train(replace(job, train=three.pairs("train"), val=three.pairs("val")))
    against = replace(MODELS["video-cnn"].preset("quick"), method="gan")
    five = open_suite("gopro:frames=5", gopro)
    with pytest.raises(BenchError, match="learns by a plain recipe alone, not by method gan"):
        train(replace(job, recipe=against, train=five.pairs("train"), val=five.pairs("val")))
