"""Comparisons of models of a run: common images, direction, reasons, ties."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from bench.core.errors import BenchError
from bench.framework.scores import INFINITE, read_scores
from bench.framework.significance import (
    best_model,
    compare,
    improvements,
    standings,
)
from bench.runs.store import RunFolder
from bench.statistics.clusters import paired_differences, pairwise_p
from tests.support.runs import NO_PSF, simple_run

SIX = list("abcdef")


def test_the_difference_is_over_common_images_only(tmp_path: Path) -> None:
    run = simple_run(
        tmp_path, {"m": [30, 32, "too small", 40], "n": [29, 30, 10, math.inf]}, list("abcd")
    )
    found = compare(run, "m", "n", "psnr")
    assert found.difference == 1.5  # (1 + 2) / 2
    assert (found.mean_a, found.mean_b) == (31.0, 29.5)
    assert (found.images, found.clusters) == (2, 2)
    assert found.excluded == {"m: too small": 1, f"n: {INFINITE}": 1}


def test_frames_of_a_sequence_count_as_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    m, n = rng.normal(30, 1, 40), rng.normal(29.7, 1, 40)
    clusters = np.repeat(range(8), 5)
    run = simple_run(tmp_path, {"m": m.tolist(), "n": n.tolist()}, [str(c) for c in clusters])
    sums = np.bincount(clusters, m - n)
    oracle = scipy.stats.permutation_test(
        (sums, np.zeros(8)),
        lambda x, y, axis: np.sum(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    found = compare(run, "m", "n", "psnr")
    assert found.p == pytest.approx(oracle.pvalue, abs=1e-12)
    assert (found.images, found.clusters, found.exact) == (40, 8, True)


@pytest.mark.parametrize(("metric", "better"), [("psnr", "high"), ("mse", "low")])
def test_which_is_better_follows_the_metrics_direction(
    tmp_path: Path, metric: str, better: str
) -> None:
    values = {"high": [0.5, 0.6, 0.7, 0.5, 0.6, 0.7], "low": [0.1, 0.2, 0.3, 0.1, 0.2, 0.3]}
    found = compare(simple_run(tmp_path, values, SIX, metric), "high", "low", metric)
    assert found.difference == pytest.approx(0.4)
    assert found.p == 2 / 2**6
    assert found.better == better
    assert f"{better} is better" in str(found)


def test_five_scenes_can_never_be_significant_and_the_text_says_why(tmp_path: Path) -> None:
    run = simple_run(tmp_path, {"m": [9] * 5, "n": [1] * 5}, SIX[:5])
    found = compare(run, "m", "n", "psnr")
    assert (found.better, found.p, found.p_adjusted) == (None, None, None)
    assert found.low is not None
    assert "too few scenes for a test at 5 %" in str(found)
    assert "significant" not in str(found)


def test_one_scene_gives_a_difference_without_interval_or_test(tmp_path: Path) -> None:
    found = compare(simple_run(tmp_path, {"m": [2, 4], "n": [1, 1]}, ["a", "a"]), "m", "n", "psnr")
    assert (found.difference, found.low, found.p, found.better) == (2.0, None, None, None)
    assert "one scene: the figures hold for it alone" in str(found)


def test_a_comparison_is_plain_json(tmp_path: Path) -> None:
    run = simple_run(tmp_path, {"m": [30, math.inf], "n": [29, 30]}, ["a", "b"])
    back = json.loads(json.dumps(asdict(compare(run, "m", "n", "psnr")), allow_nan=False))
    assert back["difference"] == 1.0
    assert back["excluded"] == {f"m: {INFINITE}": 1}


def test_an_image_infinite_or_missing_in_both_is_counted_once(tmp_path: Path) -> None:
    run = simple_run(tmp_path, {"m": [30, math.inf], "n": [29, math.inf]}, ["a", "b"])
    assert compare(run, "m", "n", "psnr").excluded == {f"m and n: {INFINITE}": 1}


@pytest.mark.parametrize(
    ("a", "b", "metric", "said"),
    [
        ("unsharpp", "input", "psnr", "did you mean 'unsharp'"),
        ("input", "unsharp", "psnrr", "did you mean 'psnr'"),
        ("input", "input", "psnr", "compared with itself"),
        ("input", "wiener", "psnr", NO_PSF),
    ],
)
def test_an_impossible_comparison_says_what_to_do(
    tmp_path: Path, a: str, b: str, metric: str, said: str
) -> None:
    run = simple_run(
        tmp_path,
        {"input": [1, 2], "unsharp": [2, 3]},
        ["a", "b"],
        states={"wiener": ("not applicable", NO_PSF)},
    )
    with pytest.raises(BenchError, match=said):
        compare(run, a, b, metric)


def test_short_metric_names_are_written_out(tmp_path: Path) -> None:
    run = simple_run(tmp_path, {"m": [0.1, 0.2], "n": [0.3, 0.3]}, ["a", "b"], "lpips-alex")
    assert compare(run, "m", "n", "lpips").metric == "lpips-alex"


def test_a_pair_is_told_apart_by_the_same_test_wherever_it_is_met(
    photographs_run: RunFolder,
) -> None:
    run, table = photographs_run, read_scores(photographs_run)
    for metric in ("psnr", "ssim"):
        best = best_model(table, metric)
        assert best is not None
        gains = dict(zip(table.models, improvements(table, metric), strict=True))
        for standing in standings(table, metric):
            against = standing.against_best
            if against is None:
                continue
            found = compare(run, standing.model, best, metric)
            assert found.p_adjusted == against.p_adjusted
            assert found.difference == pytest.approx(against.value)
            assert (found.better is None) == (standing.mark == "tied")
            if standing.model == "input":
                gain = gains[best]
                assert gain is not None
                assert gain.p_adjusted == against.p_adjusted


def test_the_pairs_of_the_best_have_the_p_values_of_the_best_against_all() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal([30, 31, 30.4, 28], 1, (18, 4))
    clusters = np.repeat(np.arange(9), 2)
    best = int(values.mean(axis=0).argmax())
    others = [i for i in range(4) if i != best]
    tested = paired_differences(values[:, others] - values[:, [best]], clusters)
    found = pairwise_p(values, clusters)
    assert found[best, others] == pytest.approx([d.p_adjusted for d in tested if d])
    assert np.array_equal(found, found.T)
    assert np.diag(found).tolist() == [1.0] * 4


def test_the_best_is_marked_and_what_cannot_be_told_from_it_is_tied(tmp_path: Path) -> None:
    base = np.array([20.0, 22, 24, 26, 28, 30])
    wobble = np.array([0.1, -0.1, 0.1, -0.1, 0.1, -0.11])
    values = {"best": base + 2, "close": base + 2 - wobble, "far": base}
    table = read_scores(simple_run(tmp_path, {k: v.tolist() for k, v in values.items()}, SIX))
    found = {s.model: s for s in standings(table, "psnr")}
    assert {name: s.mark for name, s in found.items()} == {
        "best": "tied",
        "close": "best",
        "far": "behind",
    }
    assert values["close"].mean() > values["best"].mean()
    assert found["close"].against_best is None
    assert found["far"].against_best is not None
    assert found["far"].against_best.p_adjusted == pytest.approx(2 / 64)


def test_lower_is_best_where_lower_is_better(tmp_path: Path) -> None:
    table = read_scores(simple_run(tmp_path, {"m": [0.1, 0.2], "n": [0.3, 0.4]}, ["a", "b"], "mse"))
    assert best_model(table, "mse") == "m"


def test_a_model_with_few_images_is_tested_on_them_but_never_called_best(tmp_path: Path) -> None:
    lone = [99.0, *["failed: out of memory"] * 5]
    run = simple_run(tmp_path, {"m": [30] * 6, "n": [29] * 6, "lucky": lone}, SIX)
    table = read_scores(run)
    assert best_model(table, "psnr") == "m"
    lucky = standings(table, "psnr")[2]
    assert lucky.mark is None  # one scene in common: no test
    assert lucky.estimate is not None
    assert (lucky.estimate.value, lucky.estimate.n) == (99.0, 1)
    assert lucky.missing == {"failed: out of memory": 5}


def test_infinite_scores_count_as_scored_but_not_in_the_mean(tmp_path: Path) -> None:
    run = simple_run(tmp_path, {"m": [30, 40, math.inf], "n": [29, 39, 49]}, list("abc"))
    table = read_scores(run)
    first = standings(table, "psnr")[0]
    assert first.estimate is not None
    assert (first.estimate.value, first.estimate.n, first.infinite) == (35.0, 2, 1)
    assert best_model(table, "psnr") == "m"  # on the two images where both are finite


def test_one_model_is_not_called_the_best_of_one(tmp_path: Path) -> None:
    table = read_scores(simple_run(tmp_path, {"m": [30, 31]}, ["a", "b"]))
    assert best_model(table, "psnr") is None
    assert standings(table, "psnr")[0].mark is None


def test_a_failed_image_carries_its_message(photographs_run: RunFolder) -> None:
    table = read_scores(photographs_run)
    assert table.excluded("psnr", "median") == {"failed: RuntimeError: out of patience": 1}
    assert table.excluded("psnr", "tv") == {INFINITE: 1}
    assert table.excluded("psnr", "wiener") == {f"not applicable: {NO_PSF}": 12}
    assert not table.excluded("ssim", "tv")


def test_improvements_are_paired_with_the_input(tmp_path: Path) -> None:
    run = simple_run(tmp_path, {"input": [20, 30, 25], "m": [21, 32, 25]}, list("abc"))
    itself, gain = improvements(read_scores(run), "psnr")
    assert itself is None
    assert gain is not None
    assert gain.value == 1.0
    other = simple_run(tmp_path / "other", {"m": [1], "n": [2]}, ["a"])
    assert improvements(read_scores(other), "psnr") == [None, None]


def test_an_unfinished_run_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    run = simple_run(tmp_path, {"m": [30, 31], "n": [29, 28]}, ["a", "b"], status="interrupted")
    cells = tmp_path / "cells" / "n.jsonl"
    cells.write_bytes(cells.read_bytes().splitlines(keepends=True)[0])
    table = read_scores(run)
    assert table.excluded("psnr", "n") == {"not finished": 1}
