"""Training as a whole: reproducible, resumable after any end, honest about what went wrong."""

from __future__ import annotations

import csv
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import torch

from bench.core.errors import BenchError
from bench.core.progress import Update, unheard
from bench.records import Pair
from models.catalogue import MODELS, Card
from models.loading import load_restorer
from models.recipes import Recipe
from models.training import timing
from models.training.train import Job, Trained
from models.training.train import train as train_job
from models.weights import read_header
from tests.support.progress import steps
from tests.support.training import content_of

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = Recipe(batch=2, crop=32, validate_every=8)
TINY = replace(MODELS["unet"], options={"widths": (8, 12), "blocks": (1, 1)}, recipe=RECIPE)
STEPS = "42steps"  # five validation periods of 8, and one of 2


def train(
    card: Card,
    suite: str,
    pairs: list[Pair],
    val: list[Pair],
    folder: Path,
    budget: str,
    seed: int = 0,
    update: Update = unheard,
) -> Trained:
    """Train by the card's quick recipe."""
    return train_job(
        Job(
            card=card,
            recipe=card.preset("quick"),
            suite=suite,
            train=pairs,
            val=val,
            folder=folder,
            budget=budget,
            seed=seed,
        ),
        update,
    )


def with_recipe(**changes: object) -> Card:
    return replace(TINY, recipe=replace(RECIPE, **changes))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


FINISHED = {"unet.safetensors", "unet.csv", "unet.plan.json", "unet"}


# --- the result -------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_same_training_twice_gives_the_same_file(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told: list[tuple[int, int]] = []
    once, again = (
        train(
            TINY,
            "demo",
            pairs[:4],
            pairs[4:],
            tmp_path / name,
            STEPS,
            seed=3,
            update=steps(lambda done, total: told.append((done, total))),
        )
        for name in ("once", "again")
    )
    assert content_of(once.weights) == content_of(again.weights)
    assert names(tmp_path / "once") == FINISHED
    assert names(tmp_path) == {"data", "once", "again", "results"}  # no stray log folders
    assert names(tmp_path / "results") == {"digests.db"}
    assert told == [(step, 42) for step in range(1, 43)] * 2
    other = train(TINY, "demo", pairs[:4], pairs[4:], tmp_path / "other", STEPS, seed=4)
    assert content_of(other.weights) != content_of(once.weights)


@pytest.mark.slow
def test_training_restores_better_than_the_input_and_says_so(
    pairs: list[Pair], tmp_path: Path
) -> None:
    trained = train(TINY, "demo", pairs[:4], pairs[4:], tmp_path / "out", "200steps")
    header = trained.header
    assert header == read_header(trained.weights)
    figures = header.validation
    assert figures.psnr > figures.input_psnr + 0.3
    assert figures.ssim > figures.input_ssim
    assert header.model == "unet"
    assert header.stopped == "as planned"
    assert header.recipe["batch"] == 2
    assert header.pairs.train.startswith("4 pairs ")
    restorer = load_restorer(str(trained.weights))
    assert restorer.network is not None
    assert restorer.network.config.widths == [8, 12]


