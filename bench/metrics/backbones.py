"""The networks under LPIPS and perceptual losses: their files, and whether this machine has them.

Only files are looked at here; nothing is downloaded, and torch is imported where a part of a file
is kept. That part is a file of its own, called after the whole one and after its own digest:
``alexnet-owt-7be5be79.features-1a2b3c4d.pth``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.core.errors import BenchError, Unscorable
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
    part: str = ""
    """Weights called so (``features.*``) are all that is used, and all that is kept; empty: all."""
    part_size: int = 0
    """What they take, in bytes."""
    licence: str = "BSD 3-clause (torchvision); trained on ImageNet"

    @property
    def digest(self) -> str:
        """The first eight hexadecimal digits of the file's sha256, which end its name."""
        return Path(self.file).stem.rpartition("-")[2]


def _backbone(
    name: str, file: str, size: int, use: str = "", part: str = "", part_size: int = 0
) -> Backbone:
    url = f"https://download.pytorch.org/models/{file}"
    metric = f"lpips-{name}"
    asked_as = name if use else metric
    return Backbone(name, file, url, size, use or metric, asked_as, part, part_size)


BACKBONES: dict[str, Backbone] = {
    backbone.name: backbone
    for backbone in (
        _backbone(
            "alex", "alexnet-owt-7be5be79.pth", 244_408_911, part="features", part_size=9_880_000
        ),
        _backbone("vgg", "vgg16-397923af.pth", 553_433_881, part="features", part_size=58_860_000),
        _backbone(
            "vgg19",
            "vgg19-dcbb9e9d.pth",
            574_673_361,
            "VGG loss",
            part="features",
            part_size=80_100_000,
        ),
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
    return any(files_of(BACKBONES[name], folder) for folder in folders())


def files_of(backbone: Backbone, folder: Path) -> list[Path]:
    """Return the files in a folder that are called like a backbone's: the whole one, kept parts."""
    whole = Path(backbone.file)
    parts = f"{whole.stem}.{backbone.part}-*{whole.suffix}"
    found = [folder / whole, *(sorted(folder.glob(parts)) if backbone.part else [])]
    return [path for path in found if path.is_file()]


def find_backbone(name: str) -> Path:
    """Return the verified file of a backbone.

    Raises `Unscorable` where there is none, or only one whose content is not what its name says.
    """
    backbone = BACKBONES[name]
    wrong: list[str] = []
    for folder in folders():
        for path in files_of(backbone, folder):
            digest = path.stem.rpartition("-")[2]
            if sha256_of(path).startswith(digest):
                return path
            wrong.append(f"'{path}' is damaged: its sha256 does not begin with {digest}")
    found = "; ".join(wrong) or f"backbone weights not found ({backbone.file})"
    raise Unscorable(f"{found}; run 'bench fetch weights {backbone.asked_as}'")


def keep_part(backbone: Backbone, whole: Path) -> Path:
    """Put the part of a verified file that is used in the place of it; return the new file.

    Raises `BenchError` where the file holds no such weights: it is left as it is.
    """
    import torch

    state = torch.load(whole, map_location="cpu", weights_only=True)
    used = {key: w.clone() for key, w in state.items() if key.startswith(f"{backbone.part}.")}
    if not used:
        raise BenchError(f"'{whole}' holds no weights called {backbone.part}.*; fetch it again")
    with TemporaryDirectory(dir=whole.parent, prefix=".part-") as folder:
        written = Path(folder) / whole.name
        torch.save(used, written)
        digest = sha256_of(written)[:8]
        kept = written.replace(
            whole.with_name(f"{whole.stem}.{backbone.part}-{digest}{whole.suffix}")
        )
    whole.unlink()
    return kept
