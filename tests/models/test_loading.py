"""Every form in which a model can be named, with real files made here."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from bench.image import to_pixels, to_tensor, write_png
from bench.records import BenchError, NotApplicable
from models.architectures.unet import UNet
from models.catalogue import MODELS
from models.loading import card_of, label, load_restorer
from models.prior import PriorRestorer
from models.restorer import Hints
from models.weights import find_weights, latest_weights, read_header, save_weights, sha256_of

IMAGE = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def foreign() -> nn.Module:
    """A published architecture with random weights: a small SRVGGNet, x2."""
    from spandrel.architectures.Compact import Compact

    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Compact(num_feat=8, num_conv=2, upscale=2).eval()


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Path, nn.Module]:
    """Weights of a `unet` of another size than the catalogue's, as training writes them."""
    options = {"widths": [8, 16], "blocks": [1, 1]}
    network = UNet(**options)
    nn.init.normal_(network.tail.weight, std=0.05)
    path = tmp_path / "mine.safetensors"
    save_weights(path, network, {"model": "unet", "options": options, "seed": 7})
    return path, network.eval()


# --- the spec alone ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("unet", "unet"),
        ("some/where/dncnn_x4.pth", "dncnn_x4"),
        ("a.b/model.v2.onnx", "model.v2"),
        ("package.module:make_it", "make_it"),
        ("outputs:results/of others/", "of others"),
    ],
)
def test_a_label_is_the_short_name(spec: str, name: str) -> None:
    assert label(spec) == name


def test_a_catalogue_name_has_a_card_and_other_forms_have_none(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").touch()
    assert card_of("wiener") is MODELS["wiener"]
    for spec in (str(tmp_path / "x.onnx"), f"outputs:{tmp_path}", "package.module:factory"):
        assert card_of(spec) is None


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("unett", "no model 'unett'; did you mean 'unet'"),
        ("gone.pth", "no model file 'gone.pth'"),
        ("outputs:gone", "no folder 'gone'"),
    ],
)
def test_an_unknown_model_says_what_was_meant(spec: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        card_of(spec)


def test_a_folder_and_an_unknown_kind_of_file_say_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="give outputs:"):
        card_of(str(tmp_path))
    (tmp_path / "model.h5").touch()
    with pytest.raises(BenchError, match=r"known: \.safetensors, \.pth, \.ckpt, \.pt, \.onnx"):
        card_of(str(tmp_path / "model.h5"))


# --- the catalogue ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_of_the_catalogue_restores_an_image(name: str) -> None:
    psf, image = np.full((3, 3), 1 / 9), IMAGE[..., :16, :24]  # small: some networks are large
    restorer = load_restorer(name, random_weights=True)
    assert restorer.name == name
    assert restorer.needs_psf == MODELS[name].needs_psf
    assert (restorer.network is not None) == (MODELS[name].params is not None)
    if isinstance(restorer, PriorRestorer):
        restorer.iterations = 2
    restored = restorer.restore(image, Hints(psf=psf))
    scale = restorer.scale or 1
    assert restored.shape == (1, 3, 16 * scale, 24 * scale)
    assert restored.isfinite().all()


def test_a_network_without_weights_says_how_to_train_it() -> None:
    with pytest.raises(BenchError, match="no weights for 'rescnn': train it with 'bench run"):
        load_restorer("rescnn")