def test_the_curves_have_one_row_a_number(pairs: list[Pair], tmp_path: Path) -> None:
    trained = train(TINY, "demo", pairs[:4], pairs[4:], tmp_path / "out", STEPS)
    with (tmp_path / "out" / "unet.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "quantity", "value"]
    quantities = [
        *(f"train_{name}" for name in ("loss", "charbonnier", "psnr", "ssim")),
        *(f"val_{name}" for name in ("loss", "charbonnier", "psnr", "ssim")),
        "learning_rate",
    ]
    assert [(row["epoch"], row["quantity"]) for row in rows] == [
        (str(epoch), quantity) for epoch in range(1, 7) for quantity in quantities
    ]
    best = max(float(row["value"]) for row in rows if row["quantity"] == "val_psnr")
    assert trained.header.validation.psnr == pytest.approx(best)


@pytest.mark.slow
def test_a_finished_training_is_returned_as_it_is(pairs: list[Pair], tmp_path: Path) -> None:
    first = train(TINY, "demo", pairs[:4], pairs[4:], tmp_path / "out", STEPS)
    stamp = first.weights.stat().st_mtime_ns
    again = train(TINY, "demo", pairs[:4], pairs[4:], tmp_path / "out", STEPS)
    assert again == first
    assert again.weights.stat().st_mtime_ns == stamp
    with pytest.raises(BenchError, match=r"seed was 0, now 9\); train in another folder"):
        train(TINY, "demo", pairs[:4], pairs[4:], tmp_path / "out", STEPS, seed=9)


def test_without_validation_pairs_some_training_pairs_are_held_out(
    pairs: list[Pair], tmp_path: Path
) -> None:
    trained = train(TINY, "demo", pairs, [], tmp_path / "out", "8steps")
    assert trained.header.pairs.train.startswith("5 pairs ")
    assert trained.header.pairs.validation.startswith("1 pairs ")


# --- ends before the end ------------------------------------------------------------------------


def in_child(
    pairs: list[Pair], folder: Path, largest_file: int | None, report: multiprocessing.Queue[object]
) -> None:
    """Train in a process of its own; report what came of it."""
    torch.set_num_threads(1)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def tell(stage: str, done: float, total: float, text: str = "") -> None:
        report.put(done)
        time.sleep(0.02)  # a step of a real network takes as long

    try:
        train(TINY, "demo", pairs[:4], pairs[4:], folder, STEPS, update=tell)
        report.put("finished")
    except (KeyboardInterrupt, BenchError) as error:
        report.put(f"{type(error).__name__}: {error}")
        kept = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        report.put("Ctrl-C works as before" if kept else "Ctrl-C is lost")


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that start at once: a server without threads has imported what they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["models.training.watch", "torch._dynamo"])
    return context


Start = Callable[..., tuple[multiprocessing.process.BaseProcess, "multiprocessing.Queue[object]"]]


@pytest.fixture
def start(processes: ForkServerContext, pairs: list[Pair]) -> Start:
    def begin(
        folder: Path, largest_file: int | None = None
    ) -> tuple[multiprocessing.process.BaseProcess, multiprocessing.Queue[object]]:
        report: multiprocessing.Queue[object] = processes.Queue()
        child = processes.Process(target=in_child, args=(pairs, folder, largest_file, report))
        child.start()
        return child, report

    return begin


def wait_for(step: int, report: multiprocessing.Queue[object]) -> None:
    while (said := report.get(timeout=120)) != step:
        assert isinstance(said, int), said


def last_words(report: multiprocessing.Queue[object]) -> list[str]:
    """What a child says after its last step: the error, and what became of Ctrl-C."""
    words: list[str] = []
    while len(words) < 2:
        said = report.get(timeout=120)
        words += [said] if isinstance(said, str) else []
    return words


@pytest.mark.slow
def test_killed_and_called_again_gives_the_same_file_and_curves(
    start: Start, pairs: list[Pair], tmp_path: Path
) -> None:
    whole = train(TINY, "demo", pairs[:4], pairs[4:], tmp_path / "whole", STEPS)
    folder = tmp_path / "broken"
    for step in (3, 19, 41):  # before any checkpoint, between two, in the last, short period
        child, report = start(folder)
        wait_for(step, report)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
        assert not (folder / "unet.safetensors").exists()
    with (folder / "unet.csv").open("a") as file:
        file.write("6,train_loss,0.5\n6,val_")  # what a crash before the checkpoint leaves
    resumed: list[int] = []
    train(
        TINY,
        "demo",
        pairs[:4],
        pairs[4:],
        folder,
        STEPS,
        update=steps(lambda done, total: resumed.append(done)),
    )
    assert resumed == [41, 42]  # the checkpoint of step 40 was taken up
    assert content_of(folder / "unet.safetensors") == content_of(whole.weights)
    assert (folder / "unet.csv").read_bytes() == (tmp_path / "whole/unet.csv").read_bytes()
    assert names(folder) == FINISHED


