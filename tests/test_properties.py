"""Any image, spec, table of options or file of votes gives a result or an error of ours."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from bench.core.errors import BenchError
from bench.core.names import parse_spec, seconds_of, sides_of
from bench.image import read
from bench.metrics.table import resolve
from bench.prepare import read_step
from bench.runs.executors.table import executor_named
from bench.suites.check import size_of
from bench.suites.own import own_card
from bench.suites.sizing import read_sizing
from bench.suites.table import resolve_suite, suite_cards
from bench.sweep import read_sweep
from models.checkpoints import read_state
from models.specs import card_of
from models.training.budget import parse_budget
from raters.statistics.votes_file import read_votes
from raters.texts.own import read_texts

quick = settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Some bytes replaced, cut out or put in; or the end cut off; or anything at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=64))
    text = whole
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.sampled_from([start, min(len(text), start + 3), len(text)]))
        text = text[:start] + draw(st.binary(max_size=4)) + text[end:]
    return text


# --- specs --------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    (
        *suite_cards(),
        *("psnr", "lpips", "all", "wavelet", "clahe", "quality", "unet", "nafnet-gopro-w32"),
        *("local", "processes", "outputs", "a.onnx", "a.pth", "b.safetensors", "x.py:f", "m:f"),
        *("unet@x8", "m:f@tlc"),
    )
)
VALUES = st.sampled_from(
    ("blur", "gamma", "4", "0", "-1", "1e999", "nan", "9x9", "0x0", "90s", "10m", "3steps", "area")
)
KEYS = st.sampled_from(
    ("blur", "scale", "sigma", "crop", "resize", "kernel", "limit", "extent", "noise")
)
PARTS = st.one_of(WORDS, VALUES, KEYS, st.sampled_from(list(":=,@+x/.")), st.text(max_size=4))
SPECS = st.one_of(
    st.text(max_size=12),
    st.lists(PARTS, max_size=6).map("".join),
    st.builds("{}:{}={}".format, WORDS, KEYS, VALUES),
    st.builds("{}:{}={},{}={}".format, WORDS, KEYS, VALUES, KEYS, VALUES),
)
READERS: dict[str, Callable[[str], object]] = {
    "spec": parse_spec,
    "suite": resolve_suite,
    "sizing": lambda spec: read_sizing(spec, parse_spec(spec)[1]),
    "metric": lambda spec: resolve([spec]),
    "model": card_of,
    "step": read_step,
    "executor": executor_named,
    "budget": parse_budget,
    "time": seconds_of,
    "size": sides_of,
}


@quick
@given(spec=SPECS)
def test_any_spec_is_read_or_refused(spec: str) -> None:
    for reader in READERS.values():
        with suppress(BenchError):
            reader(spec)


# --- files of options, words and votes ----------------------------------------------------------

SWEEP = b"""models = ["input", "unet"]
seeds = [0, 1]
metrics = ["psnr"]
limit = 3
[suites."set5"]
scale = [2, 4]
[suites."bsd68"]
data = "x"
sigma = [15, 25]
"""
TEXTS = b"""language = "en"
title = "Mine"
[study]
researcher = "A"
contact = "a@b.c"
[leave]
title = "Bye"
[[questions]]
key = "age"
ask = "How old?"
answers = ["young", "old"]
"""
OWN = b"""name = "mine"\ntitle = "My own"\ntask = "deblur"\nlicence = "CC0"\ncitation = "me"\n"""
VOTES = b"image,a,b,winner,rater\ni1,m1,m2,m1,r1\ni1,m2,m3,tie,r1\ni2,m1,m3,m3,r2\n"
FILES: dict[str, tuple[bytes, str, Callable[[Path], Any]]] = {
    "sweep": (SWEEP, "sweep.toml", read_sweep),
    "texts": (TEXTS, "texts.toml", read_texts),
    "own": (OWN, "suite.toml", lambda path: own_card(suite_cards()["folder"], path.parent)),
    "votes": (VOTES, "votes.csv", read_votes),
}
TOML_VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-3, 99), st.text("a \n", max_size=3), st.floats()),
    lambda inside: st.lists(inside, max_size=2),
    max_leaves=3,
)


@pytest.mark.parametrize("kind", FILES)
@quick
@given(data=st.data())
def test_any_file_of_options_words_or_votes_is_read_or_refused(
    tmp_path: Path, kind: str, data: st.DataObject
) -> None:
    whole, name, reader = FILES[kind]
    text = data.draw(damaged(whole))
    if data.draw(st.booleans()):  # a value of another type, where a line gives one
        lines = whole.split(b"\n")
        at = data.draw(st.integers(0, len(lines) - 1))
        key = lines[at].partition(b" = ")[0]
        lines[at] = key + b" = " + toml(data.draw(TOML_VALUES)).encode()
        text = b"\n".join(lines)
    path = tmp_path / name
    path.write_bytes(text)
    with suppress(BenchError):
        reader(path)


def toml(value: object) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else f'"{value!s}"'.replace("\n", "\\n")


# --- images -------------------------------------------------------------------------------------


def encoded(suffix: str) -> bytes:
    """A small image as a file."""
    pixels = np.arange(7 * 5 * 3, dtype=np.uint8).reshape(7, 5, 3)
    done, found = cv2.imencode(suffix, pixels)
    assert done
    return found.tobytes()


@pytest.mark.filterwarnings("ignore")  # what decoders think of a damaged file is theirs
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tiff", ".webp", ".ppm"])
@quick
@given(data=st.data())
def test_any_image_file_is_read_or_refused(
    tmp_path: Path, suffix: str, data: st.DataObject
) -> None:
    path = tmp_path / f"image{suffix}"
    path.write_bytes(data.draw(damaged(encoded(suffix))))
    with suppress(BenchError):
        pixels = read(path)
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
    with suppress(BenchError):
        assert min(size_of(path)) > 0


# --- checkpoints --------------------------------------------------------------------------------

STATE = {"a.weight": torch.arange(12.0).reshape(3, 4), "a.bias": torch.ones(3)}


def saved(kind: str) -> bytes:
    """The tensors as a file of this kind."""
    if kind == "safetensors":
        return save(STATE)
    file = io.BytesIO()
    torch.save(STATE, file, _use_new_zipfile_serialization=kind == "pth")
    return file.getvalue()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["safetensors", "pth", "tar"])
@quick
@given(data=st.data())
def test_any_checkpoint_is_read_or_refused_and_runs_nothing(
    tmp_path: Path, kind: str, data: st.DataObject
) -> None:
    path = tmp_path / f"weights.{kind if kind != 'tar' else 'pth'}"
    path.write_bytes(data.draw(damaged(saved(kind))))
    with suppress(BenchError):
        found = read_state(path)
        assert isinstance(found, dict)


def test_the_checkpoints_are_read_where_they_are_whole(tmp_path: Path) -> None:
    for kind in ("safetensors", "pth", "tar"):
        path = tmp_path / f"weights.{kind if kind != 'tar' else 'pth'}"
        path.write_bytes(saved(kind))
        found = read_state(path)
        assert all(torch.equal(found[name], value) for name, value in STATE.items())


@pytest.mark.parametrize("kind", ["safetensors", "pth", "tar"])
def test_a_checkpoint_that_was_cut_is_refused_or_holds_the_same(tmp_path: Path, kind: str) -> None:
    whole = saved(kind)
    path = tmp_path / f"weights.{kind if kind != 'tar' else 'pth'}"
    refused = 0
    for end in range(0, len(whole), 23):
        path.write_bytes(whole[:end])
        try:
            found = read_state(path)
        except BenchError:
            refused += 1
        else:
            assert all(torch.equal(found[name], value) for name, value in STATE.items())
    assert refused > len(whole) // 23 * 0.9
