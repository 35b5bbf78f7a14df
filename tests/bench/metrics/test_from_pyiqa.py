"""``pyiqa:NAME``: with a package that looks like pyiqa from outside, and with pyiqa where it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.image import Pixels
from bench.metrics import from_pyiqa
from bench.metrics.from_pyiqa import pyiqa_card, pyiqa_list
from bench.metrics.scorer import Scorer
from bench.metrics.table import at_hand, is_metric, metric_card, resolve

LIST = """
DEFAULT_CONFIGS = {
    "darkness": {"metric_mode": "NR", "lower_better": True, "score_range": "0, ~1"},
    "nearness": {"metric_mode": "FR", "score_range": "~, 0"},
    "broken": {"metric_mode": "NR"},
    "lost": {"metric_mode": "NR"},
    "fid": {"metric_mode": "NR"},
}
"""
CODE = """
made = []

def create_metric(name, device):
    made.append((name, device))
    if name == "lost":
        raise OSError("no such host")
    if name == "broken":
        return lambda image: image.view(3)
    if name == "darkness":
        return lambda image: 1 - image.mean()
    return lambda image, reference: -(image - reference).abs().mean()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package called pyiqa with pyiqa's list and its way to make a metric, in a few lines."""
    folder = tmp_path / "pyiqa"
    folder.mkdir()
    (folder / "__init__.py").write_text(CODE)
    (folder / "default_model_configs.py").write_text(LIST)
    about = tmp_path / "pyiqa-9.8.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: pyiqa\nVersion: 9.8\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pyiqa", raising=False)
    pyiqa_list.cache_clear()
    yield
    sys.modules.pop("pyiqa", None)
    pyiqa_list.cache_clear()


@pytest.mark.usefixtures("package")
def test_a_row_has_the_direction_and_range_that_pyiqa_tells() -> None:
    darkness, nearness = metric_card("pyiqa:darkness"), metric_card("pyiqa:nearness")
    assert (darkness.higher_is_better, darkness.low, darkness.high) == (False, 0, 1)
    assert (darkness.needs_reference, darkness.group) == (False, "no-reference")
    assert (nearness.higher_is_better, nearness.low, nearness.high) == (True, -np.inf, 0)
    assert (nearness.needs_reference, nearness.group) == (True, "perceptual")
    assert "pyiqa 9.8's darkness by its defaults" in darkness.convention
    assert "non-commercial" in darkness.convention
    assert resolve(["psnr", "pyiqa:darkness"]) == ("psnr", "pyiqa:darkness")
    assert at_hand(["pyiqa:darkness"]) == ("pyiqa:darkness",)
    assert "pyiqa:darkness" not in resolve(["all"])
    assert "pyiqa" not in sys.modules  # the list is read, the package is not imported


@pytest.mark.usefixtures("package")
def test_its_scores_are_pyiqas_with_and_without_a_reference(photo: Pixels, worse: Pixels) -> None:
    scorer = Scorer(["pyiqa:darkness", "pyiqa:nearness"])
    found = scorer.score(worse, scorer.reference(photo))
    a, b = worse / 255, photo / 255
    assert found["pyiqa:darkness"].value == pytest.approx(1 - a.mean(), abs=1e-6)
    assert found["pyiqa:nearness"].value == pytest.approx(-abs(a - b).mean(), abs=1e-6)
    alone = scorer.score(worse, scorer.reference(None))
    assert alone["pyiqa:darkness"].value is not None
    assert alone["pyiqa:nearness"].reason == "no reference image"
    assert scorer.weights["pyiqa:darkness"] == "pyiqa 9.8"
    assert sys.modules["pyiqa"].made == [("darkness", "cpu"), ("nearness", "cpu")]


@pytest.mark.usefixtures("package")
def test_what_pyiqa_cannot_make_or_score_is_missing_and_not_tried_again(photo: Pixels) -> None:
    scorer = Scorer(["pyiqa:lost", "pyiqa:broken"])
    for _ in range(2):
        found = scorer.score(photo, scorer.reference(None))
        assert found["pyiqa:lost"].reason == "pyiqa cannot make lost here: OSError: no such host"
        assert "pyiqa's broken fails" in (found["pyiqa:broken"].reason or "")
    assert sys.modules["pyiqa"].made == [("lost", "cpu"), ("broken", "cpu")]


@pytest.mark.usefixtures("package")
def test_a_name_that_it_does_not_list_is_refused_and_so_is_one_of_sets() -> None:
    with pytest.raises(BenchError, match=r"no metric of pyiqa 'darknes'; did you mean 'darkness'"):
        pyiqa_card("pyiqa:darknes")
    with pytest.raises(BenchError, match="whole sets of images; ask for 'fid'"):
        pyiqa_card("pyiqa:fid")
    assert is_metric("pyiqa:darkness")
    assert not is_metric("pyiqa:fid")


def test_without_the_package_the_command_that_installs_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(from_pyiqa, "find_spec", lambda name: None)
    pyiqa_list.cache_clear()
    with pytest.raises(BenchError, match=r"pip install 'restoration-bench\[pyiqa\]'"):
        resolve(["pyiqa:musiq"])


def test_the_real_list_is_read_and_the_real_metric_scores(photo: Pixels, worse: Pixels) -> None:
    pytest.importorskip("pyiqa", reason="pyiqa is an extra")
    pyiqa_list.cache_clear()
    assert {"musiq", "clipiqa", "dists", "fsim"} <= set(pyiqa_list())
    assert not metric_card("pyiqa:musiq").needs_reference
    scorer = Scorer(["pyiqa:fsim", "fsim"])
    found = scorer.score(worse, scorer.reference(photo))
    assert found["pyiqa:fsim"].value == pytest.approx(found["fsim"].value, abs=1e-5)