@pytest.mark.slow
def test_ctrl_c_goes_through_and_leaves_what_resumes(
    start: Start, pairs: list[Pair], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    child, report = start(folder)
    wait_for(20, report)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGINT)
    assert last_words(report) == ["KeyboardInterrupt: ", "Ctrl-C works as before"]
    child.join(60)
    assert child.exitcode == 0
    assert {"unet.last.ckpt", "unet.best.ckpt"} < names(folder)
    whole = train(TINY, "demo", pairs[:4], pairs[4:], tmp_path / "whole", STEPS)
    resumed = train(TINY, "demo", pairs[:4], pairs[4:], folder, STEPS)
    assert content_of(resumed.weights) == content_of(whole.weights)


@pytest.mark.slow
def test_a_request_to_end_ends_the_process_by_that_signal(
    start: Start, pairs: list[Pair], tmp_path: Path
) -> None:
    child, report = start(tmp_path / "out")
    wait_for(20, report)
    child.terminate()
    child.join(60)
    assert child.exitcode == -signal.SIGTERM  # not 0: nothing has been finished
    train(TINY, "demo", pairs[:4], pairs[4:], tmp_path / "out", STEPS)
    assert names(tmp_path / "out") == FINISHED


@pytest.mark.slow
def test_a_full_disk_says_so_and_the_training_goes_on_later(
    start: Start, pairs: list[Pair], tmp_path: Path
) -> None:
    """The file-size limit makes the kernel refuse a write half-way, as a full disk does."""
    folder = tmp_path / "out"
    child, report = start(folder, largest_file=20_000)
    said = last_words(report)
    child.join(60)
    assert "make room and give the same command again" in said[0]
    assert not list(folder.glob("*.part"))
    trained = train(TINY, "demo", pairs[:4], pairs[4:], folder, STEPS)
    assert trained.header.stopped == "as planned"


def test_a_loss_that_explodes_ends_the_training_and_keeps_the_best(
    pairs: list[Pair], tmp_path: Path
) -> None:
    wild = with_recipe(learning_rate=10.0, optimiser="adam", clip=None)  # rising for 200 steps
    with pytest.raises(
        BenchError, match=r"came apart by step \d+.*learning rate under 10; the best"
    ):
        train(wild, "demo", pairs[:4], pairs[4:], tmp_path / "out", "4000steps")
    assert (tmp_path / "out" / "unet.best.ckpt").is_file()
    assert not (tmp_path / "out" / "unet.safetensors").exists()


def test_training_stops_early_where_nothing_improves(pairs: list[Pair], tmp_path: Path) -> None:
    still = with_recipe(learning_rate=0.0, patience=2)
    trained = train(still, "demo", pairs[:4], pairs[4:], tmp_path / "out", "80steps")
    assert trained.header.stopped == "no improvement"
    assert trained.header.best_step == 8
    figures = trained.header.validation
    assert figures.psnr == pytest.approx(figures.input_psnr)  # an untrained one is identity


def test_what_takes_far_too_long_is_stopped_and_its_best_kept(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "PATIENCE", 1e-6)  # whatever was planned takes too long
    trained = train(TINY, "demo", pairs[:4], pairs[4:], tmp_path / "out", "20s")
    assert trained.header.stopped == "out of time"
    assert trained.header.best_step < trained.header.planned_steps
    assert trained.weights.is_file()


@pytest.mark.parametrize(
    ("card", "count", "said"),
    [
        (MODELS["wiener"], 4, "'wiener' is not trained: it has no recipe"),
        (TINY, 0, "no training images"),
        (with_recipe(losses={"l3": 1.0}), 4, "no loss 'l3'; known: mse, l1, charbonnier"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    pairs: list[Pair], tmp_path: Path, card: Card, count: int, said: str
) -> None:
    with pytest.raises(BenchError, match=said):
        train(card, "demo", pairs[:count], pairs[4:], tmp_path / "out", STEPS)
