"""The import contracts hold, and each of them notices what it forbids."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.advisories import known, pins

ROOT = Path(__file__).parents[1]
PACKAGES = ("bench", "models", "raters")
FLOORS = "The floors of the house: imports go down only"
RATERS = "Raters know nothing of models and of what reports on them"
READERS = "Analyses and reports read runs and start none"
SQL = "Only raters write SQL: others ask raters.studies.queries"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """The packages' modules and their contracts, to be changed."""
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            target = tmp_path / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def contracts(house: Path) -> tuple[dict[str, bool], str]:
    """Return which contracts are kept, and all that import-linter says."""
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=house,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(house), "COLUMNS": "500"},
        check=False,
    )
    output = found.stdout + found.stderr
    verdicts = (line.rsplit(" ", 1) for line in output.splitlines())
    kept = {v[0]: v[1] == "KEPT" for v in verdicts if v[-1] in ("KEPT", "BROKEN")}
    assert kept, output
    assert (found.returncode == 0) == all(kept.values()), output
    return kept, output


def test_all_contracts_are_kept(house: Path) -> None:
    kept, output = contracts(house)
    assert all(kept.values()), output
    assert {FLOORS, RATERS, READERS, SQL} <= set(kept)


@pytest.mark.parametrize(
    ("importer", "imported", "broken"),
    [
        ("raters.trials.session", "bench.report.drawing.theme", RATERS),
        ("models.restorer", "models.loading", FLOORS),
        ("bench.framework.scores", "bench.runs.runner", READERS),
        ("bench.framework.scores", "sqlalchemy", SQL),
        ("bench.cli.rate.options", "raters.database.schema", SQL),
    ],
)
def test_an_import_that_is_forbidden_is_noticed(
    house: Path, importer: str, imported: str, broken: str
) -> None:
    module = house.joinpath(*importer.split(".")).with_suffix(".py")
    module.write_text(module.read_text() + f"\nimport {imported}\n")
    kept, output = contracts(house)
    assert kept[broken] is False, output
    assert f"{importer} -> {imported}" in output


def test_every_fault_of_the_table_names_tests_that_are_there() -> None:
    text = (ROOT / "docs" / "faults.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        *_, tests = [cell.strip() for cell in row.strip("|").split(" | ")]
        found = re.findall(r"`(tests/[\w/]+\.py)`", tests)
        assert found, row
        assert all((ROOT / path).is_file() for path in found), row


def test_a_pin_with_a_known_vulnerability_is_named_and_no_other() -> None:
    row = {"cve": "CVE-1", "id": "x", "advisory": "opens files", "specs": ["<2.3.1", ">=3,<3.2"]}
    database = {"$meta": {"timestamp": 0}, "Some_Package": [row], "other": [row]}
    for version, bad in (("2.3.0", True), ("2.3.1", False), ("3.1rc1", True), ("3.2", False)):
        found = known(pins(["# a remark", f"some-package=={version}", "third==1"]), database)
        assert found == [f"some-package {version}: CVE-1: opens files"] * bad


def test_all_pins_are_read() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert len(dict(pins(lines))) == sum("==" in line for line in lines) > 100
