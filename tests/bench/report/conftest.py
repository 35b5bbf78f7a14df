"""One run of real photographs and its report, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.report import write_report
from bench.runs.store import RunFolder
from tests.support.once import made_once


@pytest.fixture(scope="session")
def run(photographs_run: RunFolder) -> RunFolder:
    return photographs_run


@pytest.fixture(scope="session")
def report(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the report."""
    return made_once(tmp_path_factory, "report", lambda folder: write_report([run], folder))


@pytest.fixture(scope="session")
def page(report: Path) -> str:
    return (report / "index.html").read_text(encoding="utf-8")
