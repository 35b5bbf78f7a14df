"""Factories in the user's own folder, whatever its packages are called."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
import torch

import models
from bench.core.errors import BenchError
from models.identity import source_files
from models.loading import load_restorer
from models.own_code import load_own, own_name
from models.specs import form_of, label

IMAGE = torch.rand(1, 3, 8, 8)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What most restoration repositories look like, with packages called as ours and others'."""
    for name, text in {
        "models/__init__.py": "",
        "models/common.py": "GAIN = 0.5\n",
        "models/archs/__init__.py": "from models.archs.blocks import Scale\n",
        "models/archs/blocks.py": """
            import torch
            class Scale(torch.nn.Module):
                def forward(self, image):
                    from models.common import GAIN  # only when it runs
                    return image * GAIN
            """,
        "models/team00_EFDN.py": """
            import importlib
            import models.archs as archs
            import models.archs.blocks
            from .common import GAIN
            from utils.loading import name
            assert models.archs is archs and GAIN == 0.5
            def EFDN():
                return getattr(importlib.import_module(f"models.{name()}"), "Scale")()
            """,
        "utils/loading.py": "def name(): return 'archs.blocks'\n",
        "bench/__init__.py": "VALUE = 3\n",
        "main.py": """
            from bench import VALUE
            from models.team00_EFDN import EFDN
            assert VALUE == 3
            """,
    }.items():
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return tmp_path / "repository"


@pytest.mark.parametrize("spec", ["models.team00_EFDN:EFDN", "main:EFDN"])
def test_a_repository_with_its_own_models_package_is_used_from_its_folder(
    repository: Path, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    before = dict(sys.modules)
    restorer = load_restorer(spec)
    assert torch.equal(restorer.restore(IMAGE), IMAGE / 2)
    assert sys.modules["models"] is models is before["models"]
    assert not hasattr(models, "team00_EFDN")
    import bench

    assert hasattr(bench, "__version__")


@pytest.mark.parametrize("name", ["models/team00_EFDN.py", "main.py"])
def test_a_file_is_used_from_anywhere(
    repository: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = f"{repository / name}:EFDN"
    assert form_of(spec) == "factory"
    assert label(spec) == f"{Path(name).stem}:EFDN"
    assert torch.equal(load_restorer(spec).restore(IMAGE), IMAGE / 2)
    assert label("models.team00_EFDN:EFDN") == "team00_EFDN:EFDN"


def test_two_repositories_with_packages_of_one_name_do_not_mix(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    (other / "models").mkdir(parents=True)
    (other / "models" / "common.py").write_text("GAIN = 0.25\n")
    (other / "net.py").write_text(
        "import torch\nfrom models.common import GAIN\n"
        "class Net(torch.nn.Module):\n    def forward(self, image): return image * GAIN\n"
    )
    first = load_restorer(f"{repository}/main.py:EFDN")
    second = load_restorer(f"{other}/net.py:Net")
    assert torch.equal(first.restore(IMAGE), IMAGE / 2)
    assert torch.equal(second.restore(IMAGE), IMAGE / 4)


def test_the_source_of_a_factory_is_all_that_it_leads_to(repository: Path) -> None:
    load_own(f"{repository}/main.py:EFDN")
    (name,) = {
        n
        for n in sys.modules
        if n.startswith("own_code_")
        and n.endswith(".main")
        and str(sys.modules[n].__file__).startswith(str(repository))
    }
    found = {str(path.relative_to(repository)) for path in source_files(sys.modules[name])}
    assert {
        "main.py",
        "models/team00_EFDN.py",
        "models/common.py",
        "utils/loading.py",
        "models/archs/blocks.py",
        "bench/__init__.py",
    } <= found


def test_what_is_missing_or_fails_is_said(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    for spec, said in (
        ("models.nothing:EFDN", r"no module 'models\.nothing' in '.*repository'"),
        ("models.common:EFDN", "module 'models.common' has no 'EFDN'"),
        ("gone.py:EFDN", r"'gone\.py:EFDN': no file 'gone\.py'"),
        ("nowhere_at_all:thing", "no module 'nowhere_at_all'"),
    ):
        with pytest.raises(BenchError, match=said):
            load_own(spec)
    (repository / "broken.py").write_text("import torch\nraise RuntimeError('no GPU')\n")
    with pytest.raises(BenchError, match=r"fails while it is imported: RuntimeError: no GPU"):
        load_own("broken:Net")
    assert own_name("models.common", "somebody.else") is None


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["models.team00_EFDN:EFDN", "main.py:EFDN"])
def test_its_costs_are_measured_in_processes_that_find_the_same_code(
    repository: Path, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bench

    monkeypatch.chdir(repository)
    measured = bench.profile(spec, size=(32, 32), processes=1, passes=5, seconds=1)
    found = {row.quantity: row for row in measured.profiles()}
    assert found["latency_ms"].value is not None, found["latency_ms"].missing
    assert found["latency_ms"].value > 0
    assert found["params"].value == 0
