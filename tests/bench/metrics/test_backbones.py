"""Where backbones are looked for, and that only right ones are taken."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cli.fetch import backbones_named
from bench.core.errors import Unscorable
from bench.metrics import backbones
from bench.metrics.backbones import BACKBONES, find_backbone

CONTENT = b"weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()[:8]


@pytest.fixture
def place(no_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that puts the wanted file into one of the folders searched."""
    monkeypatch.setenv("BENCH_WEIGHTS", str(no_weights / "env"))
    row = replace(BACKBONES["alex"], file=f"alexnet-{DIGEST}.pth")
    monkeypatch.setitem(BACKBONES, "alex", row)
    folders = {
        "env": no_weights / "env",
        "own": no_weights / "results" / "weights" / "backbones",
        "hub": no_weights / "torch" / "hub" / "checkpoints",
    }

    def put(where: str, content: bytes = CONTENT) -> Path:
        folders[where].mkdir(parents=True, exist_ok=True)
        path = folders[where] / row.file
        path.write_bytes(content)
        return path

    return put


@pytest.mark.parametrize("where", ["env", "own", "hub"])
def test_a_backbone_is_found_in_each_folder(place: Callable[..., Path], where: str) -> None:
    path = place(where)
    assert find_backbone("alex").resolve() == path.resolve()


def test_the_folders_are_searched_in_order(place: Callable[..., Path]) -> None:
    for where in ("hub", "own", "env"):
        path = place(where)
        assert find_backbone("alex").resolve() == path.resolve()


def test_torch_hub_is_looked_for_where_torch_puts_it(
    no_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    for name, value in [("TORCH_HOME", "a"), ("XDG_CACHE_HOME", "b"), ("HOME", "c")]:
        monkeypatch.setenv(name, str(no_weights / value))
    for unset in ("TORCH_HOME", "XDG_CACHE_HOME", None):
        hub = Path(torch.hub.get_dir()) / "checkpoints"
        assert list(backbones.folders())[-1] == hub
        if unset:
            monkeypatch.delenv(unset)


@pytest.mark.parametrize(
    ("name", "asked"),
    [("alex", "lpips-alex"), ("vgg", "lpips-vgg"), ("vgg19", "vgg19"), ("inception", "inception")],
)
def test_an_absent_backbone_says_which_file_and_what_to_do(
    no_weights: Path, name: str, asked: str
) -> None:
    told = rf"{re.escape(BACKBONES[name].file)}.*run 'bench fetch weights {asked}'"
    with pytest.raises(Unscorable, match=told):
        find_backbone(name)
    (backbone,) = backbones_named([asked])
    assert backbone == BACKBONES[name]


def test_a_damaged_backbone_is_refused(place: Callable[..., Path]) -> None:
    place("env", CONTENT + b"!")
    with pytest.raises(Unscorable, match=f"does not begin with {DIGEST}; run 'bench fetch"):
        find_backbone("alex")


def test_a_damaged_backbone_does_not_hide_a_good_one(place: Callable[..., Path]) -> None:
    place("env", b"")
    good = place("hub")
    assert find_backbone("alex").resolve() == good.resolve()


def test_a_backbone_put_right_is_taken_without_a_new_process(place: Callable[..., Path]) -> None:
    place("own", b"half of it")
    with pytest.raises(Unscorable):
        find_backbone("alex")
    place("own")
    assert find_backbone("alex").name == f"alexnet-{DIGEST}.pth"


@pytest.mark.parametrize("name", list(BACKBONES))
def test_the_table_is_torchvisions(name: str) -> None:
    from torchvision.models import (
        AlexNet_Weights,
        Inception_V3_Weights,
        SqueezeNet1_1_Weights,
        VGG16_Weights,
        VGG19_Weights,
    )

    weights = {
        "alex": AlexNet_Weights.IMAGENET1K_V1,
        "vgg": VGG16_Weights.IMAGENET1K_V1,
        "vgg19": VGG19_Weights.IMAGENET1K_V1,
        "squeeze": SqueezeNet1_1_Weights.IMAGENET1K_V1,
        "inception": Inception_V3_Weights.IMAGENET1K_V1,
    }[name]
    row = BACKBONES[name]
    assert row.url == weights.url
    assert row.url.endswith("/" + row.file)
    assert len(row.digest) == 8
    assert round(row.size / 2**20, 3) == weights.meta["_file_size"]
