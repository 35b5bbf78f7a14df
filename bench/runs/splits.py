"""What a suite gives a network to learn from, and where its weights are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.files import copy_atomic
from bench.core.layout import RESULTS, file_name
from bench.core.progress import Update, unheard
from bench.records import Pair
from bench.suites import Suite
from bench.suites.listing import prepared
from bench.suites.separation import refuse_test_images


@dataclass(frozen=True, slots=True)
class Lessons:
    """Training and validation pairs, none of them a test image; ``told`` says what was compared."""

    train: Sequence[Pair]
    val: Sequence[Pair]
    told: str


def lessons_of(suite: Suite, prepare: Sequence[str] = (), progress: Update = unheard) -> Lessons:
    """Return what there is to learn from in a suite, each pair with these steps before the model.

    Raises `BenchError` where a training or validation image is a test image.
    """
    train, val = suite.pairs("train"), suite.pairs("val")
    told = refuse_test_images({"training": train, "validation": val}, suite.pairs("test"), progress)
    return Lessons(prepared(train, prepare), prepared(val, prepare), told)


def nothing_to_learn(suite: Suite) -> str | None:
    """Return why nothing can be trained on a suite here, None where it can."""
    train = suite.pairs("train")
    if not train:
        return "the suite has no training images here"
    if train[0].reference is None:
        return f"there is nothing to train on: {suite.no_reference}"
    return None


def shelve(weights: Path, suite: str, shelf: Path = RESULTS) -> Path:
    """Copy weights to where later runs look for them; return that place."""
    place = shelf / "weights" / file_name(suite)
    copy_atomic(weights, place / weights.name)
    return place / weights.name
