"""The challenge's score, by its formula."""

from __future__ import annotations

import math

import pytest

from bench.core.errors import BenchError
from bench.framework.challenge import WEIGHTS, efficiency
from bench.framework.joint import Evidence
from tests.bench.framework.evidence import costs, figure, scores

TABLE = scores({"psnr": {m: [30.0, 31.0] for m in ("base", "half", "slow", "nlm")}})
COSTS = costs(
    *(
        figure(m, q, v)
        for m, of in {
            "base": (20.0, 4e9, 2e6),
            "half": (10.0, 2e9, 1e6),
            "slow": (40.0, 4e9, 1e6),
            "nlm": (30.0, None, None),
        }.items()
        for q, v in zip(("latency_ms", "macs", "params"), of, strict=True)
    )
)


def test_scores_follow_the_formula_and_the_weights() -> None:
    found = efficiency(Evidence(TABLE, COSTS), "base")
    assert found.weights == {"latency_ms": 0.7, "macs": 0.15, "params": 0.15}
    assert sum(WEIGHTS.values()) == 1
    score = {one.model: one.score for one in found.scores}
    assert score["base"] == pytest.approx(math.exp(2))
    assert score["half"] == pytest.approx(math.e)
    # exp(2 x 40/20), exp(2 x 1), exp(2 x 1/2)
    expected = 0.7 * math.exp(4) + 0.15 * math.exp(2) + 0.15 * math.e
    assert score["slow"] == pytest.approx(expected)
    assert [one.model for one in found.scores] == ["half", "base", "slow"]
    assert found.left_out == {"nlm": "no macs: not a network"}
    assert found.scores[2].parts["latency_ms"] == pytest.approx(math.exp(4))


def test_another_base_gives_another_scale() -> None:
    found = efficiency(Evidence(TABLE, COSTS), "half")
    assert {o.model: o.score for o in found.scores}["base"] == pytest.approx(math.exp(4))


def test_an_uncertain_latency_gives_the_score_an_interval() -> None:
    known = costs(
        *(f for of in COSTS["base"].values() for f in of.values()),
        *(figure("half", q, v) for q, v in (("macs", 2e9), ("params", 1e6))),
        figure("half", "latency_ms", 10.0, low=5.0, high=20.0),
    )
    found = efficiency(Evidence(TABLE, known), "base")
    half = found.scores[0]
    # The ends of 10 ms's interval, 5 and 20 ms, through the formula; 2,000 draws.
    low, high = (0.7 * math.exp(2 * ms / 20) + 0.3 * math.e for ms in (5, 20))
    assert (half.low, half.high) == pytest.approx((low, high), rel=0.1)
    base = found.scores[1]
    assert base.low == base.score == base.high


def test_a_model_thousands_of_times_dearer_is_infinite_and_no_error() -> None:
    known = costs(*(figure(m, q, v) for m, v in (("base", 1.0), ("slow", 5000.0)) for q in WEIGHTS))
    assert efficiency(Evidence(TABLE, known), "base").scores[-1].score == math.inf


def test_a_base_without_all_costs_is_refused_with_those_that_have_them() -> None:
    with pytest.raises(BenchError, match=r"'nlm' cannot be the base.*base, half, slow could be"):
        efficiency(Evidence(TABLE, COSTS), "nlm")
    with pytest.raises(BenchError, match="did you mean 'base'"):
        efficiency(Evidence(TABLE, COSTS), "bse")
