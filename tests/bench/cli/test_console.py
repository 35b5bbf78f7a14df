"""What verbs share: options that are lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cli.console import split_models


def test_specs_are_parted_at_commas_but_not_inside_a_name_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine, and, yours").mkdir()
    (tmp_path / "x4,best.pth").touch()
    assert split_models("input, unet,") == ("input", "unet")
    text = "input,outputs:mine, and, yours,x4,best.pth,net:make"
    assert split_models(text) == ("input", "outputs:mine, and, yours", "x4,best.pth", "net:make")
    assert split_models("outputs:mine,yours") == ("outputs:mine", "yours")
