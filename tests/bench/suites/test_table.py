from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.errors import BenchError
from bench.core.plugins import load_object
from bench.records import Pair
from bench.suites.fetch import Download
from bench.suites.table import SUITES, open_suite, spread


def _pairs(sizes: list[int]) -> list[Pair]:
    return [
        Pair(f"s{c}-{n:03d}", Path("a"), None, f"s{c}")
        for c, size in enumerate(sizes)
        for n in range(size)
    ]


SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=9)


@given(sizes=SIZES, limit=st.integers(1, 120))
def test_spread_takes_as_many_as_asked_in_the_suites_order(sizes: list[int], limit: int) -> None:
    pairs = _pairs(sizes)
    chosen = spread(pairs, limit)
    assert len(chosen) == min(limit, len(pairs))
    assert len(set(chosen_ids := [pair.id for pair in chosen])) == len(chosen)
    assert chosen_ids == [pair.id for pair in pairs if pair.id in set(chosen_ids)]


@given(sizes=SIZES, limit=st.integers(1, 120))
def test_spread_is_even_over_the_clusters(sizes: list[int], limit: int) -> None:
    chosen = Counter(pair.cluster for pair in spread(_pairs(sizes), limit))
    assert len(chosen) == min(limit, len(sizes))
    # a cluster has fewer than another only where it has no more to give, or by one
    for c, size in enumerate(sizes):
        if f"s{c}" in chosen:
            assert chosen[f"s{c}"] == size or chosen[f"s{c}"] >= max(chosen.values()) - 1


def test_spread_takes_frames_from_the_whole_of_a_sequence() -> None:
    # 2 of 100: the middles of both halves, frames 25 and 75
    assert [pair.id for pair in spread(_pairs([100]), 2)] == ["s0-025", "s0-075"]


def test_spread_without_a_limit_takes_everything_and_refuses_none() -> None:
    pairs = _pairs([3, 2])
    assert spread(pairs, None) == pairs
    with pytest.raises(BenchError, match="at least 1"):
        spread(pairs, 0)


@pytest.mark.parametrize("card", SUITES.values(), ids=lambda card: card.name)
def test_every_row_names_code_that_exists(card: object) -> None:
    from bench.suites.table import SuiteCard

    assert isinstance(card, SuiteCard)
    assert callable(load_object(card.opener))
    if card.download is not None:
        assert isinstance(load_object(card.download), Download)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("gopor", "no suite 'gopor'; did you mean 'gopro'"),
        (
            "gopro:blurr=blur",
            "its options: blur, sigma, jpeg, scale, crop, resize, kernel",
        ),
        ("gopro:blur=linear", "blur=linear is not one of blur, blur_gamma"),
        ("folder:x=1", "its options: sigma, jpeg, scale, crop, resize, kernel"),
    ],
)
def test_a_mistyped_spec_says_what_is_legal(spec: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=message):
        open_suite(spec, tmp_path)
