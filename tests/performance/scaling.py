"""What the statistics of votes cost, cover and save. Prints figures; 1 on a miss.

Run as ``python tests/performance/scaling.py``: the time of a large analysis and its ratio to
bootstrapping with choix, the coverage of intervals and planned power held against 1,000 simulated
studies each, and the judgements that choosing pairs saves.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import choix
import numpy as np
from scipy.special import expit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from raters.statistics.analyse import analyse
from raters.statistics.comparisons import split_cells, vote_cells
from raters.statistics.intervals import differences, draw_scales
from raters.statistics.planning import Design, power
from raters.statistics.scaling import MODELS, bradley_terry
from raters.statistics.votes import Votes
from tests.raters.statistics.simulated import (
    coverage,
    learning_curve,
    most_ordering,
    random_pairs,
    study,
)

VOTES, METHODS, SAMPLES = 100_000, 30, 1000
SECONDS, RATIO, STUDIES = 10.0, 50.0, 1000
COVERAGE, MARGIN, POWER = 0.95, 0.02, 0.03


def many_votes() -> Votes:
    """Return simulated votes of 200 raters on 100 images."""
    rng = np.random.default_rng(0)
    q = rng.normal(0, 1, METHODS)
    a = rng.integers(0, METHODS, VOTES)
    b = (a + rng.integers(1, METHODS, VOTES)) % METHODS
    outcome = np.where(rng.random(VOTES) < expit(q[a] - q[b]), 1, -1).astype(np.int8)
    return Votes(
        methods=tuple(f"m{i}" for i in range(METHODS)),
        images=tuple(map(str, range(100))),
        raters=tuple(map(str, range(200))),
        image=rng.integers(0, 100, VOTES),
        a=a,
        b=b,
        outcome=outcome,
        rater=rng.integers(0, 200, VOTES),
    )


def speed() -> bool:
    """Time the whole analysis, and our bootstrap against choix's fit of resampled votes."""
    votes = many_votes()
    slowest = 0.0
    for model in ("bradley-terry", "thurstone"):
        start, begun = time.perf_counter(), time.process_time()
        analyse(votes, model, SAMPLES)
        # Processor time over all threads: an idle machine's clock does not show more
        spent = time.process_time() - begun
        slowest = max(slowest, spent)
        print(
            f"{model}: {VOTES} votes, {METHODS} methods, {SAMPLES} samples of raters and images: "
            f"{spent:.1f} s of processor time (at most {SECONDS:.0f}), "
            f"{time.perf_counter() - start:.1f} s on the clock"
        )
    cells = vote_cells(votes.a, votes.b, votes.outcome, METHODS)
    counted = split_cells(np.bincount(cells, minlength=2 * METHODS**2), METHODS)[0]
    estimate = bradley_terry(counted)
    rng = np.random.default_rng(1)
    winner, loser = np.divmod(cells, METHODS)
    ratios, dense = [], []
    for _ in range(3):  # A B A B: a busy machine disturbs both
        start = time.perf_counter()
        draw_scales(
            MODELS["bradley-terry"], estimate, cells, clusterings=[votes.image], samples=SAMPLES
        )
        ours = (time.perf_counter() - start) / SAMPLES
        start = time.perf_counter()
        drawn = np.concatenate(
            [np.flatnonzero(votes.image == image) for image in rng.integers(0, 100, 100)]
        )
        choix.ilsr_pairwise(METHODS, list(zip(winner[drawn], loser[drawn], strict=True)))
        ratios.append((time.perf_counter() - start) / ours)
        start = time.perf_counter()
        choix.ilsr_pairwise_dense(counted)
        dense.append((time.perf_counter() - start) / ours)
    print(
        f"bootstrap: {1e3 * ours:.2f} ms a sample; choix from resampled votes "
        f"{statistics.median(ratios):.0f} times as long (at least {RATIO:.0f}), its fit of ready "
        f"count matrices alone {statistics.median(dense):.1f} times"
    )
    return slowest <= SECONDS and statistics.median(ratios) >= RATIO


def covered() -> bool:
    """Print how often intervals hold the truth in 1,000 studies of three kinds."""
    good = True
    for name, rater_sd, image_sd, ids in (
        ("raters and images that differ", 0.6, 0.6, True),
        ("votes as the only noise", 0.0, 0.0, True),
        ("images that differ, no rater ids", 0.0, 0.6, False),
    ):
        start = time.perf_counter()
        inside, ranks, false = coverage(STUDIES, 30, 40, 40, rater_sd, image_sd, ids)
        good &= abs(inside - COVERAGE) <= MARGIN and ranks >= COVERAGE
        print(
            f"coverage, {name}: {inside:.3f} of intervals of differences, {ranks:.3f} of studies "
            f"with all ranks inside, {false:.3f} false claims between equals "
            f"({time.perf_counter() - start:.0f} s)",
            flush=True,
        )
    return good


def saved() -> bool:
    """Print rank correlations of informed and random choice for ranges of quality."""
    good = True
    for spread, required in ((1.0, False), (2.0, True), (3.0, True), (5.0, True)):
        informed, blind = [], []
        for seed in range(100):
            q = np.random.default_rng(seed).normal(0, spread, 12)
            rng = np.random.default_rng(100 + seed)
            informed.append(learning_curve(q, most_ordering, 100, rng, 50))
            rng = np.random.default_rng(200 + seed)
            blind.append(learning_curve(q, random_pairs(rng), 200, rng, 50))
        ours, theirs = np.mean(informed, axis=0), np.mean(blind, axis=0)
        print(
            f"choice, 12 methods, sd {spread:g} log odds: rank correlation {ours[1]:.3f} after 100 "
            f"informed judgements; random {theirs[1]:.3f} after 100, {theirs[3]:.3f} after 200"
        )
        good &= ours[1] >= theirs[3] or not required
    return good


def foretold() -> bool:
    """Hold planned power against how often the analysis of 1,000 studies finds the difference."""
    q, raters, images, judgements, sd = (0.5, -0.1, 0.0, -0.4), 30, 60, 30, 0.4
    planned = power(Design(q, images, judgements, sd, sd), raters, simulations=4000)
    rng, hits = np.random.default_rng(0), 0
    for seed in range(STUDIES):
        cells, rater, image = study(rng, np.array(q), raters, images, judgements, sd, sd)
        counted = split_cells(np.bincount(cells, minlength=2 * len(q) ** 2), len(q))[0]
        estimate = bradley_terry(counted)
        draws = draw_scales(
            MODELS["bradley-terry"],
            estimate,
            cells,
            clusterings=[rater, image],
            samples=300,
            seed=seed,
        )
        found = differences(estimate, draws)
        hits += bool(found.p[0] < 1 - COVERAGE and found.value[0] > 0)
    print(
        f"power to tell two of four methods apart: {planned.value:.3f} planned, "
        f"{hits / STUDIES:.3f} of {STUDIES} studies analysed (within {POWER})"
    )
    return abs(planned.value - hits / STUDIES) <= POWER


if __name__ == "__main__":
    sys.exit(not all([speed(), saved(), foretold(), covered()]))
