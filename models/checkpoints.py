"""Checkpoints of any origin: read safely, whatever they are wrapped in, or refused by name.

Nothing here unpickles freely: ``torch.load`` is always called with ``weights_only=True``.
"""

from __future__ import annotations

import argparse
import io
import pickle
import re
import types
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from safetensors.torch import load_file

from bench.core.errors import BenchError
from bench.core.limits import memory
from models.suffixes import SUFFIXES

State = Mapping[str, Any]

_HARMLESS: list[Any] = [
    argparse.Namespace,
    types.SimpleNamespace,
    np.dtype,
    np.ndarray,
    *(type(np.dtype(name)) for name in ("f8", "f4", "f2", "i8", "i4", "i2", "u1", "?")),
    *(
        (_rebuild, f"{_home}.multiarray.{_name}")
        for _name, _rebuild in (
            ("scalar", np.float64(0).__reduce__()[0]),
            ("_reconstruct", np.zeros(1).__reduce__()[0]),
        )
        for _home in ("numpy.core", "numpy._core")
    ),
]
"""What training scripts save beside tensors, none of which runs anything when it is made."""

_DICTS = (
    "params_ema",
    "params-ema",
    "ema_model",
    "model_ema",
    "state_dict_ema",
    "ema_state_dict",
    "ema",
    "model_state_dict",
    "state_dict",
    "params",
    "generator",
    "net_g",
    "netG",
    "model",
    "net",
    "network",
    "weights",
)
"""Keys under which checkpoints keep the network, the best one first: averages before the last."""

_PREFIXES = (
    "ema_model.",
    "model_ema.",
    "generator.",
    "net_g.",
    "netG.",
    "netG_A2B.",
    "model.",
    "net.",
    "network.",
    "restorer.",
)
"""What begins the names of the network among those of losses and discriminators, best first."""


def require_file(path: Path) -> None:
    """Raise `BenchError` where there is no file of weights."""
    if not path.is_file():
        raise BenchError(f"no weights at '{path}': there is no such file")


