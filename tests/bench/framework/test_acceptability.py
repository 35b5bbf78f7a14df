"""Acceptability over all weightings, against closed forms and a plain simulation."""

from __future__ import annotations

import numpy as np
import pytest

from bench.core.errors import BenchError
from bench.framework.acceptability import acceptability
from bench.framework.joint import Evidence, Joint, join
from tests.bench.framework.evidence import costs, figure, normal_columns, scores, with_costs


def certain(points: dict[str, tuple[float, float]]) -> Joint:
    """Models at sure points of quality and of decades of latency saved, both 0..1."""
    table = scores({"psnr": {name: [q, q] for name, (q, _) in points.items()}})
    return join(
        with_costs(table, {name: 10 ** (1 - c) for name, (_, c) in points.items()}),
        ["psnr", "latency_ms"],
    )


def test_two_models_of_which_each_is_best_in_one_axis_are_first_half_of_the_time() -> None:
    found = acceptability(certain({"good": (1, 0), "cheap": (0, 1)}))
    assert found.ranks == pytest.approx(np.full((2, 2), 0.5), abs=0.01)
    # First where its axis weighs more than half: the mean of U(0.5, 1) is 0.75.
    assert found.central == pytest.approx(np.array([[0.75, 0.25], [0.25, 0.75]]), abs=0.01)
    assert found.confidence.tolist() == [1.0, 1.0]
    assert (found.worst, found.best) == ((0.0, 10.0), (1.0, 1.0))


@pytest.mark.parametrize("both", [0.6, 0.75, 0.9])
def test_a_compromise_is_first_where_neither_weight_is_large(both: float) -> None:
    found = acceptability(certain({"good": (1, 0), "cheap": (0, 1), "both": (both, both)}))
    # Worth `both` under any weighting, w or 1 - w for the others: first where 1 - both < w < both.
    first = found.ranks[:, 0]
    assert first == pytest.approx([1 - both, 1 - both, 2 * both - 1], abs=0.01)
    assert found.ranks[2, 2] == 0.0  # never last
    assert found.ranks.sum(axis=0) == pytest.approx(1.0)
    assert found.ranks.sum(axis=1) == pytest.approx(1.0)
    assert found.order[0] == int(np.argmax(first))


def test_what_is_dominated_is_never_first_and_equal_models_share() -> None:
    found = acceptability(certain({"a": (1, 1), "a again": (1, 1), "worse": (0, 0)}))
    assert found.ranks.tolist() == [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    assert np.isnan(found.central[2]).all()
    assert found.confidence.tolist() == [0.5, 0.5, 0.0]


def test_uncertain_models_on_three_axes_are_ranked_as_by_a_plain_simulation() -> None:
    rng = np.random.default_rng(0)
    names = {"a": 0.6, "b": 0.3, "c": 0.0, "d": 0.4}
    table = scores({"psnr": normal_columns(rng, 8, names)})
    known = costs(
        *(
            figure(m, q, v, low=0.6 * v, high=1.8 * v)
            for m, v in zip(names, (50.0, 20.0, 4.0, 30.0), strict=True)
            for q in ("latency_ms", "process_memory_mb")
        )
    )
    joint = join(Evidence(table, known), ["psnr", "latency_ms", "memory_mb"])
    values = joint.values.copy()
    values[:, 1:] = -np.log10(values[:, 1:])
    worst, best = values.min(axis=0), values.max(axis=0)
    counts = np.zeros((4, 4))
    for _ in range(20_000):
        # Uniform on the simplex: the gaps between two sorted uniform numbers.
        cuts = np.sort(rng.uniform(size=2))
        weights = np.array([cuts[0], cuts[1] - cuts[0], 1 - cuts[1]])
        draw = joint.draws[rng.integers(len(joint.draws))].copy()
        draw[:, 1:] = -np.log10(draw[:, 1:])
        worth = (weights * (draw - worst) / (best - worst)).sum(axis=1)
        for rank, model in enumerate(sorted(range(4), key=lambda i: -worth[i])):
            counts[model, rank] += 1
    found = acceptability(joint, seed=5)
    assert found.ranks == pytest.approx(counts / 20_000, abs=0.02)
    again = acceptability(joint, seed=5)
    assert np.array_equal(again.ranks, found.ranks)


def test_one_axis_or_one_model_has_no_weighting() -> None:
    table = scores({"psnr": {"a": [1.0, 2.0], "b": [2.0, 3.0]}})
    with pytest.raises(BenchError, match="two or more"):
        acceptability(join(Evidence(table, {}), ["psnr"]))
    with pytest.raises(BenchError, match="equal in latency_ms"):
        acceptability(join(with_costs(table, {"a": 5.0, "b": 5.0}), ["psnr", "latency_ms"]))
