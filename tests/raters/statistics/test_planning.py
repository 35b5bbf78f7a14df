"""Power: closed forms, and the whole analysis by bootstrap as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from bench.core.errors import BenchError
from raters.statistics.comparisons import NotComparable, split_cells
from raters.statistics.intervals import differences, draw_scales
from raters.statistics.planning import Design, pilot_design, power, raters_needed
from raters.statistics.scaling import MODELS, bradley_terry
from raters.statistics.votes import Votes, make_votes
from tests.raters.statistics.simulated import study

SIXTY = float(np.log(0.6 / 0.4))


@pytest.mark.slow
@pytest.mark.parametrize(("raters", "judgements"), [(60, 3), (80, 4), (120, 4)])
def test_power_of_two_methods_is_that_of_its_normal_approximation(
    raters: int, judgements: int
) -> None:
    # n votes at 60 %: the log odds have variance 1 / (n .6 .4)
    n = raters * judgements
    expected = norm.cdf(SIXTY * np.sqrt(n * 0.24) - 1.96)
    found = power(Design((SIXTY, 0), 500, judgements), raters, simulations=4000)
    assert found.value == pytest.approx(expected, abs=0.03)
    assert found.low < found.value < found.high


def test_power_without_an_effect_is_half_the_level_for_either_sign() -> None:
    found = power(Design((0, 0, 1, -1), 80, 20, 0.4, 0.4), 40, simulations=2000)
    assert found.value == pytest.approx(0.025, abs=0.012)


@pytest.mark.slow
def test_power_is_how_often_the_analysis_finds_the_difference() -> None:
    """The analysis: 150 bootstrapped studies of four methods, raters and images that differ."""
    strengths, raters, images, judgements = (0.5, -0.1, 0.0, -0.4), 30, 60, 30
    planned = power(Design(strengths, images, judgements, 0.4, 0.4), raters, simulations=1500)
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(150):
        cells, rater, image = study(rng, np.array(strengths), raters, images, judgements, 0.4, 0.4)
        estimate = bradley_terry(split_cells(np.bincount(cells, minlength=32), 4)[0])
        draws = draw_scales(
            MODELS["bradley-terry"],
            estimate,
            cells,
            clusterings=[rater, image],
            samples=150,
            seed=seed,
        )
        found = differences(estimate, draws)
        hits += bool(found.p[0] < 0.05 and found.value[0] > 0)
    assert 0.5 < planned.value < 0.97  # on the slope, where power could differ
    # 150 studies: standard error up to 4 %
    assert planned.value == pytest.approx(hits / 150, abs=0.09)


def test_the_planned_number_of_raters_reaches_the_target_and_not_much_more() -> None:
    design = Design((SIXTY, 0), 300, 10)
    plan = raters_needed(design, 0.8, simulations=2000)
    again = power(design, plan.raters, simulations=4000, seed=1)
    assert again.value == pytest.approx(0.8, abs=0.03)
    assert plan.judgements == 10 * plan.raters
    assert plan.power.value >= 0.8


def test_raters_who_differ_and_tests_in_number_cost_raters() -> None:
    plain = raters_needed(Design((0.7, 0, 0), 100, 15), simulations=300).raters
    differing = raters_needed(Design((0.7, 0, 0), 100, 15, rater_sd=1.0), simulations=300).raters
    many = raters_needed(Design((0.7, 0, 0), 100, 15), tests=30, simulations=300).raters
    assert differing > plain
    assert many > plain


def test_a_target_that_more_raters_cannot_reach_is_refused() -> None:
    # 10 images that differ by 2 log odds: their chance decides, however many judge
    with pytest.raises(BenchError, match="take more images"):
        raters_needed(Design((0.3, 0), 10, 2, image_sd=2.0), simulations=100)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (((1.0,), 5, 5), "two methods"),
        (((1.0, 0.0), 0, 5), "one image"),
        (((1.0, 0.0), 5, 5, -1.0), "not negative"),
    ],
)
def test_impossible_designs_are_refused(arguments: tuple[object, ...], why: str) -> None:
    with pytest.raises(BenchError, match=why):
        Design(*arguments)  # type: ignore[arg-type]


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(BenchError, match="two raters or more, got 1"):
        power(Design((1, 0), 5, 5), 1)
    with pytest.raises(BenchError, match="between 0 and 1"):
        raters_needed(Design((1, 0), 5, 5), target=80)


def pilot(seed: int, strengths: np.ndarray, rater_sd: float, image_sd: float) -> Votes:
    rng = np.random.default_rng(seed)
    number = len(strengths)
    cells, rater, image = study(rng, strengths, 40, 30, 60, rater_sd, image_sd)
    winner, loser = np.divmod(cells, number)
    return Votes(
        methods=tuple(map(str, range(number))),
        images=tuple(map(str, range(30))),
        raters=tuple(map(str, range(40))),
        image=image,
        a=winner,
        b=loser,
        outcome=np.ones(len(cells), np.int8),
        rater=rater,
    )


@pytest.mark.parametrize(("rater_sd", "image_sd"), [(0.0, 0.0), (0.5, 0.0), (0.3, 0.6)])
def test_a_pilot_tells_strengths_and_how_far_raters_and_images_differ(
    rater_sd: float, image_sd: float
) -> None:
    q = np.array([1.0, 0.3, 0.0, -0.4, -0.9])
    found = [pilot_design(pilot(seed, q, rater_sd, image_sd), 20, 50) for seed in range(12)]
    assert np.mean([d.strengths for d in found], axis=0) == pytest.approx(q, abs=0.12)
    assert np.mean([d.rater_sd for d in found]) == pytest.approx(rater_sd, abs=0.08)
    assert np.mean([d.image_sd for d in found]) == pytest.approx(image_sd, abs=0.08)
    assert (found[0].images, found[0].judgements) == (20, 50)


def test_a_pilot_without_a_scale_or_rater_ids_says_so() -> None:
    with pytest.raises(NotComparable, match="never lost"):
        pilot_design(make_votes(["x"] * 3, ["a"] * 3, ["b"] * 3, ["a"] * 3), 20, 50)
    bare = make_votes(["x"] * 4, ["a"] * 4, ["b"] * 4, ["a", "a", "a", "b"])
    found = pilot_design(bare, 20, 50)
    assert found.strengths == pytest.approx((np.log(3) / 2, -np.log(3) / 2))
    assert (found.rater_sd, found.image_sd) == (0, 0)
