"""One run of real photographs and its report, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.report import write_report
from bench.runs.store import RunFolder
from tests.support.runs import photograph_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return photograph_run(tmp_path_factory.mktemp("runs") / "photographs")


@pytest.fixture(scope="session")
def report(run: RunFolder) -> Path:
    """The folder of the report."""
    return write_report([run]).parent


@pytest.fixture(scope="session")
def page(report: Path) -> str:
    return (report / "index.html").read_text(encoding="utf-8")
