"""Pairs to learn from, on one thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.training.timing import threads


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Bits depend on the number of threads; the processes started by tests have one too."""
    with threads(1):
        yield
