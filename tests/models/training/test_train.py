"""Training by recipes: transfer, scales, terms, schedules; and what it says before it begins."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from bench.core.errors import BenchError
from bench.core.files import sha256_of
from bench.image import read
from bench.records import Pair
from models.catalogue import MODELS, Card
from models.loading import load_restorer
from models.recipes import Recipe, Schedule
from models.training import timing
from models.training.data import validation_crops
from models.training.losses import psnr
from models.training.train import Job, estimate, train
from tests.support.backbones import put_backbone
from tests.support.progress import steps
from tests.support.training import content_of, job_of

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = Recipe(batch=2, crop=32, validate_every=4)
TINY = replace(MODELS["unet"], options={"widths": (8,), "blocks": (1,)}, recipe=RECIPE)


class Breaks(nn.Module):
    """The identity until it has been asked ``calls`` times for gradients; then not a number."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls, self.gain = calls, nn.Parameter(torch.ones(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        if self.training:
            self.calls -= 1
        return images * (self.gain if self.calls >= 0 else self.gain * math.nan)


class TwoScales(nn.Module):
    """Results at half the size and at all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def pyramid(self, images: torch.Tensor) -> list[torch.Tensor]:
        """See the class."""
        return [self.layer(nn.functional.avg_pool2d(images, 2)), self.layer(images)]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.pyramid(images)[-1]


def job(pairs: list[Pair], folder: Path, budget: str, card: Card = TINY, **changes: object) -> Job:
    recipe = replace(card.preset("quick"), **changes)  # type: ignore[arg-type]
    return job_of(pairs, folder, replace(card, recipe=recipe), recipe, budget=budget)


def curves(folder: Path, quantity: str) -> list[float]:
    with (folder / "unet.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [float(row["value"]) for row in rows if row["quantity"] == quantity]


def test_a_training_begins_with_the_weights_it_is_given(pairs: list[Pair], tmp_path: Path) -> None:
    first = train(job(pairs, tmp_path / "first", "40steps"))
    still = replace(
        job(pairs, tmp_path / "second", "4steps", learning_rate=0.0, weight_decay=0.0),
        initial=first.weights,
        seed=5,
    )
    second = train(still)
    before, after = load_file(first.weights), load_file(second.weights)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert second.header.initial == sha256_of(first.weights)
    other = replace(still, folder=tmp_path / "third", card=MODELS["rescnn"])
    with pytest.raises(BenchError, match="holds weights of 'unet', not of 'rescnn'"):
        train(other)


def test_a_training_begins_at_the_identity_where_its_recipe_says_so(
    pairs: list[Pair], tmp_path: Path
) -> None:
    card = replace(
        MODELS["deepdeblur"],
        options={"width": 4, "blocks": 1, "scales": 2},
        recipe=replace(RECIPE, learning_rate=0.0, weight_decay=0.0),
    )
    still, drawn = (
        train(job(pairs, tmp_path / begin, "4steps", card, begin=begin)).header.validation
        for begin in ("identity", "random")
    )
    assert still.psnr == pytest.approx(still.input_psnr, abs=1e-3)
    assert drawn.psnr < drawn.input_psnr - 3
    with pytest.raises(BenchError, match="UNet has no method 'begin_at_identity'"):
        train(job(pairs, tmp_path / "none", "4steps", begin="identity"))


def test_the_averaged_weights_are_what_is_validated_and_kept(
    pairs: list[Pair], tmp_path: Path
) -> None:
    card = replace(MODELS["unet-classic"], options={"widths": (4, 8)}, recipe=RECIPE)
    averaged, last = (
        train(job(pairs, tmp_path / f"{decay}", "12steps", card, average=decay))
        for decay in (0.9, 0.0)
    )
    kept, other = load_file(averaged.weights), load_file(last.weights)
    assert kept.keys() == other.keys()  # one network, not two
    assert not torch.equal(kept["output.weight"], other["output.weight"])
    means = [name for name in kept if name.endswith("running_mean")]
    assert not any(torch.equal(kept[name], other[name]) for name in means)
    degraded, reference = validation_crops(pairs[4:])
    restorer = load_restorer(str(averaged.weights))
    found = float(psnr(restorer.restore(degraded), reference).mean())
    assert found == pytest.approx(averaged.header.validation.psnr, abs=1e-3)


@pytest.mark.slow
def test_averaged_weights_are_interrupted_without_a_trace(
    pairs: list[Pair], tmp_path: Path
) -> None:
    whole = train(job(pairs, tmp_path / "whole", "12steps", average=0.9))
    broken = job(pairs, tmp_path / "broken", "12steps", average=0.9)

    def interrupt(stage: str, done: float, total: float, text: str = "") -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(broken, interrupt)
    resumed: list[int] = []
    again = train(broken, steps(lambda done, total: resumed.append(done)))
    assert resumed[0] == 9  # the checkpoint of step 8 was taken up
    assert content_of(again.weights) == content_of(whole.weights)


@pytest.mark.slow
def test_every_term_is_written_and_the_loss_is_their_weighted_sum(
    pairs: list[Pair], tmp_path: Path
) -> None:
    train(job(pairs, tmp_path, "8steps", losses={"mse": 1.0, "1-ssim": 0.3, "l1": 0.5}))
    for split in ("train", "val"):
        mse, ssim, l1, loss = (
            curves(tmp_path, f"{split}_{name}") for name in ("mse", "1-ssim", "l1", "loss")
        )
        assert len(loss) == 2
        for terms, total in zip(zip(mse, ssim, l1, strict=True), loss, strict=True):
            assert total == pytest.approx(terms[0] + 0.3 * terms[1] + 0.5 * terms[2], rel=1e-5)
    similar, apart = curves(tmp_path, "val_ssim"), curves(tmp_path, "val_1-ssim")
    assert similar == pytest.approx([1 - value for value in apart], abs=2e-3)  # 8 bits and not


def test_the_sample_row_of_each_epoch_shows_the_first_validation_crop(
    pairs: list[Pair], tmp_path: Path
) -> None:
    train(job(pairs, tmp_path, "12steps"))
    rows = sorted((tmp_path / "unet").iterdir())
    assert [path.name for path in rows] == [f"epoch-{number:04d}.png" for number in (1, 2, 3)]
    row = read(rows[-1])
    assert row.shape == (160, 3 * 160 + 8, 3)
    assert (row[:96, :96] == read(pairs[4].degraded)).all()
    reference = pairs[4].reference
    assert reference is not None
    assert (row[:96, 328:424] == read(reference)).all()


@pytest.mark.slow
def test_a_plateau_lowers_the_rate_where_the_loss_stays(pairs: list[Pair], tmp_path: Path) -> None:
    schedule = (Schedule("plateau", factor=0.5, patience=1), Schedule("step", factor=0.1, every=4))
    train(
        job(
            pairs,
            tmp_path,
            "10epochs",
            schedule=schedule,
            warm_up=0.0,
            learning_rate=1e-9,
            validate_every=None,
            watch="val_loss",
            patience=None,
        )
    )
    found = curves(tmp_path, "learning_rate")  # one an epoch of two steps
    # nothing improves by a ten-thousandth: halved after epochs 3, 5, 7, 9; a tenth from 5 and 9 on
    factors = [1, 1, 1, 0.5, 0.05, 0.025, 0.025, 0.0125, 0.00125, 0.000625]
    assert found == pytest.approx([1e-9 * factor for factor in factors])


def test_losses_at_all_scales_are_averaged(pairs: list[Pair], tmp_path: Path) -> None:
    card = replace(TINY, build=f"{__name__}:TwoScales", options={})
    train(
        job(
            pairs,
            tmp_path / "both",
            "4steps",
            card,
            pyramid=True,
            losses={"mse": 1.0},
            learning_rate=0.0,
            weight_decay=0.0,
        )
    )
    train(
        job(
            pairs,
            tmp_path / "one",
            "4steps",
            card,
            losses={"mse": 1.0},
            learning_rate=0.0,
            weight_decay=0.0,
        )
    )
    both, one = (curves(tmp_path / name, "train_mse") for name in ("both", "one"))
    assert both != one
    assert both == pytest.approx(one, rel=0.2)  # what is left of the image at half the size
    assert curves(tmp_path / "both", "val_mse") == curves(tmp_path / "one", "val_mse")
    with pytest.raises(BenchError, match="UNet has no method 'pyramid'"):
        train(job(pairs, tmp_path / "none", "4steps", pyramid=True))


def test_a_loss_that_is_no_number_ends_it_at_once_and_keeps_the_best(
    pairs: list[Pair], tmp_path: Path
) -> None:
    card = replace(TINY, build=f"{__name__}:Breaks", options={"calls": 25})
    with pytest.raises(BenchError, match=r"came apart by step 31: the loss is nan.*the best"):
        train(job(pairs, tmp_path, "400steps", card, validate_every=20))
    assert (tmp_path / "unet.best.ckpt").is_file()
    assert not (tmp_path / "unet.safetensors").exists()


def test_a_term_without_its_network_is_left_out_aloud_and_in_the_header(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    notes: list[str] = []
    wanted = job(pairs, tmp_path / "out", "4steps", losses={"l1": 1.0, "vgg": 0.1})
    trained = train(wanted, note=notes.append)
    assert "unet: trains without its loss 'vgg': backbone weights not found" in notes[0]
    assert list(trained.header.left_out) == ["vgg"]
    assert trained.header.recipe["losses"] == {"l1": 1.0, "vgg": 0.1}
    assert not curves(tmp_path / "out", "train_vgg")
    put_backbone("vgg19", tmp_path / "found", monkeypatch)
    (tmp_path / "out" / "unet.safetensors").unlink()
    with pytest.raises(BenchError, match=r"left_out\.vgg was"):  # the other loss would be mixed in
        train(wanted)


@pytest.mark.slow
def test_an_estimate_is_measured_and_a_budget_in_time_is_then_kept(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = estimate(job(pairs, tmp_path / "steps", "1000steps"))
    assert few.steps == 1000
    assert few.seconds >= few.steps * few.step_seconds > 0
    assert not (tmp_path / "steps" / "unet.plan.json").exists()
    assert estimate(job(pairs, tmp_path / "steps", "10epochs")).steps == 20
    timed = job(pairs, tmp_path / "time", "3s")
    planned = estimate(timed)
    assert planned.seconds == 3
    monkeypatch.setattr(timing, "time_steps", None)  # nothing is timed again
    assert train(timed).header.planned_steps == planned.steps


def test_a_batch_that_cannot_be_dealt_out_is_refused(pairs: list[Pair], tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="--devices 3: a batch of 2 cannot be dealt out evenly"):
        train(replace(job(pairs, tmp_path, "4steps"), devices=3))
    with pytest.raises(BenchError, match="--devices 1 --nodes 4: a batch of 2"):
        train(replace(job(pairs, tmp_path, "4steps"), nodes=4))
    with pytest.raises(BenchError, match="budget of '3s': each node would time its own steps"):
        train(replace(job(pairs, tmp_path, "3s"), nodes=2))


@pytest.mark.slow
def test_super_resolution_is_compared_with_bicubic(pairs: list[Pair], tmp_path: Path) -> None:
    sharp = [pair.reference for pair in pairs if pair.reference]
    small = [
        replace(pair, degraded=path, degradation={"scale": 4}, scale=4)
        for pair, path in zip(pairs, sharp, strict=True)
    ]
    card = replace(
        MODELS["srcnn"],
        recipe=replace(MODELS["srcnn"].preset("quick"), batch=2, crop=8, validate_every=4),
    )
    trained = train(
        Job(
            card=card,
            recipe=card.preset("quick"),
            suite="set5",
            train=small[:4],
            val=small[4:],
            folder=tmp_path,
            budget="4steps",
        )
    )
    assert 15 < trained.header.validation.input_psnr < 35
