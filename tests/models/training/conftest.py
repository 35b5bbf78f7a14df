"""Pairs to learn from, on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from bench.records import Pair
from tests.support.training import pairs_in


@pytest.fixture
def pairs(folder_suite: Path) -> list[Pair]:
    return pairs_in(folder_suite)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Bits depend on the number of threads; the processes started by tests have one too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
