"""What verbs share: options that are lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cli.console import part, split_models
from bench.core.errors import BenchError


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


@pytest.mark.parametrize("text", ["60", "101%", "1.5", "-5%", "half"])
def test_a_part_is_at_most_the_whole(text: str) -> None:
    with pytest.raises(BenchError, match="expected a part such as 5%") as refused:
        part("share", text)
    assert ("did you mean" in str(refused.value)) == (text in ("60", "1.5"))


def test_parts_are_read_with_and_without_a_sign() -> None:
    assert (part("share", "60%"), part("share", "0.6"), part("val", "100%")) == (0.6, 0.6, 1.0)
