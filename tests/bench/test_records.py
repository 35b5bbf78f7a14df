"""Scores, specs and the errors that suggest what was meant."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bench.core.errors import BenchError
from bench.core.names import choose, parse_spec
from bench.core.plugins import load_object
from bench.records import RunSpec, Score


def test_a_score_is_a_value_or_a_reason_and_never_nan() -> None:
    assert Score(math.inf).value == math.inf
    for value, reason in ((None, None), (1.0, "why"), (None, ""), (math.nan, None)):
        with pytest.raises(ValueError, match="score"):
            Score(value, reason)


def test_a_spec_splits_into_its_name_and_options() -> None:
    assert parse_spec("set5:scale=4,luma=yes") == ("set5", {"scale": "4", "luma": "yes"})
    assert parse_spec("demo") == ("demo", {})
    with pytest.raises(BenchError, match="expected name:key=value"):
        parse_spec("gopro:blur")


def test_a_mistyped_name_suggests_the_nearest() -> None:
    with pytest.raises(BenchError, match="did you mean 'gopro'"):
        choose("suite", "gorpo", ["demo", "gopro"])
    with pytest.raises(BenchError, match="known: demo, gopro"):
        choose("suite", "xyz", ["demo", "gopro"])


def test_the_digest_changes_with_every_option() -> None:
    spec = RunSpec(suite="demo", data="d", models=("a",), metrics=("psnr",))
    others = [replace(spec, limit=3), replace(spec, models=("b",)), replace(spec, seed=1)]
    assert len({s.digest() for s in [spec, *others]}) == 4
    assert replace(spec).digest() == spec.digest()


def test_an_object_that_cannot_be_found_says_which_part() -> None:
    assert load_object("math:pi") == math.pi
    with pytest.raises(BenchError, match="no module 'nowhere'"):
        load_object("nowhere:thing")
    with pytest.raises(BenchError, match="has no 'thing'"):
        load_object("math:thing")
    with pytest.raises(BenchError, match=r"package\.module:attribute"):
        load_object("math")
