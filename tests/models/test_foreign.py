"""Published checkpoints and ONNX files: recognised by what they hold, refused with the reason."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from bench.core.errors import BenchError
from models.loading import load_restorer

IMAGE = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def foreign() -> nn.Module:
    """A published architecture with random weights: a small SRVGGNet, x2."""
    from spandrel.architectures.Compact import Compact

    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Compact(num_feat=8, num_conv=2, upscale=2).eval()


@pytest.mark.parametrize("suffix", ["pth", "pt", "ckpt", "safetensors"])
def test_a_published_checkpoint_is_recognised(
    foreign: nn.Module, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"compact.{suffix}"
    state = foreign.state_dict()
    if suffix == "safetensors":
        save_file(state, path)
    else:
        torch.save({"params": state} if suffix == "pth" else {"state_dict": state}, path)
    restorer = load_restorer(str(path))
    assert restorer.scale == 2
    with torch.inference_mode():
        expected = foreign(IMAGE).clamp(0, 1)
    assert torch.allclose(restorer.restore(IMAGE), expected, atol=1e-5)
    assert restorer.network is not None
    counted = sum(p.numel() for p in restorer.network.parameters())
    assert counted == sum(p.numel() for p in foreign.parameters())


def test_a_grey_checkpoint_takes_one_channel(tmp_path: Path) -> None:
    from spandrel.architectures.DnCNN import DnCNN

    torch.manual_seed(0)
    network = DnCNN(in_nc=1, out_nc=1, nc=8, nb=17, act_mode="R").eval()
    torch.save(network.state_dict(), tmp_path / "grey.pth")
    restorer = load_restorer(str(tmp_path / "grey.pth"))
    with torch.inference_mode():
        expected = torch.cat([network(IMAGE[:, c : c + 1]) for c in range(3)], dim=1)
    assert torch.allclose(restorer.restore(IMAGE), expected.clamp(0, 1), atol=1e-5)


def test_a_pickle_that_runs_code_is_refused_unrun(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "harm"),)

    torch.save({"state_dict": Harm()}, tmp_path / "harm.pth")
    (tmp_path / "harm.ckpt").write_bytes(pickle.dumps({"state_dict": Harm()}))
    for name in ("harm.pth", "harm.ckpt"):
        with pytest.raises(BenchError, match="not unpickled for safety"):
            load_restorer(str(tmp_path / name))
    assert not (tmp_path / "harm").exists()


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_torchscript_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    torch.jit.save(torch.jit.script(nn.Conv2d(3, 3, 3)), path)
    with pytest.raises(
        BenchError, match=r"is TorchScript, a program .* export the network to ONNX"
    ):
        load_restorer(str(path))


@pytest.mark.parametrize("suffix", ["pth", "pt", "ckpt", "safetensors", "onnx"])
def test_a_damaged_file_is_refused(foreign: nn.Module, tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / "whole.pth"
    torch.save(foreign.state_dict(), whole)
    for name, content in (
        ("half", whole.read_bytes()[: whole.stat().st_size // 2]),
        ("text", b"<html>404 not found</html>"),
        ("empty", b""),
    ):
        path = tmp_path / f"{name}.{suffix}"
        path.write_bytes(content)
        with pytest.raises(BenchError, match=f"'{path}' is"):
            load_restorer(str(path))


def test_a_file_larger_than_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.pth"
    with path.open("wb") as file:
        file.truncate(1 << 43)  # 8 TiB of hole: no disk is used
    with pytest.raises(BenchError, match=r"is 8796\.1 GB but only"):
        load_restorer(str(path))


def test_an_unknown_architecture_says_so(tmp_path: Path) -> None:
    torch.save(nn.Linear(3, 3).state_dict(), tmp_path / "linear.pth")
    with pytest.raises(BenchError, match=r"no architecture is recognised .*weight, bias"):
        load_restorer(str(tmp_path / "linear.pth"))
    torch.save([1, 2, 3], tmp_path / "list.pth")
    with pytest.raises(BenchError, match="holds list; expected a dict"):
        load_restorer(str(tmp_path / "list.pth"))


def test_a_checkpoint_that_lacks_tensors_says_so(foreign: nn.Module, tmp_path: Path) -> None:
    state = foreign.state_dict()
    state["body.2.weight"] = state["body.2.weight"][:3]
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(BenchError, match="does not fit the architecture it looks like"):
        load_restorer(str(tmp_path / "cut.pth"))


# --- ONNX -----------------------------------------------------------------------------------------


def export(
    network: nn.Module, path: Path, dynamic: bool, channels: int = 3, side: int = 32
) -> None:
    shapes = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC} if dynamic else None
    torch.onnx.export(
        network.eval(),
        (torch.rand(1, channels, side, side),),
        path,
        dynamo=True,
        external_data=False,
        dynamic_shapes=({**shapes},) if shapes else None,
        verbose=False,
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_an_onnx_file_runs_like_the_network_it_came_from(
    foreign: nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / "compact.onnx"
    export(foreign, path, dynamic=True)
    restorer = load_restorer(str(path))
    assert restorer.scale == 2
    assert restorer.network is None
    with torch.inference_mode():
        assert torch.allclose(restorer.restore(IMAGE), foreign(IMAGE), atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_grey_onnx_file_of_fixed_size_runs_in_tiles(tmp_path: Path) -> None:
    network = nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect")
    export(network, tmp_path / "grey.onnx", dynamic=False, channels=1)
    restorer = load_restorer(str(tmp_path / "grey.onnx"))
    for height, width in ((70, 33), (20, 90), (5, 5)):
        image = torch.rand(1, 3, height, width)
        restored = restorer.restore(image)
        assert restored.shape == image.shape
        with torch.inference_mode():
            expected = torch.cat([network(image[:, c : c + 1]) for c in range(3)], dim=1)
        inside = (..., slice(1, -1), slice(1, -1))  # the edge is mirrored further out there
        assert torch.allclose(restored[inside], expected[inside], atol=1e-5)
