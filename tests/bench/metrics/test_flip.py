"""FLIP by its authors' package, where that is installed."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from bench.image import Pixels
from bench.metrics.scorer import Scorer


def flip(restored: Pixels, reference: Pixels) -> float | None:
    scorer = Scorer(["flip"])
    return scorer.score(restored, scorer.reference(reference))["flip"].value


def test_it_grows_with_what_is_seen(photo: Pixels, worse: Pixels) -> None:
    pytest.importorskip("flip_evaluator", reason="flip-evaluator is an extra")
    assert flip(photo, photo) == 0
    small, large = flip(worse, photo), flip(255 - photo, photo)
    assert small is not None
    assert large is not None
    assert 0 < small < large < 1
    green, blue = (np.full_like(photo, [255 * (c == i) for i in range(3)]) for c in (1, 2))
    assert flip(green, blue) == pytest.approx(1, abs=1e-3)  # the paper's largest colour difference


def test_without_its_package_the_command_that_installs_it_is_told(
    photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "flip_evaluator", None)
    scorer = Scorer(["flip"])
    reason = scorer.score(photo, scorer.reference(photo))["flip"].reason
    assert reason is not None
    assert "pip install 'restoration-bench[flip]'" in reason
