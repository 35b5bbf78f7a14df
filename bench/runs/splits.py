"""What a suite gives a network to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.progress import Update, unheard
from bench.records import Learned, Pair
from bench.suites import Suite
from bench.suites.learned import learned_from
from bench.suites.listing import prepared
from bench.suites.separation import refuse_test_images


@dataclass(frozen=True, slots=True)
class TrainingSplits:
    """Training and validation pairs. None is a test image: ``compared`` says how that was seen."""

    train: Sequence[Pair]
    val: Sequence[Pair]
    compared: str


def learned_here(suite: Suite, progress: Update = unheard) -> Learned | None:
    """Return what weights trained on a suite learn from, None where it has nothing to learn."""
    if nothing_to_learn(suite):
        return None
    return learned_from([*suite.pairs("train"), *suite.pairs("val")], progress)


def training_splits(
    suite: Suite, prepare: Sequence[str] = (), progress: Update = unheard
) -> TrainingSplits:
    """Return what there is to learn from in a suite, each pair with these steps before the model.

    Raises `BenchError` where a training or validation image is a test image.
    """
    train, val = suite.pairs("train"), suite.pairs("val")
    compared = refuse_test_images(
        {"training": train, "validation": val}, suite.pairs("test"), progress
    )
    return TrainingSplits(prepared(train, prepare), prepared(val, prepare), compared)


def nothing_to_learn(suite: Suite) -> str | None:
    """Return why nothing can be trained on a suite here, None where it can."""
    train = suite.pairs("train")
    if not train:
        return "the suite has no training images here"
    if train[0].reference is None:
        return f"there is nothing to train on: {suite.no_reference}"
    return None
