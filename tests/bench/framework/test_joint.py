"""Joint draws: paired over images, against Student's t; costs and people joined by name."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from bench.core.errors import BenchError
from bench.framework.joint import Evidence, join, resolve_axis
from bench.framework.pareto import on_front
from bench.framework.ranking import beats, fronts, ranks, tied
from bench.statistics.clusters import cluster_means
from tests.bench.framework.evidence import (
    costs,
    figure,
    normal_columns,
    scale,
    scores,
    with_costs,
)


@pytest.mark.parametrize("images", [6, 12, 60])
def test_the_probability_to_be_better_is_that_of_the_paired_t_test(images: int) -> None:
    rng = np.random.default_rng(images)
    columns = normal_columns(rng, images, {"a": 0.4, "b": 0.0})
    joint = join(Evidence(scores({"psnr": columns}), {}), ["psnr"], samples=20_000)
    gap = columns["a"] - columns["b"]
    statistic = gap.mean() / (gap.std(ddof=1) / np.sqrt(images))
    # A bootstrap of so few has its own steps; 1.0 and 0.5 would be wrong by far more.
    assert beats(joint, "psnr")[0, 1] == pytest.approx(t.cdf(statistic, images - 1), abs=0.03)


def test_whole_clusters_are_drawn_and_their_frames_count_as_one() -> None:
    rng = np.random.default_rng(2)
    scene = normal_columns(rng, 8, {"a": 0.4, "b": 0.0})
    frames = {name: np.repeat(column, 25) for name, column in scene.items()}
    names = [f"scene{i // 25}" for i in range(200)]
    alone = join(Evidence(scores({"psnr": scene}), {}), ["psnr"])
    many = join(Evidence(scores({"psnr": frames}, names), {}), ["psnr"])
    assert beats(many, "psnr")[0, 1] == pytest.approx(beats(alone, "psnr")[0, 1], abs=1e-9)
    assert many.images == 200


def test_all_models_and_metrics_get_the_same_images_in_a_draw() -> None:
    rng = np.random.default_rng(3)
    column = rng.normal(30, 4, 10)
    table = scores(
        {"psnr": {"a": column, "b": column - 0.01}, "psnr-y": {"a": column + 2, "b": column}}
    )
    joint = join(Evidence(table, {}), ["psnr", "psnr-y"])
    assert joint.draws[:, 0, 0] - joint.draws[:, 1, 0] == pytest.approx(0.01)
    assert joint.draws[:, 0, 1] - joint.draws[:, 0, 0] == pytest.approx(2.0)
    assert beats(joint, "psnr")[0, 1] == 1.0
    assert np.ptp(joint.draws[:, 0, 0]) > 1.0


def test_draws_have_the_intervals_of_the_tables() -> None:
    rng = np.random.default_rng(4)
    columns = normal_columns(rng, 15, {"a": 0.4, "b": 0.0})
    table = scores({"psnr": columns})
    joint = join(Evidence(table, {}), ["psnr"], samples=20_000)
    for row, mean in enumerate(cluster_means(table.values["psnr"], table.clusters)):
        assert mean is not None
        assert (joint.low[row, 0], joint.high[row, 0]) == (mean.low, mean.high)
        ends = np.quantile(joint.draws[:, row, 0], [0.025, 0.975])
        assert ends == pytest.approx([mean.low, mean.high], abs=0.35)  # of an interval of 5 dB


def test_people_are_matched_by_name_and_keep_their_interval() -> None:
    rng = np.random.default_rng(5)
    table = scores({"psnr": normal_columns(rng, 10, {"a": 1.0, "b": 0.0, "c": 0.0})})
    drawn = rng.normal([1.0, -1.0], 0.2, (1000, 2))
    people = scale(["c", "a"], [1.0, -1.0], drawn, [0.6, 0.6])
    joint = join(Evidence(table, {}, people), ["psnr", "people"], samples=20_000)
    assert joint.models == ("a", "c")
    assert joint.left_out == {"b": "not in the study"}
    assert joint.values[:, 1].tolist() == [-1.0, 1.0]
    ends = np.quantile(joint.draws[:, 1, 1], [0.025, 0.975])
    assert ends == pytest.approx([0.4, 1.6], abs=0.05)
    assert joint.axes[1].unit == "JOD"


def test_costs_measured_otherwise_leave_a_model_out_with_the_reason() -> None:
    table = scores({"psnr": {"a": [30, 31], "b": [29, 30], "c": [28, 29]}})
    known = costs(
        figure("a", "latency_ms", 10.0),
        figure("b", "latency_ms", 5.0),
        figure("c", "latency_ms", 1.0, device="cuda"),
    )
    joint = join(Evidence(table, known), ["psnr", "latency_ms"])
    assert joint.models == ("a", "b")
    assert "under other conditions only (cuda" in joint.left_out["c"]
    assert joint.conditions is not None
    assert joint.conditions.device == "cpu"


def test_models_are_compared_on_common_images_and_one_with_few_is_left_out() -> None:
    table = scores(
        {
            "psnr": {
                "a": [30, 31, 32, 33],
                "b": [20, 21, np.nan, 23],
                "few": [99, np.nan, np.nan, np.nan],
            }
        }
    )
    joint = join(Evidence(table, {}), ["psnr"])
    assert joint.left_out == {"few": "psnr on 1 of 4 images only"}
    assert joint.images == 3
    assert joint.values[:, 0] == pytest.approx([94 / 3, 64 / 3])  # images 0, 1 and 3
    assert "compared on the 3 of 4 images" in joint.notes[0]


def test_one_scene_has_no_uncertainty_and_says_so() -> None:
    table = scores({"psnr": {"a": [30, 31], "b": [29, 30]}}, ["same", "same"])
    joint = join(Evidence(table, {}), ["psnr"])
    assert np.ptp(joint.draws) == 1.0
    assert joint.claims.caveat.startswith("one scene")


def test_the_same_seed_gives_the_same_draws() -> None:
    table = scores({"psnr": normal_columns(np.random.default_rng(0), 9, {"a": 0.1, "b": 0.0})})
    evidence = with_costs(table, {"a": 2.0, "b": 1.0})
    first = join(evidence, ["psnr", "latency_ms"], samples=50)
    assert np.array_equal(first.draws, join(evidence, ["psnr", "latency_ms"], samples=50).draws)
    other = join(evidence, ["psnr", "latency_ms"], samples=50, seed=1)
    assert not np.array_equal(first.draws, other.draws)


def test_the_chance_to_be_on_a_front_of_three_axes_is_a_share_of_draws() -> None:
    rng = np.random.default_rng(6)
    means = {"a": 0.5, "b": 0.2, "c": 0.0, "d": 0.1}
    table = scores({"psnr": normal_columns(rng, 10, means)})
    known = costs(
        *(
            figure(m, q, v, low=0.8 * v, high=1.3 * v)
            for m, v in zip(means, (20.0, 15.0, 14.0, 30.0), strict=True)
            for q in ("latency_ms", "process_memory_mb")
        )
    )
    joint = join(Evidence(table, known), ["psnr", "latency_ms", "memory_mb"], samples=400)
    share = np.mean([on_front(draw, [True, False, False]) for draw in joint.draws], axis=0)
    rows = fronts(joint)
    assert [row.probability for row in rows] == pytest.approx(share)
    assert 0 < min(share) < max(share) < 1
    last = rows[3]
    assert not last.on_front
    assert {by.model for by in last.dominators} >= {"a"}
    by = next(by for by in last.dominators if by.model == "a")
    assert by.margins == pytest.approx(
        joint.values[0] * [1, -1, -1] - joint.values[3] * [1, -1, -1]
    )


def test_of_equal_cost_the_better_is_on_the_front_as_often_as_it_is_better() -> None:
    rng = np.random.default_rng(7)
    table = scores({"psnr": normal_columns(rng, 10, {"a": 0.3, "b": 0.0})})
    joint = join(with_costs(table, {"a": 5.0, "b": 5.0}), ["psnr", "latency_ms"])
    share = beats(joint, "psnr")
    assert [row.probability for row in fronts(joint)] == pytest.approx([share[0, 1], share[1, 0]])


def test_what_is_no_better_than_doing_nothing_is_not_on_the_front() -> None:
    table = scores({"psnr": {"input": [30, 31, 32], "a": [29, 30.5, 31], "b": [33, 34, 35]}})
    evidence = with_costs(table, {"input": 9.0, "a": 1.0, "b": 2.0}, base="input")
    joint = join(evidence, ["psnr", "latency_ms"])
    assert joint.models == ("a", "b")
    worse, better = fronts(joint)
    assert (worse.on_front, worse.worthless) == (False, True)
    assert (better.on_front, better.worthless) == (True, False)
    assert worse.probability < 0.05  # three images: Student's tails reach far
    assert better.probability > 0.95


def test_rank_intervals_and_ties_follow_from_the_draws() -> None:
    rng = np.random.default_rng(8)
    table = scores({"psnr": normal_columns(rng, 12, {"far": -8.0, "a": 0.1, "b": 0.0})})
    evidence = Evidence(table, {})
    joint = join(evidence, ["psnr"])
    far, a, b = ranks(evidence, joint, "psnr")
    assert (far.rank, far.low, far.high, far.tied) == (3, 3, 3, ())
    assert {(a.low, a.high), (b.low, b.high)} == {(1, 2)}
    assert a.tied == ("b",)
    assert tied(evidence, joint, "psnr").tolist() == [
        [True, False, False],
        [False, True, True],
        [False, True, True],
    ]
    drawn = joint.draws[:, :, 0]
    place = 3 - drawn.argsort(axis=1).argsort(axis=1)
    for i, row in enumerate((far, a, b)):
        assert row.low == np.quantile(place[:, i], 0.025, method="lower")
        assert row.high == np.quantile(place[:, i], 0.975, method="higher")


def test_lower_is_better_for_a_cost_and_for_lpips() -> None:
    table = scores({"lpips-alex": {"a": [0.1, 0.2], "b": [0.3, 0.4]}})
    evidence = with_costs(table, {"a": 2.0, "b": 1.0})
    joint = join(evidence, ["lpips", "latency"])
    assert beats(joint, "lpips-alex").tolist() == [[0.5, 1.0], [0.0, 0.5]]
    assert beats(joint, "latency_ms").tolist() == [[0.5, 0.0], [1.0, 0.5]]
    assert [row.rank for row in ranks(evidence, joint, "latency_ms")] == [2, 1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("psmr", "did you mean 'psnr'"),
        ("latencyms", "did you mean 'latency_ms'"),
        ("people", "--study"),
        ("ssim", "did not measure 'ssim'; it has psnr"),
        ("lpips", "add it by 'bench rescore RUN --metrics lpips-alex'"),
    ],
)
def test_an_axis_that_is_not_there_is_an_error_that_says_what_to_do(name: str, said: str) -> None:
    table = scores({"psnr": {"a": [30.0, 31.0]}})
    with pytest.raises(BenchError, match=said):
        resolve_axis(Evidence(table, {}), name)


def test_models_without_a_common_image_are_not_compared() -> None:
    table = scores({"psnr": {"a": [30, 31, np.nan, np.nan], "b": [np.nan, np.nan, 30, 31]}})
    joint = join(Evidence(table, {}), ["psnr"])
    assert joint.models == ("a",)
    assert joint.left_out == {"b": "psnr on 2 of 4 images only"}


def test_metrics_without_a_common_image_are_an_error() -> None:
    table = scores({"psnr": {"a": [30, np.nan]}, "ssim": {"a": [np.nan, 0.9]}})
    with pytest.raises(BenchError, match="no image has a finite psnr and ssim of all models"):
        join(Evidence(table, {}), ["psnr", "ssim"])