def read_state(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds, on the CPU: tensors by name, perhaps in nested dicts.

    A zip archive around one checkpoint is looked into. Raises `BenchError` for a missing, damaged
    or too large file, for TorchScript, and for a pickle that holds what could run when it is
    loaded.
    """
    require_file(path)
    _require_memory(path, path.stat().st_size)
    try:
        if _is_torchscript(path):
            raise BenchError(
                f"'{path}' is TorchScript, a program that would run here unseen; save the "
                "network's state_dict with torch.save, or export the network to ONNX"
            )
        if path.suffix.lower() == ".safetensors":
            state: Any = load_file(path)
        else:
            state = _unpickled(_inside(path))
    except pickle.UnpicklingError as error:
        raise BenchError(f"'{path}' {_why_not_unpickled(error, path)}") from error
    except BenchError:
        raise
    except Exception as error:  # torch raises what it likes over a damaged pickle
        raise BenchError(f"'{path}' is no whole checkpoint: {kind_of(path)}") from error
    if not isinstance(state, dict) or not state:
        raise BenchError(f"'{path}' holds {type(state).__name__}; expected a dict of tensors")
    return state


def _require_memory(path: Path, size: int) -> None:
    free = memory().available
    if size > free:
        raise BenchError(
            f"'{path}' is {size / 1e9:.1f} GB but only {free / 1e9:.1f} GB of memory are free"
        )


def _unpickled(file: Path | IO[bytes]) -> Any:
    with warnings.catch_warnings(), torch.serialization.safe_globals(_HARMLESS):
        warnings.filterwarnings("ignore", "Detected pickle protocol")
        return torch.load(file, map_location="cpu", weights_only=True)


def _inside(path: Path) -> Path | IO[bytes]:
    """Return the one checkpoint in a zip archive, or the file itself, which torch may have zipped.

    Raises `BenchError` for an archive of several checkpoints, or of none.
    """
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if any(name.endswith("data.pkl") for name in names):
            return path
        found = [name for name in names if Path(name).suffix.lower() in SUFFIXES]
        if len(found) != 1:
            raise BenchError(
                f"'{path}' is an archive of {len(found)} checkpoints "
                f"({', '.join(found[:5] or names[:5])}); unpack it and give the one that is meant"
            )
        _require_memory(path, archive.getinfo(found[0]).file_size)
        return io.BytesIO(archive.read(found[0]))


def _is_torchscript(path: Path) -> bool:
    if path.suffix.lower() == ".safetensors" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


# --- what is wrong with a file --------------------------------------------------------------------


def kind_of(path: Path) -> str:
    """Say by its first bytes what a file is that is no model, and what to do about it."""
    with path.open("rb") as file:
        begin = file.read(512)
    text = begin.lstrip().lower()
    if not begin:
        return "it is empty; download it again"
    if begin.startswith(b"version https://git-lfs"):
        return (
            "it is a pointer of git-LFS, not the file itself; run 'git lfs pull' where it is from"
        )
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page, not a file of weights; download the file that the page links to"
    if text.startswith((b"{", b"[")) and b"\0" not in begin:
        return "it is a text file; download the file of weights itself"
    if begin.startswith(b"PK") and not zipfile.is_zipfile(path):
        return f"it ends too early, after {path.stat().st_size:,} bytes; download it again"
    if begin.startswith(b"\x80"):
        return (
            "it is a pickle that torch did not save, or a damaged one, and is not unpickled for "
            "safety; save the network's state_dict alone with torch.save"
        )
    if begin.startswith((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")):
        return "it is a packed archive; unpack it and give the file of weights inside"
    return f"its {path.stat().st_size:,} bytes are damaged, or of another kind; get it again"


def _why_not_unpickled(error: pickle.UnpicklingError, path: Path) -> str:
    """Say in our words why torch does not unpickle a file; its own advice is unsafe."""
    if named := re.search(r"GLOBAL ([\w.]+)", str(error)):
        return (
            f"holds more than tensors ({named[1]}), which is not unpickled for safety; save the "
            "network's state_dict alone with torch.save"
        )
    return f"is no checkpoint, or a damaged one: {kind_of(path)}"


def first(error: BaseException, lines: int = 1) -> str:
    """Return the first lines of an error, which torch follows with pages of advice."""
    text = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(text[:lines])[:300] or type(error).__name__


# --- which of its tensors are the network ---------------------------------------------------------


def network_states(state: State) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield what may be the network's tensors by its own names, and what was taken, in words.

    Of several networks the average over training steps comes first, then the last of training.
    First comes the state as it is, then without a prefix that all names share (``module.``,
    ``_orig_mod.``, ``net.``), then without the next: whoever knows the network takes the first that
    fits. The words are empty where nothing was left out.
    """
    taken: list[str] = []
    found: dict[str, Any] = dict(state)
    while (key := _inner(found)) is not None:
        taken.append(f"'{key}'")
        found = dict(found[key])
    tensors = {
        name: value
        for name, value in found.items()
        if isinstance(value, torch.Tensor) and name.rpartition(".")[2] != "n_averaged"
    }
    yield tensors, ", ".join(taken)
    while prefix := _prefix(tensors):
        taken.append(f"names after '{prefix}'")
        tensors = {
            name.removeprefix(prefix): value
            for name, value in tensors.items()
            if name.startswith(prefix)
        }
        yield tensors, ", ".join(taken)


def _inner(state: State) -> str | None:
    """Return the key of the dict that holds the network, None where it is this one."""
    dicts = {key: value for key, value in state.items() if _is_state(value)}
    for key in _DICTS:
        if key in dicts:
            return key
    loose = any(isinstance(value, torch.Tensor) for value in state.values())
    return next(iter(dicts)) if len(dicts) == 1 and not loose else None


def _is_state(value: object) -> bool:
    """Say whether a value is a dict with tensors in it, at whatever depth."""
    return isinstance(value, Mapping) and any(
        isinstance(one, torch.Tensor) or _is_state(one) for one in value.values()
    )


def _prefix(tensors: State) -> str:
    """Return what to take off: a prefix of all names, or that of the network among others."""
    firsts = {name.partition(".")[0] + "." for name in tensors}
    if not tensors or any("." not in name for name in tensors):
        return ""
    if len(firsts) == 1:
        return next(iter(firsts))
    others = {p: firsts - {p} for p in _PREFIXES if p in firsts}
    return next((p for p, rest in others.items() if all(map(_is_apart, rest))), "")


def _is_apart(prefix: str) -> bool:
    """Say whether names after a prefix are a loss's, a critic's or another copy's."""
    return any(word in prefix.lower() for word in _APART)


_APART = (
    "loss",
    "disc",
    "net_d",
    "netd",
    "critic",
    "perceptual",
    "vgg",
    "lpips",
    "ema",
    "metric",
    "generator",
    "model",
    "net",
)
