from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.core.plugins import load_object
from bench.degrade.parameters import Degradation, stream
from bench.degrade.table import BLURS


def test_every_blur_is_a_row_of_the_table_and_says_its_unit() -> None:
    assert all(name == kind.name and load_object(kind.apply) for name, kind in BLURS.items())
    assert all(kind.unit and kind.about for kind in BLURS.values())


def test_the_parameters_survive_json() -> None:
    how = Degradation(
        "layers",
        size=5.0,
        background=2,
        objects=3,
        electrons=800.0,
        read_noise=3.0,
        seed=2,
        illumination=0.2,
        low_light="dark",
        detail_loss=1.5,
        scale=3,
        jpeg=40,
        sigma=15.0,
        grey=True,
    )
    assert Degradation.from_dict(json.loads(json.dumps(how.as_dict()))) == how
    assert Degradation.from_dict({}) == Degradation()


@pytest.mark.parametrize("field", fields(Degradation), ids=lambda field: field.name)
def test_no_parameter_takes_text_or_a_list_or_a_truth_value(field: Any) -> None:
    for value in ("much", [1], 1 if field.name == "grey" else True):
        with pytest.raises(BenchError, match=rf"degradation: {field.name}=.*; expected "):
            Degradation.from_dict({field.name: value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"blur": "shaek"}, "blur='shaek'; expected one of none, motion"),
        ({"blurr": "shake"}, "no parameter 'blurr'; did you mean 'blur'"),
        ({"xyz": 1}, "no parameter 'xyz'; known: blur, size"),
        ({"size": -3.0}, r"size=-3.0; expected a number of at least 0 and up to 500"),
        ({"size": float("nan")}, "size=nan; expected"),
        ({"angle": float("inf")}, "angle=inf; expected a number"),
        ({"size": None}, "size=None; expected"),
        ({"blur": "zoom", "size": 120.0}, "at most 100 .percent. for the blur 'zoom'"),
        ({"exposure": 0.0}, "exposure=0.0; expected a number above 0 and up to 1"),
        ({"exposure": 1.5}, "exposure=1.5"),
        ({"jpeg": 0}, r"jpeg=0; expected a whole number of at least 1 and up to 100 \(or None\)"),
        ({"jpeg": 75.0}, "jpeg=75.0; expected a whole number"),
        ({"scale": 5}, "scale=5"),
        ({"scale": 0}, "scale=0"),
        ({"sigma": -1}, "sigma=-1"),
        ({"electrons": 0}, "electrons=0; expected a number above 0"),
        ({"read_noise": 3.0}, "read_noise=3.0; expected 0 where nothing counts electrons"),
        ({"illumination": 0.1}, "illumination=0.1; expected 1 .* or low_light='dark'"),
        ({"low_light": "night"}, "low_light='night'; expected one of amplified, dark"),
        ({"surface": "wall"}, "surface='wall'; expected one of smooth, plane"),
        ({"seed": -1}, "seed=-1; expected a whole number of at least 0"),
        ({"focus": 2}, "focus=2"),
        ({"objects": 0}, "objects=0"),
        ({"size": np.float32(3)}, "size="),
    ],
)
def test_values_that_mean_nothing_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        Degradation.from_dict(values)


def test_every_step_draws_from_a_stream_of_its_own() -> None:
    how = Degradation(seed=5)
    draws = [stream(how, step).random(4).tolist() for step in ("path", "noise", "scene", "white")]
    assert len({tuple(draw) for draw in draws}) == 4
    assert stream(how, "noise").random(4).tolist() == draws[1]
    assert stream(Degradation(seed=6), "noise").random(4).tolist() != draws[1]


def test_the_streams_are_pcg64_seeded_with_seed_and_step() -> None:
    expected = np.random.Generator(np.random.PCG64([5, 1])).random(4)
    assert np.array_equal(stream(Degradation(seed=5), "noise").random(4), expected)
