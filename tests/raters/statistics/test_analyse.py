"""The front door on simulated studies: a scale, what is sure about it, and what weakens it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from bench.core.errors import BenchError
from raters.statistics.analyse import ScaleAnalysis, analyse
from raters.statistics.comparisons import NotComparable
from raters.statistics.votes import Votes, make_votes

NAMES = ("blurred", "nafnet", "restormer", "unet", "wiener")
TRUTH = dict(zip(NAMES, (-1.6, 1.0, 1.0, 0.4, -0.8), strict=True))


def simulated(
    raters: int = 24, per_rater: int = 80, ids: bool = True, ties: float = 0.0, images: int = 40
) -> Votes:
    rng = np.random.default_rng(0)
    rows = []
    for rater in range(raters):
        for _ in range(per_rater):
            a, b = rng.choice(NAMES, 2, replace=False)
            won = rng.random() < expit(TRUTH[a] - TRUTH[b])
            winner = "tie" if rng.random() < ties else ("a" if won else "b")
            rows.append((f"i{rng.integers(images)}", str(a), str(b), winner, f"r{rater}"))
    image, first, second, winner_of, rater_of = map(list, zip(*rows, strict=True))
    return make_votes(image, first, second, winner_of, rater_of if ids else None)


@pytest.fixture(scope="module")
def found() -> ScaleAnalysis:
    return analyse(simulated(), samples=400)


def test_methods_come_best_first_and_the_truth_is_inside(found: ScaleAnalysis) -> None:
    values = [m.value for m in found.methods]
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(0, abs=1e-9)
    assert [m.method for m in found.methods][2:] == ["unet", "wiener", "blurred"]
    for m in found.methods:
        assert m.low < TRUTH[m.method] < m.high
    assert found.unit == "log odds"
    assert found.resampled == ("raters", "images")


def test_wins_and_losses_add_up_to_the_votes(found: ScaleAnalysis) -> None:
    assert sum(m.wins for m in found.methods) == sum(m.losses for m in found.methods) == 24 * 80
    assert found.votes == 24 * 80
    assert sum(d.votes for d in found.differences) == 24 * 80


def test_equal_methods_share_a_group_and_different_ones_do_not(found: ScaleAnalysis) -> None:
    group = {m.method: m.group for m in found.methods}
    assert group == {"nafnet": "a", "restormer": "a", "unet": "b", "wiener": "c", "blurred": "d"}
    ranks = {m.method: (m.rank_low, m.rank_high) for m in found.methods}
    assert ranks["nafnet"] == ranks["restormer"] == (1, 2)
    assert ranks["blurred"] == (5, 5)


def test_differences_name_the_better_method_and_agree_with_the_scale(found: ScaleAnalysis) -> None:
    value = {m.method: m.value for m in found.methods}
    assert len(found.differences) == 10
    for d in found.differences:
        assert d.value == pytest.approx(value[d.better] - value[d.worse])
        assert d.low <= d.value <= d.high
        assert d.value >= 0
        assert d.preferred == pytest.approx(float(expit(d.value)))
        assert 0 < d.p <= d.p_adjusted <= 1
        assert d.certainty >= 0.5 - 0.1
    assert (found.differences[0].better, found.differences[0].worse)[1] == "blurred"


def test_draws_stand_in_the_order_of_the_methods(found: ScaleAnalysis) -> None:
    assert found.draws.shape == (400, 5)
    assert found.draws.mean(axis=0) == pytest.approx([m.value for m in found.methods], abs=1e-9)


def test_the_seed_decides_the_numbers() -> None:
    votes = simulated(10, 40)
    one, same, other = (analyse(votes, samples=200, seed=seed) for seed in (1, 1, 2))
    assert one.methods == same.methods
    assert one.methods != other.methods


def test_jod_tells_the_same_story_in_its_own_unit(found: ScaleAnalysis) -> None:
    jod = analyse(simulated(), "thurstone", samples=200)
    assert jod.unit == "JOD"
    assert [m.method for m in jod.methods] == [m.method for m in found.methods]
    # 75 % preferred are 1 JOD and log 3 = 1.1 log odds
    ratio = found.methods[0].value / jod.methods[0].value
    assert ratio == pytest.approx(1.1, abs=0.1)


def test_ties_count_and_davidson_takes_them_as_they_are() -> None:
    votes = simulated(ties=0.3)
    half, own = analyse(votes, samples=200), analyse(votes, "davidson", samples=200)
    assert sum(m.ties for m in half.methods) == 2 * int((votes.outcome == 0).sum())
    # Half wins draw methods together; Davidson finds the simulated strengths of decided votes
    assert half.methods[-1].value > own.methods[-1].value
    assert own.methods[-1].low < TRUTH["blurred"] < own.methods[-1].high
    assert not half.methods[-1].low < TRUTH["blurred"]


def test_without_rater_ids_images_alone_are_resampled_and_it_says_so() -> None:
    found = analyse(simulated(ids=False), samples=200)
    assert found.resampled == ("images",)
    assert found.raters is None
    assert any("no rater ids" in flag for flag in found.flags)
    assert found.agreement.repeats is None


def test_what_weakens_a_study_is_flagged() -> None:
    found = analyse(simulated(raters=4, images=1, ties=0.6), samples=200)
    text = "; ".join(found.flags)
    assert "one image" in text
    assert "only 4 raters" in text
    assert " % of votes are ties" in text
    lone = analyse(simulated(raters=1, images=1), samples=200)
    assert lone.resampled == ("votes",)
    assert "one rater" in "; ".join(lone.flags)
    assert "as independent" in "; ".join(lone.flags)


def test_pairs_never_compared_are_flagged_and_rest_on_the_model() -> None:
    votes = make_votes(
        [f"i{k % 9}" for k in range(80)], ["A", "B"] * 40, ["B", "C"] * 40, list("aabbaaaa") * 10
    )
    found = analyse(votes, samples=200)
    assert any("1 of 3 pairs were never compared" in flag for flag in found.flags)
    assert {(d.better, d.worse): d.votes for d in found.differences}[("A", "C")] == 0


def test_a_scale_that_is_not_finite_is_refused_or_shown_with_its_prior() -> None:
    votes = make_votes(
        [f"i{k % 9}" for k in range(60)],
        ["A", "A", "B"] * 20,
        ["B", "C", "C"] * 20,
        ["a", "a", "a", "a", "a", "b"] * 10,
    )
    with pytest.raises(NotComparable, match="'A' never lost"):
        analyse(votes, samples=200)
    found = analyse(votes, samples=200, prior_sd=2.0)
    assert found.methods[0].method == "A"
    assert np.isfinite(found.draws).all()
    text = "; ".join(found.flags)
    assert "prior of standard deviation 2" in text
    assert "no finite distance" in text
    assert len(found.connected) == 2


def test_agreement_and_consistency_come_with_the_scale() -> None:
    # Two raters, the same four questions, one asked again: they agree on three; r0 repeats itself
    votes = make_votes(
        ["x", "y", "x", "y"] * 2 + ["x"],
        ["A", "A", "B", "B"] * 2 + ["B"],
        ["B", "B", "C", "C"] * 2 + ["A"],
        ["a", "b", "a", "b", "a", "b", "a", "a", "b"],
        ["r0"] * 4 + ["r1"] * 4 + ["r0"],
    )
    found = analyse(votes, samples=200, prior_sd=2.0)
    # Agreement of 8 answers: D_o = 2/8, 5 firsts and 3 seconds: D_e = 2*5*3 / (8*7) = 30/56
    assert found.agreement.alpha == pytest.approx(1 - (2 / 8) / (30 / 56))
    assert found.agreement.repeats is not None
    assert (found.agreement.repeats.value, found.agreement.repeats.n) == (1.0, 1)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"model": "elo"}, "known: bradley-terry, thurstone, davidson"),
        ({"samples": 9}, "100 or more"),
        ({"prior_sd": -1.0}, "is positive"),
    ],
)
def test_impossible_requests_are_refused(arguments: dict[str, object], why: str) -> None:
    with pytest.raises(BenchError, match=why):
        analyse(simulated(2, 20), **arguments)  # type: ignore[arg-type]


def test_votes_that_are_all_ties_are_refused_by_davidson_and_equal_for_the_others() -> None:
    votes = make_votes(["x", "y"] * 9, ["A"] * 18, ["B"] * 18, ["tie"] * 18)
    with pytest.raises(BenchError, match="all votes are ties"):
        analyse(votes, "davidson", samples=200)
    assert [m.value for m in analyse(votes, samples=200).methods] == [0, 0]
    rated = make_votes(["x", "y"] * 9, ["A"] * 18, ["B"] * 18, ["tie"] * 18, list("rst") * 6)
    found = analyse(rated, samples=200)  # nothing varies either way
    assert [(m.low, m.high, m.group) for m in found.methods] == [(0, 0, "a"), (0, 0, "a")]
    assert found.differences[0].p == 1


def test_one_vote_is_refused() -> None:
    with pytest.raises(BenchError, match="one vote"):
        analyse(make_votes(["x"], ["A"], ["B"], ["tie"]))


def test_scenes_are_resampled_where_images_share_them() -> None:
    votes = simulated(20, 40, images=12)
    in_scenes = replace(votes, scenes=tuple(f"s{k // 2}" for k in range(12)))
    found = analyse(in_scenes, samples=100)
    assert found.resampled == ("raters", "scenes")
    assert any("only 6 scenes" in flag for flag in found.flags)
    # every image a scene of its own, or one scene for all: images are resampled
    for scenes in (votes.images, ("one",) * 12):
        assert analyse(replace(votes, scenes=scenes), samples=100).resampled[1] == "images"


def test_some_votes_are_a_study_of_their_own() -> None:
    votes = simulated(6, 40)
    chosen = votes.image < 3
    part = votes.only(chosen)
    assert (len(part), part.images) == (int(chosen.sum()), votes.images[:3])
    assert part.rater is not None
    assert votes.rater is not None
    assert [part.raters[i] for i in part.rater] == [votes.raters[i] for i in votes.rater[chosen]]


def test_each_rater_stands_against_the_scale_and_a_clicker_is_named() -> None:
    votes = simulated(raters=20, per_rater=60)
    assert votes.rater is not None
    outcome = votes.outcome.copy()
    clicker = votes.rater == votes.raters.index("r7")
    outcome[clicker] = np.where(np.random.default_rng(1).random(clicker.sum()) < 0.5, 1, -1)
    found = analyse(replace(votes, outcome=outcome), samples=100)
    value = {m.method: m.value for m in found.methods}
    people = {p.rater: p for p in found.people}
    assert [p.rater for p in found.people if p.flag] == ["r7"]
    assert any(
        "1 of 20 raters agree with the others as a coin would (r7)" in f for f in found.flags
    )
    mine = np.flatnonzero(votes.rater == votes.raters.index("r3"))
    higher = [value[votes.methods[votes.a[k]]] > value[votes.methods[votes.b[k]]] for k in mine]
    assert people["r3"].agreed == pytest.approx(np.mean((outcome[mine] > 0) == higher))
    assert (people["r3"].votes, people["r3"].decided) == (60, 60)
