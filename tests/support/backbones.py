"""Backbones of seeded random weights that pass for found files."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torchvision import models

from bench.metrics.backbones import BACKBONES

NETWORKS = {
    "alex": models.alexnet,
    "vgg": models.vgg16,
    "squeeze": models.squeezenet1_1,
    "vgg19": models.vgg19,
}


def put_backbone(
    net: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, torch.Tensor]:
    """Put a file of seeded random weights into ``folder``, where backbones are then looked for.

    The table's row is changed so that the file's name holds its digest, as a real one's does; all
    else is the real path. Returns the weights.
    """
    torch.manual_seed(len(net))
    with torch.device("meta"):
        layers = NETWORKS[net](weights=None).features
    layers.to_empty(device="cpu")
    with torch.no_grad():
        for weight in layers.parameters():  # He's scale, so that no layer fades or explodes
            weight.normal_(0, (2 / weight[0].numel()) ** 0.5 if weight.ndim > 1 else 0.1)
    state = {f"features.{key}": value for key, value in layers.state_dict().items()}
    folder.mkdir(exist_ok=True)
    torch.save(state, folder / "new.pth")
    digest = hashlib.sha256((folder / "new.pth").read_bytes()).hexdigest()[:8]
    file = (folder / "new.pth").rename(folder / f"{net}-{digest}.pth")
    monkeypatch.setitem(BACKBONES, net, replace(BACKBONES[net], file=file.name))
    monkeypatch.setenv("BENCH_WEIGHTS", str(folder))
    return state


def put_inception(folder: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """Put a file of Inception's shape into ``folder``, as `put_backbone` does; return the network.

    It normalises its input itself, by torchvision's means and deviations.
    """
    torch.manual_seed(0)
    made: torch.nn.Module = models.inception_v3(
        weights=None, init_weights=False, transform_input=True
    )
    folder.mkdir(exist_ok=True)
    torch.save(made.state_dict(), folder / "new.pth")
    digest = hashlib.sha256((folder / "new.pth").read_bytes()).hexdigest()[:8]
    file = (folder / "new.pth").rename(folder / f"inception-{digest}.pth")
    row = replace(BACKBONES["inception"], file=file.name)
    monkeypatch.setitem(BACKBONES, "inception", row)
    monkeypatch.setenv("BENCH_WEIGHTS", str(folder))
    return made.eval()
