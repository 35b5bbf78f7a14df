"""What a pass waits for: on passes as GPUs and processors recorded them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from bench.compute.messages import ProfileReport, Timing
from bench.compute.profile import Conditions, Measurement
from bench.compute.waiting import BUSY, HANDED_OUT, LIMITED, SYSTEM, lengthened, limited, union
from bench.records import Profile
from bench.report import summary_table, write_report
from tests.bench.report.html import Page
from tests.support.runs import costs, simple_run


def measured(
    events: float,
    wall: float,
    busy: float | None = None,
    device: str = "cuda",
    system: tuple[float, float] | None = None,
) -> Measurement:
    """What a process told of nine passes of so many ms, by events, by the wall, by its kernels, and
    of the system's part and the bytes that it handed out."""
    timing = Timing(
        warm_up=3,
        passes_ms=(events,) * 9,
        wall_ms=(wall,) * 9,
        repeated=False,
        switches=0,
        load=0.0,
        system=system and system[0],
        handed_out=system and system[1],
    )
    told = ProfileReport(threads=1, latency=timing, busy_ms=busy)
    return Measurement("m", "m", Conditions(256, 256, device=device), (told,))


def figures(found: Measurement) -> dict[str, Profile]:
    return {row.quantity: row for row in found.profiles()}


@pytest.mark.parametrize(
    ("events", "wall", "busy", "percent", "bound"),
    [
        (17.8, 33.0, None, 100 * 17.8 / 33, True),  # NAFNet, 256x256, H200
        (26.1, 28.4, None, 100 * 26.1 / 28.4, False),  # at 720x1280
        (17.8, 18.0, 5.0, 100 * 5 / 18, True),  # events count the gaps between kernels as work
        (28.0, 28.4, 26.2, 100 * 26.2 / 28.4, False),
        (10.0, 12.0, None, 100 / 1.2, False),  # 20 % apart, and no more
        (10.0, 9.9, None, 100.0, False),
    ],
)
def test_a_wall_clock_a_fifth_longer_than_the_gpu_worked_is_launches(
    events: float, wall: float, busy: float | None, percent: float, bound: bool
) -> None:
    found = figures(measured(events, wall, busy))
    assert found[BUSY].value == pytest.approx(percent)
    assert limited(found).startswith(LIMITED) == bound


def test_on_a_processor_it_is_missing_with_the_reason() -> None:
    found = figures(measured(10.0, 10.0, device="cpu"))
    assert found[BUSY].value is None
    assert found[BUSY].missing == "the model ran on the CPU, which launches nothing"
    assert limited(found) == ""


def test_a_model_that_is_no_network_or_died_has_a_reason() -> None:
    assert figures(measured(10.0, 10.0))[BUSY].missing == "no network runs on the GPU"
    died = (ProfileReport(failed="out of memory"),)
    found = Measurement("m", "m", Conditions(8, 8, device="cuda"), died)
    assert figures(found)[BUSY].missing == "out of memory"
    assert limited({}) == ""


@pytest.mark.parametrize(
    ("system", "said"),
    [
        ((0.099, 5e8), ""),
        ((0.5, 9e5), ""),  # the system did something else
        (
            (0.2449, 1.2348e9),
            "the system takes 24 % of the processor time, and hands out 1,235 MB of memory in each "
            "pass: @keep_memory keeps what layers give back",
        ),
    ],
)
def test_on_a_processor_it_is_said_where_the_system_takes_much_to_hand_out_memory(
    system: tuple[float, float], said: str
) -> None:
    found = figures(measured(10.0, 10.0, device="cpu", system=system))
    assert lengthened(found) == said
    assert found[SYSTEM].value == pytest.approx(100 * system[0])
    assert found[HANDED_OUT].value == pytest.approx(system[1] / 1e6)


def test_what_was_not_counted_or_is_a_gpus_is_missing_with_the_reason() -> None:
    here, there = (figures(measured(17.8, 33.0, device=device)) for device in ("cpu", "cuda"))
    for name in (SYSTEM, HANDED_OUT):
        assert here[name].missing == "it is not counted there"
        assert there[name].missing == "the model ran on a GPU"
    assert lengthened(here) == ""
    assert lengthened(there) == limited(there) != ""


def test_overlapping_kernels_are_counted_once() -> None:
    assert union([]) == 0
    assert union([(0, 10), (2, 3), (20, 21), (20.5, 22)]) == 12


def test_table_verdict_and_terminal_say_so(tmp_path: Path) -> None:
    def on_gpu(model: str, percent: float) -> list[Profile]:
        rows = [replace(row, device="cuda") for row in costs(model, 18.0, 1e6)]
        share = replace(rows[0], quantity=BUSY, unit="%", value=percent, missing=None)
        return [*rows, share]

    values: dict[str, list[float | str]] = {"input": [20.0, 21.0], "small": [30.0, 31.0]}
    values["large"] = [29.0, 30.0]
    rows = [*costs("input", 0.1, None), *on_gpu("small", 28.0), *on_gpu("large", 95.0)]
    run = simple_run(tmp_path / "run", values, ["a", "b"], profiles=rows)
    page = Page(write_report([run]).read_text(encoding="utf-8"))
    said = f"The time of small is {LIMITED} (cuda, float32, 256×256, batch 1, 2 threads)"
    assert said in page.text
    assert f"{LIMITED}: the GPU works 28 % of a pass" in page.text
    assert any(said in line for line in summary_table(run)[2])
    with (run.path / "report" / "tables" / "costs.csv").open(newline="") as file:
        told = [row for row in csv.DictReader(file) if row["limited"]]
    assert [(row["model"], row["quantity"]) for row in told] == [("small", "latency_ms")]
