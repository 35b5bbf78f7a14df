"""Preference regressed on metrics and cost: against an optimiser of its own, and known truth."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm

from bench.core.errors import BenchError
from bench.framework.joint import Evidence
from bench.framework.preference import regress
from raters.statistics.scaling import JOD
from raters.statistics.votes import Votes
from tests.bench.framework.evidence import costs, figure, scale, scores

MODELS = tuple(f"m{i}" for i in range(6))
IMAGES, RATERS = 16, 12
PER_LPIPS, PER_DOUBLING = 8.0, 0.4
"""True slopes in JOD: 0.8 for 0.1 LPIPS less, 0.4 for twice the operations."""


def study(
    seed: int,
    votes: int = 500,
    extra: NDArray[np.float64] | None = None,
    ties: float = 0.0,
    models: tuple[str, ...] = MODELS,
    pairwise: bool = True,
) -> Evidence:
    """Simulate a study whose truth is known; ``extra`` (M,) is what no predictor explains."""
    rng, number = np.random.default_rng(seed), len(models)
    lpips = np.clip(0.3 - 0.03 * np.arange(number) + rng.normal(0, 0.05, (IMAGES, number)), 0.01, 1)
    macs = 2.0 ** rng.permutation(np.linspace(30, 36, number))
    table = scores(
        {
            "lpips-alex": dict(zip(models, lpips.T, strict=True)),
            "psnr": dict(zip(models, (40 - 20 * lpips).T, strict=True)),
        }
    )
    known = costs(*(figure(m, "macs", float(v)) for m, v in zip(models, macs, strict=True)))
    truth = -PER_LPIPS * lpips + PER_DOUBLING * np.log2(macs)
    truth += 0 if extra is None else extra
    image, rater = rng.integers(0, IMAGES, votes), rng.integers(0, RATERS, votes)
    a = rng.integers(0, number, votes)
    b = (a + rng.integers(1, number, votes)) % number
    prefers = rng.random(votes) < norm.cdf((truth[image, a] - truth[image, b]) / JOD)
    outcome = np.where(rng.random(votes) < ties, 0, np.where(prefers, 1, -1)).astype(np.int8)
    given = Votes(
        methods=models,
        images=table.images,
        raters=tuple(map(str, range(RATERS))),
        image=image,
        a=a,
        b=b,
        outcome=outcome,
        rater=rater,
        scenes=table.images,
    )
    answers: Any = SimpleNamespace(pairwise=pairwise, votes=lambda: given)
    people = scale(models, np.zeros(number), np.zeros((5, number)), np.zeros(number), answers)
    return Evidence(table, known, people)


def likeliest(evidence: Evidence, with_cost: bool) -> NDArray[np.float64]:
    """Maximise the likelihood with scipy, vote by vote."""
    assert evidence.people is not None
    votes, table = evidence.people.answers.votes(), evidence.table
    lpips = -table.values["lpips-alex"]
    macs = np.array([next(iter(evidence.costs[m].values()))["macs"].value for m in table.models])
    x = np.column_stack(
        [
            lpips[votes.image, votes.a] - lpips[votes.image, votes.b],
            np.log2(macs[votes.a].astype(float) / macs[votes.b].astype(float)),
        ]
    )[:, : 1 + with_cost]
    won = (votes.outcome + 1) / 2

    def loss(slopes: NDArray[np.float64]) -> float:
        z = x @ slopes / JOD
        return -float(won @ norm.logcdf(z) + (1 - won) @ norm.logcdf(-z))

    return np.asarray(minimize(loss, np.zeros(x.shape[1]), method="BFGS", tol=1e-10).x)


@pytest.mark.parametrize("ties", [0.0, 0.3])
def test_slopes_are_the_likeliest(ties: float) -> None:
    evidence = study(1, ties=ties)
    found = regress(evidence, ["lpips"], "macs", samples=100)
    expected = likeliest(evidence, with_cost=True) * [0.1, 1]  # for 0.1 LPIPS and one doubling
    assert [slope.value for slope in found.slopes] == pytest.approx(expected, abs=2e-3)
    assert [slope.per for slope in found.slopes] == [
        "0.1 lpips-alex, to the better",
        "doubling of macs",
    ]
    alone = regress(evidence, ["lpips"], samples=100).slopes[0].value
    assert alone == pytest.approx(0.1 * likeliest(evidence, with_cost=False)[0], abs=2e-3)


@pytest.mark.slow
def test_true_slopes_and_residuals_lie_inside_their_intervals_as_often_as_they_should() -> None:
    hits, residuals, slopes = np.zeros(2), [], []
    studies = 60
    for seed in range(studies):
        found = regress(study(seed, votes=400), ["lpips"], "macs", samples=150)
        truth = (0.1 * PER_LPIPS, PER_DOUBLING)
        hits += [s.low <= true <= s.high for s, true in zip(found.slopes, truth, strict=True)]
        residuals += [r.low <= 0 <= r.high for r in found.residuals]
        slopes.append([s.value for s in found.slopes])
    assert np.mean(slopes, axis=0) == pytest.approx(truth, rel=0.05)
    # 95 % of 60 is 57, with a standard deviation of 1.7: 51 is 3.5 of them below.
    assert hits.min() >= 51
    assert np.mean(residuals) > 0.9


def test_what_no_predictor_explains_is_the_models_residual() -> None:
    extra = np.array([0.0, 0.0, 1.5, 0.0, 0.0, 0.0])
    found = regress(study(5, votes=3000, extra=extra), ["lpips"], "macs", samples=150)
    by_model = {r.model: r for r in found.residuals}
    favourite = by_model["m2"]
    assert favourite.low > 0.3
    assert favourite.value == max(r.value for r in found.residuals)
    assert sum(r.value for r in found.residuals) == pytest.approx(0, abs=1e-6)
    plain = regress(study(5, votes=3000), ["lpips"], "macs", samples=150)
    assert plain.explained > 0.95 > found.explained


def test_votes_on_what_has_no_figure_are_counted() -> None:
    evidence = study(2)
    evidence.table.values["lpips-alex"][3, 1] = np.nan
    found = regress(evidence, ["lpips"], "macs", samples=100)
    assert evidence.people is not None
    votes = evidence.people.answers.votes()
    lost = int(((votes.image == 3) & ((votes.a == 1) | (votes.b == 1))).sum())
    assert found.votes == len(votes) - lost
    assert f"{lost} of 500 votes" in " ".join(found.notes)
    assert (found.images, found.raters) == (IMAGES, RATERS)


def test_a_model_without_the_cost_is_left_out_with_its_votes() -> None:
    evidence = study(3)
    known = {m: of for m, of in evidence.costs.items() if m != "m0"}
    found = regress(
        Evidence(evidence.table, known, evidence.people), ["lpips"], "macs", samples=100
    )
    assert found.left_out == ("m0: no macs: not measured",)
    assert [r.model for r in found.residuals] == list(MODELS[1:])


def test_the_same_seed_gives_the_same_intervals() -> None:
    evidence = study(4)
    first = regress(evidence, ["lpips"], "macs", samples=100, seed=3)
    assert regress(evidence, ["lpips"], "macs", samples=100, seed=3) == first
    assert regress(evidence, ["lpips"], "macs", samples=100, seed=4) != first


@pytest.mark.parametrize(
    ("evidence", "metrics", "cost", "said"),
    [
        (study(0, models=MODELS[:4]), ["lpips"], "macs", "4 models.*2 predictors.*needs 5 models"),
        (
            study(0),
            ["lpips", "psnr"],
            None,
            r"lpips-alex and psnr go together \(correlation 1.000\)",
        ),
        (study(0, pairwise=False), ["lpips"], "macs", "need a study of pairs"),
        (study(0), [], None, "nothing to regress on"),
        (study(0), ["lpips"], "latency_ms", "0 models.*without m0: no latency_ms"),
        (study(0), ["lpisp"], None, "did you mean 'lpips'"),
    ],
)
def test_a_fit_that_says_nothing_is_refused_with_the_reason(
    evidence: Evidence, metrics: list[str], cost: str | None, said: str
) -> None:
    with pytest.raises(BenchError, match=said):
        regress(evidence, metrics, cost, samples=100)
