"""Budgets: limits on confidence bounds, ties, and the smallest changes that admit a model."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.framework.budgets import Pick, pick
from bench.framework.joint import Evidence
from tests.bench.framework.evidence import costs, figure, normal_columns, scale, scores, with_costs

TABLE = scores(
    {
        "psnr": {
            "best": [32, 34, 36, 38.1, 32, 34, 36],
            "good": [31, 33, 35, 37, 31, 33, 35],
            "fast": [25, 27, 29, 31, 25, 27, 29],
        }
    }
)
COSTS = costs(
    figure("best", "latency_ms", 45.0, low=40.0, high=60.0),
    figure("good", "latency_ms", 44.0, low=40.0, high=49.0),
    figure("fast", "latency_ms", 2.0, low=1.9, high=2.1),
    figure("best", "process_memory_mb", 900.0),
    figure("good", "process_memory_mb", 800.0),
    figure("fast", "process_memory_mb", 50.0),
)


def states(found: Pick) -> dict[str, str]:
    return {one.model: one.state for one in found.candidates}


def test_a_maximum_is_held_against_the_upper_end_of_the_interval() -> None:
    found = pick(Evidence(TABLE, COSTS), "psnr", {"latency_ms": 50})
    assert found.chosen == "good"  # the median of "best", 45 ms, is below 50; its upper end is not
    assert states(found) == {"good": "chosen", "fast": "behind", "best": "over"}
    over = found.candidates[-1]
    assert over.broken == ("latency_ms <= 50",)
    assert over.figures["latency_ms"] == (45.0, 40.0, 60.0)
    assert pick(Evidence(TABLE, COSTS), "psnr", {"latency_ms": 60}).chosen == "best"


def test_a_minimum_is_held_against_the_lower_end_of_the_interval() -> None:
    evidence = Evidence(TABLE, COSTS)
    low = {c.model: c.figures["psnr"][1] for c in pick(evidence, "psnr").candidates}
    assert low["fast"] < 28.0 < TABLE.values["psnr"][:, 2].mean() + 1
    assert states(pick(evidence, "psnr", minima={"psnr": low["good"]}))["good"] != "over"
    assert states(pick(evidence, "psnr", minima={"psnr": low["good"] + 1e-9}))["good"] == "over"


def test_aliases_are_in_their_own_units() -> None:
    found = pick(Evidence(TABLE, COSTS), "psnr", {"memory_gb": 0.85, "latency_s": 0.05})
    assert found.chosen == "good"
    assert [(x.axis.name, x.value) for x in found.limits] == [
        ("process_memory_mb", 850.0),
        ("latency_ms", 50.0),
    ]


def test_models_that_cannot_be_told_from_the_chosen_are_tied_with_it() -> None:
    rng = np.random.default_rng(0)
    table = scores({"psnr": normal_columns(rng, 10, {"a": 0.05, "b": 0.0, "worse": -6.0})})
    found = pick(Evidence(table, {}), "psnr")
    top, second, last = found.candidates
    assert {top.model, second.model} == {"a", "b"}
    assert (top.state, second.state, last.state) == ("chosen", "tied", "behind")
    assert second.beaten is not None
    assert 0.025 < second.beaten < 0.975
    assert last.beaten is not None
    assert last.beaten > 0.99


def test_with_few_scenes_nothing_is_called_tied_or_worse_and_with_one_nothing_probable() -> None:
    columns = normal_columns(np.random.default_rng(0), 5, {"a": 0.05, "b": 0.0, "worse": -6.0})
    few = pick(Evidence(scores({"psnr": columns}), {}), "psnr")
    assert [c.state for c in few.candidates] == ["chosen", "untested", "untested"]
    assert few.candidates[-1].beaten is not None
    assert any("too few scenes for a test at 5 %" in note for note in few.notes)
    alone = pick(Evidence(scores({"psnr": columns}, ["one"] * 5), {}), "psnr")
    assert [c.beaten for c in alone.candidates] == [None] * 3
    assert any(note.startswith("one scene: ") for note in alone.notes)


def test_lower_is_chosen_where_lower_is_better() -> None:
    table = scores({"lpips-alex": {"a": [0.3, 0.2], "b": [0.1, 0.15]}})
    found = pick(Evidence(table, {}), "lpips", {"lpips": 0.4})
    assert (found.quality.name, found.chosen) == ("lpips-alex", "b")


def test_people_can_decide() -> None:
    draws = np.random.default_rng(0).normal([-1, 0, 1], 0.1, (500, 3))
    people = scale(["best", "good", "fast"], [-1.0, 0.0, 1.0], draws, [0.2] * 3)
    found = pick(Evidence(TABLE, COSTS, people), "people", {"latency": 100}, {"psnr": 20})
    assert found.chosen == "fast"
    assert found.quality.unit == "JOD"


def test_where_nothing_fits_the_smallest_changes_that_admit_a_model_are_told() -> None:
    asked = {"latency_ms": 1.0, "memory_mb": 40.0}
    found = pick(Evidence(TABLE, COSTS), "psnr", asked)
    assert found.chosen is None
    assert {c.state for c in found.candidates} == {"over"}
    (way,) = found.relaxations  # "fast" needs less than the others on both limits
    assert way.model == "fast"
    assert way.limits == {"latency_ms <= 1": 2.1, "memory_mb <= 40": 50.0}
    assert (
        pick(Evidence(TABLE, COSTS), "psnr", {"latency_ms": 2.1, "memory_mb": 50}).chosen == "fast"
    )


def test_relaxations_admit_their_model_and_no_smaller_one_admits_any() -> None:
    rng = np.random.default_rng(1)
    names = [f"m{i}" for i in range(12)]
    table = scores({"psnr": normal_columns(rng, 8, dict.fromkeys(names, 0.0))})
    known = costs(
        *(
            figure(n, q, float(v))
            for n in names
            for q, v in (
                ("latency_ms", rng.uniform(5, 50)),
                ("process_memory_mb", rng.uniform(5, 50)),
                ("params", rng.uniform(5, 50)),
            )
        )
    )
    evidence, asked = Evidence(table, known), {"latency_ms": 4.0, "memory_mb": 4.0, "params": 4.0}
    ways = pick(evidence, "psnr", asked).relaxations
    assert 1 <= len(ways) <= 5
    for way in ways:
        wider = {name: way.limits.get(f"{name} <= 4", 4.0) for name in asked}
        assert states(pick(evidence, "psnr", wider))[way.model] in ("chosen", "tied", "behind")
        for name, other in itertools.product(asked, ways):  # a hair less on one: not this model
            tighter = wider | {name: wider[name] * 0.999}
            inside = {
                m for m, state in states(pick(evidence, "psnr", tighter)).items() if state != "over"
            }
            assert way.model not in inside
            assert other.model not in inside


def test_one_limit_of_two_may_be_all_that_has_to_give() -> None:
    found = pick(Evidence(TABLE, COSTS), "psnr", {"latency_ms": 5}, {"psnr": 30.5})
    first = found.relaxations[0]
    assert found.chosen is None
    assert len(first.limits) == 1


def test_a_missing_metric_says_why_and_what_there_is() -> None:
    nothing = [np.nan, np.nan]
    table = scores({"lpips-alex": {"a": nothing, "b": nothing}, "psnr": {"a": [1, 2], "b": [2, 3]}})
    why = "backbone weights not found; run 'bench fetch weights lpips-alex'"
    reasons = {(m, i): why for m in "ab" for i in table.images}
    table.reasons["lpips-alex"].update(reasons)  # type: ignore[attr-defined]
    with pytest.raises(
        BenchError, match=r"a, b: no lpips-alex: backbone weights.*has scores of psnr"
    ):
        pick(Evidence(table, {}), "lpips")


def test_a_model_without_a_figure_is_listed_with_the_reason() -> None:
    known = costs(figure("best", "macs", 5e9), figure("good", "macs", None))
    found = pick(Evidence(TABLE, known), "psnr", {"gmacs": 6})
    unknown = {c.model: c.reason for c in found.candidates if c.state == "unknown"}
    assert found.chosen == "best"
    assert unknown == {"good": "no macs: not a network", "fast": "no macs: not measured"}


def test_costs_of_other_conditions_are_never_chosen_by() -> None:
    known = costs(
        figure("best", "latency_ms", 9.0),
        figure("good", "latency_ms", 9.0),
        figure("fast", "latency_ms", 1.0, threads=8),
    )
    found = pick(Evidence(TABLE, known), "psnr", {"latency": 5})
    assert found.chosen is None
    reason = {c.model: c.reason for c in found.candidates}["fast"]
    assert reason == (
        "no latency_ms: measured under other conditions only "
        "(cpu, float32, 256×256, batch 1, 8 threads)"
    )


def test_the_base_is_never_chosen_and_a_doubtful_gain_over_it_is_told() -> None:
    rng = np.random.default_rng(3)
    table = scores({"psnr": normal_columns(rng, 8, {"input": 0.0, "a": 0.05})})
    found = pick(with_costs(table, {"input": 0.1, "a": 9.0}, base="input"), "psnr")
    assert found.chosen == "a"
    assert found.notes == ("'a' is tied with 'input', which adds nothing",)
    sure = scores({"psnr": {"input": [20, 21, 22] * 2, "a": [30, 31, 32] * 2}})
    assert pick(with_costs(sure, {"input": 0.1, "a": 9.0}, base="input"), "psnr").notes == ()


@pytest.mark.parametrize(
    ("quality", "limits", "said"),
    [
        ("latency_ms", {}, "is a cost"),
        ("psnr", {"memmory_mb": 5}, "did you mean 'memory_mb'"),
        ("psnr", {"latency_ms": float("nan")}, "expected a number"),
        ("pnsr", {}, "did you mean 'psnr'"),
        ("psnr", {"macs": 5}, "no macs: not measured"),
    ],
)
def test_a_question_without_an_answer_says_why(
    quality: str, limits: dict[str, float], said: str
) -> None:
    with pytest.raises(BenchError, match=said):
        pick(Evidence(TABLE, COSTS), quality, limits)
