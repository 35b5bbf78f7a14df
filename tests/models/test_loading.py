"""Every form in which a model can be named, with real files made here."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench.core.errors import BenchError, NotApplicable
from bench.core.files import sha256_of
from bench.image import to_pixels, to_tensor, write_png
from models.architectures.unet import UNet
from models.catalogue import MODELS
from models.loading import load_restorer
from models.prior import PriorRestorer
from models.restorer import Hints
from models.specs import card_of, label
from models.weights import read_header, save_weights
from models.weights_folder import WeightsFolder
from tests.support.training import header_of

IMAGE = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Path, nn.Module]:
    """Weights of a `unet` of another size than the catalogue's, as training writes them."""
    options = {"widths": [8, 16], "blocks": [1, 1]}
    network = UNet(**options)
    nn.init.normal_(network.tail.weight, std=0.05)
    path = tmp_path / "mine.safetensors"
    save_weights(path, network, header_of("unet", options=options, seed=7))
    return path, network.eval()


# --- the spec alone ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("unet", "unet"),
        ("some/where/dncnn_x4.pth", "dncnn_x4"),
        ("a.b/model.v2.onnx", "model.v2"),
        ("package.module:make_it", "module:make_it"),
        ("some/where/net.py:make_it", "net:make_it"),
        ("deblur.pth.tar", "deblur"),
        ("net.onnx:restored", "net"),
        ("outputs:results/of others/", "of others"),
    ],
)
def test_a_label_is_the_short_name(spec: str, name: str) -> None:
    assert label(spec) == name


def test_a_catalogue_name_has_a_card_and_other_forms_have_none(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").touch()
    assert card_of("wiener") is MODELS["wiener"]
    for spec in (str(tmp_path / "x.onnx"), f"outputs:{tmp_path}", "torch.nn:Identity"):
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
    with pytest.raises(BenchError, match=r"known: \.safetensors, \.pth, .*, \.onnx"):
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
    header = read_header(path)
    assert header is not None
    assert header.seed == 7
    with torch.inference_mode():
        assert torch.allclose(restorer.restore(IMAGE), network(IMAGE), atol=1e-6)


def test_equal_weights_make_equal_files(trained: tuple[Path, nn.Module], tmp_path: Path) -> None:
    path, network = trained
    header = read_header(path)
    assert header is not None
    header = replace(header, options=dict(reversed(header.options.items())))
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
    save_weights(tmp_path / "x.safetensors", nn.Conv2d(1, 1, 1), header_of("theirs"))
    with pytest.raises(BenchError, match="'theirs', which is not in the catalogue"):
        load_restorer(str(tmp_path / "x.safetensors"))


def test_weights_are_found_by_what_they_learned_from(tmp_path: Path) -> None:
    kept = WeightsFolder(tmp_path / "kept")
    assert kept.find("unet", "demo", "0" * 16) is None
    with pytest.raises(BenchError, match="no weights for 'unet'"):
        kept.only("unet")
    trained = tmp_path / "unet.safetensors"
    save_weights(trained, nn.Conv2d(1, 1, 1), header_of("unet"))
    first = kept.keep(trained, "demo", "0" * 16)
    assert kept.only("unet") == kept.find("unet", "demo", "0" * 16) == first
    second = kept.keep(trained, "demo", "1" * 16)
    os.utime(first, (1000, 1000))
    assert kept.find("unet", "demo", "1" * 16) == second
    assert kept.find("unet", "other", "0" * 16) is None
    assert kept.all_of("unet") == kept.all_of("unet", "demo") == [first, second]
    expected = f"trained 2 times, .*: --weights {second}, --weights {first}$"
    with pytest.raises(BenchError, match=expected):
        kept.only("unet")


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
    def restore(self, degraded, hints): return degraded / 4 + hints.psf.sum()
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
    assert torch.equal(own.restore(image, Hints(psf=np.ones((1, 1)))), image / 4 + 1)


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
    with pytest.raises(
        BenchError, match=r"two images are called 'one': '.*one\.bmp' and '.*one\.png'"
    ):
        load_restorer(f"outputs:{tmp_path}")
