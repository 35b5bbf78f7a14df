"""Written files: they make the same pictures elsewhere, or nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from bench.core.errors import BenchError
from models.catalogue import MODELS
from models.export import export
from models.formats import FORMATS, Format
from models.loading import build_network, load_restorer
from models.restorer import NetworkRestorer
from models.weights import onnx_metadata, read_header, save_weights
from tests.conftest import Bench
from tests.support.commands import called
from tests.support.training import header_of

IMAGE = torch.rand(1, 3, 50, 41, generator=torch.Generator().manual_seed(4))


class Noisy(nn.Module):
    """Another picture every time."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image + torch.rand_like(image)


class Told(nn.Module):
    """A trace fixes the height, of which Python makes a number."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image * 0.5 + len(range(image.shape[2])) / 1000


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a network whose sides are multiples of 8, none of them zero."""
    network = build_network(MODELS["unet"], 0)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.03)
    path = tmp_path_factory.mktemp("weights") / "own.safetensors"
    save_weights(path, network, header_of("unet"))
    return path


@pytest.mark.parametrize("row", FORMATS.values(), ids=FORMATS)
def test_a_file_makes_the_same_pictures_of_every_size(
    row: Format, weights: Path, tmp_path: Path
) -> None:
    restorer = load_restorer(str(weights))
    path = tmp_path / f"out{row.suffix}"
    about = onnx_metadata(read_header(weights), ())
    made = export(restorer, path, row, (48, 64), about)
    assert made.largest < 1e-5
    assert made.mean <= made.largest
    assert made.sizes
    assert made.megabytes == path.stat().st_size / 1e6 > 1
    assert list(tmp_path.iterdir()) == [path]
    if row.name == "onnx":
        assert onnx.load(path).metadata_props[0].value == "8x8"
    if row.tell:  # what comes of it is a model as any other, and knows how it came about
        assert read_header(path) == read_header(weights)
        found = load_restorer(str(path))
        assert torch.allclose(found.restore(IMAGE), restorer.restore(IMAGE), atol=1e-5)


def test_a_file_of_one_size_says_so(tmp_path: Path) -> None:
    restorer = NetworkRestorer("told", Told())
    made = export(restorer, tmp_path / "told.pt", FORMATS["torchscript"], (32, 48))
    assert not made.sizes


@pytest.mark.slow
def test_a_file_that_makes_other_pictures_is_not_left(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"makes another picture, 0\.\d+ apart .* nothing is"):
        export(NetworkRestorer("n", Noisy()), tmp_path / "n.onnx", FORMATS["onnx"], (32, 32))
    assert list(tmp_path.iterdir()) == []
    for spec in ("nlm", "unet@x8", "unet@onnx"):  # a file of the network would be something else
        restorer = load_restorer(spec, random_weights=True)
        with pytest.raises(BenchError, match=f"'{spec}' is no network of torch alone"):
            export(restorer, tmp_path / "x.onnx", FORMATS["onnx"], (32, 32))
    assert list(tmp_path.iterdir()) == []


def test_out_is_a_folder_or_a_file_of_the_formats_own_kind(weights: Path, tmp_path: Path) -> None:
    told = called("export", weights, "--size", "32x32", "--out", tmp_path, "--to", "torchscript")
    made = tmp_path / f"{weights.stem}.pt"
    assert f"{made}: TorchScript" in told.replace("\n", "")
    wrong = called("export", weights, "--out", tmp_path / "x.onnx", "--to", "torchscript", status=2)
    assert "x.onnx: .onnx is of --to onnx; expected .pt for --to torchscript" in wrong
    assert list(tmp_path.glob("x.onnx")) == []


@pytest.mark.slow
def test_the_command_writes_once_and_says_what_it_proved(
    bench_here: Bench, weights: Path, tmp_path: Path
) -> None:
    words = ("export", weights, "--size", "48x64", "--out", tmp_path / "x" / "own.onnx")
    done = bench_here(*words, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["format"], told["sizes"]) == ("onnx", True)
    assert told["largest"] < 1e-5
    again = bench_here(*words)
    assert again.returncode == 2
    assert "is there already; give --overwrite, or another --out" in again.stderr
    wrong = bench_here("export", weights, "--to", "onx")
    assert wrong.returncode == 2
    assert "no format 'onx'; did you mean 'onnx'" in wrong.stderr
