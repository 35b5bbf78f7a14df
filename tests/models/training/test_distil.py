"""Distillation: the teacher is followed, learns nothing, and stands in the header."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.core.errors import BenchError
from bench.core.files import sha256_of
from bench.records import Pair
from models.catalogue import MODELS
from models.loading import build_network
from models.training.distil import LastFeatures, looks_apart
from models.training.train import Job, train
from models.weights import Teacher
from tests.support.training import curves, teacher_in


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    return teacher_in(tmp_path)


def test_features_are_those_that_enter_the_last_convolution() -> None:
    network = build_network(MODELS["unet"], 0)
    image = torch.rand(1, 3, 32, 48)
    restored, seen = LastFeatures(network, torch.rand(1, 3, 16, 16))(image)
    assert torch.equal(restored, network(image))
    assert seen.shape == (1, 32, 16, 24)  # what the tail gets, at half the size


def test_looks_are_apart_by_where_features_are_strong_whatever_their_number_and_size() -> None:
    left = torch.zeros(2, 3, 8, 8)
    left[..., :4] = 2.0
    same = torch.zeros(2, 5, 16, 16)
    same[..., :8] = 0.1
    assert float(looks_apart(left, same)) == pytest.approx(0, abs=1e-6)
    # two maps of unit norm that share no place: 1 + 1
    assert float(looks_apart(left, left.flip(-1))) == pytest.approx(2)


def test_a_taught_network_has_its_teacher_in_the_header_and_the_curves(
    tmp_path: Path, pairs: list[Pair], teacher: Path, one_thread: None
) -> None:
    before = sha256_of(teacher)
    recipe = replace(MODELS["litenet"].preset("quick"), batch=2, crop=32, budget="2steps")
    job = Job(
        card=MODELS["litenet"], recipe=recipe, suite="folder", train=pairs, val=(),
        folder=tmp_path / "out", teacher=teacher,
    )  # fmt: skip
    trained = train(job)
    assert trained.header.teacher == Teacher(model="large", sha256=before, output=0.5, features=5.0)
    (step,) = trained.header.compressed
    assert (step.method, step.of, step.sha256) == ("distil", "large", before)
    found = curves(tmp_path / "out" / "litenet.csv")
    assert found["train_output"][0] > 0
    assert found["train_features"][0] > 0
    assert sha256_of(teacher) == before
    alone = train(replace(job, teacher=None, folder=tmp_path / "alone"))
    assert alone.header.teacher is None
    assert sha256_of(alone.weights) != sha256_of(trained.weights)


def test_a_recipe_of_another_method_is_refused_a_teacher(
    tmp_path: Path, pairs: list[Pair], teacher: Path
) -> None:
    job = Job(
        card=MODELS["gan"], recipe=MODELS["gan"].preset("quick"), suite="folder", train=pairs,
        val=(), folder=tmp_path / "out", teacher=teacher, budget="2steps",
    )  # fmt: skip
    with pytest.raises(BenchError, match="of method 'gan' learns from no teacher"):
        train(job)
