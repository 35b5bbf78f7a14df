"""run.json: a round trip, one clear error for whatever is wrong in it, and files of old schemas."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.errors import BenchError
from bench.records import Failure, RunSpec
from bench.runs.record import (
    FORMAT,
    SCHEMA,
    UPGRADES,
    MetricRecord,
    ModelRecord,
    RunRecord,
    SuiteRecord,
    WeightsRecord,
    read,
    write,
)

OLD = Path(__file__).parent / "data"
NEWER, OLDER = OLD / "run-schema-1.json", OLD / "run-schema-1-first.json"
"""What this program wrote at the end and at the beginning of schema 1."""
ADDED = ("digest", "remarks", "separation", "separation_note", "told")
"""Of each model, by schema 3."""

TEXT = st.text(max_size=8)
COUNT = st.integers(0, 2**40)
NUMBER = st.floats(allow_nan=False)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
WEIGHTS = st.builds(WeightsRecord, header=st.dictionaries(TEXT, JSON, max_size=3))
RECORDS = st.builds(
    RunRecord,
    spec=st.builds(RunSpec, models=st.lists(TEXT, max_size=3).map(tuple), limit=st.none() | COUNT),
    options=st.dictionaries(TEXT, TEXT, max_size=3),
    suite=st.builds(SuiteRecord, notes=st.lists(TEXT, max_size=2).map(tuple)),
    metrics=st.dictionaries(TEXT, st.builds(MetricRecord, low=NUMBER, high=NUMBER), max_size=2),
    sets=st.dictionaries(TEXT, st.builds(MetricRecord, low=NUMBER, high=NUMBER), max_size=2),
    models=st.dictionaries(TEXT, st.builds(ModelRecord, weights=st.none() | WEIGHTS), max_size=2),
    profile_notes=st.dictionaries(TEXT, st.lists(TEXT, max_size=2).map(tuple), max_size=2),
    failures=st.lists(st.builds(Failure), max_size=2).map(tuple),
    environment=st.dictionaries(TEXT, JSON, max_size=3),
)


def old(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@settings(max_examples=50)
@given(RECORDS)
def test_a_record_comes_back_equal_from_what_was_written(record: RunRecord) -> None:
    text = json.dumps(FORMAT.to_json(record), allow_nan=False)  # plain JSON: no bare Infinity
    assert FORMAT.from_text(text, "run.json") == record


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    record = read(NEWER)
    write(tmp_path / "run.json", record)
    assert read(tmp_path / "run.json") == record
    assert json.loads((tmp_path / "run.json").read_text())["schema"] == SCHEMA


def test_the_file_is_schema_1_but_for_its_number(tmp_path: Path) -> None:
    write(tmp_path / "run.json", read(NEWER))
    after = json.loads((tmp_path / "run.json").read_text())
    for model in after["models"].values():
        for key in ADDED:
            del model[key]
    assert after.pop("sets") == {}
    assert after["spec"].pop("recipe") == []
    assert after == old(NEWER) | {"schema": SCHEMA}


def test_of_schema_2_nobody_knows_what_models_were_and_learned_from() -> None:
    found = UPGRADES[1](old(NEWER)) | {"schema": 2}
    record = FORMAT.from_json(found, "run.json")
    assert record == read(NEWER)
    assert record.models["unet"].separation == "unknown"
    assert record.models["unet"].separation_note.startswith("what it learned from is not recorded")
    assert record.models["wiener"].separation == "nothing learned"
    assert {model.digest for model in record.models.values()} == {None}


def test_values_are_typed() -> None:
    record = read(NEWER)
    assert record.spec.models == ("input", "unsharp", "nlm", "wiener", "unet")
    assert record.metrics["psnr"].high == float("inf")
    weights = record.models["unet"].weights
    assert weights is not None
    assert (weights.origin, weights.header["best_step"]) == ("trained", 3)
    assert record.profile_notes["wiener"][0].startswith("9 involuntary")
    assert record.failures == ()


def test_the_first_files_of_schema_1_are_read_as_they_were_meant() -> None:
    found = old(OLDER)
    assert not found["spec"].keys() & {"prepare", "preset"}
    assert "scale" not in found["suite"]
    assert "profile_notes" not in found
    record = read(OLDER)
    assert (record.spec.prepare, record.spec.preset) == ((), "quick")
    assert record.suite.scale == 1
    assert record.profile_notes == {}
    assert record.suite.clusters == found["suite"]["clusters"] == 2


def test_every_older_schema_has_its_upgrade() -> None:
    assert sorted(UPGRADES) == list(range(1, SCHEMA))


def test_an_upgrade_leaves_its_input_alone() -> None:
    found = old(OLDER)
    before = copy.deepcopy(found)
    UPGRADES[1](found)
    assert found == before


def at(*path: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function that finds an object in a record."""

    def find(record: dict[str, Any]) -> dict[str, Any]:
        for key in path:
            record = record[key]
        return record

    return find


