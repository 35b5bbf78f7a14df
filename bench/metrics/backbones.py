"""The networks under LPIPS and perceptual losses: their files, and whether this machine has them.

Only files are looked at here; nothing is downloaded and nothing of torch is imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import Unscorable
from bench.core.files import sha256_of
from bench.core.layout import backbones_folder

"""Where ``bench fetch weights`` puts them."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A torchvision network trained on ImageNet. ``size`` is in bytes."""

    name: str
    file: str
    url: str
    size: int
    use: str
    """The metric that it is under, or the loss."""
    asked_as: str
    """What 'bench fetch weights' is told to fetch it: a metric's name, or its own."""
    licence: str = "BSD 3-clause (torchvision); trained on ImageNet"

    @property
    def digest(self) -> str:
        """The first eight hexadecimal digits of the file's sha256, which end its name."""
        return Path(self.file).stem.rpartition("-")[2]


def _backbone(name: str, file: str, size: int, use: str = "") -> Backbone:
    url = f"https://download.pytorch.org/models/{file}"
    metric = f"lpips-{name}"
    return Backbone(name, file, url, size, use or metric, asked_as=name if use else metric)


BACKBONES: dict[str, Backbone] = {
    backbone.name: backbone
    for backbone in (
        _backbone("alex", "alexnet-owt-7be5be79.pth", 244_408_911),
        _backbone("vgg", "vgg16-397923af.pth", 553_433_881),
        _backbone("vgg19", "vgg19-dcbb9e9d.pth", 574_673_361, "VGG loss"),
        _backbone("squeeze", "squeezenet1_1-b8a52dc0.pth", 4_958_839),
        _backbone(
            "inception",
            "inception_v3_google-0cc3c7bd.pth",
            108_949_747,
            "fid, kid, and the inception score in training",
        ),
    )
}


def folders() -> Iterator[Path]:
    """Yield the folders searched: $BENCH_WEIGHTS, our own, torch hub's."""
    if own := os.environ.get("BENCH_WEIGHTS"):
        yield Path(own)
    yield backbones_folder()
    cache_home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    torch_home = os.environ.get("TORCH_HOME", f"{cache_home}/torch")
    yield Path(torch_home).expanduser() / "hub" / "checkpoints"


def has_backbone(name: str) -> bool:
    """Say whether there is a file that is called like a backbone's."""
    return any((folder / BACKBONES[name].file).is_file() for folder in folders())


def find_backbone(name: str) -> Path:
    """Return the verified file of a backbone.

    Raises `Unscorable` where there is none, or only one whose content is not what its name says.
    """
    backbone = BACKBONES[name]
    wrong: list[str] = []
    for folder in folders():
        path = folder / backbone.file
        if not path.is_file():
            continue
        if sha256_of(path).startswith(backbone.digest):
            return path
        wrong.append(f"'{path}' is damaged: its sha256 does not begin with {backbone.digest}")
    found = "; ".join(wrong) or f"backbone weights not found ({backbone.file})"
    raise Unscorable(f"{found}; run 'bench fetch weights {backbone.asked_as}'")
