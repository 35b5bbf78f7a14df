"""The published architectures that people use, with random weights, from file to scores.

Each file is what its authors' training writes; the oracle is the architecture called by hand.
"""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from bench.compute.operations import count
from bench.core.errors import BenchError
from bench.image import Pixels, write_png
from models.catalogue import NONCOMMERCIAL
from models.loading import load_restorer
from models.published import PUBLISHED
from models.restorer import Hints, NetworkRestorer, mirror_to
from tests.conftest import Bench
from tests.support.commands import typed

with warnings.catch_warnings(action="ignore", category=FutureWarning):  # torch.jit, at import
    from spandrel_extra_arches.architectures.MPRNet import MPRNet
    from spandrel_extra_arches.architectures.Restormer import Restormer

from spandrel.architectures.DnCNN import DnCNN
from spandrel.architectures.DRUNet import DRUNet
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.FFTformer import FFTformer
from spandrel.architectures.NAFNet import NAFNet
from spandrel.architectures.SCUNet import SCUNet
from spandrel.architectures.SwinIR import SwinIR
from spandrel.architectures.Uformer import Uformer

pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid:UserWarning")  # spandrel's calls

SIGMA = 25
HEADS = [1, 2, 4, 8]

ONE_TO_ONE: dict[str, Callable[[], nn.Module]] = {
    "nafnet": lambda: NAFNet(width=8, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]),
    "restormer": lambda: Restormer(dim=16, num_blocks=[1] * 4, num_refinement_blocks=1),
    "mprnet": lambda: MPRNet(n_feat=8, scale_unetfeats=4, scale_orsnetfeats=4, num_cab=2),
    "uformer": lambda: Uformer(
        embed_dim=16, depths=[1] * 9, num_heads=[*HEADS, 16, *reversed((*HEADS[1:], 16))]
    ),
    "fftformer": lambda: FFTformer(dim=16, num_blocks=[1] * 3, num_refinement_blocks=1),
    "scunet": lambda: SCUNet(in_nc=3, config=[1] * 7, dim=64),
    "drunet": lambda: DRUNet(in_nc=4, out_nc=3, nc=[8, 16, 24, 32], nb=2),
    "drunet-grey": lambda: DRUNet(in_nc=2, out_nc=1, nc=[8, 16, 24, 32], nb=2),
    "swinir-denoise": lambda: SwinIR(**SWINIR, upscale=1, upsampler=""),
}
SWINIR = {
    "img_size": 64,
    "window_size": 8,
    "depths": [2],
    "embed_dim": 12,
    "num_heads": [2],
    "mlp_ratio": 2,
    "resi_connection": "1conv",
}
ENLARGING: dict[str, Callable[[], nn.Module]] = {
    "swinir": lambda: SwinIR(**SWINIR, upscale=4, upsampler="pixelshuffle"),
    "rrdb": lambda: ESRGAN(num_filters=8, num_blocks=1, scale=4),
}
MULTIPLES = {
    "restormer": 8,
    "mprnet": 8,
    "uformer": 128,
    "fftformer": 32,
    "drunet": 8,
    "drunet-grey": 8,
}
"""Of heights and widths; the others pad by themselves."""


def built(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return (ONE_TO_ONE | ENLARGING)[name]().eval()


def saved(name: str, folder: Path) -> Path:
    torch.save({"params": built(name).state_dict()}, folder / f"{name}.pth")
    return folder / f"{name}.pth"


def by_hand(name: str, image: torch.Tensor) -> torch.Tensor:
    """Restore (1,C,H,W) as the architecture's own code says, padded to what it needs."""
    height, width = image.shape[-2:]
    multiple = MULTIPLES.get(name, 1)
    sides = [math.ceil(side / multiple) * multiple for side in (height, width)]
    if name == "uformer":
        sides = [max(sides)] * 2
    padded = mirror_to(image, *sides)
    if name.startswith("drunet"):
        padded = torch.cat([padded, torch.full_like(padded[:, :1], SIGMA / 255)], dim=1)
    with torch.inference_mode():
        restored = built(name)(padded)
    if name == "mprnet":
        restored = restored[0]  # of its three stages the last, which comes first
    scale = 4 if name in ENLARGING else 1
    return restored[..., : height * scale, : width * scale].clamp(0, 1)


@pytest.fixture(autouse=True)
def permitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NONCOMMERCIAL, "1")


