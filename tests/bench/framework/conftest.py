"""A run with real photographs, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.runs import photograph_run


@pytest.fixture(scope="session")
def photographs_run_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photograph_run(tmp_path_factory.mktemp("runs") / "photographs").path
