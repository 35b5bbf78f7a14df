"""Mean opinions of methods: simulated studies, closed forms, and what is said against raters."""

from __future__ import annotations

from dataclasses import replace

import krippendorff
import numpy as np
import pytest
from scipy.stats import t

from bench.core.errors import BenchError
from raters.statistics.ratings import RatingAnalysis, Ratings, analyse_ratings

QUALITY = np.array([4.2, 3.4, 3.4, 2.0])
NAMES = ("nafnet", "unet", "wiener", "input")


def simulated(
    rng: np.random.Generator,
    raters: int = 20,
    images: int = 15,
    rater_sd: float = 0.3,
    image_sd: float = 0.3,
    noise: float = 0.6,
    quality: np.ndarray = QUALITY,
) -> Ratings:
    """Everyone rates everything: quality, taste, content and noise, rounded to a level."""
    taste = rng.normal(0, rater_sd, (raters, 1, len(quality)))
    content = rng.normal(0, image_sd, (1, images, len(quality)))
    seen = quality + taste + content + rng.normal(0, noise, (raters, images, len(quality)))
    rating = np.clip(np.rint(seen), 1, 5)
    rater, image, method = np.indices(rating.shape).reshape(3, -1)
    return Ratings(
        methods=NAMES[: len(quality)],
        images=tuple(f"i{k}" for k in range(images)),
        raters=tuple(f"r{k}" for k in range(raters)),
        image=image,
        method=method,
        rating=rating.reshape(-1),
        rater=rater,
        levels=(1, 2, 3, 4, 5),
    )


@pytest.fixture(scope="module")
def found() -> RatingAnalysis:
    return analyse_ratings(simulated(np.random.default_rng(0)), samples=400)


def test_a_score_is_the_mean_of_a_methods_ratings(found: RatingAnalysis) -> None:
    ratings = simulated(np.random.default_rng(0))
    for m in found.methods:
        mine = ratings.rating[ratings.method == NAMES.index(m.method)]
        assert (m.value, m.votes) == (pytest.approx(mine.mean()), 20 * 15)
        assert m.low < m.value < m.high
    assert [m.method for m in found.methods][::3] == ["nafnet", "input"]


def test_equal_methods_share_a_group(found: RatingAnalysis) -> None:
    group = {m.method: m.group for m in found.methods}
    assert group == {"nafnet": "a", "unet": "b", "wiener": "b", "input": "c"}
    ranks = {m.method: (m.rank_low, m.rank_high) for m in found.methods}
    assert ranks["unet"] == ranks["wiener"] == (2, 3)


def test_with_one_image_and_no_taste_the_interval_is_near_students() -> None:
    rng = np.random.default_rng(1)
    ratings = simulated(rng, raters=400, images=1, rater_sd=0, image_sd=0)
    found = analyse_ratings(ratings, samples=2000)
    for m in found.methods:
        mine = ratings.rating[ratings.method == NAMES.index(m.method)]
        half = t.ppf(0.975, 399) * mine.std(ddof=1) / 20
        assert (m.high - m.low) / 2 == pytest.approx(half, rel=0.06)
    assert any("one image" in flag for flag in found.flags)


@pytest.mark.slow
def test_intervals_of_differences_cover_the_truth() -> None:
    """120 studies of raters and images that differ: 95 % of 360 correlated intervals, +- 4 %."""
    rng = np.random.default_rng(2)
    quality = np.array([3.6, 3.2, 2.5])
    inside = []
    # the truth is that of endless raters and images, rounded as ratings are
    many = simulated(rng, 300, 300, quality=quality)
    truth = np.bincount(many.method, many.rating) / np.bincount(many.method)
    for seed in range(120):
        found = analyse_ratings(simulated(rng, 20, 20, quality=quality), samples=100, seed=seed)
        for d in found.differences:
            gap = truth[NAMES.index(d.better)] - truth[NAMES.index(d.worse)]
            inside.append(d.low < gap < d.high)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.04)


def test_agreement_is_krippendorffs_and_repeats_are_asked_elsewhere(found: RatingAnalysis) -> None:
    table, _ = simulated(np.random.default_rng(0)).table()
    oracle = krippendorff.alpha(reliability_data=table, level_of_measurement="ordinal")
    assert found.agreement.alpha == pytest.approx(oracle)
    assert found.agreement.w is not None
    assert 0.5 < found.agreement.w < 1
    assert found.agreement.repeats is None


def test_a_harsh_rater_and_an_erratic_one_are_told_apart_and_kept() -> None:
    rng = np.random.default_rng(3)
    plain = simulated(rng, raters=40, rater_sd=0.1)
    rating = plain.rating.copy()
    harsh, erratic = plain.rater == 0, plain.rater == 1
    rating[harsh] = np.clip(rating[harsh] - 1, 1, 5)
    rating[erratic] = rng.integers(1, 6, erratic.sum())
    ratings = replace(plain, rating=rating)
    found = analyse_ratings(ratings, samples=100)
    people = {p.rater: p for p in found.people}
    assert people["r0"].bias is not None
    assert people["r0"].bias < -0.6
    assert not people["r0"].rejected
    spread = {p.rater: p.inconsistency or 0.0 for p in found.people}
    assert max(spread, key=spread.__getitem__) == "r1"
    rejected = [p.rater for p in found.people if p.rejected]
    assert rejected[0] == "r1"
    assert len(rejected) < 4  # BT.500 itself errs at times
    assert any(f"of 40 raters ({', '.join(rejected)})" in flag for flag in found.flags)
    assert found.votes == len(rating)


def test_scenes_are_resampled_where_images_share_them() -> None:
    ratings = simulated(np.random.default_rng(4), images=12)
    scenes = tuple(f"s{k % 4}" for k in range(12))
    found = analyse_ratings(replace(ratings, scenes=scenes), samples=100)
    assert found.resampled == ("raters", "scenes")
    assert any("only 4 scenes" in flag for flag in found.flags)


def test_some_ratings_are_a_study_of_their_own() -> None:
    ratings = simulated(np.random.default_rng(5))
    part = ratings.only(np.isin(ratings.image, (2, 7)) & (ratings.rater > 4))
    assert (part.images, len(part.raters), len(part)) == (("i2", "i7"), 15, 2 * 15 * 4)
    assert (
        part.rating.sum()
        == ratings.rating[np.isin(ratings.image, (2, 7)) & (ratings.rater > 4)].sum()
    )


def test_a_method_that_nobody_rated_is_named() -> None:
    ratings = simulated(np.random.default_rng(6))
    with pytest.raises(BenchError, match="nobody rated wiener"):
        analyse_ratings(ratings.only(ratings.method != 2))