def test_random_weights_are_seeded_and_leave_other_random_numbers_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    states = []
    for _ in range(2):
        network = load_restorer("unet", random_weights=True).network
        assert network is not None
        states.append(network.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_an_unreachable_device_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(BenchError, match="no CUDA device"):
        load_restorer("input", device="cuda")


# --- our weights ------------------------------------------------------------------------------


def test_weights_come_back_bit_for_bit_with_their_header(
    trained: tuple[Path, nn.Module],
) -> None:
    path, network = trained
    restorer = load_restorer(str(path))
    assert restorer.name == "mine"
    assert restorer.network is not None
    for key, value in restorer.network.state_dict().items():
        assert torch.equal(value, network.state_dict()[key])
    assert read_header(path)["seed"] == 7
    with torch.inference_mode():
        assert torch.allclose(restorer.restore(IMAGE), network(IMAGE), atol=1e-6)


def test_equal_weights_make_equal_files(trained: tuple[Path, nn.Module], tmp_path: Path) -> None:
    path, network = trained
    header = dict(reversed(read_header(path).items()))
    save_weights(tmp_path / "again.safetensors", network, header)
    assert sha256_of(tmp_path / "again.safetensors") == sha256_of(path)


def test_weights_of_another_model_or_size_are_refused(
    trained: tuple[Path, nn.Module],
) -> None:
    path, _ = trained
    with pytest.raises(BenchError, match="holds weights of 'unet', not of 'rescnn'"):
        load_restorer("rescnn", weights=path)
    with pytest.raises(BenchError, match=r"does not fit 'unet': .*Missing key"):
        load_restorer("unet", weights=path)  # the catalogue's has other widths


def test_weights_of_a_model_that_is_not_installed_say_so(tmp_path: Path) -> None:
    save_weights(tmp_path / "x.safetensors", nn.Conv2d(1, 1, 1), {"model": "theirs"})
    with pytest.raises(BenchError, match="'theirs', which is not in the catalogue"):
        load_restorer(str(tmp_path / "x.safetensors"))


def test_the_latest_weights_of_any_suite_are_found(tmp_path: Path) -> None:
    assert find_weights("unet", "demo", tmp_path) is None
    with pytest.raises(BenchError, match="no weights for 'unet'"):
        latest_weights("unet", tmp_path)
    for age, suite in enumerate(("old", "new", "other")):
        path = tmp_path / "weights" / suite / "unet.safetensors"
        save_weights(path, nn.Conv2d(1, 1, 1), {})
        os.utime(path, (1000 - age % 2, 1000 + age % 2))  # "new" is the newest
    assert find_weights("unet", "old", tmp_path) == tmp_path / "weights/old/unet.safetensors"
    assert latest_weights("unet", tmp_path) == tmp_path / "weights/new/unet.safetensors"


# --- checkpoints of others ----------------------------------------------------------------------


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


# --- factories and outputs ------------------------------------------------------------------------

FACTORIES = """
import torch
class Half(torch.nn.Module):
    multiple = 4
    def forward(self, image):
        assert image.shape[-1] % 4 == 0
        return image / 2
class Doubler(torch.nn.Module):
    scale = 2
    def forward(self, image): return image.repeat_interleave(2, 2).repeat_interleave(2, 3)
ready = Half()
def needs(argument): return Half()
def wrong(): return 3
class Own:
    name, device, needs_psf, scale, network = "own", torch.device("cpu"), True, 1, None
    def restore(self, degraded, hints): return degraded + hints.psf.sum()
"""


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "made_by_user.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "made_by_user", raising=False)
    return "made_by_user"


def test_a_factory_makes_a_network_or_a_restorer(factories: str) -> None:
    image = torch.rand(1, 3, 9, 11)
    assert torch.equal(load_restorer(f"{factories}:Half").restore(image), image / 2)
    assert torch.equal(load_restorer(f"{factories}:ready").restore(image), image / 2)
    assert load_restorer(f"{factories}:Doubler").restore(image).shape == (1, 3, 18, 22)
    own = load_restorer(f"{factories}:Own")
    assert own.needs_psf
    assert torch.equal(own.restore(image, Hints(psf=np.ones((1, 1)))), image + 1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("needs", "cannot be called without arguments"),
        ("wrong", "made int; expected a torch.nn.Module"),
        ("missing", "module 'made_by_user' has no 'missing'"),
    ],
)
def test_a_factory_that_makes_no_model_is_refused(factories: str, name: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        load_restorer(f"{factories}:{name}")


def test_a_factory_is_found_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside_the_user.py").write_text(
        "import torch\ndef same(): return torch.nn.Identity()"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert torch.equal(load_restorer("beside_the_user:same").restore(IMAGE), IMAGE)


def test_finished_images_are_found_by_image_id(tmp_path: Path) -> None:
    pixels = to_pixels(IMAGE)
    write_png(tmp_path / "first.png", pixels)
    restorer = load_restorer(f"outputs:{tmp_path}")
    restored = restorer.restore(torch.zeros_like(IMAGE), Hints(image="first"))
    assert torch.equal(restored, to_tensor(pixels))
    with pytest.raises(NotApplicable, match="no image 'second'"):
        restorer.restore(IMAGE, Hints(image="second"))
    with pytest.raises(NotApplicable, match="needs the image's id"):
        restorer.restore(IMAGE)


def test_ambiguous_and_empty_folders_of_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no images in"):
        load_restorer(f"outputs:{tmp_path}")
    write_png(tmp_path / "one.png", to_pixels(IMAGE))
    (tmp_path / "one.bmp").touch()
    with pytest.raises(BenchError, match=r"two images called 'one': one\.bmp and one\.png"):
        load_restorer(f"outputs:{tmp_path}")
