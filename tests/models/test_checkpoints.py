"""Checkpoints as training scripts leave them: taken for what they are, or refused by name."""

from __future__ import annotations

import argparse
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.core.errors import BenchError
from models.catalogue import model_cards
from models.checkpoints import network_states, read_state
from models.loading import build_network, load_restorer

IMAGE = torch.rand(1, 3, 16, 16)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return build_network(model_cards()["rescnn"], 3)


def prefixed(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {prefix + name: value for name, value in state.items()}


def zeros(state: dict[str, Any]) -> dict[str, Any]:
    return {name: torch.zeros_like(value) for name, value in state.items()}


def shapes(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A network's state as it is found in the wild, by what was done to it."""
    critic = {"layers.0.weight": torch.ones(2)}
    return {
        "plain": state,
        "_orig_mod.": prefixed(state, "_orig_mod."),
        "module._orig_mod.": prefixed(state, "module._orig_mod."),
        "module.module.": prefixed(state, "module.module."),
        "lightning net.": {"state_dict": prefixed(state, "net."), "epoch": 3, "loops": {"a": [1]}},
        "lightning with a loss": {
            "state_dict": prefixed(state, "model.") | prefixed(critic, "loss_fn.vgg.")
        },
        "lightning gan": {
            "state_dict": prefixed(state, "generator.") | prefixed(critic, "discriminator.")
        },
        "net_g": {"net_g": prefixed(state, "module."), "net_d": critic},
        "averaged beside": {"params": zeros(state), "params_ema": state},
        "swa": prefixed(state, "module.") | {"n_averaged": torch.tensor(9)},
        "ema_model.": prefixed(state, "ema_model.") | prefixed(zeros(state), "model."),
        "with settings": {
            "model": OrderedDict(state),
            "args": argparse.Namespace(lr=1e-4, name="x"),
            "best": np.float64(31.5),
            "step": np.int64(3),
            "history": np.arange(3.0),
        },
    }


@pytest.mark.parametrize("how", shapes({}))
def test_a_network_is_found_in_whatever_it_is_wrapped_in(
    network: torch.nn.Module, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "found.pth"
    torch.save(shapes(dict(network.state_dict()))[how], path)
    restorer = load_restorer("rescnn", weights=path)
    with torch.inference_mode():
        expected = network.eval()(IMAGE)
    assert torch.allclose(restorer.restore(IMAGE), expected, atol=1e-6)


def test_what_was_taken_is_said(network: torch.nn.Module) -> None:
    state = dict(network.state_dict())
    *_, (last, words) = network_states(
        {
            "params": zeros(state),
            "params_ema": {f"module.{name}": value for name, value in state.items()},
        }
    )
    assert words.startswith("'params_ema', names after 'module.'")
    assert last.keys() <= state.keys() or words.count("names after") > 1
    plain, nothing = next(network_states(state))
    assert (plain.keys(), nothing) == (state.keys(), "")


@pytest.mark.parametrize("suffix", [".pth", ".pth.tar", ".bin", ".pkl", ".ckpt", ".pt"])
@pytest.mark.parametrize("legacy", [False, True])
def test_suffixes_of_the_field_are_read(
    network: torch.nn.Module, tmp_path: Path, suffix: str, legacy: bool
) -> None:
    path = tmp_path / f"net{suffix}"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=not legacy)
    assert read_state(path).keys() == network.state_dict().keys()


def test_an_archive_around_one_checkpoint_is_looked_into(
    network: torch.nn.Module, tmp_path: Path
) -> None:
    torch.save(network.state_dict(), tmp_path / "net.pth")
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as archive:
        archive.write(tmp_path / "net.pth", "weights/net.pth")
        archive.writestr("README.txt", "hello")
    assert read_state(tmp_path / "download.zip").keys() == network.state_dict().keys()
    with zipfile.ZipFile(tmp_path / "download.zip", "a") as archive:
        archive.write(tmp_path / "net.pth", "weights/other.pth")
    with pytest.raises(BenchError, match=r"archive of 2 checkpoints \(weights/net.pth, weights/o"):
        read_state(tmp_path / "download.zip")


class Unknown:
    """What a checkpoint of a whole network would hold."""


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html><body>Quota exceeded</body></html>", "it is a web page"),
        (b"", "it is empty"),
        (b'{"message": "Not Found"}', "it is a text file"),
        (b"PK\x03\x04" + b"0" * 400, "ends too early, after 404 bytes"),
        (pickle.dumps({"w": Unknown()}), "not unpickled for safety"),
        (b"\x1f\x8b" + b"0" * 40, "it is a packed archive"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_recognised(
    tmp_path: Path, suffix: str, content: bytes, said: str
) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    with pytest.raises(BenchError, match=said) as error:
        read_state(path)
    assert "weights_only" not in str(error.value)
    assert "\x1b" not in str(error.value)


def test_a_whole_network_is_refused_by_its_class_without_unsafe_advice(tmp_path: Path) -> None:
    torch.save({"net": torch.nn.Linear(2, 2)}, tmp_path / "whole.pth")
    with pytest.raises(BenchError, match=r"\(torch\.nn\.modules\.linear\.Linear\)") as error:
        read_state(tmp_path / "whole.pth")
    assert "save the network's state_dict alone" in str(error.value)
    assert "weights_only" not in str(error.value)