@pytest.mark.parametrize(
    ("path", "key", "value", "said"),
    [
        ((), "note", "x", "has an unknown key 'note'; expected spec, options, status, "),
        (("suite",), "sclae", 2, "has an unknown key 'suite.sclae'; expected name, title, "),
        (("models", "nlm"), "stat", "", "has an unknown key 'models.nlm.stat'; expected spec, "),
        (
            ("models", "nlm"),
            "state",
            "well",
            "'models.nlm.state' is \"well\", expected one of "
            "'pending', 'done', 'not applicable', 'failed'",
        ),
        (("suite",), "images", "2", "'suite.images' is \"2\", expected a whole number"),
        (("suite",), "images", True, "'suite.images' is true, expected a whole number"),
        (("suite",), "images", 2.0, "'suite.images' is 2.0, expected a whole number"),
        (("suite",), "title", None, "'suite.title' is null, expected text"),
        (("spec",), "metrics", "psnr", "'spec.metrics' is \"psnr\", expected a list"),
        (("spec",), "metrics", ["psnr", 3], "'spec.metrics[1]' is 3, expected text"),
        (("metrics", "psnr"), "high", "high", "'metrics.psnr.high' is \"high\", expected a number"),
        (("metrics", "psnr"), "higher_is_better", 1, "is 1, expected true or false"),
        ((), "models", ["input"], "'models' is [\"input\"], expected an object"),
        ((), "spec", [], "'spec' is [], expected an object"),
        ((), "suite", 3, "'suite' is 3, expected an object"),
        ((), "failures", {}, "'failures' is {}, expected a list"),
        (("models", "unet"), "weights", [], "'models.unet.weights' is [], expected an object"),
        ((), "schema", 9, f"has schema 9; this version reads 1 to {SCHEMA}"),
        ((), "schema", 0, f"has schema 0; this version reads 1 to {SCHEMA}"),
        ((), "schema", "1", f"has schema '1'; this version reads 1 to {SCHEMA}"),
        ((), "schema", True, f"has schema True; this version reads 1 to {SCHEMA}"),
    ],
)
def test_what_does_not_belong_is_named_with_file_key_and_what_was_expected(
    tmp_path: Path, path: tuple[str, ...], key: str, value: Any, said: str
) -> None:
    found = old(NEWER)
    at(*path)(found)[key] = value
    file = tmp_path / "run.json"
    file.write_text(json.dumps(found))
    with pytest.raises(BenchError) as caught:
        read(file)
    assert str(caught.value).startswith(f"'{file}'")
    assert said in str(caught.value)
    assert str(caught.value).endswith("restore it or run again")


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ((), "status", "one of 'running', 'interrupted', 'done'"),
        ((), "finished", "text or null"),
        ((), "suite", "an object"),
        ((), "spec", "an object"),
        (("suite",), "border", "a whole number"),
        (("suite",), "clusters", "a whole number"),
        (("spec",), "models", "a list"),
        (("metrics", "ssim"), "low", "a number"),
        (("models", "unet", "weights"), "sha256", "text"),
    ],
)
def test_a_key_that_is_missing_is_named(
    tmp_path: Path, path: tuple[str, ...], key: str, expected: str
) -> None:
    found = old(NEWER)
    del at(*path)(found)[key]
    file = tmp_path / "run.json"
    file.write_text(json.dumps(found))
    with pytest.raises(BenchError) as caught:
        read(file)
    said = f"'{file}' lacks the key '{'.'.join((*path, key))}'; expected {expected}; "
    assert str(caught.value).startswith(said)


def test_what_schema_1_could_lack_schema_2_must_have(tmp_path: Path) -> None:
    found = old(OLDER) | {"schema": 2}
    (tmp_path / "run.json").write_text(json.dumps(found))
    with pytest.raises(BenchError, match=r"lacks the key 'profile_notes'; expected an object"):
        read(tmp_path / "run.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is damaged (Expecting value"),
        ("{", "is damaged (Expecting property name"),
        ("[]", "holds [], expected an object"),
        ("null", "holds null, expected an object"),
        ("{}", f"has schema None; this version reads 1 to {SCHEMA}"),
        (b"\xff\xfe{", "is damaged ("),
    ],
)
def test_a_file_that_is_no_record_is_one_clear_error(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BenchError) as caught:
        read(file)
    assert str(caught.value).startswith(f"'{file}' {said}")


def test_a_folder_without_a_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no run at '.*': run\.json is missing"):
        read(tmp_path / "run.json")


def test_a_record_cannot_be_changed_by_accident() -> None:
    record = read(NEWER)
    with pytest.raises(AttributeError):
        record.status = "running"  # type: ignore[misc]
    assert replace(record, status="running") != record
