"""The header of our weights: a round trip, one clear error for what is wrong, old schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from bench.core.errors import BenchError
from models.architectures.litenet import LiteNet
from models.loading import load_restorer
from models.weights import (
    HEADER,
    UPGRADES,
    Compressed,
    PairDigests,
    Teacher,
    TrainingCost,
    ValidationFigures,
    WeightsHeader,
    header_as_found,
    load_weights,
    read_header,
    save_weights,
)
from tests.support.training import header_of

OLD = Path(__file__).parent / "data"
NEWER, OLDER = OLD / "header-schema-1.json", OLD / "header-schema-1-first.json"
"""What this program wrote at the end and at the beginning of schema 1."""

NUMBER = st.floats(allow_nan=False)
TEXT = st.text(max_size=8)
PLAIN = st.none() | st.booleans() | st.integers() | TEXT | st.floats(-1e9, 1e9)
OBJECT = st.dictionaries(TEXT, PLAIN | st.lists(PLAIN, max_size=2), max_size=3)
HEADERS = st.builds(
    WeightsHeader,
    options=OBJECT,
    recipe=OBJECT,
    execution=OBJECT,
    prepare=st.lists(TEXT, max_size=2).map(tuple),
    pairs=st.builds(PairDigests),
    cost=st.none()
    | st.builds(
        TrainingCost,
        seconds=NUMBER,
        device_seconds=NUMBER,
        memory_mb=NUMBER,
        energy_j=st.none() | NUMBER,
        flops=st.none() | NUMBER,
        best_seconds=NUMBER,
    ),
    teacher=st.none() | st.builds(Teacher, output=NUMBER, features=NUMBER),
    compressed=st.lists(st.builds(Compressed, amount=st.none() | NUMBER), max_size=2).map(tuple),
    validation=st.builds(
        ValidationFigures, psnr=NUMBER, ssim=NUMBER, input_psnr=NUMBER, input_ssim=NUMBER
    ),
)


def weights_of(path: Path, header: str) -> Path:
    """Write a file of weights with this text as its header."""
    save_file({"weight": torch.ones(1)}, path, metadata={"restoration_bench": header})
    return path


@pytest.mark.slow
@settings(max_examples=50)
@given(HEADERS)
def test_a_header_comes_back_equal_from_what_was_written(header: WeightsHeader) -> None:
    text = json.dumps(HEADER.to_json(header), allow_nan=False, sort_keys=True)
    assert HEADER.from_text(text, "a file") == header


def test_a_header_survives_its_file(tmp_path: Path) -> None:
    header = header_of("unet", options={"widths": [8, 16]}, prepare=("clahe",), initial="ab" * 32)
    save_weights(tmp_path / "w.safetensors", torch.nn.Linear(1, 1), header)
    assert read_header(tmp_path / "w.safetensors") == header
    assert header_as_found(tmp_path / "w.safetensors") == HEADER.to_json(header)


def test_a_header_of_today_is_one_of_schema_1_but_for_the_number() -> None:
    text = NEWER.read_text()
    found = HEADER.to_json(HEADER.from_text(text, "a file"))
    assert found.pop("learned") is None  # nobody kept a record then
    later = ("compressed", "widths", "teacher")
    assert [found.pop(key) for key in later] == [[], {}, None]  # nothing was made smaller
    assert (found.pop("undertrained"), found.pop("cost")) == ("", None)
    assert found.pop("execution") == {}
    again = json.dumps(found, sort_keys=True) + "\n"
    assert again == text.replace('"schema": 1', f'"schema": {HEADER.schema}')


def test_the_first_headers_of_schema_1_are_read_as_they_were_meant(tmp_path: Path) -> None:
    found = json.loads(OLDER.read_text())
    lacking = {"prepare", "left_out", "initial", "devices", "unwatched"}
    assert not found.keys() & lacking
    header = read_header(weights_of(tmp_path / "w.safetensors", OLDER.read_text()))
    assert header is not None
    assert (header.prepare, header.left_out, header.unwatched) == ((), {}, {})
    assert (header.initial, header.devices) == (None, 1)
    assert header.recipe["loss"] == "charbonnier"  # a recipe of those days
    assert header.validation.psnr == found["validation"]["psnr"]


def test_every_older_schema_has_its_upgrade() -> None:
    assert sorted(UPGRADES) == list(range(1, HEADER.schema))


@pytest.mark.parametrize(
    ("recipe", "options", "blocks"),
    [
        ({}, {}, 6),
        ({"network": {}}, {"width": 32}, 6),
        ({"network": {"blocks": 4}}, {"blocks": 4}, 4),
    ],
)
def test_litenet_of_an_older_file_has_the_blocks_that_it_learned_with(
    recipe: dict[str, Any], options: dict[str, Any], blocks: int, tmp_path: Path
) -> None:
    found = HEADER.to_json(header_of("litenet")) | {
        "schema": 5, "recipe": recipe, "options": options,
    }  # fmt: skip
    network, path = LiteNet(blocks=blocks), tmp_path / "litenet.safetensors"
    save_file(network.state_dict(), path, metadata={"restoration_bench": json.dumps(found)})
    for restorer in (load_restorer("litenet", weights=path), load_restorer(str(path))):
        assert isinstance(restorer.network, LiteNet)
        assert len(restorer.network.body) == blocks
    assert len(LiteNet().body) == 8


def test_a_file_of_others_has_no_header_and_fills_whatever_it_fits(tmp_path: Path) -> None:
    network = torch.nn.Conv2d(1, 1, 1)
    path = tmp_path / "theirs.safetensors"
    for metadata in (None, {"format": "pt"}):
        save_file(network.state_dict(), path, metadata=metadata)
        assert read_header(path) is None
        assert header_as_found(path) == {}
        load_weights(torch.nn.Conv2d(1, 1, 1), path, "unet")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"epochs": 3}, "has an unknown key 'epochs'; expected model, options, recipe, "),
        ({"model": None}, "'model' is null, expected text"),
        ({"seed": "7"}, "'seed' is \"7\", expected a whole number"),
        ({"prepare": "clahe"}, "'prepare' is \"clahe\", expected a list"),
        ({"recipe": []}, "'recipe' is [], expected an object"),
        ({"validation": [30.0]}, "'validation' is [30.0], expected an object"),
        ({"validation": {"psnr": 30.0}}, "lacks the key 'validation.ssim'; expected a number"),
        ({"stopped": "bored"}, "'stopped' is \"bored\", expected one of 'as planned', "),
        ({"schema": 9}, f"has schema 9; this version reads 1 to {HEADER.schema}"),
    ],
)
def test_what_does_not_belong_is_named_with_file_key_and_what_was_expected(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    header = json.loads(NEWER.read_text()) | changed
    path = weights_of(tmp_path / "w.safetensors", json.dumps(header))
    for read in (read_header, lambda path: load_restorer(str(path))):
        with pytest.raises(BenchError) as caught:
            read(path)
        assert str(caught.value).startswith(f"the header of '{path}'")
        assert said in str(caught.value)


@pytest.mark.parametrize("key", ["model", "options", "recipe", "pairs", "best_step", "schema"])
def test_a_key_that_is_missing_is_named(tmp_path: Path, key: str) -> None:
    header = json.loads(NEWER.read_text())
    del header[key]
    path = weights_of(tmp_path / "w.safetensors", json.dumps(header))
    with pytest.raises(BenchError, match=key):
        read_header(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is damaged"), ("{", "is damaged"), ("[]", r"holds \[\]"), ("{}", "has schema None")],
)
def test_a_header_that_is_no_record_is_one_clear_error(
    tmp_path: Path, text: str, said: str
) -> None:
    path = weights_of(tmp_path / "w.safetensors", text)
    with pytest.raises(BenchError, match=f"^the header of '.*' {said}"):
        read_header(path)
