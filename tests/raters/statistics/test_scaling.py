"""Scales from counts: choix and published examples as oracles, simulated recovery, closed forms."""

from __future__ import annotations

import choix
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_ndtr
from scipy.stats import norm

from raters.statistics.scaling import JOD, MODELS, bradley_terry, davidson, thurstone

Floats = NDArray[np.float64]
ARENA = np.array([[0, 2, 0, 1], [3, 0, 5, 0], [0, 3, 0, 1], [4, 0, 3, 0]])


def random_wins(methods: int, each: int, seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    q = rng.normal(0, 1, methods)
    upper = rng.binomial(each, expit(q[:, None] - q[None, :]))
    wins = np.triu(upper, 1)
    return np.asarray(wins + np.tril((each - upper).T, -1))


def test_the_arena_example_has_its_published_strengths() -> None:
    # https://en.wikipedia.org/wiki/Bradley-Terry_model: four methods, geometric mean 1
    assert np.exp(bradley_terry(ARENA)) == pytest.approx([0.640, 1.043, 0.660, 2.270], abs=5e-4)


def test_two_methods_differ_by_the_log_odds_of_their_votes() -> None:
    assert bradley_terry([[0, 3], [1, 0]]) == pytest.approx([np.log(3) / 2, -np.log(3) / 2])


@pytest.mark.parametrize("methods", [3, 10, 30])
def test_bradley_terry_is_choix(methods: int) -> None:
    wins = random_wins(methods, 12, methods)
    oracle = choix.ilsr_pairwise_dense(wins.astype(float))
    assert bradley_terry(wins) == pytest.approx(oracle - oracle.mean(), abs=1e-7)


def test_a_prior_is_choixs_penalty() -> None:
    wins = random_wins(5, 6, 1)
    wins[2] = 0  # never won: no finite scale without
    votes = [(i, j) for i in range(5) for j in range(5) for _ in range(wins[i, j])]
    # choix maximises log likelihood - alpha * sum q^2; the prior's is - sum q^2 / (2 sd^2)
    oracle = choix.opt_pairwise(5, votes, alpha=1 / (2 * 1.5**2))
    assert bradley_terry(wins, prior_sd=1.5) == pytest.approx(oracle - oracle.mean(), abs=1e-4)


def test_a_batch_is_its_matrices_one_by_one() -> None:
    wins = np.stack([random_wins(6, 30, seed) for seed in range(8)]).reshape(2, 4, 6, 6)
    for fit in (bradley_terry, thurstone):
        batch = fit(wins)
        assert batch.shape == (2, 4, 6)
        for at in np.ndindex(2, 4):
            assert batch[at] == pytest.approx(fit(wins[at]), abs=1e-8)
    ties = np.ones_like(wins) * (1 - np.eye(6))
    q, nu = davidson(wins, ties)
    assert (q.shape, nu.shape) == ((2, 4, 6), (2, 4))
    assert q[1, 2] == pytest.approx(davidson(wins[1, 2], ties[1, 2])[0], abs=1e-8)


def test_the_start_changes_nothing_but_the_time() -> None:
    wins = random_wins(6, 20, 3)
    far = np.array([9.0, -9, 5, 0, -5, 3])
    assert bradley_terry(wins, start=far) == pytest.approx(bradley_terry(wins), abs=1e-7)
    assert thurstone(wins, start=far) == pytest.approx(thurstone(wins), abs=1e-7)


def test_scaling_all_counts_changes_nothing() -> None:
    wins = random_wins(6, 20, 4)
    assert bradley_terry(1000 * wins) == pytest.approx(bradley_terry(wins), abs=1e-7)


def test_three_of_four_are_one_jod_and_a_chain_of_them_adds_up() -> None:
    # A : B = B : C = 75 : 25, A and C never compared
    chain = np.array([[0, 75, 0], [25, 0, 75], [0, 25, 0]])
    assert thurstone(chain) == pytest.approx([1, 0, -1], abs=1e-9)
    assert pytest.approx(1.4826, abs=5e-5) == JOD


def test_thurstone_is_the_maximum_that_scipy_finds() -> None:
    wins = random_wins(5, 25, 5)

    def loss(free: Floats) -> float:
        q = np.append(free, 0.0)
        return -float((wins * log_ndtr((q[:, None] - q[None, :]) / JOD)).sum())

    oracle = np.append(minimize(loss, np.zeros(4), tol=1e-12).x, 0.0)
    assert thurstone(wins) == pytest.approx(oracle - oracle.mean(), abs=1e-4)


def test_thurstone_stays_finite_far_out() -> None:
    wins = np.array([[0, 1_000_000], [1, 0]])
    gap = np.diff(thurstone(wins)[::-1])[0]
    assert gap == pytest.approx(JOD * norm.ppf(1_000_000 / 1_000_001), rel=1e-6)


def test_davidson_recovers_what_was_simulated() -> None:
    rng = np.random.default_rng(6)
    q, nu, n = np.array([1.0, 0.4, -0.2, -1.2]), 0.8, 20_000
    wins, ties = np.zeros((4, 4)), np.zeros((4, 4))
    for i in range(4):
        for j in range(i):
            ratio = np.array([np.exp(q[i]), np.exp(q[j]), nu * np.exp((q[i] + q[j]) / 2)])
            wins[i, j], wins[j, i], tied = rng.multinomial(n, ratio / ratio.sum())
            ties[i, j] = ties[j, i] = tied
    found, found_nu = davidson(wins, ties)
    assert found == pytest.approx(q, abs=0.03)
    assert found_nu == pytest.approx(nu, abs=0.02)


def test_davidson_is_the_maximum_that_scipy_finds() -> None:
    rng = np.random.default_rng(7)
    wins = rng.integers(1, 15, (4, 4))
    ties = np.triu(rng.integers(0, 9, (4, 4)), 1)
    ties = ties + ties.T

    def loss(free: Floats) -> float:
        q, nu = np.append(free[:3], 0.0), np.exp(free[3])
        total = 0.0
        for i in range(4):
            for j in range(i):
                a, b = np.exp(q[i]), np.exp(q[j])
                t = nu * np.sqrt(a * b)
                log_sum = np.log(a + b + t)
                total -= wins[i, j] * (q[i] - log_sum) + wins[j, i] * (q[j] - log_sum)
                total -= ties[i, j] * (np.log(t) - log_sum)
        return float(total)

    oracle = minimize(loss, np.zeros(4), tol=1e-12).x
    q, nu = davidson(wins, ties)
    full = np.append(oracle[:3], 0.0)
    assert q == pytest.approx(full - full.mean(), abs=1e-4)
    assert nu == pytest.approx(np.exp(oracle[3]), rel=1e-4)


def test_davidson_without_ties_is_bradley_terry() -> None:
    q, nu = davidson(ARENA, np.zeros((4, 4)))
    assert q == pytest.approx(bradley_terry(ARENA), abs=1e-7)
    assert nu == 0


def test_ties_pull_half_wins_together_but_not_davidsons_strengths() -> None:
    # 30 : 10 and 40 ties: as half wins 50 : 30; Davidson's odds of the decided votes stay 3 : 1
    wins, ties = np.array([[0.0, 30], [10, 0]]), np.array([[0.0, 40], [40, 0]])
    half = MODELS["bradley-terry"].fit(wins, ties, np.inf, None)
    own = MODELS["davidson"].fit(wins, ties, np.inf, None)
    assert half[0] - half[1] == pytest.approx(np.log(50 / 30))
    assert own[0] - own[1] == pytest.approx(np.log(3))


@pytest.mark.parametrize("name", MODELS)
def test_preference_is_even_without_a_difference_and_three_quarters_at_its_unit(name: str) -> None:
    model = MODELS[name]
    assert model.preferred(np.array(0.0)) == 0.5
    one = {"JOD": 1.0, "log odds": np.log(3)}[model.unit]
    assert model.preferred(np.array(one)) == pytest.approx(0.75)


def test_counts_without_a_finite_scale_are_refused_unless_a_prior_is_given() -> None:
    lost = np.array([[0, 3, 2], [1, 0, 4], [0, 0, 0]])
    for fit in (bradley_terry, thurstone):
        with pytest.raises(ValueError, match="1 of 1 count matrices are not strongly connected"):
            fit(lost)
        wide, narrow = fit(lost, prior_sd=5.0), fit(lost, prior_sd=0.5)
        assert wide[2] < narrow[2] < 0  # the wider the prior, the further out
    mixed = bradley_terry(np.stack([lost, ARENA[:3, :3] + 1]), prior_sd=[1.0, np.inf])
    assert np.isfinite(mixed).all()


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (np.ones((2, 3)), "expected counts"),
        (np.ones((1, 1)), "expected counts"),
        ([[0, -1], [1, 0]], "not negative"),
        ([[0, np.nan], [1, 0]], "not NaN"),
    ],
)
def test_what_are_no_counts_is_refused(bad: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        bradley_terry(bad)  # type: ignore[arg-type]


def test_a_prior_that_is_no_spread_and_votes_that_are_all_ties_are_refused() -> None:
    with pytest.raises(ValueError, match="prior_sd is positive"):
        bradley_terry(ARENA, prior_sd=0.0)
    with pytest.raises(ValueError, match="all ties"):
        davidson(np.zeros((2, 2)), np.array([[0, 5], [5, 0]]))
