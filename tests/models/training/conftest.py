"""Pairs to learn from, on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.records import Pair
from models.training.timing import threads
from tests.support.training import pairs_in


@pytest.fixture
def pairs(folder_suite: Path) -> list[Pair]:
    return pairs_in(folder_suite)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Bits depend on the number of threads; the processes started by tests have one too."""
    with threads(1):
        yield
