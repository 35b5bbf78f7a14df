from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from bench.records import Pair
from bench.suites.listing import Listing, drawn, held_out, prepared, seed, share
from bench.suites.table import open_suite, spread


def _pair(name: str) -> Pair:
    return Pair(name, Path("a") / name, None, name[0])


LISTING = Listing(["a1", "a2", "b1", "c1"], _pair)


def test_a_listing_is_the_sequence_of_its_pairs() -> None:
    assert len(LISTING) == 4
    assert list(LISTING) == [_pair(name) for name in ("a1", "a2", "b1", "c1")]
    assert LISTING[2] == LISTING[-2] == _pair("b1")
    assert list(LISTING[1:3]) == [_pair("a2"), _pair("b1")]
    assert _pair("c1") in LISTING


def test_a_pair_is_made_when_it_is_asked_for() -> None:
    made: list[str] = []

    def make(name: str) -> Pair:
        made.append(name)
        return _pair(name)

    listing = Listing([f"{n:03d}" for n in range(500)], make)
    assert listing[7].id == "007"
    assert len(listing[10:20]) == 10
    assert made == ["007"]


def test_clusters_are_divided_in_the_old_order() -> None:
    inside, outside = LISTING.divide({"a", "c"})
    assert [pair.id for pair in inside] == ["a1", "a2", "c1"]
    assert [pair.id for pair in outside] == ["b1"]
    assert LISTING.clusters() == {"a", "b", "c"}


def test_without_a_limit_spread_returns_the_listing_itself() -> None:
    assert spread(LISTING, None) is LISTING
    assert spread(LISTING, 9) is LISTING
    assert [pair.id for pair in spread(LISTING, 3)] == ["a2", "b1", "c1"]


def test_steps_are_added_to_every_pair_and_none_to_none() -> None:
    steps = prepared(LISTING, ["denoise", "equalise"])
    assert steps[1] == replace(_pair("a2"), prepare=("denoise", "equalise"))
    assert len(steps) == 4
    assert prepared(LISTING, []) is LISTING


def test_three_of_22_sequences_are_held_out_and_none_of_one() -> None:
    # 22 // 7 = 3, the middles of three equal parts of the 22
    assert held_out([f"S{n:02d}" for n in range(22)], 7) == ["S03", "S11", "S18"]
    assert held_out(["S1", "S1"], 7) == []
    assert held_out([], 7) == []


def test_a_fifth_is_drawn_the_same_way_every_time() -> None:
    names = [f"{n}" for n in range(350)]
    assert len(drawn(names, 0.2)) == 70
    assert drawn(names, 0.2) == drawn(reversed(names), 0.2)
    assert len(drawn(["a", "b"], 0.2)) == 1
    assert drawn(["a"], 0.2) == set()


def test_seeds_are_the_first_32_bits_of_sha256() -> None:
    # SHA-256("abc") = ba7816bf 8f01cfea .. (FIPS 180-2, appendix B.1)
    assert seed("abc") == 0xBA7816BF
    assert share("abc") == 0xBA7816BF / 2**32


@pytest.mark.slow
def test_a_long_suite_takes_little_more_room_than_its_names(tmp_path: Path) -> None:
    count = 2000
    for half in ("input", "target"):
        (tmp_path / half).mkdir()
        for number in range(count):
            (tmp_path / half / f"street{number // 100:04d}-{number % 100:06d}.png").touch()
    open_suite("folder", tmp_path)  # imports are not counted
    tracemalloc.start()
    suite = open_suite("folder", tmp_path)
    held, _ = tracemalloc.get_traced_memory()
    pairs = suite.pairs("test")
    tracemalloc.reset_peak()
    assert sum(1 for pair in pairs if pair.cluster.startswith("street")) == count
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # two names of 34 characters in 83 bytes each, a tuple of 56, a place in a list: 230
    assert held / count < 400
    assert (peak - held) / count < 200
