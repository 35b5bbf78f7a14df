"""The lines between the processes of a measurement: what is said is what is understood."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.compute.messages import (
    Counts,
    DeviceMemory,
    Energy,
    ProfileJob,
    ProfileReport,
    Timing,
)
from bench.core.errors import BenchError

NUMBER = st.floats(allow_nan=False)
NUMBERS = st.lists(NUMBER, max_size=3).map(tuple)
COUNT = st.integers(0, 2**50)
TEXT = st.text(max_size=8)
CALLS = st.lists(st.tuples(TEXT, COUNT), max_size=2).map(tuple)
REPORTS = st.builds(
    ProfileReport,
    imports_s=st.none() | NUMBER,
    load_s=st.none() | NUMBER,
    first_pass_s=st.none() | NUMBER,
    latency=st.none() | st.builds(Timing, passes_ms=NUMBERS, wall_ms=NUMBERS, load=NUMBER),
    device_memory=st.none() | st.builds(DeviceMemory),
    energy=st.none() | st.builds(Energy, joules=NUMBER, seconds=NUMBER),
    counts=st.none() | st.builds(Counts, uncovered=CALLS),
    missing=st.dictionaries(TEXT, TEXT, max_size=2),
)


@settings(max_examples=50)
@given(st.builds(ProfileJob, seconds=NUMBER, started=NUMBER))
def test_a_job_comes_back_equal_from_its_line(job: ProfileJob) -> None:
    line = job.to_line()
    assert "\n" not in line
    assert ProfileJob.from_line(line) == job


@settings(max_examples=50)
@given(REPORTS)
def test_a_report_comes_back_equal_from_its_line(report: ProfileReport) -> None:
    assert ProfileReport().with_line(report.to_line()) == report


def test_a_line_tells_what_is_known_and_nothing_else() -> None:
    assert json.loads(ProfileReport(threads=2, imports_s=1.5).to_line()) == {
        "threads": 2,
        "imports_s": 1.5,
    }
    assert json.loads(ProfileReport(done=True).to_line()) == {"done": True}
    assert json.loads(ProfileReport().to_line()) == {}


def test_a_report_grows_line_by_line_and_keeps_every_reason() -> None:
    report = ProfileReport()
    for part in (
        ProfileReport(threads=1, imports_s=2.0),
        ProfileReport(load_s=0.5, first_pass_s=0.25),
        ProfileReport(missing={"energy": "no counter"}),
        ProfileReport(missing={"counts": "not a network"}),
    ):
        report = report.with_line(part.to_line())
    assert report.missing == {"energy": "no counter", "counts": "not a network"}
    assert report.cold_start_s == 2.75  # 2 + 0.5 + 0.25
    assert (report.latency, report.failed, report.done) == (None, None, False)


def test_a_start_that_was_cut_short_has_no_length() -> None:
    whole = ProfileReport(imports_s=1.0, load_s=1.0, first_pass_s=1.0)
    assert replace(whole, first_pass_s=None).cold_start_s is None
    assert replace(whole, imports_s=None).cold_start_s is None
    assert whole.cold_start_s == 3.0


def test_an_infinite_time_is_plain_json() -> None:
    line = ProfileReport(load_s=math.inf).to_line()
    assert "Infinity" not in line
    assert ProfileReport().with_line(line).load_s == math.inf


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "a report is no JSON"),
        ("{", "a report is no JSON"),
        ("[1]", r"a report holds \[1\], expected an object"),
        ('{"treads": 1}', "a report has an unknown key 'treads'; expected threads, "),
        ('{"threads": "1"}', "a report: 'threads' is \"1\", expected a whole number"),
        ('{"missing": []}', r"a report: 'missing' is \[\], expected an object"),
        ('{"latency": {}}', "a report lacks the key 'latency.warm_up'; expected a whole number"),
        ('{"energy": [1, 2, 3]}', "a report: 'energy' is .*, expected an object"),
    ],
)
def test_what_is_no_report_is_one_clear_error(line: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        ProfileReport().with_line(line)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "the job is no JSON"),
        ("{}", "the job lacks the key 'spec'; expected text"),
        ('{"size": 3}', "the job has an unknown key 'size'"),
    ],
)
def test_what_is_no_job_is_one_clear_error(line: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        ProfileJob.from_line(line)