@pytest.mark.parametrize("name", [*ONE_TO_ONE, *ENLARGING])
def test_a_file_restores_as_its_architecture_does_by_hand(name: str, tmp_path: Path) -> None:
    image = torch.rand(1, 3, 45, 140, generator=torch.Generator().manual_seed(1))
    restorer = load_restorer(str(saved(name, tmp_path)))
    assert restorer.scale == (4 if name in ENLARGING else 1)
    found = restorer.restore(image, Hints(noise=SIGMA))
    channels = [image] if name != "drunet-grey" else [image[:, c : c + 1] for c in range(3)]
    expected = torch.cat([by_hand(name, channel) for channel in channels], dim=1)
    assert torch.allclose(found, expected, atol=2e-5)
    assert found.std() > 0.01  # not all clipped away


@pytest.fixture
def photographs(tmp_path: Path, photograph: Pixels) -> Path:
    for index in range(2):
        piece = np.ascontiguousarray(photograph[60 * index : 60 * index + 60, 100:152])
        write_png(tmp_path / "photographs" / f"{index}.png", piece)
    return tmp_path / "photographs"


def models(run: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((run / "run.json").read_text())["models"]
    return found


@pytest.mark.slow
def test_each_goes_through_a_run_by_its_path(
    bench: Bench, photographs: Path, tmp_path: Path
) -> None:
    files = [saved(name, tmp_path) for name in (*ONE_TO_ONE, "rrdb")]
    ran = bench(
        *typed("run --suite"),
        f"kodak24:sigma={SIGMA}",
        "--data",
        photographs,
        *typed("--out out --models"),
        ",".join(map(str, files)),
        *typed("--metrics psnr --profile none --noncommercial"),
        **{NONCOMMERCIAL: ""},
    )
    assert ran.returncode == 0, ran.stderr
    found = models(tmp_path / "out")
    assert {found[name]["state"] for name in ONE_TO_ONE} == {"done"}
    assert found["rrdb"]["state"] == "not applicable"
    assert found["rrdb"]["reason"] == "enlarges x4; this suite asks for x1"
    scores = pd.read_csv(tmp_path / "out" / "scores.csv").groupby("model")["value"]
    assert (scores.count()[list(ONE_TO_ONE)] == 2).all()
    assert scores.mean()["nafnet"] > 15  # a sum with its input, of which little is changed


@pytest.mark.slow
def test_those_that_enlarge_go_through_a_run_of_their_scale(
    bench: Bench, photographs: Path, tmp_path: Path
) -> None:
    files = [saved(name, tmp_path) for name in (*ENLARGING, "nafnet")]
    ran = bench(
        *typed("run --suite set5:scale=4 --data"),
        photographs,
        *typed("--out out --models"),
        ",".join(map(str, files)),
        *typed("--profile none"),
    )
    assert ran.returncode == 0, ran.stderr
    found = models(tmp_path / "out")
    assert [found[name]["state"] for name in ENLARGING] == ["done", "done"]
    assert found["nafnet"]["reason"] == "enlarges x1; this suite asks for x4"


# --- the noise that DRUNet is told ----------------------------------------------------------------


def test_drunet_is_told_the_noise_that_is_known_else_an_estimate(tmp_path: Path) -> None:
    clean = torch.full((1, 3, 96, 96), 0.5)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    restorer = load_restorer(str(saved("drunet", tmp_path)))
    network = restorer.network
    assert network is not None
    restorer.restore(clean, Hints(noise=10))
    assert network.level == pytest.approx(10 / 255)
    restorer.restore(clean + noise * 20 / 255)
    assert network.level == pytest.approx(20 / 255, rel=0.05)
    batch = torch.cat([clean, clean])
    assert restorer.restore(batch).shape == batch.shape


# --- what the table says of their size ---------------------------------------------------------


def _naf(width: int, middle: int, down: list[int], up: list[int]) -> Callable[[], nn.Module]:
    return lambda: NAFNet(width=width, middle_blk_num=middle, enc_blk_nums=down, dec_blk_nums=up)


WHOLE: dict[str, Callable[[], nn.Module]] = {
    "nafnet-gopro-w32": _naf(32, 1, [1, 1, 1, 28], [1] * 4),
    "nafnet-gopro-w64": _naf(64, 1, [1, 1, 1, 28], [1] * 4),
    "nafnet-sidd-w32": _naf(32, 12, [2, 2, 4, 8], [2] * 4),
    "nafnet-sidd-w64": _naf(64, 12, [2, 2, 4, 8], [2] * 4),
    "restormer-gopro": Restormer,
    "mprnet-gopro": lambda: MPRNet(n_feat=96, scale_unetfeats=48, scale_orsnetfeats=32, num_cab=8),
    "dncnn-25": lambda: DnCNN(in_nc=1, out_nc=1, nc=64, nb=17, act_mode="R"),
    "dncnn-colour-blind": lambda: DnCNN(in_nc=3, out_nc=3, nc=64, nb=20, act_mode="R"),
    "drunet-colour": lambda: DRUNet(in_nc=4, out_nc=3, nc=[64, 128, 256, 512], nb=4),
    "esrgan-x4": lambda: ESRGAN(num_filters=64, num_blocks=23, scale=4),
}
"""As their authors' files hold them."""


@pytest.mark.parametrize("name", WHOLE)
def test_a_published_network_is_as_large_as_the_table_says(name: str) -> None:
    with torch.device("meta"):
        network = WHOLE[name]()
    assert sum(p.numel() for p in network.parameters()) == PUBLISHED[name].params


@pytest.mark.parametrize(("name", "channels"), [("nafnet-gopro-w64", 3), ("dncnn-25", 1)])
def test_its_operations_are_those_of_the_table(name: str, channels: int) -> None:
    with torch.device("meta"):
        network = WHOLE[name]()
    macs = count(network, (1, channels, 256, 256)).macs * 3 / channels  # each colour by itself
    assert macs / 1e9 == pytest.approx(PUBLISHED[name].gmacs, rel=1e-3)


# --- licences -------------------------------------------------------------------------------------


def test_a_licence_that_forbids_commerce_is_shown_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved("restormer", tmp_path)
    monkeypatch.delenv(NONCOMMERCIAL)
    with pytest.raises(
        BenchError,
        match=r"is Restormer, whose licence \(Academic Public License\) .*--noncommercial",
    ):
        load_restorer(str(path))
    assert isinstance(load_restorer(str(saved("nafnet", tmp_path))), NetworkRestorer)


@pytest.mark.slow
def test_the_variable_permits_as_the_flag_does_unless_it_says_no(
    bench: Bench, photographs: Path, tmp_path: Path
) -> None:
    command = ("restore", saved("restormer", tmp_path), photographs / "0.png")
    refused = bench(*command, **{NONCOMMERCIAL: "0"})
    assert refused.returncode == 2
    assert "forbids commercial use" in refused.stderr
    assert bench(*command, **{NONCOMMERCIAL: "1"}).returncode == 0


def test_where_the_extra_architectures_are_missing_it_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved("mprnet", tmp_path)
    monkeypatch.setitem(sys.modules, "spandrel_extra_arches", None)
    with pytest.raises(BenchError, match=r"MPRNet, .* pip install -e '\.\[noncomm"):
        load_restorer(str(path))
